//! How texts and other single values are written (SOPS §4.13, the matrix of plain texts).

use super::*;

fn written(value: &str) -> String {
    let mut branch = Branch::default();
    branch.push("k", Node::text(value));
    let bytes = emit(&Document { branches: vec![branch] }, &EmitOptions::default()).expect("YAML");
    let out = String::from_utf8(bytes).expect("UTF-8");
    out.strip_prefix("k: ").and_then(|out| out.strip_suffix('\n')).expect("one entry").to_owned()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn texts_have_the_peers_quotes() {
    let cases = [
        ("", "\"\""),
        ("x y", "x y"),
        ("~", "\"~\""),
        ("null", "\"null\""),
        ("true", "\"true\""),
        ("y", "\"y\""),
        ("Off", "\"Off\""),
        ("1", "\"1\""),
        ("1_000", "\"1_000\""),
        ("5.", "\"5.\""),
        ("0o7", "\"0o7\""),
        ("1:30", "\"1:30\""),
        ("2024-1-1", "\"2024-1-1\""),
        ("-", "'-'"),
        ("- a", "'- a'"),
        ("-a", "-a"),
        ("?", "'?'"),
        ("?a", "?a"),
        ("...", "'...'"),
        ("---", "'---'"),
        ("--- x", "'--- x'"),
        ("a:", "'a:'"),
        ("a: b", "'a: b'"),
        ("a:b", "a:b"),
        (":a", ":a"),
        ("#a", "'#a'"),
        ("a #b", "'a #b'"),
        ("a#b", "a#b"),
        ("'a'", "'''a'''"),
        ("\"a\"", "'\"a\"'"),
        ("a}", "a}"),
        ("{a", "'{a'"),
        (",a", "',a'"),
        ("*a", "'*a'"),
        ("%a", "'%a'"),
        ("@a", "'@a'"),
        ("`a", "'`a'"),
        ("|", "'|'"),
        (" ", "' '"),
        ("a ", "'a '"),
        (" a", "' a'"),
        ("a\tb", "\"a\\tb\""),
        ("a\\b", "a\\b"),
        ("\u{feff}xy", "\"\\uFEFF\\x78\\x79\""),
        ("a\u{feff}b", "\"a\\uFEFFb\""),
        ("\u{85}", "\"\\N\""),
        ("\u{a0}", "\u{a0}"),
        ("\u{2028}", "'\u{2028}'"),
        // Ours: the peer writes it raw and indents what follows, which is another text to a reader of YAML 1.2.
        ("\u{2028}x", "\"\\Lx\""),
        ("é", "é"),
        ("😀", "\"\\U0001F600\""),
        ("\u{fffe}", "\"\\uFFFE\""),
        ("\0\u{7}\u{1b}\u{7f}", "\"\\0\\a\\e\\x7F\""),
        ("=", "="),
        ("<<", "!!merge <<"),
        ("1e", "1e"),
        ("_1", "_1"),
        ("x\ny", "|-\n    x\n    y"),
        ("x\ny\n", "|\n    x\n    y"),
        ("x\n\n", "|+\n    x\n"),
        ("\n", "|4+\n"),
        ("\nx", "|4-\n\n    x"),
        (" x\ny", "|4-\n     x\n    y"),
        ("x \ny", "\"x \\ny\""),
        ("x\n ", "\"x\\n \""),
        ("x\ry", "\"x\\ry\""),
        ("x\n😀", "\"x\\n\\U0001F600\""),
        ("a\n\tb", "|-\n    a\n    \tb"),
        // Ours: the peer writes null, and the text is gone.
        ("\tx\ny", "\"\\tx\\ny\""),
    ];
    for (value, expected) in cases {
        assert_eq!(written(value), expected, "{value:?}");
    }
}

#[test]
fn other_values_have_gos_form() {
    check(&[
        ("a: ~\nb: True\nc: 0x10\nd: 18446744073709551615\n", "a: null\nb: true\nc: 16\nd: 18446744073709551615\n"),
        // Ours: the peer writes `-0`, which reads back as an integer.
        (
            "a: 1.0\nb: 1e21\nc: 1e-8\nd: .inf\ne: -.inf\nf: .nan\ng: -0.0\n",
            "a: 1\nb: 1e+21\nc: 1e-08\nd: .inf\ne: -.inf\nf: .nan\ng: -0.0\n",
        ),
        ("a: 2024-01-01\nb: 2006-01-02 15:04:05.10\n", "a: 2024-01-01T00:00:00Z\nb: 2006-01-02T15:04:05.1Z\n"),
        ("a: !!binary aGVsbG+Ah/8=\nb: !!binary aGk=\n", "a: !!binary aGVsbG+Ah/8=\nb: hi\n"),
        ("a: !foo 1\nb: !!str 1\nc: ! x\n", "a: \"1\"\nb: \"1\"\nc: x\n"),
        ("a: ! 1\nb: ! \"1\"\nc: ! true\nd: !\n", "a: 1\nb: \"1\"\nc: true\nd: null\n"),
    ]);
}

#[test]
fn long_bytes_are_base64_in_lines() {
    let mut branch = Branch::default();
    branch.push("b", Node::text(vec![0xff_u8; 60]));
    branch.push("l", Node::List(vec![crate::Element::Node(Node::text(vec![0xff_u8; 54]))]));
    let out = text(emit(&Document { branches: vec![branch] }, &EmitOptions::default()));
    let expected = "b: !!binary |\n    //////////////////////////////////////////////////////////////////////\n    //////////\n\
        l:\n    - !!binary |\n      //////////////////////////////////////////////////////////////////////\n      //\n";
    assert_eq!(out, expected);
    assert_eq!(round(&out), expected);
}

#[test]
fn keys_follow_the_same_rules() {
    let long = "k".repeat(129);
    let yaml = format!(
        "y: 1\n\"1\": 2\n'a: b': 3\n? \"multi\\nline\"\n: {{a: 1}}\n? \"n\\nn\"\n: [1, {{x: 1}}]\n? {long}\n: 4\n<<: 5\n\"\": 6\n"
    );
    let expected = format!(
        "\"y\": 1\n\"1\": 2\n'a: b': 3\n? |-\n    multi\n    line\n:   a: 1\n? |-\n    n\n    n\n:   - 1\n    - x: 1\n? {long}\n: 4\n!!merge <<: 5\n\"\": 6\n"
    );
    assert_eq!(round(&yaml), expected);
    assert_eq!(round(&expected), expected);
}

proptest! {
    #[test]
    fn every_text_reads_back(value in "[ -~\n\t\r\u{85}\u{a0}\u{2028}\u{feff}é😀\\x00-\\x1f]{0,20}", in_list in any::<bool>()) {
        let node = Node::text(value.as_str());
        let node = if in_list { Node::List(vec![crate::Element::Node(node)]) } else { node };
        let mut inner = Branch::default();
        inner.push("k", node.clone());
        inner.push(value.clone(), Node::text("x"));
        let mut branch = Branch::default();
        branch.push("b", Node::Branch(inner));
        let document = Document { branches: vec![branch] };
        for dialect in [Dialect::Go3, Dialect::Go2, Dialect::Vals] {
            let bytes = emit(&document, &EmitOptions { dialect, indent: None }).expect("YAML");
            let again = read(&bytes, &ReadOptions { repeated_keys: RepeatedKeys::Keep, dialect, ..ReadOptions::default() });
            let again = again.map_err(|fault| TestCaseError::fail(format!("{} in {}", fault.chain(), String::from_utf8_lossy(&bytes))))?;
            let inner = again.branches[0].value("b").and_then(Node::as_branch).expect("the mapping");
            prop_assert!(value == "k" || inner.value("k") == Some(&node), "{}", String::from_utf8_lossy(&bytes));
            prop_assert!(inner.value(&value).is_some(), "{}", String::from_utf8_lossy(&bytes));
        }
    }
}
