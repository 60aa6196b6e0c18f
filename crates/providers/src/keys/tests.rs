//! Files that sops 3.13.3 made, from bytes to plain values, and kinds of keys that are not there yet.

use std::sync::Arc;

use document::{EmitOptions, Format, ReadOptions};
use sops::{DecryptionOrder, EncryptedDocument, KeyType, KmsOptions, MacCheck, at_once};

use super::age::tests::{KEY, SSH_KEY, around};
use super::*;

fn opened(file: &[u8], format: Format, surroundings: Surroundings) -> Result<Vec<u8>, Fault> {
    let tree = document::read(file, format.encrypted(), &ReadOptions::default())?;
    let (file, warnings) = EncryptedDocument::read(tree, format.encrypted())?;
    assert!(warnings.is_empty());
    let ring = KeyRing::new(surroundings, Arc::new(Nobody));
    let services: [&dyn KeyService; 1] = [&ring];
    let (groups, threshold) = (&file.metadata.groups, file.metadata.shamir_threshold);
    let key = at_once(sops::unwrap(groups, threshold, &DecryptionOrder::default(), &services))??;
    let plain = file.decrypt(&key, MacCheck::Verify, None)?;
    document::emit(&plain.document, format, &EmitOptions::default())
}

#[test]
fn files_of_the_real_sops_open_in_every_format() {
    let yaml = "# head\nnumber: 1\nlist:\n    # in list\n    - x\n    - nested:\n        float: 1.5\n\
                clear_unencrypted: 2024-01-01T00:00:00Z\n---\nsecond: \"yes\"\n";
    let json =
        "{\n\t\"a\": \"x\",\n\t\"n\": 5,\n\t\"l\": [\n\t\ttrue,\n\t\tnull,\n\t\t{\n\t\t\t\"k\": 1.5\n\t\t}\n\t]\n}\n";
    let cases: [(Format, &[u8], &[u8]); 5] = [
        (Format::Yaml, include_bytes!("recorded/file.yaml"), yaml.as_bytes()),
        (Format::Json, include_bytes!("recorded/file.json"), json.as_bytes()),
        (Format::Dotenv, include_bytes!("recorded/file.env"), b"# note\nA=1\nB=two\\nlines\n"),
        (Format::Ini, include_bytes!("recorded/file.ini"), b"; about\n[one]\nkey = value\n"),
        (Format::Binary, include_bytes!("recorded/file.bin"), b"\xff\x00binary\n"),
    ];
    for (format, file, expected) in cases {
        let plain = opened(file, format, around(&[("SOPS_AGE_KEY", KEY)], &[])).map_err(|fault| fault.chain());
        assert_eq!(plain.as_deref(), Ok(expected), "{}", format.name());
    }
}

#[test]
fn two_of_three_groups_of_the_real_sops_suffice() {
    let file = include_bytes!("recorded/shamir.yaml");
    let ssh = [("/u/.ssh/id_ed25519", SSH_KEY)];
    let plain = opened(file, Format::Yaml, around(&[("SOPS_AGE_KEY", KEY)], &ssh));
    assert_eq!(plain.map_err(|fault| fault.chain()).as_deref(), Ok(b"shared: secret\n".as_slice()));
    let fault = opened(file, Format::Yaml, around(&[], &ssh)).expect_err("one group only");
    assert!(fault.chain().contains("a Shamir threshold of\n2, but only 1 part(s)"), "{}", fault.chain());
}

#[test]
fn kinds_that_we_do_not_have_say_so() {
    let ring = KeyRing::new(Surroundings::none(), Arc::new(Nobody));
    let texts = [
        (KeyType::Kms, "arn:aws:kms:us-east-1:1:key/k"),
        (KeyType::GcpKms, "projects/p/locations/l/keyRings/r/cryptoKeys/k"),
        (KeyType::AzureKv, "https://v.vault.azure.net/keys/k/1"),
        (KeyType::HcVault, "https://vault:8200/v1/transit/keys/k"),
        (KeyType::Hckms, "region:uuid"),
    ];
    for (key_type, text) in texts {
        let lock = Lock::parse(key_type, text, &KmsOptions::default()).expect("a key");
        let key = MasterKey::new(lock, base::Timestamp::UNIX_EPOCH);
        let fault = at_once(ring.encrypt(&key, &"x".into())).expect("at once").expect_err("refused");
        let expected = format!("keys of type `{}` are not supported by this version of keywright", key_type.name());
        assert_eq!(fault.to_string(), expected);
        assert_eq!(at_once(ring.decrypt(&key)).expect("at once").err().expect("refused").to_string(), expected);
    }
}
