//! Each line was checked against the real program, but for those that say so.

use super::*;

#[test]
fn variables_are_replaced_as_the_peer_does() {
    let variable = |name: &str| match name {
        "A" => Some("aval".to_owned()),
        "E" => Some(String::new()),
        _ => None,
    };
    for (text, expected) in [
        ("$A", Some("aval")),
        ("$$A", Some("$A")),
        ("$$$A", Some("$aval")),
        ("x${A}y", Some("xavaly")),
        ("${U:-d}", Some("d")),
        ("${E:-d}", Some("d")),
        ("${E-d}", Some("")),
        ("${U-d}", Some("d")),
        ("${U:=d}", Some("d")),
        ("${E=d}", Some("")),
        ("${A:+z}", Some("z")),
        ("${U:+z}", Some("")),
        ("${E:+z}", Some("z")),
        ("${E+z}", Some("z")),
        ("${U:-$A}", Some("aval")),
        ("${U:-x$A/y}", Some("x$A/y")),
        ("${U:-a:b}", Some("a:b")),
        ("${U:-}", Some("")),
        ("${U:-a}b}", Some("ab}")),
        ("${U:-$$x}", Some("$x")),
        ("${A:-$}", Some("aval")),
        ("${1:-x}", Some("x")),
        ("$1", Some("")),
        ("$A_B", Some("")),
        ("$A-b", Some("aval-b")),
        ("$", Some("$")),
        ("a$", Some("a$")),
        ("$-x", Some("$-x")),
        (r"\$A", Some(r"\aval")),
        ("${}", Some("${}")),
        // The peer cannot nest braces: it prints `}`.
        ("${U:-${A}}", Some("aval")),
        ("${", None),
        ("${A", None),
        ("${A:}", None),
        ("${A?x}", None),
        ("${#A}", None),
        ("${A }", None),
        ("${U:-x", None),
    ] {
        let told = replace(text, &variable);
        match (told, expected) {
            (Ok(told), Some(expected)) => assert_eq!(told, expected, "{text}"),
            (Err(fault), None) => assert_eq!(fault.to_string(), "closing brace expected", "{text}"),
            (Ok(told), None) => panic!("{text} became {told}"),
            (Err(fault), Some(_)) => panic!("{text}: {fault}"),
        }
    }
}
