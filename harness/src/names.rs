//! Looking things up by name, with help for the one who mistyped it.

use crate::failure::{Failure, Result};

/// Finds `name` among `known`, or says which are known and which one was probably meant. `what` is the kind of
/// thing, `read mode of raft`.
///
/// # Errors
/// [`Failure::Usage`] if there is none.
pub fn find<'a, T>(what: &str, name: &str, known: &'a [T], name_of: impl Fn(&T) -> &str) -> Result<&'a T> {
    known
        .iter()
        .find(|item| name_of(item) == name)
        .ok_or_else(|| unknown(what, name, known.iter().map(&name_of)))
}

/// The failure for a name that is not among `known`.
pub fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let known: Vec<&str> = known.collect();
    let hint = nearest(name, &known)
        .map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default();
    let list = if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    };
    Failure::Usage(format!("unknown {what} `{name}`{hint}\n  known: {list}"))
}

/// The known name that is nearest to `name`, if any is near enough to have been meant.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    let near = known
        .iter()
        .map(|&candidate| (distance(name, candidate), candidate))
        .min()?;
    let beginning = || {
        known
            .iter()
            .copied()
            .find(|known| !name.is_empty() && known.starts_with(name))
    };
    if near.0 <= limit {
        Some(near.1)
    } else {
        beginning()
    }
}

/// The Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["log", "read-index", "leader-local", "follower-local"];

    #[test]
    fn a_known_name_is_found() {
        assert_eq!(find("read mode", "log", &KNOWN, |name| name).unwrap(), &"log");
    }

    #[test]
    fn a_typo_is_answered_with_what_was_meant() {
        for (typed, meant) in [
            ("leader-locl", "leader-local"),
            ("readindex", "read-index"),
            ("follower", "follower-local"),
        ] {
            let message = find("read mode", typed, &KNOWN, |name| name)
                .unwrap_err()
                .to_string();
            assert!(message.contains(&format!("did you mean `{meant}`?")), "{message}");
            assert!(
                message.contains("known: log, read-index, leader-local, follower-local"),
                "{message}"
            );
        }
    }

    #[test]
    fn something_else_entirely_suggests_nothing() {
        let message = find("read mode", "quorum", &KNOWN, |name| name)
            .unwrap_err()
            .to_string();
        assert!(!message.contains("did you mean"), "{message}");
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
