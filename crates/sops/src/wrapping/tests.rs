//! Wrapping and unwrapping with keys that are played: `open` keys work, all others do not.

use super::*;
use crate::key_service::at_once;
use crate::master_key::Lock;
use base::{Opening, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::sync::Mutex;

/// Wraps as hex. Keeps what it was asked for.
#[derive(Default)]
pub(crate) struct Played {
    asked: Mutex<Vec<String>>,
}

impl Played {
    fn answer<T>(&self, key: &MasterKey, answer: T) -> Result<T, Fault> {
        self.asked.lock().expect("a list").push(key.identity());
        if key.identity().contains("open") { Ok(answer) } else { Err(Fault::denied("this key is closed")) }
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("a list"))
    }
}

impl KeyService for Played {
    fn encrypt<'a>(&'a self, key: &'a MasterKey, plaintext: &'a SecretBytes) -> Opening<'a, String> {
        Box::pin(std::future::ready(self.answer(key, hex::encode(plaintext.expose()))))
    }

    fn decrypt<'a>(&'a self, key: &'a MasterKey) -> Opening<'a, SecretBytes> {
        Box::pin(std::future::ready(self.answer(key, hex::decode(&key.enc).unwrap_or_default().into())))
    }
}

/// A metadata block with these groups of `type:identity`.
pub(crate) fn metadata(groups: &[&[&str]], threshold: usize) -> Metadata {
    let key = |text: &&str| {
        let (list, identity) = text.split_once(':').expect("type:identity");
        let identity = identity.to_owned();
        let lock = match list {
            "age" => Lock::Age { recipient: identity },
            "pgp" => Lock::Pgp { fingerprint: identity },
            _ => Lock::GcpKms { resource_id: identity },
        };
        MasterKey::new(lock, Timestamp::UNIX_EPOCH)
    };
    let groups = groups.iter().map(|keys| KeyGroup { keys: keys.iter().map(key).collect() }).collect();
    let recipe =
        crate::Recipe { groups, shamir_threshold: threshold, selection: None, mac_only_encrypted: false, rule: None };
    recipe.metadata(false)
}

fn wrapped(metadata: &mut Metadata) -> Result<DataKey, String> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let key = DataKey::random(&mut rng);
    let played = Played::default();
    let services: [&dyn KeyService; 1] = [&played];
    let wrapping = wrap(metadata, Wrapping::All, &key, &services, &mut rng);
    let joined = |faults: Vec<Fault>| faults.iter().map(base::Fault::chain).collect::<Vec<_>>().join(" | ");
    at_once(wrapping).expect("at once").map_err(joined)?;
    Ok(key)
}

fn unwrapped(metadata: &Metadata, order: &DecryptionOrder) -> (Result<DataKey, Recovery>, Vec<String>) {
    let played = Played::default();
    let services: [&dyn KeyService; 1] = [&played];
    let unwrapping = unwrap(&metadata.groups, metadata.shamir_threshold, order, &services);
    (at_once(unwrapping).expect("at once"), played.asked())
}

#[test]
fn one_group_wraps_the_data_key_for_every_key_and_needs_one() {
    let mut file = metadata(&[&["gcp_kms:open1", "age:open2"]], 0);
    let key = wrapped(&mut file).expect("wraps");
    assert!(file.groups[0].keys.iter().all(|wrapped| wrapped.enc == hex::encode(key.secret().expose())));
    assert_eq!(file.shamir_threshold, 0);
    let (found, asked) = unwrapped(&file, &DecryptionOrder::default());
    assert!(found.ok() == Some(key));
    assert_eq!(asked, ["open2"], "age comes first, and the first success ends it");
}

#[test]
fn several_groups_share_the_data_key() {
    for (threshold, stored, needed) in [(0, 3, 3), (2, 2, 2)] {
        let mut file = metadata(&[&["age:open1"], &["age:open2"], &["pgp:open3"]], threshold);
        let key = wrapped(&mut file).expect("wraps");
        assert_eq!(file.shamir_threshold, stored);
        assert!(file.groups.iter().all(|group| group.keys[0].enc.len() == 66));
        let (found, asked) = unwrapped(&file, &DecryptionOrder::default());
        assert!(found.ok() == Some(key));
        assert_eq!(asked.len(), needed, "nobody is asked for more than needed");
    }
}

#[test]
fn the_decryption_order_sorts_stably() {
    let file = metadata(&[&["gcp_kms:a", "pgp:b", "age:c", "gcp_kms:d", "age:e"]], 0);
    let cases = [
        ("age,pgp", ["c", "e", "b", "a", "d"]),
        ("pgp, unheard", ["b", "a", "c", "d", "e"]),
        ("gcp_kms,age", ["a", "d", "c", "e", "b"]),
    ];
    for (order, expected) in cases {
        let order = DecryptionOrder::parse(order).expect("an order");
        assert_eq!(unwrapped(&file, &order).1, expected);
    }
    assert_eq!(unwrapped(&file, &DecryptionOrder::of_file()).1, ["a", "b", "c", "d", "e"]);
    let fault = DecryptionOrder::parse("age,pgp,age").expect_err("refused");
    assert_eq!(fault.to_string(), "Duplicate decryption key type: age");
}

#[test]
fn wrapping_is_all_or_nothing() {
    let cases: [(&[&[&str]], usize, &str); 6] = [
        (&[], 0, "no key groups provided"),
        (&[&[]], 0, "empty key group provided"),
        (&[&["age:open"], &[]], 0, "empty key group provided"),
        (
            &[&["age:open", "age:x", "pgp:y"]],
            0,
            "failed to encrypt new data key with master key \"x\": this key is closed | \
             failed to encrypt new data key with master key \"y\": this key is closed",
        ),
        (
            &[&["age:open1"], &["age:open2"]],
            3,
            "could not split data key into parts for Shamir: parts cannot be less than threshold",
        ),
        (
            &[&["age:open1"], &["age:open2"]],
            1,
            "could not split data key into parts for Shamir: threshold must be at least 2",
        ),
    ];
    for (groups, threshold, expected) in cases {
        let mut file = metadata(groups, threshold);
        let before = file.clone();
        assert_eq!(wrapped(&mut file).err().as_deref(), Some(expected));
        assert!(file == before, "{expected}");
    }
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let key = DataKey::random(&mut rng);
    let mut file = metadata(&[&["age:open"]], 0);
    let faults = at_once(wrap(&mut file, Wrapping::All, &key, &[], &mut rng)).expect("at once").err();
    let texts: Vec<String> = faults.iter().flatten().map(std::string::ToString::to_string).collect();
    assert_eq!(texts, ["no key services provided, cannot update master keys"]);
}

#[test]
fn a_later_service_helps_out() {
    struct Closed;
    impl KeyService for Closed {
        fn encrypt<'a>(&'a self, _: &'a MasterKey, _: &'a SecretBytes) -> Opening<'a, String> {
            Box::pin(std::future::ready(Err(Fault::unreachable("nobody there"))))
        }

        fn decrypt<'a>(&'a self, _: &'a MasterKey) -> Opening<'a, SecretBytes> {
            Box::pin(std::future::ready(Err(Fault::unreachable("nobody there"))))
        }
    }
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let key = DataKey::random(&mut rng);
    let mut file = metadata(&[&["age:open"]], 0);
    let played = Played::default();
    let services: [&dyn KeyService; 2] = [&Closed, &played];
    at_once(wrap(&mut file, Wrapping::All, &key, &services, &mut rng)).expect("at once").expect("wraps");
    let found = at_once(unwrap(&file.groups, 0, &DecryptionOrder::default(), &services)).expect("at once");
    assert!(found.ok() == Some(key));
    let mut closed = metadata(&[&["age:shut"]], 0);
    closed.groups[0].keys[0].enc = "00".into();
    let recovery = at_once(unwrap(&closed.groups, 0, &DecryptionOrder::default(), &services)).expect("at once").err();
    assert_eq!(recovery.map(|recovery| recovery.groups[0].failed[0].faults.len()), Some(2));
}

#[test]
fn a_damaged_share_is_told() {
    let mut file = metadata(&[&["age:open1"], &["age:open2"]], 2);
    wrapped(&mut file).expect("wraps");
    file.groups[1].keys[0].enc = file.groups[0].keys[0].enc.clone();
    let recovery = unwrapped(&file, &DecryptionOrder::default()).0.err().expect("fails");
    assert!(recovery.report().ends_with("could not get data key from shamir parts: duplicate part detected"));
}
