//! The interface: families and their names, namespaces, delimiters, absent keys, data that is no text.
//! Specification: ESO §8.1, §8.4, §8.5; VSO §9.4; SS §7.3.

use base::{SecretMap, SecretValue};
use rand_core::SeedableRng as _;

use super::{Engine, Family, Fuel, MissingKey, Surroundings, Value, now, run, sprig_names};
use crate::Templates;

const BUILTIN: &str = "and or not len index slice print printf println html js urlquery call eq ne lt le gt ge";
/// ESO §8.4.
const ESO: &str = "pkcs12key pkcs12keyPass pkcs12cert pkcs12certPass pemToPkcs12 pemToPkcs12Pass fullPemToPkcs12 \
    fullPemToPkcs12Pass pemTruststoreToPKCS12 pemTruststoreToPKCS12Pass filterPEM filterCertChain certSANs jwkPublicKeyPem \
    jwkPrivateKeyPem toYaml fromYaml rsaDecrypt hexdec";
/// What VSO leaves out on purpose (§9.4), and what nobody has.
const NOT_IN_VAULT: &str = "now date dateInZone htmlDate genPrivateKey genCA genSelfSignedCert uuidv4 randAlphaNum randAlpha \
    randNumeric randAscii encryptAES decryptAES derivePassword hello unixEpoch toDate dateModify randBytes toYaml fromYaml";
const NOWHERE: &str = "env expandenv getHostByName tpl include required lookup getSecretKey";

fn is_defined(family: Family, name: &str) -> bool {
    let parsed = Engine::new(family, MissingKey::NoValue).parse("t", format!("{{{{ {name} }}}}"));
    match parsed {
        Ok(_) => true,
        Err(fault) => {
            assert_eq!(fault.chain(), format!("template: t:1: function {name:?} not defined"));
            false
        }
    }
}

#[test]
fn each_family_has_its_functions_and_no_other() {
    assert_eq!(sprig_names().len(), 208, "sprig 3.3 without the three that look outside");
    for name in BUILTIN.split_whitespace() {
        let families = [Family::Go, Family::ExternalSecrets, Family::VaultSecrets, Family::SealedSecrets];
        assert!(families.into_iter().all(|family| is_defined(family, name)), "{name}");
    }
    for name in sprig_names() {
        assert!(is_defined(Family::ExternalSecrets, name) && is_defined(Family::SealedSecrets, name), "{name}");
        assert_eq!(is_defined(Family::Go, name), name == "slice", "{name}");
    }
    for name in ESO.split_whitespace() {
        assert!(is_defined(Family::ExternalSecrets, name), "{name}");
        assert!(!is_defined(Family::SealedSecrets, name) && !is_defined(Family::VaultSecrets, name), "{name}");
    }
    for name in NOT_IN_VAULT.split_whitespace() {
        assert!(!is_defined(Family::VaultSecrets, name), "{name}");
    }
    for name in NOWHERE.split_whitespace() {
        assert!(!is_defined(Family::ExternalSecrets, name) && !is_defined(Family::SealedSecrets, name), "{name}");
    }
    for name in ["trunc", "mustToJson", "semverCompare", "seq", "toDecimal", "htpasswd", "randInt", "b64dec"] {
        assert!(is_defined(Family::VaultSecrets, name), "{name}");
    }
}

/// Runs a template of a namespace.
fn execute(templates: &Templates, name: &str, data: &Value) -> Result<String, String> {
    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
    let surroundings = Surroundings { now: now(), rng: &mut rng, fuel: &mut Fuel::default() };
    let output = templates.execute(name, data, surroundings).map_err(|fault| fault.chain())?;
    Ok(String::from_utf8(output.into_exposed()).expect("a text"))
}

#[test]
fn templates_of_one_namespace_call_each_other() {
    let mut templates = Templates::new(Engine::vault_secrets());
    templates.parse("ns/app/url", "{{ template \"helper\" . }}@{{ .Secrets.host }}").expect("a template");
    templates.parse("lib", "{{ define \"helper\" }}{{ .Secrets.user }}{{ end }}").expect("a template");
    templates.parse("calls", "[{{ template \"ns/app/url\" . }}]").expect("a template");
    let data = Value::map([("Secrets", Value::map([("user", Value::text("u")), ("host", Value::text("h"))]))]);
    assert_eq!(execute(&templates, "ns/app/url", &data).as_deref(), Ok("u@h"));
    assert_eq!(execute(&templates, "calls", &data).as_deref(), Ok("[u@h]"));
    assert_eq!(execute(&templates, "lib", &data).as_deref(), Ok(""));
    // A later definition takes the place of an earlier one, an empty one does not.
    templates
        .parse("lib2", "{{ define \"helper\" }}other{{ end }}{{ define \"calls\" }} {{ end }}")
        .expect("a template");
    assert_eq!(execute(&templates, "calls", &data).as_deref(), Ok("[other@h]"));
    let refused = execute(&templates, "nope", &data).expect_err("it is not there");
    assert_eq!(refused, "template: no template \"nope\" associated with template");
    templates.parse("bad", "{{ template \"nope\" }}").expect("a template");
    let refused = execute(&templates, "bad", &data).expect_err("what it calls is not there");
    assert_eq!(
        refused,
        "template: bad:1:12: executing \"bad\" at <{{template \"nope\"}}>: template \"nope\" not defined"
    );
}

#[test]
fn a_definition_does_not_leave_its_template() {
    let engine = Engine::sealed_secrets();
    engine.clone().parse("a", "{{ define \"x\" }}1{{ end }}").expect("a template");
    let refused = run(engine, "{{ template \"x\" }}", &Value::Missing).expect_err("another namespace");
    assert!(refused.ends_with("template \"x\" not defined"));
}

#[test]
fn messages_of_sealed_secrets_read_as_in_the_specification() {
    // SS §7.2.
    for (name, text, message) in [
        ("u", "{{ .x", "template: u:1: unclosed action"),
        ("v", "{{ env \"X\" }}", "template: v:1: function \"env\" not defined"),
        ("w", "{{ fail \"boom\" }}", "template: w:1:3: executing \"w\" at <fail \"boom\">: error calling fail: boom"),
    ] {
        let mut templates = Templates::new(Engine::sealed_secrets());
        let result = templates.parse(name, text).map_err(|fault| fault.chain());
        let result = result.and_then(|()| execute(&templates, name, &Value::Missing));
        assert_eq!(result.expect_err("it fails"), message);
    }
}

#[test]
fn a_secret_map_is_a_map_of_texts_and_bytes_survive() {
    let map: SecretMap =
        [("b", &[0_u8, 0xff, 0x80][..]), ("t.x", b"text"), ("u", "ü".as_bytes())].into_iter().collect();
    let data = Value::from(&map);
    let eso = Engine::external_secrets;
    assert_eq!(run(eso(), "{{ .b }}", &data), Ok(vec![0, 0xff, 0x80]));
    assert_eq!(run(eso(), "{{ index . \"t.x\" }}{{ len .b }}{{ .u }}", &data), Ok("text3ü".as_bytes().to_vec()));
    assert_eq!(run(eso(), "{{ .b | b64enc | b64dec }}", &data), Ok(vec![0, 0xff, 0x80]));
    let refused = run(eso(), "{{ .missing }}", &data).expect_err("it is absent");
    assert_eq!(refused, "template: t:1:3: executing \"t\" at <.missing>: map has no entry for key \"missing\"");
    assert_eq!(run(Engine::sealed_secrets(), "{{ .missing }}", &data), Ok(b"<no value>".to_vec()));
}

#[test]
fn numbers_of_a_response_stay_as_they_were_written() {
    let value = document::json::parse_value(br#"{"port": 5432, "price": 1.50, "bytes": "x", "list": [1, null, true]}"#);
    let value: SecretValue = value.expect("JSON");
    let data = Value::map([("Secrets", Value::from(&value))]);
    let text = "{{ .Secrets.port }} {{ .Secrets.price }} {{ .Secrets.list }} {{ toJson .Secrets }}";
    let expected = r#"5432 1.50 [1 <nil> true] {"bytes":"x","list":[1,null,true],"port":5432,"price":1.50}"#;
    assert_eq!(run(Engine::vault_secrets(), text, &data), Ok(expected.as_bytes().to_vec()));
    let refused =
        run(Engine::vault_secrets(), "{{ if eq .Secrets.port 5432 }}{{ end }}", &data).expect_err("types differ");
    assert!(refused.contains("error calling eq: incompatible types for comparison"), "{refused}");
}

#[test]
fn delimiters_are_the_engines() {
    let data = Value::texts([("a", "1")]);
    let engine = || Engine::external_secrets().delimiters("<<", ">>");
    assert_eq!(run(engine(), "<< .a >>{{ .a }}", &data), Ok(b"1{{ .a }}".to_vec()));
    assert_eq!(run(Engine::external_secrets().delimiters("", ""), "{{ .a }}", &data), Ok(b"1".to_vec()));
    let error = engine().parse("t", "<< .a").map(|_| ()).map_err(|fault| fault.chain());
    assert_eq!(error, Err("template: t:1: unclosed action".to_owned()));
}

#[test]
fn a_template_is_parsed_once_and_run_by_many_threads() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    let template = Engine::external_secrets().parse("t", "{{ .a }}").expect("a template");
    is_shared(&template);
}

#[test]
fn random_functions_draw_from_the_runs_source() {
    let text = "{{ randAlphaNum 20 }}{{ uuidv4 }}{{ shuffle \"abcdef\" }}{{ randInt 0 1000 }}{{ randBytes 4 }}{{ bcrypt \"x\" }}{{ encryptAES \"k\" \"v\" }}";
    let twice = || run(Engine::sealed_secrets(), text, &Value::Missing).expect("it runs");
    assert_eq!(twice(), twice());
    let uuid = run(Engine::sealed_secrets(), "{{ uuidv4 }}", &Value::Missing).expect("it runs");
    let uuid = uuid::Uuid::parse_str(std::str::from_utf8(&uuid).expect("a text")).expect("an UUID");
    assert_eq!(uuid.get_version_num(), 4);
}

mod laws {
    use proptest::prelude::*;

    use super::*;

    const PIECES: [&str; 64] = [
        "{{",
        "}}",
        "{{-",
        "-}}",
        " ",
        "\n",
        "if",
        "else",
        "end",
        "range",
        "with",
        "define",
        "block",
        "template",
        "break",
        "continue",
        "nil",
        "true",
        ".",
        ".a",
        ".b.c",
        "$",
        "$x",
        ":=",
        "=",
        "|",
        "(",
        ")",
        ",",
        "\"s\"",
        "`r`",
        "'c'",
        "1",
        "-2.5",
        "0x1F",
        "1e3",
        "print",
        "printf",
        "\"%v %d %s\"",
        "len",
        "index",
        "eq",
        "and",
        "or",
        "not",
        "list",
        "dict",
        "set",
        "get",
        "first",
        "toJson",
        "fromJson",
        "/*",
        "*/",
        "\"",
        "'",
        "`",
        "\\",
        "ä",
        "\u{0}",
        "/",
        "until",
        "trunc",
        "substr",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

        /// Whatever is put together, it is a template or a message, never a panic.
        #[test]
        fn no_text_panics(pieces in proptest::collection::vec(0..PIECES.len(), 0..24)) {
            let text: String = pieces.iter().map(|index| PIECES[*index]).collect::<Vec<_>>().join(" ");
            let data = Value::map([("a", Value::text("x")), ("b", Value::map([("c", Value::int(3))]))]);
            for text in [text.clone(), format!("{{{{ {text} }}}}"), text.replace(' ', "")] {
                drop(run(Engine::sealed_secrets(), &text, &data));
            }
        }

        /// A text without delimiters comes out as it went in.
        #[test]
        fn text_without_actions_is_itself(text in "[^{}]*") {
            prop_assert_eq!(run(Engine::sealed_secrets(), &text, &Value::Missing), Ok(text.into_bytes()));
        }

        /// A quoted text is itself.
        #[test]
        fn quoting_and_unquoting_are_inverse(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let quoted = crate::runes::quoted(&bytes);
            prop_assert_eq!(crate::literal::unquoted(quoted.as_bytes()), Some(bytes));
        }

        /// A value survives JSON.
        #[test]
        fn json_of_json_is_the_same(text in "[a-zäü<>&\"\\\\]{0,12}", number in any::<i32>()) {
            let data = Value::map([("v", Value::list(vec![Value::text(text.as_str()), Value::int(i64::from(number))]))]);
            let once = run(Engine::sealed_secrets(), "{{ toJson .v }}", &data);
            let twice = run(Engine::sealed_secrets(), "{{ toJson .v | fromJson | toJson }}", &data);
            prop_assert_eq!(once, twice);
        }
    }
}
