//! Bytes per type, both ways.

use super::*;

fn bytes_of(scalar: &Scalar) -> Option<(Type, String)> {
    of(scalar).expect("a type").map(|plain| (plain.kind, String::from_utf8_lossy(&plain.bytes).into_owned()))
}

#[test]
fn leaves_have_the_bytes_that_go_gives_them() {
    let cases = [
        (Scalar::Bool(true), Type::Bool, "True"),
        (Scalar::Bool(false), Type::Bool, "False"),
        (Scalar::Int(-7), Type::Int, "-7"),
        (Scalar::Float(1.0), Type::Float, "1"),
        (Scalar::Float(1.5), Type::Float, "1.5"),
        (Scalar::Float(1e21), Type::Float, "1000000000000000000000"),
        (Scalar::Float(1e-8), Type::Float, "0.00000001"),
        (Scalar::Float(f64::INFINITY), Type::Float, "+Inf"),
        (Scalar::Float(f64::NEG_INFINITY), Type::Float, "-Inf"),
        (Scalar::Float(f64::NAN), Type::Float, "NaN"),
        (Scalar::Float(-0.0), Type::Float, "-0"),
        (Scalar::Time("2024-01-01T00:00:00Z".into()), Type::Time, "2024-01-01T00:00:00Z"),
        (Scalar::Text("x".into()), Type::Str, "x"),
    ];
    for (scalar, kind, expected) in cases {
        assert_eq!(bytes_of(&scalar), Some((kind, expected.to_owned())), "{expected}");
        let back = read(kind, expected.as_bytes().to_vec()).expect("reads back");
        assert_eq!(bytes_of(&back), Some((kind, expected.to_owned())), "{expected} read back");
    }
    assert_eq!(bytes_of(&Scalar::Null), None);
}

#[test]
fn an_unsigned_integer_is_refused() {
    let fault = of(&Scalar::Uint(u64::MAX)).err().expect("no type");
    assert_eq!(fault.to_string(), "Cannot walk value, unknown type: uint64");
}

#[test]
fn a_text_of_another_type_is_refused_and_not_told() {
    let cases =
        [(Type::Int, "one"), (Type::Float, "x1"), (Type::Bool, "yes"), (Type::Time, "2024"), (Type::Int, "1.5")];
    for (kind, text) in cases {
        let fault = read(kind, text.as_bytes().to_vec()).err().expect("refused");
        assert_eq!(fault.to_string(), format!("the decrypted text is no {}", kind.name()));
    }
    for text in ["1", "t", "T", "TRUE", "true", "True"] {
        assert!(matches!(read(Type::Bool, text.as_bytes().to_vec()), Ok(Scalar::Bool(true))), "{text}");
    }
}

#[test]
fn python_prints_floats_with_a_point_or_an_exponent() {
    let cases = [
        (1.0, "1.0"),
        (1.5, "1.5"),
        (-0.0, "-0.0"),
        (1e15, "1000000000000000.0"),
        (1e16, "1e+16"),
        (1.5e-7, "1.5e-07"),
        (0.0001, "0.0001"),
        (1e100, "1e+100"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (f64::NAN, "nan"),
    ];
    for (value, expected) in cases {
        assert_eq!(python_float_text(value), expected);
    }
}
