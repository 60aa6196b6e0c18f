//! Bad and hostile input: told, bounded, and never a panic (SOPS §4.13, §10, §15.7).

use super::*;
use base::limit;

#[test]
fn bad_files_are_told_with_their_line() {
    check(&[
        ("# only\n", "! EOF"),
        ("- x\n", "! yaml: line 1: cannot unmarshal !!seq into a mapping"),
        ("a: 1\n---\nhush\n", "! yaml: line 3: cannot unmarshal single value into a mapping"),
        (
            "a: 1\nb: {c: 1, d: 2,\n  c: 3}\n",
            "! yaml: unmarshal errors: line 3: mapping key \"c\" already defined at line 2",
        ),
        ("a: 1\n---\nb: 1\nb: 2\n", "! yaml: unmarshal errors: line 4: mapping key \"b\" already defined at line 3"),
        ("\"<<\": 1\n<<: 2\n", "! yaml: unmarshal errors: line 2: mapping key \"<<\" already defined at line 1"),
        ("1: a\n0x1: b\n", "! yaml: unmarshal errors: line 2: mapping key \"1\" already defined at line 1"),
        ("%YAML 1.2\n---\na: 1\n", "! yaml: found incompatible YAML document"),
        ("? [a]\n: 1\n", "! yaml: line 1: invalid map key"),
        ("a: &x [1]\n? *x\n: 1\n", "! yaml: line 2: invalid map key"),
        ("a: !!bool hush\n", "! yaml: line 1: cannot decode the value as a !!bool"),
        ("a: !!int [1]\n", "! yaml: line 1: cannot decode the value as a !!int"),
        ("a: &a [*a]\n", "! yaml: an anchored value contains itself"),
    ]);
    for yaml in ["a: [", "a: 'x", "a: b: c", "a: *x", "a: @x", "a: {b\n", "\t- x: [", "a: |\n x\n  \n\t y: 1\nb"] {
        let result = round(yaml);
        assert!(!result.starts_with("! yaml") || result.starts_with("! yaml: line "), "{yaml}: {result}");
    }
}

#[test]
fn repeated_keys_may_be_kept() {
    let options = ReadOptions { repeated_keys: RepeatedKeys::Keep, ..ReadOptions::default() };
    let document = read(b"a: 1\nb: 2\na: 3\n", &options).expect("YAML");
    assert_eq!(text(emit(&document, &EmitOptions::default())), "a: 1\nb: 2\na: 3\n");
}

#[test]
fn keys_of_other_types_load_with_their_gos_type() {
    let yaml = "1: a\n1.5: b\ntrue: c\n~: d\n2024-01-01: e\n\"2\": f\n";
    let document = read(yaml.as_bytes(), &ReadOptions::default()).expect("YAML");
    let kinds: Vec<String> = document.branches[0].entries().map(|(key, _)| format!("{key:?}")).collect();
    let expected = [
        r#"Other("int", "1")"#,
        r#"Other("float64", "1.5")"#,
        r#"Other("bool", "true")"#,
        r#"Other("<nil>", "null")"#,
        r#"Other("time.Time", "2024-01-01T00:00:00Z")"#,
        r#"Text("2")"#,
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn depth_is_limited_and_deep_files_fit_on_a_small_stack() {
    let flow = |depth: usize| format!("a: {}{}\n", "[".repeat(depth), "]".repeat(depth));
    let block = |depth: usize| (0..depth).map(|level| format!("{}a:\n", " ".repeat(level))).collect::<String>();
    for yaml in [flow(limit::DEPTH - 1), block(limit::DEPTH - 1)] {
        assert!(!round(&yaml).starts_with('!'));
    }
    for yaml in [flow(limit::DEPTH + 1), flow(100_000), block(limit::DEPTH + 2), "- ".repeat(1000), "? ".repeat(1000)] {
        let result = round(&yaml);
        assert!(result.starts_with('!'), "{}", &result[..40]);
    }
    assert_eq!(round(&flow(limit::DEPTH + 1)), "! yaml: the document nests deeper than 512 levels");
}

#[test]
fn aliases_unfold_up_to_a_limit() {
    let laughs = (1..30).fold("a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned(), |yaml, level| {
        let aliases = vec![format!("*a{}", level - 1); 9].join(",");
        format!("{yaml}a{level}: &a{level} [{aliases}]\n")
    });
    let bytes = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), "*a,".repeat(1000));
    for yaml in [laughs, bytes] {
        assert_eq!(round(&yaml), "! yaml: document contains excessive aliasing");
    }
    let ladder = (1..600)
        .fold("a0: &a0 [x]\n".to_owned(), |yaml, level| format!("{yaml}a{level}: &a{level} [*a{}]\n", level - 1));
    assert_eq!(round(&ladder), "! yaml: the document nests deeper than 512 levels");
    let many = (0..2000).map(|index| format!("a{index}: &x{index} v\nb{index}: *x{index}\n")).collect::<String>();
    assert!(round(&many).ends_with("a1999: v\nb1999: v\n"));
}

/// Pieces that YAML is made of, so that random texts get far into the parser.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b: ",
        "c:\n",
        "- ",
        "\n",
        "\n  ",
        "\n    ",
        "  ",
        "? ",
        ": ",
        "# c\n",
        " # d\n",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "&x ",
        "*x ",
        "!t ",
        "!!int ",
        "1",
        "'",
        "\"",
        "|\n",
        ">-\n",
        "---\n",
        "...\n",
        "<<: ",
        "~",
        "\t",
        "\r\n",
        "%",
        "é",
        "\u{feff}",
        "\\",
        "|2+ # e\n",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_we_wrote_we_write_again(yaml in pieces()) {
        let options = ReadOptions { repeated_keys: RepeatedKeys::Keep, ..ReadOptions::default() };
        if let Ok(document) = read(yaml.as_bytes(), &options) {
            let first = emit(&document, &EmitOptions::default()).expect("YAML");
            let again = read(&first, &options)
                .map_err(|fault| TestCaseError::fail(format!("{}\n{}", fault.chain(), String::from_utf8_lossy(&first))))?;
            let second = emit(&again, &EmitOptions::default()).expect("YAML");
            prop_assert_eq!(String::from_utf8_lossy(&first), String::from_utf8_lossy(&second));
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), yaml in pieces()) {
        for format in [Format::Yaml, Format::Dotenv, Format::Ini] {
            drop(crate::read(&bytes, format, &ReadOptions::default()));
        }
        for dialect in [Dialect::Go2, Dialect::Vals] {
            drop(read_values(yaml.as_bytes(), &ReadOptions { dialect, ..ReadOptions::default() }));
        }
    }
}
