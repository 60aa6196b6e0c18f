//! Blocks of all versions read, and the block of 3.13 written. JSON stands for every nested format.

use super::*;
use document::{Document, EmitOptions, Format, ReadOptions};

fn block(json: &str) -> Branch {
    let document = document::read(json.as_bytes(), Format::Json, &ReadOptions::default()).expect("JSON");
    document.branches.into_iter().next().expect("one object")
}

fn read(json: &str) -> Result<Metadata, String> {
    Metadata::read(&block(json)).map_err(|fault| fault.chain())
}

/// A block with one age key and these further fields.
fn with(fields: &str) -> String {
    format!(
        r#"{{"age": [{{"recipient": "age1x", "enc": "YWdl\n"}}], "lastmodified": "2026-01-02T03:04:05Z", "mac": "m", "version": "3.13.2"{fields}}}"#
    )
}

fn json(metadata: &Metadata) -> String {
    let document = Document { branches: vec![metadata.write()] };
    let bytes = document::emit(&document, Format::Json, &EmitOptions { indent: Some(1), ..EmitOptions::default() });
    String::from_utf8(bytes.expect("JSON")).expect("text")
}

/// SOPS §4.19, the layout of 3.13.2 with two groups.
const GROUPS: &str = r#"{
 "key_groups": [
  {
   "age": [
    {
     "enc": "YWdl\n",
     "recipient": "age1x"
    }
   ],
   "hc_vault": []
  },
  {
   "age": [],
   "hc_vault": [],
   "kms": [
    {
     "arn": "arn:aws:kms:us-east-1:1:key/k",
     "aws_profile": "",
     "context": {
      "a": "1",
      "b": "2"
     },
     "created_at": "2026-01-02T03:04:05Z",
     "enc": "a2tr",
     "role": "arn:aws:iam::1:role/r"
    }
   ],
   "pgp": [
    {
     "created_at": "2026-01-02T03:04:05Z",
     "enc": "-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----",
     "fp": "FP"
    }
   ]
  }
 ],
 "lastmodified": "2026-01-02T03:04:05Z",
 "mac": "ENC[AES256_GCM,…]",
 "shamir_threshold": 2,
 "unencrypted_suffix": "_unencrypted",
 "version": "3.13.2"
}
"#;

/// One key of each of the other types, and one of a type that we do not know.
const FLAT: &str = r#"{
 "azure_kv": [
  {
   "created_at": "2026-01-02T03:04:05Z",
   "enc": "x",
   "name": "n",
   "vault_url": "https://v",
   "version": "1"
  }
 ],
 "encrypted_regex": "^data$",
 "gcp_kms": [
  {
   "created_at": "2026-01-02T03:04:05Z",
   "enc": "x",
   "resource_id": "projects/p"
  }
 ],
 "hc_vault": [
  {
   "created_at": "2026-01-02T03:04:05Z",
   "enc": "vault:v1:x",
   "engine_path": "transit",
   "key_name": "k",
   "vault_address": "https://v"
  }
 ],
 "hckms": [
  {
   "created_at": "2026-01-02T03:04:05Z",
   "enc": "x",
   "key_id": "r:u"
  }
 ],
 "lastmodified": "2026-01-02T03:04:05Z",
 "mac": "m",
 "mac_only_encrypted": true,
 "tencent_kms": [
  {
   "created_at": "2026-01-02T03:04:05Z",
   "enc": "x",
   "extra": {
    "a": 1
   },
   "key": "k"
  }
 ],
 "version": "3.13.3"
}
"#;

#[test]
fn what_was_read_is_written_byte_for_byte() {
    for text in [GROUPS, FLAT] {
        assert_eq!(json(&read(text).expect("reads")), text);
    }
    assert_eq!(read(GROUPS).map(|file| (file.groups.len(), file.shamir_threshold)), Ok((2, 2)));
    let keys = read(FLAT).expect("reads").groups.remove(0).keys;
    let lists: Vec<&str> = keys.iter().map(MasterKey::list).collect();
    assert_eq!(lists, ["gcp_kms", "hckms", "azure_kv", "hc_vault", "tencent_kms"]);
}

#[test]
fn types_are_weak() {
    let cases = [
        (r#", "shamir_threshold": "2.000000""#, 2),
        (r#", "shamir_threshold": 2.0"#, 2),
        (r#", "shamir_threshold": "2""#, 2),
        (r#", "shamir_threshold": null"#, 0),
        (r#", "Shamir_Threshold": 2, "kms": null, "pgp": []"#, 2),
    ];
    for (fields, threshold) in cases {
        assert_eq!(read(&with(fields)).map(|file| file.shamir_threshold), Ok(threshold), "{fields}");
    }
    for (fields, expected) in
        [(r#", "mac_only_encrypted": "true""#, true), (r#", "mac_only_encrypted": 1"#, true), ("", false)]
    {
        assert_eq!(read(&with(fields)).map(|file| file.mac_only_encrypted), Ok(expected), "{fields}");
    }
    let old = r#"{"attention": "x", "kms": [], "pgp": [{"fp": 85, "created_at": "2015-11-25T00:32:57+01:00", "enc": "e"}], "lastmodified": "2016-03-16T23:34:46.5+00:00", "mac": "m", "version": 1.9, "unencrypted_suffix": null}"#;
    let old = read(old).expect("reads");
    assert_eq!((old.version.as_str(), old.last_modified.as_str()), ("1.9", "2016-03-16T23:34:46Z"));
    assert_eq!(old.groups[0].keys[0].identity(), "85");
    assert_eq!(old.groups[0].keys[0].created_at, "2015-11-24T23:32:57Z");
    assert_eq!(old.selection, Some(Selection::default()));
}

#[test]
fn a_flat_list_hides_key_groups() {
    let file =
        read(&with(r#", "key_groups": [{"pgp": [{"fp": "a", "enc": "e"}]}, {"pgp": [{"fp": "b", "enc": "e"}]}]"#));
    assert_eq!(file.map(|file| file.groups.len()), Ok(1));
}

#[test]
fn bad_blocks_are_refused() {
    let cases = [
        (
            r#"{"lastmodified": "2026-01-02T03:04:05Z", "mac": "m", "version": "3.13.2"}"#.to_owned(),
            "No keys found in file",
        ),
        (
            with(r#", "encrypted_regex": "a", "unencrypted_suffix": "b""#),
            "cannot use more than one of encrypted_suffix, unencrypted_suffix, encrypted_regex, unencrypted_regex, \
             encrypted_comment_regex, or unencrypted_comment_regex in the same file",
        ),
        (with(r#", "pgp": "x""#), "`pgp` must be a list, but is of type string"),
        (with(r#", "pgp": ["x"]"#), "`pgp` must hold mappings, but holds a value of type string"),
        (with(r#", "shamir_threshold": "two""#), "`shamir_threshold` must be a whole number, but is of type string"),
        (with(r#", "shamir_threshold": 2.5"#), "`shamir_threshold` must be a whole number, but is of type float64"),
        (
            with("").replace("2026-01-02T03:04:05Z", "today"),
            "cannot read `lastmodified: today`, it is no RFC 3339 time",
        ),
        (with(r#", "pgp": [{"fp": "a", "created_at": "now", "enc": ""}]"#), "cannot read `created_at: now` of a"),
    ];
    for (text, expected) in cases {
        assert_eq!(read(&text).err().as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn odd_versions_are_warned_about() {
    let cases = [
        ("3.13.2", None),
        ("v3.13.2", None),
        ("3.13.2-rc.1", None),
        ("1.18", None),
        ("3.13", Some("the file's version `3.13` is no version of SOPS")),
        ("", Some("the file does not say which version of SOPS made it")),
    ];
    for (version, expected) in cases {
        let file =
            read(&with("").replace("\"version\": \"3.13.2\"", &format!("\"version\": \"{version}\""))).expect("reads");
        assert_eq!(file.version_warning().as_deref(), expected);
    }
}

#[test]
fn versions_are_raised_and_never_lowered() {
    let mut file = read(&with("")).expect("reads");
    for (version, expected) in
        [("3.8.1", VERSION), ("3.13.2", VERSION), ("1.18", VERSION), ("3.99.0", "3.99.0"), ("v4.0.0", "v4.0.0")]
    {
        version.clone_into(&mut file.version);
        file.raise_version().expect("compares");
        assert_eq!(file.version, expected);
    }
    "new".clone_into(&mut file.version);
    assert!(file.raise_version().is_err());
}
