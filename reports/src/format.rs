//! Numbers as people read them, each with its unit.

/// `1,234,567`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A quantity with three significant digits or all of its whole ones: `0.0123`, `4.56`, `78.9`, `12,345`.
pub(crate) fn quantity(x: f64) -> String {
    if !x.is_finite() {
        return "–".into();
    }
    let magnitude = x.abs();
    if magnitude >= 99.95 {
        let sign = if x < 0.0 { "−" } else { "" };
        return format!("{sign}{}", count(magnitude.round() as u64));
    }
    let decimals = match magnitude {
        m if m >= 9.995 => 1,
        m if m >= 0.9995 => 2,
        m if m >= 0.09995 => 3,
        m if m >= 0.0005 => 4,
        _ => return "0".into(),
    };
    let text = format!("{x:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A duration given in milliseconds, in the unit that suits it: `340 µs`, `1.23 ms`, `4.5 s`, `3 min 20 s`.
pub(crate) fn duration_ms(ms: f64) -> String {
    if !ms.is_finite() {
        return "–".into();
    }
    match ms.abs() {
        0.0 => "0 ms".into(),
        m if m < 0.9995 => format!("{} µs", quantity(ms * 1e3)),
        m if m < 999.5 => format!("{} ms", quantity(ms)),
        m if m < 120_000.0 => format!("{} s", quantity(ms / 1e3)),
        m => {
            let seconds = (m / 1e3).round() as u64;
            format!("{} min {} s", count(seconds / 60), seconds % 60)
        }
    }
}

/// A moment of the run, given in seconds from its start: `12.345 s`.
pub(crate) fn moment(seconds: f64) -> String {
    format!("{seconds:.3} s")
}

/// `1 node`, `2 nodes`.
pub(crate) fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// At most `most` characters, the last an ellipsis where some were cut.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_thousands_apart() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn quantities_keep_three_digits() {
        assert_eq!(quantity(0.0), "0");
        assert_eq!(quantity(0.01234), "0.0123");
        assert_eq!(quantity(4.5), "4.5");
        assert_eq!(quantity(99.96), "100");
        assert_eq!(quantity(12_345.6), "12,346");
        assert_eq!(quantity(f64::NAN), "–");
        assert_eq!(quantity(-1234.0), "−1,234");
    }

    #[test]
    fn durations_choose_their_unit() {
        assert_eq!(duration_ms(0.0), "0 ms");
        assert_eq!(duration_ms(0.34), "340 µs");
        assert_eq!(duration_ms(1.234), "1.23 ms");
        assert_eq!(duration_ms(4_500.0), "4.5 s");
        assert_eq!(duration_ms(200_000.0), "3 min 20 s");
        assert_eq!(duration_ms(f64::INFINITY), "–");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shorten("n1", 4), "n1");
        assert_eq!(shorten("größer", 4), "grö…");
    }
}
