//! What plain texts mean to go-yaml 2 and 3: recorded from the real libraries (SOPS §4.1, VALS §6.2).

use super::*;

fn shown(scalar: &Scalar) -> String {
    let text = match scalar {
        Scalar::Float(number) => crate::scalar::general(*number),
        other => String::from_utf8_lossy(&other.as_environment()).into_owned(),
    };
    format!("{} {text}", scalar.type_name())
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn plain_texts_have_types() {
    // text, go-yaml 3, go-yaml 2 where it differs
    let cases = [
        ("", "<nil> ", None),
        ("~", "<nil> ", None),
        ("null", "<nil> ", None),
        ("NULL", "<nil> ", None),
        ("nULL", "string nULL", None),
        ("true", "bool true", None),
        ("False", "bool false", None),
        ("tRUE", "string tRUE", None),
        ("yes", "string yes", Some("bool true")),
        ("No", "string No", Some("bool false")),
        ("on", "string on", Some("bool true")),
        ("y", "string y", Some("bool true")),
        ("N", "string N", Some("bool false")),
        ("0", "int 0", None),
        ("-0", "int 0", None),
        ("+12", "int 12", None),
        ("1_000", "int 1000", None),
        ("1__0", "int 10", None),
        ("0_", "int 0", None),
        ("017", "int 15", None),
        ("-00", "int 0", None),
        ("0o17", "int 15", None),
        ("0x1F", "int 31", None),
        ("-0x1f", "int -31", None),
        ("0x_1", "int 1", None),
        ("0b11", "int 3", None),
        ("-0b1", "int -1", None),
        ("08", "float64 8", None),
        ("-09", "float64 -9", None),
        ("0o8", "string 0o8", None),
        ("0x", "string 0x", None),
        ("0b2", "string 0b2", None),
        ("+-1", "string +-1", None),
        ("-", "string -", None),
        ("9223372036854775807", "int 9223372036854775807", None),
        ("9223372036854775808", "uint64 9223372036854775808", None),
        ("0xffffffffffffffff", "uint64 18446744073709551615", None),
        ("18446744073709551616", "float64 1.8446744073709552e+19", None),
        ("-9223372036854775809", "float64 -9.223372036854776e+18", None),
        ("0x1ffffffffffffffff", "string 0x1ffffffffffffffff", None),
        ("1.0", "float64 1", None),
        ("5.", "float64 5", None),
        (".5", "float64 0.5", None),
        ("-.5", "float64 -0.5", None),
        ("1_2.3_4", "float64 12.34", None),
        ("1e5", "float64 100000", None),
        ("12e03", "float64 12000", None),
        ("+.5e-3", "float64 0.0005", None),
        ("1e", "string 1e", None),
        ("1e+", "string 1e+", None),
        (".e5", "string .e5", None),
        ("._5", "string ._5", None),
        (".", "string .", None),
        ("1e400", "string 1e400", None),
        (".inf", "float64 +Inf", None),
        ("-.INF", "float64 -Inf", None),
        ("+.Inf", "float64 +Inf", None),
        (".NaN", "float64 NaN", None),
        ("-.nan", "string -.nan", None),
        ("1:30", "string 1:30", None),
        ("=", "string =", None),
        ("<<", "string <<", None),
        ("_1", "string _1", None),
        ("2024-01-01", "time.Time 2024-01-01T00:00:00Z", Some("string 2024-01-01")),
        ("2024-1-2", "time.Time 2024-01-02T00:00:00Z", Some("string 2024-1-2")),
        ("2024-02-30", "string 2024-02-30", None),
        (
            "2001-12-14t21:59:43.10-05:00",
            "time.Time 2001-12-14T21:59:43-05:00",
            Some("string 2001-12-14t21:59:43.10-05:00"),
        ),
        ("2001-12-14 21:59:43.10 -5", "string 2001-12-14 21:59:43.10 -5", None),
        ("2024-01-01T00:00:00", "string 2024-01-01T00:00:00", None),
        ("20240-01-01", "string 20240-01-01", None),
    ];
    for (text, third, second) in cases {
        assert_eq!(shown(&resolve(text, Dialect::Go3)), third, "{text}");
        assert_eq!(shown(&resolve(text, Dialect::Go2)), second.unwrap_or(third), "{text} in go-yaml 2");
        let is_time = third.starts_with("time");
        assert_eq!(
            shown(&resolve(text, Dialect::Vals)),
            if is_time { second.unwrap_or(third) } else { third },
            "{text} in vals"
        );
    }
}

#[test]
fn times_are_normalised() {
    let cases = [
        ("2006-01-02T15:04:05.123456789+07:06", Some("2006-01-02T15:04:05.123456789+07:06")),
        ("2006-01-02t15:04:05.5000Z", Some("2006-01-02T15:04:05.5Z")),
        ("2006-01-02 15:04:05.000", Some("2006-01-02T15:04:05Z")),
        ("2006-1-2 1:4:5", Some("2006-01-02T01:04:05Z")),
        ("2006-01-02T15:04:05+00:00", Some("2006-01-02T15:04:05Z")),
        ("2006-01-02T15:04:05.1234567891234Z", Some("2006-01-02T15:04:05.123456789Z")),
        ("2024-02-29", Some("2024-02-29T00:00:00Z")),
        ("2023-02-29", None),
        ("2006-13-01", None),
        ("2006-01-02T24:00:00Z", None),
        ("2006-01-02T15:04:60Z", None),
        ("2006-01-02T15:04:05+7:06", None),
        ("2006-01-02T15:04:05 Z", None),
        ("2006-01-02 15:04:05Z", None),
        ("2006-01-02x", None),
    ];
    for (text, expected) in cases {
        assert_eq!(rfc3339(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn tags_decide_and_never_show_a_value() {
    let cases = [
        ("1", "str", "string 1"),
        ("1", "float", "float64 1"),
        ("1", "int", "int 1"),
        ("", "null", "<nil> "),
        ("true", "bool", "bool true"),
        ("aGk=", "binary", "string hi"),
        ("aG\n  k=\n", "binary", "string hi"),
        ("2024-01-01", "timestamp", "time.Time 2024-01-01T00:00:00Z"),
        ("x", "omap", "string x"),
        ("hush", "bool", "! cannot decode the value as a !!bool"),
        ("yes", "bool", "! cannot decode the value as a !!bool"),
        ("1.5", "int", "! cannot decode the value as a !!int"),
        ("x", "null", "! cannot decode the value as a !!null"),
        ("x", "timestamp", "! cannot decode the value as a !!timestamp"),
        ("hush!", "binary", "! !!binary value contains invalid base64 data"),
    ];
    for (text, tag, expected) in cases {
        let result = tagged(text, tag, Dialect::Go3).map_or_else(|fault| format!("! {fault}"), |scalar| shown(&scalar));
        assert_eq!(result, expected, "!!{tag} {text}");
    }
}

#[test]
fn base_60_is_seen() {
    for text in ["1:30", "190:20:30", "-1:5.5_", "+1_0:59"] {
        assert!(is_base_60(text), "{text}");
    }
    for text in ["1", "1:60", "1:", ":30", "_1:30", "a:b", "1:5:x", "1:30.x", ""] {
        assert!(!is_base_60(text), "{text}");
    }
}
