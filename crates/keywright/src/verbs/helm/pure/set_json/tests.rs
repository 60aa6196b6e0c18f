use std::convert::Infallible;

use super::*;

/// A stand-in for a backend: `ref+` becomes its rest.
fn resolved(text: &str) -> String {
    let resolve = |value: &str| Ok::<_, Infallible>(value.strip_prefix("ref+").map(str::to_owned));
    fill(text, resolve).unwrap_or_else(|never| match never {})
}

#[test]
fn only_texts_that_are_values_change() {
    for (typed, expected) in [
        (r#"a=[1,2]"#, r#"a=[1,2]"#),
        (r#"a={"x":{"y":1,"z":2},"w":3}"#, r#"a={"x":{"y":1,"z":2},"w":3}"#),
        (r#"a="ref+x",b="ref+y""#, r#"a="x",b="y""#),
        (r#"{"ref+k" : ["ref+x", "z", 1.50]}"#, r#"{"ref+k" : ["x", "z", 1.50]}"#),
        (r#"a="ref+q\"\\\n""#, r#"a="q\"\\\n""#),
        (r#"a="\u0072ef+x""#, r#"a="x""#),
        (r#"a="ref+x"#, r#"a="ref+x"#),
        (r#"a="\z""#, r#"a="\z""#),
        ("a=ref+x", "a=ref+x"),
        ("", ""),
    ] {
        assert_eq!(resolved(typed), expected, "{typed}");
    }
}
