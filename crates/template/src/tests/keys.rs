//! External Secrets' functions for keys and certificates, on what OpenSSL made (`fixtures/make.sh`) and on RFC 7517 and 8037's keys.
//! What we write ourselves (PKCS#12, certificates) is read back.

use rsa::pkcs8::DecodePrivateKey as _;
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};

use super::{Engine, Value, run};
use crate::value::Text;

const LEAF_KEY: &str = include_str!("fixtures/leaf.key");
const LEAF: &str = include_str!("fixtures/leaf.crt");
const MIDDLE: &str = include_str!("fixtures/middle.crt");
const ROOT: &str = include_str!("fixtures/root.crt");
const CHAIN: &str = include_str!("fixtures/chain.pem");
const SHUFFLED: &str = include_str!("fixtures/shuffled.pem");

/// Runs a template of External Secrets over texts.
fn eso(text: &str, data: &[(&str, &[u8])]) -> Result<String, String> {
    let data = Value::texts(data.iter().map(|(name, value)| (*name, Text::from(*value))));
    run(Engine::external_secrets(), text, &data).map(|bytes| String::from_utf8(bytes).expect("a text"))
}

/// The message of a failing function, without what stands before it.
fn refusal(text: &str, data: &[(&str, &[u8])]) -> String {
    let message = eso(text, data).expect_err("it fails");
    message.split_once("error calling ").map_or(message.clone(), |(_, message)| message.to_owned())
}

#[test]
fn pkcs12_files_old_and_new_are_opened() {
    let files: [(&str, &[u8]); 4] = [
        ("", include_bytes!("fixtures/modern.p12")),
        ("pässwörd", include_bytes!("fixtures/password.p12")),
        ("old", include_bytes!("fixtures/rc2.p12")),
        ("old", include_bytes!("fixtures/3des.p12")),
    ];
    for (password, file) in files {
        let data: [(&str, &[u8]); 2] = [("p", password.as_bytes()), ("f", file)];
        assert_eq!(eso("{{ .f | pkcs12keyPass .p }}", &data).as_deref(), Ok(LEAF_KEY), "{password}");
        assert_eq!(eso("{{ .f | pkcs12certPass .p }}", &data).as_deref(), Ok(CHAIN), "{password}");
    }
    let modern: [(&str, &[u8]); 1] = [("f", include_bytes!("fixtures/modern.p12"))];
    assert_eq!(eso("{{ pkcs12key .f }}{{ pkcs12cert .f }}", &modern), Ok(format!("{LEAF_KEY}{CHAIN}")));
    let refused = refusal("{{ pkcs12keyPass \"wrong\" .f }}", &modern);
    assert!(refused.starts_with("pkcs12keyPass: unable to decode pkcs12 with password: "), "{refused}");
    let refused = refusal("{{ pkcs12cert .f }}", &[("f", b"junk")]);
    assert!(refused.starts_with("pkcs12cert: unable to decode pkcs12 certificate with password: "), "{refused}");
}

#[test]
fn pkcs12_files_are_written_and_read_back() {
    let pkcs1 = include_str!("fixtures/leaf.pkcs1.key");
    let data: [(&str, &[u8]); 3] = [("c", CHAIN.as_bytes()), ("k", pkcs1.as_bytes()), ("one", LEAF.as_bytes())];
    for (made, opened) in [
        ("pemToPkcs12 .c .k", format!("{LEAF_KEY}{LEAF}")),
        ("fullPemToPkcs12 .c .k", format!("{LEAF_KEY}{CHAIN}")),
        ("fullPemToPkcs12 .one .k", format!("{LEAF_KEY}{LEAF}")),
    ] {
        let text = format!("{{{{ $f := {made} | b64dec }}}}{{{{ pkcs12key $f }}}}{{{{ pkcs12cert $f }}}}");
        assert_eq!(eso(&text, &data), Ok(opened.clone()), "{made}");
        let (name, arguments) = made.split_once(' ').expect("a call");
        let text = format!(
            "{{{{ $f := {name}Pass {arguments} \"ü\" | b64dec }}}}{{{{ pkcs12keyPass \"ü\" $f }}}}{{{{ pkcs12certPass \"ü\" $f }}}}"
        );
        assert_eq!(eso(&text, &data), Ok(opened), "{made} with a password");
    }
    let text = "{{ pemTruststoreToPKCS12 .c | b64dec | pkcs12cert }}";
    assert_eq!(eso(text, &data).as_deref(), Ok(CHAIN));
    let text = "{{ pemTruststoreToPKCS12Pass .c \"x\" | b64dec | pkcs12certPass \"x\" }}";
    assert_eq!(eso(text, &data).as_deref(), Ok(CHAIN));
    // Two of one name are both kept.
    let twice: [(&str, &[u8]); 1] = [("c", &[ROOT.as_bytes(), ROOT.as_bytes()].concat())];
    let text = "{{ pemTruststoreToPKCS12 .c | b64dec | pkcs12cert }}";
    assert_eq!(eso(text, &twice), Ok(format!("{ROOT}{ROOT}")));
    assert_eq!(refusal("{{ pemToPkcs12 \"\" .k }}", &data), "pemToPkcs12: failed to decode PEM block");
    assert_eq!(refusal("{{ pemToPkcs12 .c \"\" }}", &data), "pemToPkcs12: failed to decode PEM block");
    assert_eq!(refusal("{{ pemToPkcs12 .c .c }}", &data), "pemToPkcs12: the PEM block holds no private key");
}

#[test]
fn blocks_are_filtered_by_kind() {
    let mixed = format!("junk before\n{LEAF_KEY}between\n{LEAF}{ROOT}behind");
    let data: [(&str, &[u8]); 2] = [("m", mixed.as_bytes()), ("clean", LEAF.as_bytes())];
    assert_eq!(eso("{{ .m | filterPEM \"CERTIFICATE\" }}", &data), Ok(format!("{LEAF}{ROOT}")));
    assert_eq!(eso("{{ .m | filterPEM \"private key\" }}", &data).as_deref(), Ok(LEAF_KEY));
    assert_eq!(eso("{{ .clean | filterPEM \"X\" }}", &data).as_deref(), Ok(""));
    assert_eq!(eso("{{ \"\" | filterPEM \"X\" }}", &data).as_deref(), Ok(""));
    assert_eq!(refusal("{{ .m | filterPEM \"X\" }}", &data), "filterPEM: error filtering pem: found junk");
    assert_eq!(refusal("{{ \"x\" | filterPEM \"X\" }}", &data), "filterPEM: error filtering pem: found junk");
}

#[test]
fn chains_are_ordered_and_taken_apart() {
    let data: [(&str, &[u8]); 1] = [("c", SHUFFLED.as_bytes())];
    for (part, expected) in [("leaf", LEAF), ("intermediate", MIDDLE), ("root", ROOT), ("other", "")] {
        assert_eq!(eso(&format!("{{{{ .c | filterCertChain {part:?} }}}}"), &data).as_deref(), Ok(expected), "{part}");
    }
    let short = format!("{MIDDLE}{LEAF}");
    assert_eq!(eso("{{ filterCertChain \"root\" .c }}", &[("c", short.as_bytes())]).as_deref(), Ok(""));
    assert_eq!(eso("{{ filterCertChain \"intermediate\" .c }}", &[("c", short.as_bytes())]).as_deref(), Ok(MIDDLE));
    let gap = format!("{LEAF}{ROOT}");
    let refused = refusal("{{ filterCertChain \"leaf\" .c }}", &[("c", gap.as_bytes())]);
    assert_eq!(refused, "filterCertChain: found multiple leaf or disjunct certificates");
    let refused = refusal("{{ filterCertChain \"leaf\" .c }}", &[("c", b"")]);
    assert_eq!(refused, "filterCertChain: no leaf certificate found");
    let refused = refusal("{{ filterCertChain \"leaf\" .c }}", &[("c", LEAF_KEY.as_bytes())]);
    assert!(refused.starts_with("filterCertChain: failed to parse certificate"), "{refused}");
}

#[test]
fn the_names_of_a_certificate_are_listed() {
    let data: [(&str, &[u8]); 2] = [("c", &[b"junk\n", LEAF.as_bytes()].concat()), ("none", ROOT.as_bytes())];
    let expected = "shop.example,*.shop.example,10.0.0.1,2001:db8::1,ops@shop.example,spiffe://shop/web";
    assert_eq!(eso("{{ certSANs .c | join \",\" }}", &data).as_deref(), Ok(expected));
    assert_eq!(eso("{{ certSANs .none | len }}", &data).as_deref(), Ok("0"));
    assert_eq!(refusal("{{ certSANs \"x\" }}", &data), "certSANs: failed to decode PEM block");
}

#[test]
fn rsa_decrypts_what_openssl_encrypted() {
    for (hash, ciphertext) in [
        ("SHA1", &include_bytes!("fixtures/oaep.sha1")[..]),
        ("SHA256", include_bytes!("fixtures/oaep.sha256")),
        ("None", include_bytes!("fixtures/oaep.sha256")),
        ("SHA512", include_bytes!("fixtures/oaep.sha512")),
    ] {
        for key in [LEAF_KEY, include_str!("fixtures/leaf.pkcs1.key")] {
            let data: [(&str, &[u8]); 2] = [("c", ciphertext), ("k", key.as_bytes())];
            let text = format!("{{{{ rsaDecrypt \"RSA-OAEP\" {hash:?} .c .k }}}}");
            assert_eq!(eso(&text, &data).as_deref(), Ok("attack at dawn"), "{hash}");
        }
    }
    let data: [(&str, &[u8]); 2] = [("k", LEAF_KEY.as_bytes()), ("e", include_bytes!("fixtures/ec.key"))];
    assert_eq!(eso("{{ rsaDecrypt \"None\" \"\" \"as it is\" \"\" }}", &data).as_deref(), Ok("as it is"));
    for (call, message) in [
        ("\"X\" \"SHA1\" \"\" .k", "decryption scheme X is not supported"),
        ("\"RSA-OAEP\" \"SHA1\" \"\" \"\"", "failed to decode PEM block"),
        ("\"RSA-OAEP\" \"SHA1\" \"\" .e", "could not parse RSA private key"),
        ("\"RSA-OAEP\" \"SHA1\" \"x\" .k", "error decrypting data with RSA: crypto/rsa: decryption error"),
    ] {
        assert_eq!(refusal(&format!("{{{{ rsaDecrypt {call} }}}}"), &data), format!("rsaDecrypt: {message}"));
    }
}

fn base64url(bytes: &[u8]) -> String {
    base::encoding::Base64::RawUrl.encode(bytes)
}

#[test]
fn rsa_keys_come_out_of_jwks() {
    let key = rsa::PrivateKey::from_pkcs8_pem(LEAF_KEY).expect("OpenSSL's key");
    let number = |number: &rsa::BoxedUint| base64url(&number.to_be_bytes_trimmed_vartime());
    let public = format!(r#""kty":"RSA","n":"{}","e":"{}""#, number(key.n()), number(key.e()));
    let primes = format!(r#""p":"{}","q":"{}""#, number(&key.primes()[0]), number(&key.primes()[1]));
    let private = format!(r#"{{{public},"d":"{}",{primes}}}"#, number(key.d()));
    let bare = format!(r#"{{{public},"d":"{}"}}"#, number(key.d()));
    let public = format!("{{{public}}}");
    let data: [(&str, &[u8]); 3] = [("p", public.as_bytes()), ("s", private.as_bytes()), ("b", bare.as_bytes())];
    assert_eq!(eso("{{ jwkPublicKeyPem .p }}", &data).as_deref(), Ok(include_str!("fixtures/leaf.pub")));
    assert_eq!(eso("{{ jwkPrivateKeyPem .s }}", &data).as_deref(), Ok(LEAF_KEY));
    assert_eq!(eso("{{ jwkPrivateKeyPem .b }}", &data).as_deref(), Ok(LEAF_KEY));
    for call in ["jwkPublicKeyPem .s", "jwkPrivateKeyPem .p", "jwkPublicKeyPem \"x\"", "jwkPublicKeyPem \"{}\""] {
        assert!(refusal(&format!("{{{{ {call} }}}}"), &data).contains(": jwk: "), "{call}");
    }
}

#[test]
fn curve_keys_come_out_of_jwks() {
    let ec = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"SECRET}"#;
    let ed = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"SECRET}"#;
    let cases = [
        (
            ec,
            r#","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE""#,
            "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMKBCTNIcKUSDii11ySs3526iDZ8A\niTo7Tu6KPAqv7D7gS2XpJFbZiItSs3m9+9Ue6GnvHw/GW2ZZaVtszggXIw==\n-----END PUBLIC KEY-----\n",
            "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg870MB6gfuTJ4HtUn\nUvYMyJpr5eUZNP4Bk43bVdj3eAGhRANCAAQwoEJM0hwpRIOKLXXJKzfnbqINnwCJ\nOjtO7oo8Cq/sPuBLZekkVtmIi1Kzeb371R7oae8fD8ZbZllpW2zOCBcj\n-----END PRIVATE KEY-----\n",
        ),
        (
            ed,
            r#","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A""#,
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n",
            "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n",
        ),
    ];
    for (jwk, secret, public_pem, private_pem) in cases {
        let (public, private) = (jwk.replace("SECRET", ""), jwk.replace("SECRET", secret));
        let data: [(&str, &[u8]); 2] = [("p", public.as_bytes()), ("s", private.as_bytes())];
        assert_eq!(eso("{{ jwkPublicKeyPem .p }}", &data).as_deref(), Ok(public_pem));
        assert_eq!(eso("{{ jwkPrivateKeyPem .s }}", &data).as_deref(), Ok(private_pem));
    }
    let refused = refusal("{{ jwkPublicKeyPem .k }}", &[("k", br#"{"kty":"oct","k":"AAAA"}"#)]);
    assert_eq!(refused, "jwkPublicKeyPem: jwk: a symmetric key has no such form");
}

#[test]
fn keys_of_every_form_sign_certificates() {
    for (key, head) in [
        (include_str!("fixtures/ec.sec1.key"), "-----BEGIN EC PRIVATE KEY-----"),
        (include_str!("fixtures/ec.key"), "-----BEGIN EC PRIVATE KEY-----"),
        (LEAF_KEY, "-----BEGIN RSA PRIVATE KEY-----"),
    ] {
        let text = format!(
            "{{{{ $ca := genCAWithKey \"ca\" 10 .k }}}}{{{{ $c := genSignedCertWithKey \"cn\" (list \"10.0.0.1\") (list \"a.b\") 5 $ca .k }}}}\
             {{{{ certSANs $c.Cert }}}}|{{{{ print $c.Cert $ca.Cert | filterCertChain \"root\" | eq $ca.Cert }}}}|{{{{ trunc {} $c.Key }}}}",
            head.len()
        );
        let expected = format!("[a.b 10.0.0.1]|true|{head}");
        assert_eq!(eso(&text, &[("k", key.as_bytes())]), Ok(expected));
    }
    let sec1 = include_str!("fixtures/ec.sec1.key");
    let made = eso("{{ (genCAWithKey \"ca\" 1 .k).Key }}", &[("k", include_bytes!("fixtures/ec.key"))]);
    assert_eq!(made.as_deref(), Ok(sec1), "a key in SEC 1 is what OpenSSL writes");
    let made = eso("{{ (genCAWithKey \"ca\" 1 .k).Key }}", &[("k", LEAF_KEY.as_bytes())]);
    assert_eq!(made.as_deref(), Ok(include_str!("fixtures/leaf.pkcs1.key")));
}

#[test]
fn a_certificate_is_what_it_was_asked_for() {
    use x509_parser::prelude::{FromDer as _, X509Certificate};
    let text =
        eso("{{ (genSelfSignedCertWithKey \"web\" nil (list \"a.b\") 5 .k).Cert }}", &[("k", LEAF_KEY.as_bytes())]);
    let block = pem::parse(text.expect("a certificate")).expect("a block");
    let (_, certificate) = X509Certificate::from_der(block.contents()).expect("a certificate");
    assert_eq!(certificate.subject().to_string(), "CN=web");
    assert_eq!(certificate.issuer().to_string(), "CN=web");
    let validity = certificate.validity();
    let start = super::now().as_second();
    assert_eq!(validity.not_before.timestamp(), start);
    assert_eq!(validity.not_after.timestamp(), start + 5 * 86_400);
    let usage = certificate.key_usage().expect("one").expect("a key usage").value;
    assert!(usage.digital_signature() && usage.key_encipherment() && !usage.key_cert_sign());
    let extended = certificate.extended_key_usage().expect("one").expect("an extended one").value;
    assert!(extended.server_auth && extended.client_auth);
    assert!(!certificate.is_ca());
    certificate.verify_signature(None).expect("its own signature");
}

#[test]
fn the_vectors_of_the_specification_hold() {
    assert_eq!(eso("{{ htpasswd \"u\" \"pw\" \"sha\" }}", &[]).as_deref(), Ok("u:{SHA}GpHWL3ymc5liWkNopqtdSjuqYHM="));
    assert_eq!(eso("{{ htpasswd \"u:v\" \"pw\" \"sha\" }}", &[]).as_deref(), Ok("invalid username: u:v"));
    let line = eso("{{ htpasswd \"u\" \"pw\" \"bcrypt\" }}", &[]).expect("a line");
    let hash = line.strip_prefix("u:").expect("the user");
    assert!(hash.starts_with("$2a$10$") && bcrypt::verify("pw", hash).expect("a hash"));
    let refused = eso("{{ htpasswd \"u\" \"pw\" .h }}", &[("h", b"sha")]).expect_err("only a literal fits");
    assert!(refused.ends_with("wrong type for value; expected sprig.HashAlgorithm; got string"), "{refused}");
    let refused = eso("{{ \"sha\" | htpasswd \"u\" \"pw\" }}", &[]).expect_err("only a literal fits");
    assert!(refused.ends_with("wrong type for value; expected sprig.HashAlgorithm; got string"), "{refused}");
    let text = "{{ decryptAES \"secretkey\" \"AAECAwQFBgcICQoLDA0OD9K3weWZIByFN+IMJ1ZnUQ4=\" }}";
    assert_eq!(eso(text, &[]).as_deref(), Ok("hello"));
    assert_eq!(
        eso("{{ encryptAES \"k\" \"\" }}|{{ encryptAES \"k\" .v | decryptAES \"k\" }}", &[("v", b"x")]).as_deref(),
        Ok("|x")
    );
    assert_eq!(eso("{{ hexdec \"6869\" }}", &[]).as_deref(), Ok("hi"));
    for name in ["env", "expandenv", "getHostByName", "getSecretKey"] {
        let refused = eso(&format!("{{{{ {name} \"x\" }}}}"), &[]).expect_err("it is not there");
        assert_eq!(refused, format!("template: t:1: function \"{name}\" not defined"));
    }
}

#[test]
fn yaml_goes_in_and_out_as_kubernetes_writes_it() {
    let data: [(&str, &[u8]); 1] = [("y", b"b: 1\na: [x, 2.5, true, null]\nport: 5432\nbig: 12345678\non: yes\n")];
    assert_eq!(
        eso("{{ fromYaml .y | toYaml }}", &data).as_deref(),
        Ok("a:\n- x\n- 2.5\n- true\n- null\nb: 1\nbig: 12345678\nport: 5432\n\"true\": true")
    );
    assert_eq!(eso("{{ (fromYaml .y).big }} {{ (fromYaml .y).port }}", &data).as_deref(), Ok("1.2345678e+07 5432"));
    assert_eq!(eso("{{ (fromYaml \": :\\n -\").Error | empty }}", &[]).as_deref(), Ok("false"));
    assert_eq!(eso("{{ fromYaml \"\" }}", &[]).as_deref(), Ok("map[]"));
    assert_eq!(eso("{{ dict \"k\" \"multi\\nline\\n\" | toYaml }}", &[]).as_deref(), Ok("k: |\n  multi\n  line"));
}

#[test]
fn a_dsa_key_is_written_as_openssl_does() {
    use rsa::pkcs8::der::Decode as _;
    use rsa::pkcs8::der::asn1::UintRef;
    let text = include_str!("fixtures/dsa.key");
    let block = pem::parse(text).expect("a block");
    let numbers = Vec::<UintRef<'_>>::from_der(block.contents()).expect("six numbers");
    let number = |index: usize| {
        let number = numbers.get(index).expect("six numbers");
        rsa::BoxedUint::from_be_slice_vartime(number.as_bytes())
    };
    let components = dsa::Components::from_components(number(1), number(2), number(3)).expect("components");
    let public = dsa::VerifyingKey::from_components(components, number(4)).expect("a public key");
    let key = dsa::SigningKey::from_components(public, number(5)).expect("a key");
    assert_eq!(crate::functions::dsa_pem(&key).as_deref(), Ok(text));
}
