//! Documents and texts evaluated with the schemes `echo` and `doc` (a small document, by fragment), in rounds as a caller does.
//! But for lines that say so, each was checked against the real program.

use document::json::{Compact, compact};
use document::{Dialect, ReadOptions};

use super::*;
use crate::{Reference, select};

const DOC: &str = "a: 1\nb: {c: hello, d: [x, y], e: {f: true}}\nn: null\nx-y: 2.50\nbig: 1e20\nt: 2023-04-05\nu: 2023-04-05T06:07:08.5+02:00\ninj: ref+echo://in/jected\nplus: a+b\nlist: [{a: 1}, null, 1.5]\n";

fn read(text: &str, dialect: Dialect) -> Node {
    let options = ReadOptions { dialect, ..ReadOptions::default() };
    let read = yaml::read_values(text.as_bytes(), &options).unwrap_or_else(|fault| panic!("{}", fault.chain()));
    read.into_iter().next().expect("the test has a document")
}

fn fetched(body: &str) -> Result<Node, Fault> {
    let reference = Reference::parse(body).map_err(|fault| fault.within(format!("expand {}", shown(body))))?;
    match reference.scheme.as_str() {
        "echo" => Ok(Node::text(reference.place().trim_end_matches('/'))),
        _ => {
            let doc = read(DOC, Dialect::Go3);
            Ok(select::fragment(&doc, &reference.fragment)?.cloned().unwrap_or(Node::Leaf(Scalar::Null)))
        }
    }
}

/// The rounds of a caller; `want` adds what can be fetched now.
fn rounds(want: impl Fn(&mut Wanted, &Answers) -> Result<(), Fault>) -> Result<Answers, Fault> {
    let mut answers = Answers::new();
    loop {
        let mut wanted = Wanted::default();
        want(&mut wanted, &answers)?;
        let bodies = wanted.into_bodies();
        if bodies.is_empty() {
            return Ok(answers);
        }
        for body in bodies {
            let value = fetched(body.text())?;
            answers.insert(body.text().to_owned(), value);
        }
    }
}

fn text_with(text: &str, options: &Options) -> String {
    let filled = rounds(|wanted, answers| wanted.add_text(text, answers, options))
        .and_then(|answers| fill_text(text, &answers, options));
    filled.map_or_else(|fault| fault.chain(), |bytes| String::from_utf8(bytes).expect("the values are text"))
}

fn text(text: &str) -> String {
    text_with(text, &Options::default())
}

fn document(input: &str, options: &Options) -> String {
    let mut node = read(input, Dialect::Vals);
    let filled = rounds(|wanted, answers| wanted.add_node(&node, answers, options))
        .and_then(|answers| fill(&mut node, &answers, options));
    let style = Compact { is_sorted: false, escapes_html: false, is_lossy: false };
    match filled.and_then(|()| compact(&node, &style)) {
        Ok(json) => String::from_utf8(json).expect("JSON is text"),
        Err(fault) => fault.chain(),
    }
}

#[test]
fn references_are_found_where_the_peer_finds_them() {
    for (input, expected) in [
        ("plain", "plain"),
        ("", ""),
        ("ref+echo://x", "ref+echo://x"),
        ("ref+echo://xy", "xy"),
        ("ref+echo://x ref+echo://ab", "ref+echo://x ab"),
        ("pre-ref+echo://foo/bar-post", "pre-foo/bar-post"),
        ("pre-ref+echo://foo/bar+-post", "pre-foo/bar-post"),
        ("a ref+echo://foo/bar c ref+echo://q/w e", "a foo/bar c q/w e"),
        ("a\nref+echo://foo/bar\nc", "a\nfoo/bar\nc"),
        ("\"ref+echo://q/w\"", "\"q/w\""),
        ("ref+echo://a/b,", "a/b,"),
        ("ref+echo://x/1+,ref+echo://y/2", "x/1,y/2"),
        ("xref+echo://foo/bar", "xfoo/bar"),
        ("secretref+echo://ab", "ab"),
        ("xsecretref+echo://ab", "xab"),
        ("REF+echo://foo/bar", "REF+echo://foo/bar"),
        ("ref+ECHO://foo/bar", "foo/bar"),
        ("ref++echo://a/b", "ref++echo://a/b"),
        ("ref+a:b://c/d", "ref+a:b://c/d"),
        ("ref+echo:foo", "ref+echo:foo"),
        ("ref+echo://foo/a%2Bb", "foo/a+b"),
        ("${ref+echo://foo/bar}", "${foo/bar}"),
        ("ref+echo://ab\",x", "ab\",x"),
        ("ref+echo://foo/bar-ref+x", "foo/bar-refx"),
        ("ref+://foo/bar", "expand ://foo/bar: parse \"://foo/bar\": missing protocol scheme"),
        (
            "ref+ see http://foo",
            "expand  see http://foo: parse \" see http://foo\": first path segment in URL cannot contain colon",
        ),
        // The peer prints `x/1,refecho://y/2` and `["a/b","refecho://c/d"]`.
        ("ref+echo://x/1,ref+echo://y/2", "x/1,y/2"),
        ("ref+echo://x/1,secretref+echo://y/2", "x/1,y/2"),
        ("[\"ref+echo://a/b\",\"ref+echo://c/d\"]", "[\"a/b\",\"c/d\"]"),
    ] {
        assert_eq!(text(input), expected, "{input}");
    }
}

#[test]
fn inner_references_come_first() {
    for (input, expected) in [
        ("ref+echo://ref+echo://ref+echo://aa/b/c/d", "aa/b/c/d"),
        ("ref+echo://a/ref+echo://b/ref+echo://c/d", "a/b/c/d"),
        ("ref+echo://aa/b+ref+echo://cc/d+ref+echo://ee/f", "aa/bcc/dee/f"),
        ("ref+echo://aa/bref+echo://cc/d", "aa/bcc/d"),
        ("ref+echo://a/secretref+echo://b/c", "a/b/c"),
        ("ref+echo://k/ref+doc://d#/a+/x", "k/1/x"),
        ("ref+echo://k/ref+doc://d#/t+/x", "k/2023-04-05 00:00:00 +0000 UTC/x"),
        ("ref+echo://a/ref+echo:x", "a/refecho:x"),
        ("ref+echo://ref+x", "refx"),
        ("ref+echo://ref+echo://b+/c+/d", "refecho://b+/c+/d"),
        (
            "ref+echo://ref+doc://d#/b",
            "nested ref doc://d#/b resolved to map[string]interface {}; nested refs must resolve to scalar values",
        ),
        (
            "ref+echo://ref+doc://d#/list",
            "nested ref doc://d#/list resolved to []interface {}; nested refs must resolve to scalar values",
        ),
        ("ref+echo://ref+doc://d#/n+/x", "nested ref doc://d#/n resolved to nil"),
        // Ours: what was fetched is not scanned for references, and a `+` in it stays.
        ("ref+echo://x/ref+doc://d#/inj+/y", "x/ref+echo://in/jected/y"),
        ("ref+echo://x/ref+doc://d#/plus+/y", "x/a+b/y"),
        ("ref+doc://d#/inj", "ref+echo://in/jected"),
    ] {
        assert_eq!(text(input), expected, "{input}");
    }
    assert_eq!(text(&format!("{}aa/b", "ref+echo://".repeat(10))), "aa/b");
    assert_eq!(text(&format!("{}aa/b", "ref+echo://".repeat(11))), "maximum nesting depth (10) exceeded");
}

#[test]
fn values_are_printed_as_go_does() {
    for (fragment, expected) in [
        ("a", "1"),
        ("b", "map[c:hello d:[x y] e:map[f:true]]"),
        ("b/c", "hello"),
        ("b/e/f", "true"),
        ("n", "<nil>"),
        ("zz", "<nil>"),
        ("x-y", "2.5"),
        ("big", "1e+20"),
        ("t", "2023-04-05 00:00:00 +0000 UTC"),
        ("u", "2023-04-05 06:07:08.5 +0200 +0200"),
        ("list", "[map[a:1] <nil> 1.5]"),
        // Ours: the peer cannot count elements, and prints the list in its error.
        ("b/d/1", "y"),
        ("b/d/7", "<nil>"),
        ("b/d/k", "unexpected type of value for key at 1=d in [b d k]: expected a map, got []interface {}"),
        ("n/x", "<nil>"),
        ("b/c/x", "unexpected type of value for key at 1=c in [b c x]: expected a map, got string"),
    ] {
        assert_eq!(text(&format!("ref+doc://d#/{fragment}")), expected, "{fragment}");
    }
    let json = Options { collections: Collections::Json, ..Options::default() };
    assert_eq!(text_with("x ref+doc://d#/b", &json), "x {\"c\":\"hello\",\"d\":[\"x\",\"y\"],\"e\":{\"f\":true}}");
}

#[test]
fn documents_keep_types_where_a_text_is_one_reference() {
    let options = Options::default();
    for (input, expected) in [
        ("a: ref+doc://d#/a\nb: x-ref+doc://d#/a\nc: ref+doc://d#/a+", r#"{"a":1,"b":"x-1","c":1}"#),
        ("a: 'ref+doc://d#/a '", r#"{"a":"1 "}"#),
        ("a: 'ref+echo://aa/bb,'", r#"{"a":"aa/bb,"}"#),
        ("a: ref+doc://d#/b", r#"{"a":{"c":"hello","d":["x","y"],"e":{"f":true}}}"#),
        ("a: [ref+echo://a/b, {b: ref+doc://d#/list}]", r#"{"a":["a/b",{"b":[{"a":1},null,1.5]}]}"#),
        ("a: ref+doc://d#/t", r#"{"a":"2023-04-05T00:00:00Z"}"#),
        ("a: ref+doc://d#/zz", r#"{"a":null}"#),
        ("ref+echo://foo/bar: text", r#"{"ref+echo://foo/bar":"text"}"#),
        (
            "- ref+echo://foo/bar\n- a: [ref+echo://foo/bar]\n- [ref+echo://foo/bar]",
            r#"["ref+echo://foo/bar",{"a":["foo/bar"]},["ref+echo://foo/bar"]]"#,
        ),
    ] {
        assert_eq!(document(input, &options), expected, "{input}");
    }
    let all = Options { top_level_texts: true, ..options };
    assert_eq!(document("- ref+echo://foo/bar", &all), r#"["foo/bar"]"#);
}

#[test]
fn a_reference_as_key_merges_what_it_refers_to() {
    let options = Options::default();
    assert_eq!(
        document("c: here\n\"ref+doc://d#/b\": {}\nk: ref+echo://v/w", &options),
        r#"{"c":"hello","k":"v/w","d":["x","y"],"e":{"f":true}}"#
    );
    assert_eq!(
        document("\"ref+doc://d#/a\": {}", &options),
        "cannot merge the values of the key `ref+doc://d#/a`: what it refers to is no map"
    );
    assert_eq!(document("\"ref+echo://a/b: c\": {}", &options), r#"{"a/b":"c"}"#);
}

#[test]
fn secretrefs_can_be_left_as_they_stand() {
    let options = Options { excludes_secret: true, ..Options::default() };
    assert_eq!(
        document("a: secretref+echo://foo/bar\nb: ref+echo://foo/bar", &options),
        r#"{"a":"secretref+echo://foo/bar","b":"foo/bar"}"#
    );
    // The peer leaves everything behind the first secretref as it stands.
    assert_eq!(
        text_with("ref+echo://aa/b secretref+echo://cc/d ref+echo://ee/f", &options),
        "aa/b secretref+echo://cc/d ee/f"
    );
    assert_eq!(text_with("ref+echo://x/secretref+echo://y/z", &options), "ref+echo://x/secretref+echo://y/z");
}

#[test]
fn what_is_wanted_is_wanted_once_and_in_order() {
    let node =
        read("z: ref+echo://b/1\na: [ref+echo://a/1, x-ref+echo://b/1]\nr: ref+echo://c/ref+echo://a/1", Dialect::Vals);
    let mut wanted = Wanted::default();
    wanted.add_node(&node, &Answers::new(), &Options::default()).expect("the references are fine");
    let bodies: Vec<String> = wanted.into_bodies().iter().map(|body| body.text().to_owned()).collect();
    assert_eq!(bodies, ["echo://b/1", "echo://a/1"]);
}

#[test]
fn many_references_take_linear_time() {
    // Each is a prefix that leads nowhere, which a careless scan would follow to the end of the text.
    let nowhere = "ref+echo".repeat(100_000);
    assert_eq!(text(&nowhere).len(), nowhere.len());
    let many = "ref+echo://a/b ".repeat(20_000);
    assert_eq!(text(&many), "a/b ".repeat(20_000));
}
