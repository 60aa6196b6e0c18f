use std::convert::Infallible;

use super::*;

/// A stand-in for a backend: `ref+` becomes its rest.
fn resolved(text: &str) -> String {
    let resolve =
        |value: &str| Ok::<_, Infallible>(value.split_once("ref+").map(|(front, rest)| format!("{front}{rest}")));
    fill(text, resolve).unwrap_or_else(|never| match never {})
}

#[test]
fn only_values_with_a_reference_change_and_are_escaped_for_helm() {
    for (text, expected) in [
        ("a=ref+x/y", "a=x/y"),
        ("a=b\\,c", "a=b\\,c"),
        ("a={fr,en}", "a={fr,en}"),
        ("a={ref+x,b}", "a={x,b}"),
        ("a={b,ref+x},c=ref+y", "a={b,x},c=y"),
        ("k=v=w", "k=v=w"),
        ("b", "b"),
        ("a=1,b", "a=1,b"),
        ("a=1,b,c=ref+d", "a=1,b,c=d"),
        ("a=b\\", "a=b\\"),
        ("a=x\\,ref+y", "a=x\\,y"),
        ("a=ref+x\\,y", "a=x\\,y"),
        ("a=ref+{\\}", "a=\\{\\}"),
        ("a[0].b\\.c=ref+x,", "a[0].b\\.c=x,"),
        ("a=ref+line\n", "a=line\n"),
        ("a={ref+x", "a={x"),
        ("", ""),
        ("a=", "a="),
    ] {
        assert_eq!(resolved(text), expected, "{text}");
    }
}
