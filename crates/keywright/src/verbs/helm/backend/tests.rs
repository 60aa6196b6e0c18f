use super::*;

#[test]
fn what_sops_encrypted_is_never_taken_for_a_plain_file() {
    for (text, expected) in [
        ("a: 1\n", false),
        ("a: sops\nsops: 1\n", false),
        ("a: ENC[AES256_GCM,data:x]\n", true),
        ("a: [{b: \"ENC[AES256_GCM,data:x]\"}]\n", true),
        ("note: about ENC[AES256_GCM,…\n", false),
        ("sops:\n    mac: ENC[AES256_GCM,data:a,iv:b,tag:c,type:str]\n", true),
        ("sops:\n    mac:\n      folded\n", true),
        ("{\"sops\": {\"mac\": \"x\"}}", true),
        ("sops_mac=ENC[AES256_GCM,data:a,iv:b,tag:c,type:str]\n", true),
        ("", false),
        ("\u{0}\u{1}sops", false),
    ] {
        assert_eq!(Backend::Sops.is_encrypted(text.as_bytes()), expected, "{text}");
    }
    assert!(Backend::Vals.is_encrypted(b"a: ref+echo://x"));
    assert!(!Backend::Vals.is_encrypted(b"a: 1"));
    assert!(Backend::Vals.is_encrypted(b"a: ENC[AES256_GCM,data:x]"));
    assert!(Backend::Noop.is_encrypted(b""));
}

#[test]
fn a_files_type_shows_in_its_text() {
    for (text, expected) in [
        ("a: 1\nsops:\n    mac: x\n", Format::Yaml),
        ("{\"data\": \"ENC[…\"}", Format::Binary),
        ("{\"a\": \"ENC[…\"}", Format::Json),
        ("A=1\nsops_mac=ENC[…\n", Format::Dotenv),
        ("[a]\n[sops]\nmac = ENC\n", Format::Ini),
    ] {
        assert_eq!(type_of(text.as_bytes()), expected, "{text}");
    }
}
