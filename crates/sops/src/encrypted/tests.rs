//! The golden files both ways, every kind of tampering, minimal differences, and the peer's oddities.

use document::{EmitOptions, Node, ReadOptions};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{SeedableRng, TryCryptoRng, TryRng};

use super::*;
use crate::Selection;
use crate::wrapping::tests::metadata;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// The IVs of the golden files: byte *i* of value *i*, 32 times.
struct Golden(u8);

impl TryRng for Golden {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        unreachable!("only bytes are drawn")
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        unreachable!("only bytes are drawn")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.fill(self.0);
        self.0 = self.0.wrapping_add(1);
        Ok(())
    }
}

impl TryCryptoRng for Golden {}

fn golden_key() -> DataKey {
    DataKey::unwrapped((0..32).collect::<Vec<u8>>().into())
}

fn parse(text: &str, format: Format) -> Document {
    document::read(text.as_bytes(), format, &ReadOptions::default()).map_err(|fault| fault.chain()).expect("reads")
}

fn text(document: &Document, format: Format) -> String {
    let bytes =
        document::emit(document, format, &EmitOptions::default()).map_err(|fault| fault.chain()).expect("emits");
    String::from_utf8(bytes).expect("text")
}

fn load(file: &str, format: Format) -> EncryptedDocument {
    EncryptedDocument::read(parse(file, format), format)
        .map_err(Fault::from)
        .map_err(|fault| fault.chain())
        .expect("reads")
        .0
}

/// The plain file, or the text of the fault with `tree` or `mac` in front.
fn plain(file: &str, format: Format, check: MacCheck) -> Result<String, String> {
    match load(file, format).decrypt(&golden_key(), check, None) {
        Ok(opened) => Ok(text(&opened.document, format)),
        Err(CryptFault::Tree(fault)) => Err(format!("tree: {}", fault.chain())),
        Err(CryptFault::Mac(fault)) => Err(format!("mac: {}", fault.chain())),
    }
}

fn sealed(plain: &str, format: Format, change: impl FnOnce(&mut Metadata)) -> String {
    let mut metadata = metadata(&[&["age:age1x"]], 0);
    change(&mut metadata);
    let encrypted = EncryptedDocument::encrypt(
        parse(plain, format),
        metadata,
        &golden_key(),
        &Stash::default(),
        NOW,
        &mut Golden(1),
    );
    let (encrypted, _) = encrypted.map_err(Fault::from).map_err(|fault| fault.chain()).expect("encrypts");
    text(&encrypted.into_tree(format).expect("a place for the metadata"), format)
}

const GOLDEN_YAML: &str = include_str!("golden/golden.yaml");
const GOLDEN_ENV: &str = include_str!("golden/golden.env");

#[test]
fn golden_files_are_decrypted() {
    assert_eq!(plain(GOLDEN_YAML, Format::Yaml, MacCheck::Verify).as_deref(), Ok(include_str!("golden/plain.yaml")));
    assert_eq!(plain(GOLDEN_ENV, Format::Dotenv, MacCheck::Verify).as_deref(), Ok(include_str!("golden/plain.env")));
}

#[test]
fn golden_files_are_written_byte_for_byte() {
    let cases = [
        (GOLDEN_YAML, include_str!("golden/plain.yaml"), Format::Yaml, 1),
        (GOLDEN_ENV, include_str!("golden/plain.env"), Format::Dotenv, 0x11),
    ];
    for (golden, plain, format, first_iv) in cases {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().expect("a time");
        let metadata = load(golden, format).metadata;
        let encrypted = EncryptedDocument::encrypt(
            parse(plain, format),
            metadata,
            &golden_key(),
            &Stash::default(),
            now,
            &mut Golden(first_iv),
        );
        let (encrypted, _) = encrypted.map_err(Fault::from).map_err(|fault| fault.chain()).expect("encrypts");
        assert_eq!(text(&encrypted.into_tree(format).expect("metadata"), format), golden);
    }
}

#[test]
fn tampering_is_noticed() {
    let file = sealed(
        r#"{"a": "one", "b": "two", "n": 1, "c_unencrypted": "clear", "list": ["x", "y"]}"#,
        Format::Json,
        |_| {},
    );
    let value = |key: &str| {
        file.split(&format!("\"{key}\": \"")).nth(1).and_then(|rest| rest.split('"').next()).expect("a value")
    };
    let failed = "cipher: message authentication failed";
    let (a, b, n) = (value("a"), value("b"), value("n"));
    let swapped = file.replace(a, "SWAP").replace(b, a).replace("SWAP", b);
    let cases = [
        (file.replacen("\"a\":", "\"d\":", 1), format!("tree: cannot decrypt `d`: {failed}")),
        (swapped, format!("tree: cannot decrypt `a`: {failed}")),
        (
            file.replace(a, "clear text"),
            "tree: cannot decrypt `a`: input string does not match sops' data format".to_owned(),
        ),
        (
            file.replace(&format!("\"{n}\""), "7"),
            "tree: cannot decrypt `n`: Expected encrypted value as string, but got int".to_owned(),
        ),
        (
            file.replace(&format!("\"{n}\""), "true"),
            "tree: cannot decrypt `n`: Expected encrypted value as string, but got bool".to_owned(),
        ),
        (
            file.replace(a, &a.replace("type:str", "type:int")),
            "tree: cannot decrypt `a`: the decrypted text is no int".to_owned(),
        ),
        (
            file.replace(a, &a.replace("type:str", "type:what")),
            "tree: cannot decrypt `a`: Unknown datatype: what".to_owned(),
        ),
        (file.replace(a, &a.replace("type:str", "type:comment")), "mac: MAC mismatch.".to_owned()),
        (file.replace("\"clear\"", "\"changed\""), "mac: MAC mismatch.".to_owned()),
        (file.replacen(&format!("\"a\": \"{a}\","), "", 1), "mac: MAC mismatch.".to_owned()),
        (file.replace(&format!("\"{n}\""), "{}"), "mac: MAC mismatch.".to_owned()),
        (
            file.replace(&format!("\"a\": \"{a}\","), "\"new_unencrypted\": \"x\", \"a\": \"\","),
            "mac: MAC mismatch.".to_owned(),
        ),
        (file.replace(value("mac"), ""), "mac: MAC mismatch. File has no MAC, computed ".to_owned()),
        (file.replace("1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"), format!("mac: Cannot decrypt MAC: {failed}")),
    ];
    for (altered, expected) in cases {
        assert_ne!(altered, file, "the case alters something");
        let told = plain(&altered, Format::Json, MacCheck::Verify).err().unwrap_or_default();
        assert!(told.starts_with(&expected), "{told} instead of {expected}");
        assert!(!told.contains("clear text") && !told.contains("one"), "no value is told: {told}");
        if expected.starts_with("mac") {
            assert!(plain(&altered, Format::Json, MacCheck::Ignore).is_ok(), "{expected}");
        }
    }
    let relabelled = file.replace(n, &n.replace("type:int", "type:float"));
    assert!(plain(&relabelled, Format::Json, MacCheck::Verify).is_ok(), "the label alone is not authenticated");
}

#[test]
fn every_byte_of_an_envelope_counts() {
    let file = sealed(r#"{"a": "some text"}"#, Format::Json, |_| {});
    let start = file.find("data:").expect("an envelope") + 5;
    let end = file.find(",type:").expect("an envelope");
    for at in start..end {
        let byte = file.as_bytes()[at];
        let other = if byte == b'A' { 'B' } else { 'A' };
        let altered = format!("{}{other}{}", &file[..at], &file[at + 1..]);
        // The last letter before `=` carries bits that base64 does not use; strict decoding refuses those.
        assert!(plain(&altered, Format::Json, MacCheck::Ignore).is_err(), "byte {at} ({})", byte as char);
    }
}

#[test]
fn files_without_metadata_are_plain() {
    for (file, format) in [("{\"a\": 1}", Format::Json), ("A=1\n", Format::Dotenv)] {
        let fault = EncryptedDocument::read(parse(file, format), format).err().expect("plain");
        assert!(matches!(fault, ReadFault::Plain));
        assert_eq!(Fault::from(fault).to_string(), "sops metadata not found");
    }
    assert!(is_reserved(&parse("{\"sops\": 1}", Format::Json), Format::Json));
    assert!(is_reserved(&parse("sops_x=1\n", Format::Dotenv), Format::Dotenv));
    assert!(!is_reserved(&parse("{\"a\": {\"sops\": 1}}", Format::Json), Format::Json));
    let fault = EncryptedDocument::read(parse("{\"sops\": 1}", Format::Json), Format::Json).err().expect("refused");
    assert_eq!(Fault::from(fault).to_string(), "Found sops entry that is not a mapping");
}

#[test]
fn a_binary_file_is_a_json_file_without_a_selection() {
    let bytes = b"\xff\x00\n\"binary\"";
    let plain = document::read(bytes, Format::Binary, &ReadOptions::default()).expect("anything");
    let metadata = Metadata { selection: None, ..metadata(&[&["age:age1x"]], 0) };
    let encrypted = EncryptedDocument::encrypt(plain, metadata, &golden_key(), &Stash::default(), NOW, &mut Golden(1));
    let tree = encrypted.map_err(Fault::from).expect("encrypts").0.into_tree(Format::Binary).expect("metadata");
    let file = text(&tree, Format::Binary.encrypted());
    assert!(file.starts_with("{\n\t\"data\": \"ENC[") && !file.contains("suffix"), "{file}");
    let opened = load(&file, Format::Json).decrypt(&golden_key(), MacCheck::Verify, None).map_err(Fault::from);
    let back = document::emit(&opened.expect("opens").document, Format::Binary, &EmitOptions::default());
    assert_eq!(back.expect("one text"), bytes);
}

#[test]
fn comments_of_lists_survive_both_ways() {
    let plain = "l:\n    # first\n    - a # inline\n    #\n    - b\nm:\n    # own\n    k: v # inline\n";
    let file = sealed(plain, Format::Yaml, |_| {});
    let lines: Vec<&str> = file.lines().collect();
    let kind = |at: usize| lines[at].rsplit(",type:").next().unwrap_or_default().trim_end_matches(']');
    // Encrypted, each comment of a list is an element, except an empty one, which the peer makes an empty value.
    assert_eq!([1, 2, 3, 5].map(kind), ["comment", "comment", "str", "str"]);
    assert_eq!(lines[4], "    #");
    let expected = plain.replace("    - a # inline", "    # inline\n    - a");
    let read = load(&file, Format::Yaml).decrypt(&golden_key(), MacCheck::Verify, None).map_err(Fault::from);
    assert_eq!(text(&read.expect("opens").document, Format::Yaml), expected);
}

#[test]
fn different_metadata_in_the_documents_of_a_file_is_told() {
    let file = sealed("a: 1\n---\nb: 2\n", Format::Yaml, |_| {});
    let told = |file: &str| {
        EncryptedDocument::read(parse(file, Format::Yaml), Format::Yaml).map_err(Fault::from).expect("reads").1
    };
    assert!(told(&file).is_empty());
    let at = file.rfind("_unencrypted").expect("a selection");
    let merged = format!("{}_clear{}", &file[..at], &file[at + "_unencrypted".len()..]);
    assert_eq!(told(&merged), ["the documents of the file carry different sops metadata; the first one counts"]);
}

#[test]
fn a_changed_value_changes_itself_the_time_and_the_mac() {
    let plain: String = (0..1000).map(|number| format!("K{number}=value {number}\n")).collect();
    let file = sealed(&plain, Format::Dotenv, |_| {});
    let mut stash = Stash::default();
    let opened = load(&file, Format::Dotenv).decrypt(&golden_key(), MacCheck::Verify, Some(&mut stash));
    let DecryptedDocument { mut document, metadata, .. } = opened.map_err(Fault::from).expect("decrypts");
    let document::Item::Entry(_, node) = &mut document.branches[0].items[500] else { panic!("an entry") };
    *node = Node::text("another");
    let now: Timestamp = "2026-01-02T03:04:05Z".parse().expect("a time");
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let again = EncryptedDocument::encrypt(document, metadata, &golden_key(), &stash, now, &mut rng);
    let again = again.map_err(Fault::from).expect("encrypts").0.into_tree(Format::Dotenv).expect("metadata");
    let again = text(&again, Format::Dotenv);
    let changed: Vec<&str> = file
        .lines()
        .zip(again.lines())
        .filter(|(old, new)| old != new)
        .map(|(_, new)| new.split('=').next().unwrap_or_default())
        .collect();
    assert_eq!(changed, ["K500", "sops_lastmodified", "sops_mac"]);
    assert_eq!(file.lines().count(), again.lines().count());
}

#[test]
fn empty_values_and_nulls_stay_and_counts_tell() {
    let metadata = metadata(&[&["age:age1x"]], 0);
    let tree = parse(r#"{"e": "", "n": null, "o": {}, "l": [], "a": "x", "b_unencrypted": 1}"#, Format::Json);
    let (encrypted, count) =
        EncryptedDocument::encrypt(tree, metadata, &golden_key(), &Stash::default(), NOW, &mut Golden(1))
            .map_err(Fault::from)
            .expect("encrypts");
    assert_eq!(count, Count { values: 2, encrypted: 1 });
    let file = text(&encrypted.into_tree(Format::Json).expect("metadata"), Format::Json);
    for kept in ["\"e\": \"\"", "\"n\": null", "\"o\": {}", "\"l\": []", "\"b_unencrypted\": 1"] {
        assert!(file.contains(kept), "{kept}");
    }
}

#[test]
fn what_no_file_can_hold_is_refused_by_name() {
    let mut tree = parse("{\"a\": {}}", Format::Json);
    let document::Item::Entry(_, node) = &mut tree.branches[0].items[0] else { panic!("an entry") };
    let mut inner = document::Branch::default();
    inner.push("big", Node::Leaf(Scalar::Uint(u64::MAX)));
    *node = Node::Branch(inner);
    let told = |tree: Document, change: fn(&mut Metadata)| {
        let mut metadata = metadata(&[&["age:age1x"]], 0);
        change(&mut metadata);
        let fault = EncryptedDocument::encrypt(tree, metadata, &golden_key(), &Stash::default(), NOW, &mut Golden(1));
        match fault {
            Err(CryptFault::Tree(fault)) => fault.chain(),
            _ => String::new(),
        }
    };
    assert_eq!(told(tree, |_| {}), "cannot encrypt `a:big`: Cannot walk value, unknown type: uint64");
    let void = told(parse("{\"a\": 1}", Format::Json), |metadata| {
        metadata.selection = Selection::named("encrypted_regex", "(?!x)");
    });
    assert_eq!(void, "cannot encrypt by `encrypted_regex: (?!x)`, which is no regular expression");
    let clear = told(parse("# x\nA=1\n", Format::Dotenv), |metadata| {
        metadata.selection = Selection::named("unencrypted_comment_regex", "^ENC");
    });
    assert_eq!(clear, "cannot encrypt a comment below the top: the encrypted comment matches UnencryptedCommentRegex");
}

#[test]
fn clear_comments_of_old_files_are_kept_and_told() {
    let file = sealed("# note\nA=1\n", Format::Dotenv, |_| {});
    let old: String = file
        .lines()
        .map(|line| if line.starts_with('#') { "# clear" } else { line })
        .map(|line| format!("{line}\n"))
        .collect();
    let opened =
        load(&old, Format::Dotenv).decrypt(&golden_key(), MacCheck::Verify, None).map_err(Fault::from).expect("opens");
    assert_eq!(text(&opened.document, Format::Dotenv), "# clear\nA=1\n");
    assert_eq!(opened.warnings, ["1 comment(s) of the file are not encrypted, as old versions of SOPS left them"]);
}

#[test]
fn a_mac_over_encrypted_values_ignores_the_others() {
    let file =
        sealed(r#"{"a": "x", "b_unencrypted": "y"}"#, Format::Json, |metadata| metadata.mac_only_encrypted = true);
    assert!(plain(&file.replace("\"y\"", "\"z\""), Format::Json, MacCheck::Verify).is_ok());
    let told = plain(
        &file
            .replacen("\"a\":", "\"b\": \"\", \"a\":", 1)
            .replace("mac_only_encrypted\": true", "mac_only_encrypted\": false"),
        Format::Json,
        MacCheck::Verify,
    );
    assert!(told.err().is_some_and(|told| told.starts_with("mac: MAC mismatch")));
}

#[test]
fn floats_of_the_python_program_are_hashed_as_it_printed_them() {
    let file =
        sealed(r#"{"a": 1.5, "b_unencrypted": 2}"#, Format::Json, |metadata| metadata.version = "1.18".to_owned());
    // Python hashed a clear `1e21` by another text than Go; the file says `1e+21`, and the MAC is over that.
    let tree = parse(r#"{"b_unencrypted": 1e21}"#, Format::Json);
    let mut python = Mac::new(false, false);
    python.feed(&Scalar::Text("1e+21".into()), b"1e+21");
    let mut metadata = metadata(&[&["age:age1x"]], 0);
    metadata.version = "1.18".to_owned();
    metadata.last_modified = "2016-01-01T00:00:00Z".to_owned();
    let cipher = Cipher::new(&golden_key()).expect("a key");
    metadata.mac = cipher.encrypt(Type::Str, python.finish().digest.as_bytes(), &metadata.last_modified, &[1; 32]);
    let old = |metadata: Metadata| EncryptedDocument { tree: tree.clone(), metadata };
    assert!(old(metadata.clone()).decrypt(&golden_key(), MacCheck::Verify, None).is_ok());
    metadata.version = "3.0.0".to_owned();
    assert!(old(metadata).decrypt(&golden_key(), MacCheck::Verify, None).is_err());
    assert!(plain(&file, Format::Json, MacCheck::Verify).is_ok());
}

#[test]
fn values_of_type_bytes_are_read() {
    let cipher = Cipher::new(&golden_key()).expect("a key");
    let envelope = cipher.encrypt(Type::Bytes, b"\xff\x00", "data:", &[1; 32]);
    let file = sealed(r#"{"data": "x"}"#, Format::Json, |_| {});
    let start = file.find("ENC[").expect("an envelope");
    let end = file.find("type:str]").expect("an envelope") + 9;
    let file = format!("{}{envelope}{}", &file[..start], &file[end..]);
    let opened =
        load(&file, Format::Json).decrypt(&golden_key(), MacCheck::Ignore, None).map_err(Fault::from).expect("opens");
    let Some(Node::Leaf(Scalar::Text(data))) = opened.document.branches[0].value("data") else { panic!("a text") };
    assert_eq!(data.expose(), b"\xff\x00");
}

#[test]
fn a_key_of_the_wrong_length_fails_with_the_tree() {
    let file = load(&sealed(r#"{"a": 1}"#, Format::Json, |_| {}), Format::Json);
    let fault = file.decrypt(&DataKey::unwrapped("short".into()), MacCheck::Verify, None).err();
    assert!(matches!(fault, Some(CryptFault::Tree(_))));
}

fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(|value| format!("{value:e}")),
        "[a-zA-Z0-9 _:#\\-]{0,20}".prop_map(|text| format!("\"{text}\"")),
    ];
    let nested = leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::btree_map("[a-z]{1,6}(_unencrypted)?", inner, 0..5).prop_map(|map| object(&map)),
        ]
    });
    prop::collection::btree_map("[a-z]{1,6}(_unencrypted)?", nested, 0..6).prop_map(|map| object(&map))
}

fn object(map: &std::collections::BTreeMap<String, String>) -> String {
    let members: Vec<String> = map.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

proptest! {
    #[test]
    fn decrypting_undoes_encrypting(json in any_json(), only in any::<bool>()) {
        let normal = text(&parse(&json, Format::Json), Format::Json);
        let file = sealed(&json, Format::Json, |metadata| metadata.mac_only_encrypted = only);
        prop_assert_eq!(plain(&file, Format::Json, MacCheck::Verify), Ok(normal));
    }

    #[test]
    fn nothing_makes_the_reader_panic(noise in "ENC\\[AES256_GCM,data:.{0,8},iv:.{0,8},tag:.{0,8},type:.{0,6}\\]") {
        let cipher = Cipher::new(&golden_key()).expect("a key");
        prop_assert!(cipher.decrypt(noise.as_bytes(), "a:").is_err());
    }
}
