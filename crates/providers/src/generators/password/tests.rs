//! What passwords are made of, how they are written, and what cannot be made. Specification: ESO §11.

use serde_json::json;
use testkit::entropy;

use super::*;

fn made(spec: Value) -> Result<Vec<(String, String)>, String> {
    let spec: Spec = super::super::read("Password", &spec).map_err(|fault| fault.chain())?;
    let mut rng = entropy::fixed(7);
    let made =
        futures::executor::block_on(spec.make(Timestamp::UNIX_EPOCH, &mut rng)).map_err(|fault| fault.chain())?;
    Ok(made.values.iter().map(|(key, value)| (key.clone(), value.to_text().unwrap().expose().to_owned())).collect())
}

/// How many lower-case letters, capitals, digits and symbols a text has.
fn counted(text: &str) -> [usize; 4] {
    let symbols = |mark: &char| !mark.is_ascii_alphanumeric();
    [
        text.chars().filter(char::is_ascii_lowercase).count(),
        text.chars().filter(char::is_ascii_uppercase).count(),
        text.chars().filter(char::is_ascii_digit).count(),
        text.chars().filter(symbols).count(),
    ]
}

#[test]
fn a_quarter_digits_a_quarter_symbols_by_default() {
    let all = made(json!({})).unwrap();
    let [(key, password)] = &all[..] else { panic!("one password") };
    let [lower, upper, digits, symbols] = counted(password);
    assert_eq!((&**key, lower + upper, digits, symbols), ("password", 12, 6, 6));
    let distinct: std::collections::BTreeSet<char> = password.chars().collect();
    assert_eq!(distinct.len(), 24, "no character repeats");
    assert!(upper > 0, "capitals are among the letters");
}

#[test]
fn numbers_and_alphabets_are_kept() {
    let of = |spec: Value| counted(&made(spec).unwrap()[0].1);
    assert_eq!(of(json!({"length": 10, "digits": 0, "symbols": 0, "noUpper": true})), [10, 0, 0, 0]);
    assert_eq!(
        of(json!({"length": 60, "digits": 50, "symbols": 0, "noUpper": true, "allowRepeat": true})),
        [10, 0, 50, 0]
    );
    assert_eq!(of(json!({"length": 0})), [0, 0, 0, 0]);
    let dashes = json!({"length": 3, "digits": 0, "symbols": 3, "symbolCharacters": "-", "allowRepeat": true});
    assert_eq!(made(dashes).unwrap()[0].1, "---");
}

#[test]
fn each_key_has_its_own() {
    let all = made(json!({"secretKeys": ["a", "b"]})).unwrap();
    assert_eq!(all.iter().map(|(key, _)| &**key).collect::<Vec<_>>(), ["a", "b"]);
    assert_ne!(all[0].1, all[1].1);
}

#[test]
fn it_is_written_as_wanted() {
    let raw = made(json!({})).unwrap()[0].1.clone();
    for (encoding, expected) in [
        ("raw", raw.clone()),
        ("base64", Base64::Standard.encode(raw.as_bytes())),
        ("base64url", Base64::Url.encode(raw.as_bytes())),
        ("base32", base32::encode(raw.as_bytes())),
        ("hex", hex::encode(raw.as_bytes())),
    ] {
        assert_eq!(made(json!({"encoding": encoding})).unwrap()[0].1, expected, "{encoding}");
    }
}

#[test]
fn what_cannot_be_made_is_told() {
    for (spec, told) in [
        (
            json!({"length": 4, "digits": 3, "symbols": 2}),
            "number of digits and symbols must be less than total length",
        ),
        (json!({"length": 60}), "number of digits exceeds available digits and repeats are not allowed"),
        (json!({"length": 60, "digits": 0, "symbols": 0}), "number of letters exceeds available letters"),
        (json!({"length": 5, "digits": 0, "symbols": 2, "symbolCharacters": "-"}), "number of symbols exceeds"),
        (json!({"length": -1}), "`length` must be between 0 and 65536"),
        (json!({"encoding": "rot13"}), "cannot understand the spec of a Password: unknown variant `rot13`"),
    ] {
        let said = made(spec).unwrap_err();
        assert!(said.contains(told), "{said}");
    }
}
