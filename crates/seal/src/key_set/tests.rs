use std::sync::OnceLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};

use super::*;
use crate::Scope;

/// Keys are slow to make, so the tests share four.
fn private(number: usize) -> PrivateKey {
    static KEYS: OnceLock<Vec<PrivateKey>> = OnceLock::new();
    let make = || {
        let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).expect("a key");
        PrivateKey::from_pkcs8(key.as_der().expect("its bytes").as_ref()).expect("what we make, we read")
    };
    KEYS.get_or_init(|| (0..4).map(|_| make()).collect())[number].clone()
}

fn key(name: &str, number: usize, second: i64) -> SealingKey {
    let ordered_at = Timestamp::from_second(second).expect("a moment");
    SealingKey { name: name.to_owned(), private: private(number), certificate: None, ordered_at }
}

fn with_certificate(key: SealingKey) -> SealingKey {
    SealingKey { certificate: Some(Certificate::for_tests(key.private.public().clone())), ..key }
}

fn set(keys: impl IntoIterator<Item = SealingKey>) -> KeySet {
    let mut set = KeySet::new();
    keys.into_iter().for_each(|key| set.register(key));
    set
}

/// The names of the keys in the order in which they would be tried.
fn order(set: &KeySet, remembered: Option<&KeyFingerprint>) -> Vec<String> {
    let mut untried: Vec<&Entry> = set.entries.iter().collect();
    let mut names = Vec::new();
    while let Some(next) = first_to_try(&untried, remembered) {
        names.push(untried.swap_remove(next).key.name.clone());
    }
    names
}

#[test]
fn the_newest_key_with_a_certificate_seals() {
    let newest = |set: &KeySet| set.newest().map(|key| key.name.clone());
    let mut keys = set([]);
    assert_eq!(newest(&keys), None);
    keys.register(key("without certificate", 0, 99));
    assert_eq!(newest(&keys), None);
    keys.register(with_certificate(key("a", 1, 10)));
    keys.register(with_certificate(key("b", 2, 10)));
    assert_eq!(newest(&keys).as_deref(), Some("a"), "among equals the first");
    keys.register(with_certificate(key("b", 2, 11)));
    assert_eq!(newest(&keys).as_deref(), Some("b"));
    assert!(keys.remove("b") && !keys.remove("b"));
    assert_eq!(newest(&keys).as_deref(), Some("a"));
    assert_eq!((keys.len(), keys.is_empty()), (2, false));
}

#[test]
fn keys_are_tried_by_memory_then_success_then_age() {
    let keys = set([key("old", 0, 1), key("middle", 1, 2), key("new", 2, 3)]);
    assert_eq!(order(&keys, None), ["new", "middle", "old"]);
    assert_eq!(order(&keys, Some(private(1).fingerprint())), ["middle", "new", "old"]);

    let label = Scope::ClusterWide.label("", "");
    let sealed = private(0).public().seal(&label, &"value".into()).expect("sealed");
    let Ok(opened) = keys.open(&label, &sealed, None) else { panic!("one key fits") };
    assert!(opened.value == "value".into());
    assert_eq!(&opened.key, private(0).fingerprint());
    assert_eq!(order(&keys, None), ["old", "new", "middle"]);
    assert_eq!(order(&keys.clone(), None), ["old", "new", "middle"], "clones share what was learnt");
    assert_eq!(order(&keys, Some(private(1).fingerprint())), ["middle", "old", "new"]);
}

#[test]
fn a_value_that_no_key_opens_is_told_and_teaches_nothing() {
    let keys = set([key("a", 0, 1), key("b", 1, 2), key("copy of a", 0, 3)]);
    let label = Scope::Strict.label("demo", "db");
    let sealed = private(3).public().seal(&label, &"value".into()).expect("sealed");
    for set in [&keys, &KeySet::new()] {
        let fault = set.open(&label, &sealed, None).err().expect("no key fits");
        assert_eq!(fault.to_string(), "no key could decrypt secret");
    }
    assert_eq!(keys.successes.load(Ordering::Relaxed), 0);
}

#[test]
fn a_key_registered_again_is_still_known_to_open_and_a_new_one_under_its_name_is_not() {
    let mut keys = set([key("a", 0, 1), key("b", 1, 2)]);
    let label = Scope::ClusterWide.label("", "");
    let sealed = private(0).public().seal(&label, &"value".into()).expect("sealed");
    assert!(keys.open(&label, &sealed, None).is_ok());
    keys.register(key("a", 0, 1));
    assert_eq!(order(&keys, None), ["a", "b"]);
    keys.register(key("a", 2, 1));
    assert_eq!(order(&keys, None), ["b", "a"]);
    assert!(keys.open(&label, &sealed, None).is_err());
}
