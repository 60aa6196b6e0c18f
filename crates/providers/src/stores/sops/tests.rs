//! References to files that sops 3.13.3 made, in every format, and to one that stands in the reference itself.

use ::sops::at_once;
use source::expand::Options;

use super::*;
use crate::keys::age::tests::KEY;
use crate::resolver::tests::reach;
use crate::resolver::{MissingKey, Resolver, Schemes};

const YAML: &str = include_str!("../../keys/recorded/file.yaml");

fn text(files: &[(&str, &str)], text: &str) -> String {
    let resolver = Resolver::new(reach(files, &[("SOPS_AGE_KEY", KEY)]).0, Schemes::All, MissingKey::Refuse);
    let filled = at_once(resolver.fill_text(text, &Options::default())).expect("age keys answer at once");
    filled.map_or_else(|fault| fault.chain(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[test]
fn files_of_every_format_are_read_whole_and_walked_through() {
    let files = [
        ("file.yaml", YAML),
        ("file.json", include_str!("../../keys/recorded/file.json")),
        ("file.env", include_str!("../../keys/recorded/file.env")),
        ("file.ini", include_str!("../../keys/recorded/file.ini")),
        ("file.bin", include_str!("../../keys/recorded/file.bin")),
        ("noextension", YAML),
    ];
    for (reference, expected) in [
        ("ref+sops://file.yaml#/number", "1"),
        ("ref+sops://file.yaml#/list/1/nested/0/float", "<none>"),
        ("ref+sops://file.yaml#/list/0", "x"),
        ("ref+sops://noextension#/number", "1"),
        ("ref+sops://noextension?format=yaml#/number", "1"),
        ("ref+sops://file.json#/l/2/k", "1.5"),
        (
            "ref+sops://file.json",
            "{\n\t\"a\": \"x\",\n\t\"n\": 5,\n\t\"l\": [\n\t\ttrue,\n\t\tnull,\n\t\t{\n\t\t\t\"k\": 1.5\n\t\t}\n\t]\n}\n",
        ),
        ("ref+sops://file.env", "# note\nA=1\nB=two\\nlines\n"),
        ("ref+sops://file.env#/B", "two\nlines"),
        ("ref+sops://file.ini#/one/key", "value"),
        ("ref+sops://file.bin", "\u{fffd}\0binary\n"),
    ] {
        let told = text(&files, reference);
        if expected == "<none>" {
            assert!(told.contains("no value found for key"), "{reference}: {told}");
        } else {
            assert_eq!(told, expected, "{reference}");
        }
    }
}

#[test]
fn a_file_can_stand_in_the_reference() {
    let inline = Base64::Url.encode(YAML.as_bytes());
    assert_eq!(text(&[], &format!("ref+sops://{inline}?key_type=base64&format=yaml#/number")), "1");
    let broken = text(&[], "ref+sops://!!?key_type=base64");
    assert!(broken.ends_with("cannot decode the encrypted text: illegal base64 data at input byte 0"), "{broken}");
}

#[test]
fn altered_files_and_missing_keys_are_refused() {
    let altered = YAML.replacen("clear_unencrypted: 2024", "clear_unencrypted: 2025", 1);
    assert_ne!(altered, YAML);
    let told = text(&[("a.yaml", altered.as_str())], "ref+sops://a.yaml#/number");
    assert!(told.starts_with("expand sops://a.yaml#/number: failed to verify data integrity: MAC mismatch."), "{told}");
    let resolver = Resolver::new(reach(&[("a.yaml", YAML)], &[]).0, Schemes::All, MissingKey::Refuse);
    let told = at_once(resolver.fill_text("ref+sops://a.yaml", &Options::default())).expect("at once");
    let told = told.expect_err("there is no key").chain();
    assert!(told.contains("Group 0: FAILED"), "{told}");
}
