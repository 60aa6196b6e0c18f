use super::*;
use crate::{Scope, vectors};

#[test]
fn the_worked_example_opens_under_its_scope_and_under_no_other() {
    let key = vectors::private_key();
    assert_eq!(key.fingerprint().as_str(), "SHA256:Y1IYTuNihPO8bGEmgN5BE5/lJClAx5dnyRfGeyW5d50");
    for (scope, sealed) in vectors::sealed() {
        for other in [Scope::Strict, Scope::NamespaceWide, Scope::ClusterWide] {
            let opened = key.open(&other.label(vectors::NAMESPACE, vectors::NAME), &sealed);
            assert_eq!(opened.is_some(), other == scope, "{scope} opened as {other}");
            assert!(opened.is_none_or(|value| value.expose() == vectors::VALUE));
        }
    }
}

#[test]
fn the_scope_is_all_that_binds_a_value() {
    let key = vectors::private_key();
    let [strict, namespace_wide, cluster_wide] = vectors::sealed();
    for ((scope, sealed), namespace, name, opens) in [
        (&strict, "myns", "other", false),
        (&strict, "other", "mysecret", false),
        (&namespace_wide, "myns", "other", true),
        (&namespace_wide, "other", "mysecret", false),
        (&cluster_wide, "other", "other", true),
    ] {
        assert_eq!(key.open(&scope.label(namespace, name), sealed).is_some(), opens, "{scope} in {namespace}/{name}");
    }
}

#[test]
fn a_single_flipped_bit_anywhere_opens_nothing() {
    let key = vectors::private_key();
    let (scope, sealed) = &vectors::sealed()[0];
    let label = scope.label(vectors::NAMESPACE, vectors::NAME);
    for place in 0..sealed.as_bytes().len() {
        let mut bytes = sealed.as_bytes().to_vec();
        bytes[place] ^= 1;
        assert!(key.open(&label, &Sealed::from_bytes(bytes.into())).is_none(), "byte {place}");
    }
    for length in [0, 1, 2, 100, 258, 270, 276] {
        let bytes = sealed.as_bytes()[..length].to_vec();
        assert!(key.open(&label, &Sealed::from_bytes(bytes.into())).is_none(), "{length} bytes");
    }
}

#[test]
fn what_is_sealed_opens_again_whatever_its_length() {
    let key = vectors::private_key();
    let label = Scope::Strict.label("demo", "db");
    for value in [vec![], vec![0xff], b"bar".to_vec(), (0..=255).collect(), vec![7; 1024 * 1024]] {
        let value = SecretBytes::new(value);
        let sealed = key.public().seal(&label, &value).expect("sealing needs nothing");
        assert_eq!(sealed.as_bytes().len(), 2 + 256 + value.len() + 16);
        assert!(sealed.to_text().starts_with("AQ"));
        assert!(key.open(&label, &sealed).is_some_and(|opened| opened == value));
        let again = key.public().seal(&label, &value).expect("sealing needs nothing");
        assert!(again != sealed, "each value has its own session key");
    }
}

#[test]
fn session_keys_of_every_aes_length_open_and_others_do_not() {
    let key = vectors::private_key();
    let label = Scope::ClusterWide.label("", "");
    for (length, opens) in [(16, true), (24, true), (32, true), (0, false), (31, false), (33, false)] {
        let session = vec![9; length];
        let mut wrapped = vec![0; 256];
        let public = &key.public().key;
        public.encrypt(&OAEP_SHA256_MGF1SHA256, &session, &mut wrapped, None).expect("it fits");
        let mut body = b"bar".to_vec();
        match cipher(&session) {
            Some(cipher) => {
                cipher.seal_in_place_append_tag(zero_nonce(), Aad::empty(), &mut body).expect("it fits");
            }
            None => body.resize(19, 0),
        }
        let sealed = Sealed::join(&wrapped, &body);
        assert_eq!(key.open(&label, &sealed).is_some(), opens, "{length} bytes");
    }
}

#[test]
fn a_key_is_the_same_in_both_frames_and_is_written_as_the_peer_stores_it() {
    let text = include_bytes!("../vectors/rsa_2048.pem");
    let key = vectors::private_key();
    assert_eq!(key.to_pem().expose().as_bytes(), text);
    let framed = PrivateKey::from_pkcs8(key.to_pkcs8().expose()).expect("what we frame, we read");
    assert_eq!(framed.fingerprint(), key.fingerprint());
    let behind = [include_bytes!("../vectors/ec_certificate.pem").as_slice(), text].concat();
    let behind = PrivateKey::parse(&behind).expect("blocks of other kinds are skipped");
    assert_eq!(behind.fingerprint(), key.fingerprint());
}

#[test]
fn what_is_no_usable_key_is_told_by_its_kind() {
    for (text, told) in [
        (&b""[..], "data does not contain a valid RSA private key"),
        (b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----", "cannot use the RSA private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "cannot read the PKCS#8 private key"),
        (include_bytes!("../vectors/ec_sec1.pem"), "unexpected private key type *ecdsa.PrivateKey"),
        (include_bytes!("../vectors/ec_pkcs8.pem"), "unexpected private key type *ecdsa.PrivateKey"),
        (include_bytes!("../vectors/rsa_1024.pem"), "cannot use the RSA private key"),
    ] {
        let fault = PrivateKey::parse(text).err().expect("no usable key");
        assert_eq!(fault.to_string(), told);
    }
}
