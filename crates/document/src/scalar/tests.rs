//! Numbers as a real Go prints them: recorded from `strconv` and `encoding/json`, and SOPS §4.3, §4.18.

use super::*;

#[test]
fn floats_have_four_forms() {
    // decimal ('f'), general ('g'), environment, JSON
    let cases: [(f64, &str, &str, &str, &str); 19] = [
        (1.0, "1", "1", "1.0", "1"),
        (100_000.5, "100000.5", "100000.5", "100000.5", "100000.5"),
        (1e6, "1000000", "1e+06", "1E+06", "1000000"),
        (1_234_567.5, "1234567.5", "1.2345675e+06", "1.2345675E+06", "1234567.5"),
        (1e15, "1000000000000000", "1e+15", "1E+15", "1000000000000000"),
        (1e20, "100000000000000000000", "1e+20", "1E+20", "100000000000000000000"),
        (1e21, "1000000000000000000000", "1e+21", "1E+21", "1e+21"),
        (1.5e21, "1500000000000000000000", "1.5e+21", "1.5E+21", "1.5e+21"),
        (0.0001, "0.0001", "0.0001", "0.0001", "0.0001"),
        (0.00001, "0.00001", "1e-05", "1E-05", "0.00001"),
        (1e-6, "0.000001", "1e-06", "1E-06", "0.000001"),
        (1e-7, "0.0000001", "1e-07", "1E-07", "1e-7"),
        (0.1, "0.1", "0.1", "0.1", "0.1"),
        (7.0, "7", "7", "7.0", "7"),
        (0.0, "0", "0", "0.0", "0"),
        (-0.0, "-0", "-0", "-0.0", "-0"),
        (-2.5, "-2.5", "-2.5", "-2.5", "-2.5"),
        // In the middle of two shortest forms: the even one.
        (
            1_000_000_000_000_000.0 + 0.25,
            "1000000000000000.2",
            "1.0000000000000002e+15",
            "1.0000000000000002E+15",
            "1000000000000000.2",
        ),
        (
            999_999_999_999_999.0 + 0.25,
            "999999999999999.2",
            "9.999999999999992e+14",
            "9.999999999999992E+14",
            "999999999999999.2",
        ),
    ];
    for (number, in_decimal, in_general, in_environment, in_json) in cases {
        assert_eq!(decimal(number), in_decimal);
        assert_eq!(general(number), in_general);
        assert_eq!(environment(number), in_environment);
        assert_eq!(json(number).as_deref(), Some(in_json));
    }
}

#[test]
fn what_is_no_number_has_gos_words_and_none_in_json() {
    for (number, word) in [(f64::INFINITY, "+Inf"), (f64::NEG_INFINITY, "-Inf"), (f64::NAN, "NaN")] {
        assert_eq!(decimal(number), word);
        assert_eq!(general(number), word);
        assert_eq!(json(number), None);
    }
    assert_eq!(general(f64::MAX), "1.7976931348623157e+308");
    assert_eq!(general(5e-324), "5e-324");
}

#[test]
fn scalars_are_texts_in_an_environment() {
    let cases = [
        (Scalar::Null, "", "<nil>"),
        (Scalar::Bool(true), "true", "bool"),
        (Scalar::Bool(false), "false", "bool"),
        (Scalar::Int(-5), "-5", "int"),
        (Scalar::Uint(u64::MAX), "18446744073709551615", "uint64"),
        (Scalar::Float(1.0), "1.0", "float64"),
        (Scalar::Number("1.50".into()), "1.50", "float64"),
        (Scalar::Time("2024-01-01T00:00:00Z".into()), "2024-01-01T00:00:00Z", "time.Time"),
        (Scalar::Time("2024-01-01T00:00:00.123+07:06".into()), "2024-01-01T00:00:00+07:06", "time.Time"),
        (Scalar::Text("a\nb".into()), "a\nb", "string"),
    ];
    for (scalar, text, kind) in cases {
        assert_eq!(String::from_utf8_lossy(&scalar.as_environment()), text);
        assert_eq!(scalar.type_name(), kind);
    }
}
