//! Kinds of keys that are not there yet.

use super::*;
use sops::{KeyType, KmsOptions, at_once};
use std::sync::Arc;

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
