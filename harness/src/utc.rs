//! Moments of the wall clock, for folder names and pages. Never used for anything that is judged.

use std::time::{SystemTime, UNIX_EPOCH};

/// A moment in UTC, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utc {
    year: i64,
    month: u64,
    day: u64,
    second_of_day: u64,
}

impl Utc {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        Self::from_unix(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
        )
    }

    /// The moment so many seconds after 1970 began.
    #[must_use]
    pub fn from_unix(seconds: u64) -> Self {
        const DAY: u64 = 86_400;
        let (year, month, day) = civil_from_days((seconds / DAY) as i64);
        Self {
            year,
            month,
            day,
            second_of_day: seconds % DAY,
        }
    }

    /// As a name that sorts by time: `20260131T030012Z`.
    #[must_use]
    pub fn compact(&self) -> String {
        let (hour, minute, second) = self.time();
        format!(
            "{:04}{:02}{:02}T{hour:02}{minute:02}{second:02}Z",
            self.year, self.month, self.day
        )
    }

    /// For people: `2026-01-31 03:00:12 UTC`.
    #[must_use]
    pub fn readable(&self) -> String {
        let (hour, minute, second) = self.time();
        format!(
            "{:04}-{:02}-{:02} {hour:02}:{minute:02}:{second:02} UTC",
            self.year, self.month, self.day
        )
    }

    /// The day: `2026-01-31`.
    #[must_use]
    pub fn date(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    fn time(&self) -> (u64, u64, u64) {
        (
            self.second_of_day / 3600,
            self.second_of_day / 60 % 60,
            self.second_of_day % 60,
        )
    }
}

/// The Gregorian date of a day counted from 1970-01-01. Years are taken to begin in March, which puts the leap day
/// last, in eras of 400 years, after which the calendar repeats.
fn civil_from_days(days: i64) -> (i64, u64, u64) {
    const ERA_DAYS: i64 = 146_097;
    const DAYS_FROM_ERA_START_TO_1970: i64 = 719_468;
    let shifted = days + DAYS_FROM_ERA_START_TO_1970;
    let (era, day_of_era) = (shifted.div_euclid(ERA_DAYS), shifted.rem_euclid(ERA_DAYS));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (
        era * 400 + year_of_era + i64::from(month <= 2),
        month as u64,
        day as u64,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates() {
        let cases = [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_078_012_799, "2004-02-28 23:59:59 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ];
        for (seconds, date) in cases {
            assert_eq!(Utc::from_unix(seconds).readable(), date);
            assert!(date.starts_with(&Utc::from_unix(seconds).date()), "{date}");
        }
    }

    #[test]
    fn compact_names_sort_by_time() {
        assert_eq!(Utc::from_unix(1_709_251_199).compact(), "20240229T235959Z");
    }
}
