//! Go's spellings of yes and no (`strconv.ParseBool`), which flags, variables, options, annotations and encrypted files share.
//! Not here: what a place makes of a word that is neither.

/// What the word says, where it is one of Go's.
#[must_use]
pub fn parse(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Whether the word says yes; what is no word of Go's does not.
#[must_use]
pub fn is_yes(text: &str) -> bool {
    parse(text) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_exact() {
        assert_eq!(["1", "t", "True", "TRUE"].map(parse), [Some(true); 4]);
        assert_eq!(["0", "f", "False", "FALSE"].map(parse), [Some(false); 4]);
        assert_eq!(["", "yes", "tRUE", " true", "on", "2"].map(parse), [None; 6]);
        assert!(is_yes("t") && !is_yes("no"));
    }
}
