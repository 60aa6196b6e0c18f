//! Files that are whole, plain, altered and locked, with keys that are played.

use base::Timestamp;
use document::EmitOptions;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::key_service::at_once;
use crate::wrapping::tests::{Played, metadata};
use crate::{DataKey, Stash, Wrapping, wrap};

fn encrypted(plain: &str, keys: &[&str]) -> String {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let (key, played) = (DataKey::random(&mut rng), Played::default());
    let mut metadata = metadata(&[keys], 0);
    let services: [&dyn KeyService; 1] = [&played];
    at_once(wrap(&mut metadata, Wrapping::All, &key, &services, &mut rng))
        .expect("at once")
        .unwrap_or_else(|faults| panic!("{faults:?}"));
    let document =
        document::read(plain.as_bytes(), Format::Yaml, &ReadOptions::default()).expect("the test's own YAML");
    let (file, _) =
        EncryptedDocument::encrypt(document, metadata, &key, &Stash::default(), Timestamp::UNIX_EPOCH, &mut rng)
            .unwrap_or_else(|fault| panic!("{fault:?}"));
    let tree = file.into_tree(Format::Yaml).expect("the metadata fits");
    let bytes = document::emit(&tree, Format::Yaml, &EmitOptions::default()).expect("YAML takes everything");
    String::from_utf8(bytes).expect("YAML is text")
}

fn opened(file: &str) -> Result<String, OpenFault> {
    let (played, order) = (Played::default(), DecryptionOrder::default());
    let services: [&dyn KeyService; 1] = [&played];
    let opening = Opening { format: Format::Yaml, order: &order, services: &services, check: MacCheck::Verify };
    let opened = at_once(open(file.as_bytes(), &opening)).expect("at once")?;
    let bytes = document::emit(&opened.document, Format::Yaml, &EmitOptions::default()).expect("YAML takes everything");
    Ok(String::from_utf8(bytes).expect("YAML is text"))
}

fn failed(file: &str) -> (&'static str, String) {
    let fault = opened(file).expect_err("the file must not open");
    let step = match &fault {
        OpenFault::Unreadable(_) => "unreadable",
        OpenFault::Plain => "plain",
        OpenFault::Metadata(_) => "metadata",
        OpenFault::DataKey(_) => "data key",
        OpenFault::Tree(_) => "tree",
        OpenFault::Mac(_) => "mac",
    };
    (step, Fault::from(fault).chain())
}

#[test]
fn a_file_opens_or_tells_the_step_that_failed() {
    let file = encrypted("a: one\nb: 2\n", &["age:open"]);
    assert!(!file.contains("one"));
    assert_eq!(opened(&file).unwrap_or_else(|fault| panic!("{fault:?}")), "a: one\nb: 2\n");

    assert_eq!(failed("a: ["), ("unreadable", failed("a: [").1));
    assert_eq!(failed("a: 1\n"), ("plain", "sops metadata not found".to_owned()));
    assert_eq!(failed("a: 1\nsops: {version: 3.9.0}\n").0, "metadata");
    let renamed = file.replacen("a: ENC", "c: ENC", 1);
    assert_eq!(failed(&renamed).0, "tree");
    let added = format!("c_unencrypted: 1\n{file}");
    let (step, told) = failed(&added);
    assert_eq!(step, "mac");
    assert!(told.starts_with("failed to verify data integrity: MAC mismatch."), "{told}");

    let closed = file.replace("recipient: open", "recipient: shut");
    let (step, told) = failed(&closed);
    assert_eq!(step, "data key");
    assert!(told.contains("Group 0: FAILED") && told.contains("this key is closed"), "{told}");
}
