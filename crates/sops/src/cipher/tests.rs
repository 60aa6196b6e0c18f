//! The peer's vectors, and what happens to altered envelopes.

use super::*;

const FOO: &str =
    "ENC[AES256_GCM,data:oYyi,iv:MyIDYbT718JRr11QtBkcj3Dwm4k1aCGZBVeZf0EyV8o=,tag:t5z2Z023Up0kxwCgw1gNxg==,type:str]";

fn cipher(bytes: impl IntoIterator<Item = u8>) -> Cipher {
    Cipher::new(&DataKey::unwrapped(bytes.into_iter().collect::<Vec<_>>().into())).expect("32 bytes")
}

fn told(cipher: &Cipher, text: &str, place: &str) -> String {
    match cipher.decrypt(text.as_bytes(), place) {
        Ok(value) => format!("{}:{}", value.kind.name(), String::from_utf8_lossy(&value.bytes)),
        Err(fault) => fault.chain(),
    }
}

#[test]
fn the_peers_unit_test_value_opens_in_its_place_only() {
    let cipher = cipher([b'f'; 32]);
    assert_eq!(told(&cipher, FOO, "bar:"), "str:foo");
    assert_eq!(told(&cipher, FOO, ""), "cipher: message authentication failed");
}

#[test]
fn golden_values_are_written_byte_for_byte() {
    let cipher = cipher(0..32);
    let cases = [
        (
            1,
            Type::Comment,
            " head",
            ":",
            "ENC[AES256_GCM,data:mczMhr0=,iv:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=,tag:FBaYQWjciMv+ZX8DugXh1Q==,type:comment]",
        ),
        (
            2,
            Type::Int,
            "1",
            "a:",
            "ENC[AES256_GCM,data:Xg==,iv:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=,tag:aPcbri8rfUEdNcpmPFwGdw==,type:int]",
        ),
        (
            4,
            Type::Float,
            "1.5",
            "b:",
            "ENC[AES256_GCM,data:XyJa,iv:BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ=,tag:mVYmFyMDnH8vsuScUIjDOg==,type:float]",
        ),
        (
            5,
            Type::Bool,
            "True",
            "c:d:",
            "ENC[AES256_GCM,data:pMiN2Q==,iv:BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=,tag:Q0QxVFS57cctIPl0ErUuSQ==,type:bool]",
        ),
    ];
    for (number, kind, plain, place, expected) in cases {
        assert_eq!(cipher.encrypt(kind, plain.as_bytes(), place, &[number; 32]), expected);
        assert_eq!(told(&cipher, expected, place), format!("{}:{plain}", kind.name()));
    }
}

#[test]
fn bad_envelopes_are_told_without_their_text() {
    let cipher = cipher([b'f'; 32]);
    let format = "input string does not match sops' data format";
    let failed = "cipher: message authentication failed";
    let cases = [
        ("hunter2".to_owned(), format),
        ("ENC[AES256_GCM,data:,iv:MyID,tag:t5z2,type:str]".to_owned(), format),
        ("ENC[AES256_GCM,data:oYyi,iv:MyID,tag:t5z2,type:]".to_owned(), format),
        (FOO.replace(']', ""), format),
        (FOO.replace("oYyi", "oYyj"), failed),
        (FOO.replace("MyID", "MyIE"), failed),
        (FOO.replace("t5z2", "t5z3"), failed),
        (FOO.replace("oYyi", "oY!i"), "the data of the encrypted value is no base64"),
        (FOO.replace("type:str", "type:what"), "Unknown datatype: what"),
        (FOO.replace("MyIDYbT718JRr11QtBkcj3Dwm4k1aCGZBVeZf0EyV8o=", "MyID"), "an iv of 3 bytes is not supported"),
    ];
    for (text, expected) in cases {
        assert_eq!(told(&cipher, &text, "bar:"), expected);
    }
    assert_eq!(told(&cipher, &format!("{FOO} trailing"), "bar:"), "str:foo");
    assert_eq!(told(&cipher, &FOO.replace("type:str", "type:int"), "bar:"), "int:foo");
}

#[test]
fn a_short_nonce_of_another_tool_is_read_and_not_kept() {
    let gcm = AesGcm::<Aes256, U12>::new_from_slice(&[b'f'; 32]).expect("key");
    let mut data = b"foo".to_vec();
    let tag = gcm.encrypt_inout_detached(&[7; 12].into(), b"bar:", data.as_mut_slice().into()).expect("short");
    let text = format!(
        "{PREFIX}{},iv:{},tag:{},type:str]",
        BASE64_STANDARD.encode(&data),
        BASE64_STANDARD.encode([7; 12]),
        BASE64_STANDARD.encode(tag)
    );
    let value = cipher([b'f'; 32]).decrypt(text.as_bytes(), "bar:").expect("opens");
    assert_eq!((value.bytes.as_slice(), value.iv), (b"foo".as_slice(), None));
}

#[test]
fn a_key_of_another_length_is_refused() {
    let fault = Cipher::new(&DataKey::unwrapped("short".into())).err().expect("refused");
    assert_eq!(fault.to_string(), "the data key has an invalid AES key size of 5 bytes instead of 32");
}
