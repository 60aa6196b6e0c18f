//! Nesting, documents, dialects, golden files (SOPS §4.13, §4.19; VALS §6.2).

use super::*;

#[test]
fn levels_are_indented_as_the_peer_does() {
    check(&[
        (
            "a:\n  - b: 1\n    c:\n      - d\n      - e: {f: [1, {g: 2}]}\n  - - 1\n    - k: |\n        x\n",
            "a:\n    - b: 1\n      c:\n        - d\n        - e:\n            f:\n                - 1\n                - g: 2\n    - - 1\n      - k: |\n            x\n",
        ),
        ("a: {}\nb: []\nc: [[], {}]\n", "a: {}\nb: []\nc:\n    - []\n    - {}\n"),
        (
            "a: [\"x\\ny\", \"\\n\", \" x\\ny\"]\n",
            "a:\n    - |-\n      x\n      y\n    - |2+\n\n    - |2-\n       x\n      y\n",
        ),
        ("{\"a\":{\"b\":[1,2]}}", "a:\n    b:\n        - 1\n        - 2\n"),
        ("a: 1\n---\nb: 2\n---\n---\nc: 3\n", "a: 1\n---\nb: 2\n---\n{}\n---\nc: 3\n"),
        ("", ""),
        ("---\n", "{}\n"),
        (
            "a: &x {k: 1}\nb: {<<: *x, j: 2}\nc: *x\n",
            "a:\n    k: 1\nb:\n    !!merge <<:\n        k: 1\n    j: 2\nc:\n    k: 1\n",
        ),
        ("a: &x 1\nb: &x 2\nc: *x\n", "a: 1\nb: 2\nc: 2\n"),
    ]);
}

#[test]
fn the_indentation_is_the_options() {
    let document = read(b"a:\n  - b:\n      c: |2\n         x\n", &ReadOptions::default()).expect("YAML");
    let emitted = |indent| text(emit(&document, &EmitOptions { indent, ..EmitOptions::default() }));
    assert_eq!(emitted(Some(2)), "a:\n  - b:\n      c: |2\n         x\n");
    assert_eq!(emitted(Some(3)), "a:\n   - b:\n      c: |3\n          x\n");
    assert_eq!(emitted(Some(9)), "a:\n         - b:\n                  c: |9\n                            x\n");
    assert_eq!(emitted(Some(1)), emitted(Some(2)));
    assert_eq!(emitted(Some(10)), emitted(Some(2)));
    assert_eq!(emitted(Some(0)), emitted(None));
    assert_eq!(emitted(Some(4)), emitted(None));
    assert_eq!(emitted(Some(-1)), "! YAML Negative indentation not accepted");
}

const GOLDEN: &str = "#ENC[AES256_GCM,data:mczMhr0=,iv:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=,tag:FBaYQWjciMv+ZX8DugXh1Q==,type:comment]
a: ENC[AES256_GCM,data:Xg==,iv:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=,tag:aPcbri8rfUEdNcpmPFwGdw==,type:int]
b:
    - ENC[AES256_GCM,data:Eg==,iv:AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=,tag:xx1PUTkodBPnOYeAzVg0XA==,type:str]
    - ENC[AES256_GCM,data:XyJa,iv:BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ=,tag:mVYmFyMDnH8vsuScUIjDOg==,type:float]
c:
    d: ENC[AES256_GCM,data:pMiN2Q==,iv:BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=,tag:Q0QxVFS57cctIPl0ErUuSQ==,type:bool]
t: ENC[AES256_GCM,data:iqGBS5X8QuHdefDZbWkRBOGksVw=,iv:BgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgY=,tag:MPTFqCdzqV2MB7VLJpBebQ==,type:time]
\"n\": null
e: \"\"
f_unencrypted: 2.5
sops:
    key_groups:
        - age:
            - enc: |
                -----BEGIN AGE ENCRYPTED FILE-----
                YWdl
                -----END AGE ENCRYPTED FILE-----
              recipient: age1x
          hc_vault: []
        - age: []
          hc_vault: []
          kms:
            - arn: arn:aws:kms:us-east-1:1:key/k
              aws_profile: \"\"
              context:
                a: \"1\"
                b: \"2\"
              created_at: \"2026-01-02T03:04:05Z\"
              enc: a2tr
              role: arn:aws:iam::1:role/r
          pgp:
            - created_at: \"2026-01-02T03:04:05Z\"
              enc: |-
                -----BEGIN PGP MESSAGE-----

                abc
                -----END PGP MESSAGE-----
              fp: FP
    lastmodified: \"2026-01-02T03:04:05Z\"
    shamir_threshold: 2
    unencrypted_suffix: _unencrypted
    version: 3.13.2
";

#[test]
fn the_golden_file_comes_back_byte_for_byte() {
    check(&[(GOLDEN, GOLDEN)]);
    let plain = "# head\na: 1\nb:\n    - x\n    - 1.5\nc:\n    d: true\nt: 2024-01-01T00:00:00Z\n\"n\": null\ne: \"\"\nf_unencrypted: 2.5\n";
    check(&[(plain, plain)]);
}

fn dialect(json_text: &str, dialect: Dialect) -> String {
    let node = json::parse(json_text.as_bytes(), json::Numbers::Verbatim).expect("JSON");
    text(emit_values(&[node], &EmitOptions { dialect, indent: None }))
}

#[test]
fn kubernetes_and_vals_have_their_own_layout() {
    let text = r#"{"b":{"a10":1,"a9":[1,{"c":"x\ny","b":[]}],"B":null,"_":4},"l":[[1,2],[{"a":"y","b":[1]}]]}"#;
    let kubernetes = "b:\n  _: 4\n  B: null\n  a9:\n  - 1\n  - b: []\n    c: |-\n      x\n      y\n  a10: 1\nl:\n- - 1\n  - 2\n- - a: \"y\"\n    b:\n    - 1\n";
    let vals = "b:\n  _: 4\n  B: null\n  a9:\n    - 1\n    - b: []\n      c: |-\n        x\n        y\n  a10: 1\nl:\n  - - 1\n    - 2\n  - - a: \"y\"\n      b:\n        - 1\n";
    assert_eq!(dialect(text, Dialect::Go2), kubernetes);
    assert_eq!(dialect(text, Dialect::Vals), vals);
    let cases = [
        // Ours: the peers write the key without quotes, and it merges when it is read.
        (r#"["<<",{"<<":1}]"#, "- <<\n- \"<<\": 1\n", "- <<\n- \"<<\": 1\n"),
        (
            "[1.50,1e6,12345678.5,1e21,-0.0]",
            "- 1.5\n- 1000000\n- 1.23456785e+07\n- 1e+21\n- 0\n",
            "- 1.5\n- 1e+06\n- 1.23456785e+07\n- 1e+21\n- -0\n",
        ),
        ("1000000", "1000000\n", "1000000\n"),
        ("{}", "{}\n", "{}\n"),
        ("[]", "[]\n", "[]\n"),
        (r#""x""#, "x\n", "x\n"),
        (r#"{"x\ny":[1]}"#, "? |-\n  x\n  y\n: - 1\n", "? |-\n  x\n  y\n: - 1\n"),
    ];
    for (text, kubernetes, vals) in cases {
        assert_eq!(dialect(text, Dialect::Go2), kubernetes, "{text}");
        assert_eq!(dialect(text, Dialect::Vals), vals, "{text}");
    }
}

#[test]
fn kubernetes_folds_long_lines() {
    let word = "a".repeat(50);
    let cases = [
        (format!("{word} {word} {word}"), format!("k: {word} {word}\n  {word}\n")),
        (format!("{word}: {word} {word}"), format!("k: '{word}: {word}\n  {word}'\n")),
        (format!("{word}\t{word} {word}"), format!("k: \"{word}\\t{word}\n  {word}\"\n")),
        (format!("{word}\t{word}  {word}"), format!("k: \"{word}\\t{word}\n  \\ {word}\"\n")),
        (format!("{word} {word}  {word}"), format!("k: {word} {word}  {word}\n")),
    ];
    for (value, expected) in cases {
        let mut branch = Branch::default();
        branch.push("k", Node::text(value.as_str()));
        let options = EmitOptions { dialect: Dialect::Go2, indent: None };
        assert_eq!(text(emit(&Document { branches: vec![branch] }, &options)), expected);
        let folded = values(&expected, Dialect::Go2);
        assert_eq!(folded, format!("{{\"k\":\"{}\"}}", value.replace('\t', "\\t")));
    }
}

#[test]
fn values_merge_where_programs_decode_them() {
    let cases = [
        ("a: &x {k: 1}\nb: {<<: *x, j: 2, k: 3}", r#"{"a":{"k":1},"b":{"j":2,"k":3}}"#),
        (
            "a: &x {k: 1}\nc: &y {k: 2, l: 4}\nb: {<<: [*x, *y], j: 2}",
            r#"{"a":{"k":1},"b":{"j":2,"k":1,"l":4},"c":{"k":2,"l":4}}"#,
        ),
        ("\"<<\": 1", r#"{"\u003c\u003c":1}"#),
        ("<<: 3", "! yaml: map merge requires map or sequence of maps as the value"),
        ("a: yes\nb: 2020-01-02", r#"{"a":true,"b":"2020-01-02"}"#),
        ("- 1\n---\nx\n---\n~\n", "[1]\n\"x\"\nnull"),
        ("1: x\ntrue: z\n", r#"{"1":"x","true":"z"}"#),
        ("", ""),
        ("# c", ""),
    ];
    for (yaml, expected) in cases {
        assert_eq!(values(yaml, Dialect::Go2), expected, "{yaml}");
    }
    assert_eq!(values("a: yes\nb: 2020-01-02\nc: 010", Dialect::Vals), r#"{"a":"yes","b":"2020-01-02","c":8}"#);
    assert_eq!(values("b: 2020-01-02", Dialect::Go3), r#"{"b":"2020-01-02T00:00:00Z"}"#);
}

#[test]
fn utf_16_and_byte_order_marks_are_read() {
    let utf16 = |unit: fn(u16) -> [u8; 2]| "\u{feff}a: é😀\n".encode_utf16().flat_map(unit).collect::<Vec<_>>();
    for bytes in [utf16(u16::to_le_bytes), utf16(u16::to_be_bytes), "\u{feff}a: é😀\n".as_bytes().to_vec()] {
        let document = read(&bytes, &ReadOptions::default()).expect("YAML");
        assert_eq!(document.branches[0].value("a").and_then(Node::as_str), Some("é😀"));
    }
    for bytes in [&b"\xff\xfea"[..], b"\xfe\xff\xd8\x00", b"a: 1\nb: \xff\n"] {
        assert!(read(bytes, &ReadOptions::default()).is_err());
    }
}
