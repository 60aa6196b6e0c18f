//! A file that the Go tool made, our own files, and keys and stanzas that are none.

use std::io::{Read, Write};

use ::age::armor::{ArmoredReader, ArmoredWriter, Format};
use ::age::{Decryptor, Encryptor};

use super::*;

/// For tests only; made, with its recipient and the file, by age 1.3.2.
const KEY: &str = "AGE-SECRET-KEY-PQ-18F9CYUEWP0PHRMJX88LA7HEZLFWU2JZV3Q8SUY9U87NS68E2JL3QHT2TKZ";
const RECIPIENT: &str = include_str!("recipient.txt");

fn open(armor: &str, key: &Identity) -> Result<String, DecryptError> {
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(armor.as_bytes()))?;
    let mut text = String::new();
    decryptor.decrypt(std::iter::once(key as _))?.read_to_string(&mut text)?;
    Ok(text)
}

fn seal(text: &str, recipient: &Recipient) -> String {
    let encryptor = Encryptor::with_recipients(std::iter::once(recipient as _)).expect("one recipient");
    let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).expect("a vector");
    let mut writer = encryptor.wrap_output(armor).expect("a vector");
    writer.write_all(text.as_bytes()).expect("a vector");
    String::from_utf8(writer.finish().and_then(ArmoredWriter::finish).expect("a vector")).expect("armor")
}

#[test]
fn the_go_tools_file_opens() {
    let key = Identity::parse(KEY).expect("an identity");
    assert_eq!(open(include_str!("by-age.txt"), &key).ok().as_deref(), Some("data key"));
}

#[test]
fn our_own_file_opens_with_its_key_only() {
    let recipient = Recipient::parse(RECIPIENT.trim()).expect("a recipient");
    let armor = seal("text", &recipient);
    assert_eq!(open(&armor, &Identity::parse(KEY).expect("an identity")).ok().as_deref(), Some("text"));
    let other = Identity(PrivateKey::from_bytes(&[7; 32]).expect("a seed"));
    assert!(matches!(open(&armor, &other), Err(DecryptError::NoMatchingKeys)));
}

#[test]
fn the_recipient_of_an_identity_is_the_one_that_the_go_tool_names() {
    let key = Identity::parse(KEY).expect("an identity");
    let public = <XWing as hpke::Kem>::sk_to_pk(&key.0);
    assert!(public == Recipient::parse(RECIPIENT.trim()).expect("a recipient").0);
}

#[test]
fn texts_that_are_no_keys_are_refused() {
    let altered = KEY.replace("PQ-1", "PQ-1Q");
    let cases = [
        (altered.as_str(), "invalid Bech32 encoding"),
        ("AGE-SECRET-KEY-1WCE3Z8Y3F94DN003GL78GU2NP76CNPWKK8KPQLA0K5Y7RNZ0KSLQZY579T", "another kind of key"),
    ];
    for (text, expected) in cases {
        assert_eq!(Identity::parse(text).err(), Some(expected));
    }
    let short = age_core::primitives::bech32_encode(bech32::Hrp::parse("age1pq").expect("a prefix"), &[1; 32]);
    assert_eq!(Recipient::parse(&short).err(), Some("a key of the wrong length"));
}
