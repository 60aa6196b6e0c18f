use super::*;

fn texts_of(input: &str) -> Result<Vec<String>, String> {
    let secrets = read_all(input.as_bytes(), "Secret").map_err(|fault| fault.chain())?;
    let of = |secret: &Branch| {
        let texts = texts(secret, "stringData").map_err(|fault| fault.chain())?;
        let pairs = texts.iter().map(|(key, value)| format!("{key}={}", String::from_utf8_lossy(value.expose())));
        Ok(pairs.collect::<Vec<_>>().join(" "))
    };
    secrets.iter().map(of).collect()
}

#[test]
fn streams_of_both_syntaxes_are_read() {
    for (input, expected) in [
        ("stringData: {a: b}\n", &["a=b"][..]),
        ("# only a comment\n---\n---\n{}\n---\nstringData: {a: b}\n...\n---\nstringData: {c: d}\n", &["a=b", "c=d"]),
        (r#"{"stringData":{"a":"b"}}{"stringData":{"c":"d"}}"#, &["a=b", "c=d"]),
        (
            "{\"stringData\":{\"a\":\"b\"}}\n---\n{\"stringData\":{\"c\":\"d\"}}\n---\nstringData: {e: f}\n",
            &["a=b", "c=d", "e=f"],
        ),
        ("stringData: {a: b}\n---\n{\"stringData\":{\"c\":\"d\"}}\n", &["a=b", "c=d"]),
        ("{stringData: {a: b}}\n", &["a=b"]),
        ("STRINGDATA: {a: b}\n", &["a=b"]),
        ("stringData: {a: b, a: c}\n", &["a=c"]),
        ("\u{feff}stringData: {a: b}\n", &["a=b"]),
        ("x: &x {a: b}\nstringData: {<<: *x, c: d}\n", &["a=b c=d"]),
        (
            "apiVersion: v1\nkind: List\nitems: [{kind: Secret, stringData: {a: b}}, {stringData: {c: d}}]\n",
            &["a=b", "c=d"],
        ),
        ("kind: SecretList\nitems: [{stringData: {a: b}}]\n", &["a=b"]),
        ("metadata: {}\nitems: [{stringData: {a: b}}, {stringData: {c: d}}]\n", &["a=b", "c=d"]),
    ] {
        assert_eq!(
            texts_of(input).as_deref(),
            Ok(&expected.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()[..]),
            "{input}"
        );
    }
}

#[test]
fn scalars_become_the_texts_that_the_peer_makes_of_them() {
    for (written, text) in [
        ("010", "8"),
        ("0x1F", "31"),
        ("1_000", "1000"),
        ("1e3", "1000"),
        ("1.50", "1.5"),
        ("123456789.123456789", "1.2345679e+08"),
        ("12345678901234567890", "12345678901234567890"),
        ("-0", "0"),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("null", ""),
        ("~", ""),
        ("yes", "true"),
        ("on", "true"),
        ("no", "false"),
        ("n", "false"),
        ("1e400", "1e400"),
        (".inf", "+Inf"),
        ("0o17", "15"),
        ("!!binary YQ==", "a"),
        ("\"010\"", "010"),
        ("5", "5"),
    ] {
        assert_eq!(texts_of(&format!("stringData: {{k: {written}}}\n")), Ok(vec![format!("k={text}")]), "{written}");
    }
    assert_eq!(texts_of("stringData: {n: x, 010: z}\n"), Ok(vec!["8=z false=x".to_owned()]));
    assert_eq!(
        texts_of(r#"{"stringData":{"a":5,"b":1.50,"c":true,"d":12345678901234567890}}"#),
        Ok(vec!["a=5 b=1.5 c=true d=12345678901234567890".to_owned()])
    );
}

#[test]
fn what_is_no_secret_is_told() {
    let nothing = "no secrets found. Ensure the input is valid and UTF-8 encoded";
    for (input, told) in [
        ("", nothing),
        ("\n# nothing\n", nothing),
        ("hello", nothing),
        ("- a\n- b\n", nothing),
        ("foo: [", nothing),
        ("{", nothing),
        ("{\"a\":", nothing),
        ("stringData: {a: b}\n---\nfoo: [", nothing),
        (
            "{\"stringData\":{}} }",
            "cannot read what follows document 1: yaml: line 1: did not find expected node content",
        ),
        ("kind: ConfigMap\nmetadata: {name: x}\n", "expected a Secret but found the ConfigMap `x`"),
        ("kind: List\nitems: [{kind: Pod, metadata: {name: z}}]\n", "expected a Secret but found the Pod `z`"),
        ("stringData: {k: [a]}\n", "error unmarshaling JSON: while decoding JSON: `stringData.k` must be a text"),
        ("stringData: [a]\n", "error unmarshaling JSON: while decoding JSON: `stringData` must be a mapping"),
    ] {
        let answer = texts_of(input).expect_err(input);
        let is_told =
            answer == told || (told.starts_with("cannot read what") && answer.starts_with("cannot read what"));
        assert!(is_told, "{input:?}: {answer}");
    }
    assert!(read_all(&[0xff, 0xfe, b'a', 0], "Secret").is_err_and(|fault| fault.to_string() == nothing));
}

#[test]
fn data_is_base64_and_its_key_is_named_where_it_is_not() {
    let secrets = read_all(b"data: {a: Zm9v, n: '', z: ~, wrapped: \"Zm9v\\nYmFy\"}\n", "Secret").expect("a manifest");
    let values = bytes(&secrets[0], "data").expect("base64");
    let lengths: Vec<_> = values.iter().map(|(key, value)| (key.as_str(), value.len())).collect();
    assert_eq!(lengths, [("a", 3), ("false", 0), ("wrapped", 6), ("z", 0)]);
    let secrets = read_all(b"data: {k: 'a b'}\n", "Secret").expect("a manifest");
    assert_eq!(
        bytes(&secrets[0], "data").err().map(|fault| fault.to_string()).as_deref(),
        Some("error unmarshaling JSON: while decoding JSON: illegal base64 data at input byte 1 (data.k)")
    );
}

#[test]
fn the_strict_reader_wants_one_kind() {
    let first = |input: &str| {
        read_first(input.as_bytes(), "bitnami.com/v1alpha1", "SealedSecret")
            .map(drop)
            .map_err(|fault| fault.to_string())
    };
    assert_eq!(first("apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\n---\nkind: X\n"), Ok(()));
    for (input, told) in [
        ("", "there is no SealedSecret in the input"),
        ("metadata: {}\n", "Object 'Kind' is missing"),
        ("apiVersion: v1\nkind: Secret\n", "expected bitnami.com/v1alpha1 SealedSecret but found v1 Secret"),
    ] {
        assert_eq!(first(input), Err(told.to_owned()));
    }
    assert_eq!(count(b"a: 1\n---\n---\nb: 1\n").ok(), Some(2));
}
