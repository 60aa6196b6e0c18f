//! One line each: what is typed, what comes out. `DIR` stands for the folder of the files.

use super::{Ended, folder, keywright_vals, vals};

/// What is typed, stdin, the exit code, stdout, and what stderr holds.
pub struct Line {
    pub words: &'static [&'static str],
    pub input: &'static str,
    pub code: u8,
    pub out: &'static str,
    pub err: &'static str,
}

impl Line {
    /// The words with the folder in them.
    pub fn words(&self, folder: &str) -> Vec<String> {
        self.words.iter().map(|word| word.replace("DIR", folder)).collect()
    }

    pub fn input(&self, folder: &str) -> String {
        self.input.replace("DIR", folder)
    }

    /// What came out otherwise than it should, if anything.
    pub fn difference(&self, who: &str, folder: &str, ended: &Ended) -> Option<String> {
        let (out, err) = (self.out.replace("DIR", folder), self.err.replace("DIR", folder));
        let is_right = ended.code == self.code && ended.out == out && ended.err.contains(&err);
        (!is_right).then(|| {
            let expected = Ended { code: self.code, out, err };
            format!("{who}: {:?} {:?}\n  expected {expected:?}\n  answered {ended:?}", self.words, self.input)
        })
    }
}

const fn ok(words: &'static [&'static str], input: &'static str, out: &'static str) -> Line {
    Line { words, input, code: 0, out, err: "" }
}

const fn failed(words: &'static [&'static str], input: &'static str, err: &'static str) -> Line {
    Line { words, input, code: 1, out: "", err }
}

const EVAL: &[&str] = &["eval"];
const JSON: &[&str] = &["eval", "-o", "json"];
const SECRETS: &[&str] = &["eval", "-decode-kubernetes-secrets"];

/// Lines of which the real vals says the same.
pub const AS_THE_PEER: &[Line] = &[
    ok(&["get", "ref+echo://foo/"], "", "foo"),
    ok(&["get", "ref+file://DIR/doc.yaml#/a"], "", "1"),
    ok(&["get", "ref+file://DIR/doc.yaml#/b/c"], "", "hello"),
    ok(&["get", "ref+file://DIR/doc.yaml#b/c"], "", "hello"),
    ok(&["get", "ref+file://DIR/doc.yaml#/b"], "", "map[c:hello d:[x y] e:map[f:true]]"),
    ok(&["get", "ref+file://DIR/doc.yaml#/n"], "", "<nil>"),
    ok(&["get", "ref+file://DIR/doc.yaml#/zz"], "", "<nil>"),
    ok(&["get", "ref+file://DIR/doc.yaml#/x-y"], "", "2.5"),
    ok(&["get", "ref+file://DIR/one.txt"], "", "secret\n"),
    ok(&["get", "ref+file://DIR/one.txt?encode=base64"], "", "c2VjcmV0Cg=="),
    ok(&["get", "ref+echo://foo/bar/baz#/foo/bar"], "", "baz"),
    ok(&["get", "ref+echo://user:pw@foo/bar"], "", "foo/bar"),
    ok(&["get", "ref+echo://foo/a%20b"], "", "foo/a b"),
    failed(&["get", "ref+echo://f%20o/a"], "", "invalid URL escape \"%20\""),
    ok(
        &["get", "ref+echo://arn:aws:secretsmanager:us-east-1:123:secret:foo/bar"],
        "",
        "arn:aws:secretsmanager:us-east-1:123:secret:foo/bar",
    ),
    ok(&["get", "ref+echo:///abs/path"], "", "/abs/path"),
    ok(&["get", "ref+echo://ref+echo://ref+echo://aa/b/c/d"], "", "aa/b/c/d"),
    ok(&["get", "ref+envsubst:///${UNSET:-dflt}"], "", "/dflt"),
    ok(&["get", "ref+envsubst://$$HOME"], "", "$HOME"),
    ok(&["get", "ref+exec://echo/hi"], "", "hi"),
    ok(&["get", "ref+exec://sh?args=-c,echo%20hi"], "", "hi"),
    ok(&["get", "ref+exec://echo//a%20/"], "", " a"),
    ok(&["get", "ref+exec:///bin/echo?args=a,b&trim=false"], "", "a b\n"),
    ok(&["get", "ref+exec://sh?args=-c,echo%20$A&env_A=7"], "", "7"),
    ok(&["get", "ref+exec://echo/a:%20b#/a"], "", "b"),
    failed(&["get", "ref+exec://no-such-program/x"], "", "exec provider: command \"no-such-program\" failed: "),
    failed(&["get", "ref+exec://sh?args=-c,)"], "", "exec provider: command \"sh\" failed: exit status 2 (stderr: "),
    failed(&["get", "ref+exec://sleep/60?timeout=1"], "", "exec provider: command \"sleep\" failed: "),
    ok(&["get", "plain"], "", "plain"),
    ok(&["get", "ref+echo://x"], "", "ref+echo://x"),
    ok(&["get", "pre-ref+echo://foo/bar+-post"], "", "pre-foo/bar-post"),
    ok(&["get", "a ref+echo://foo/bar c ref+echo://q/w e"], "", "a foo/bar c q/w e"),
    ok(&["get", "\"ref+echo://q/w\""], "", "\"q/w\""),
    ok(&["get", "ref+echo://x/1+,ref+echo://y/2"], "", "x/1,y/2"),
    ok(&["get", "REF+echo://foo/bar"], "", "REF+echo://foo/bar"),
    ok(&["get", "ref+ECHO://foo/bar"], "", "foo/bar"),
    ok(&["get", "ref+echo://foo/a%2Bb"], "", "foo/a+b"),
    failed(&["get", "ref+x://foo/bar"], "", "expand x://foo/bar: no provider registered for scheme \"x\""),
    failed(
        &["get", "ref+file://DIR/doc.yaml#/b/d/x"],
        "",
        "unexpected type of value for key at 1=d in [b d x]: expected a map, got ",
    ),
    failed(&["get", "ref+file://DIR/no"], "", "expand file://DIR/no: open DIR/no: no such file or directory"),
    failed(&["get", "ref+://foo/bar"], "", "missing protocol scheme"),
    failed(&["get"], "", "The first argument of the get command is required"),
    ok(
        JSON,
        "a: ref+file://DIR/doc.yaml#/a\nb: ref+file://DIR/doc.yaml#/b\nc: x-ref+file://DIR/doc.yaml#/a\n",
        "{\"a\":1,\"b\":{\"c\":\"hello\",\"d\":[\"x\",\"y\"],\"e\":{\"f\":true}},\"c\":\"x-1\"}\n",
    ),
    ok(EVAL, "a: 1\n---\n# nothing\n---\nb: ref+echo://foo/bar\n", "a: 1\n---\nb: foo/bar\n"),
    ok(
        &["eval", "-exclude-secret"],
        "a: secretref+echo://foo/bar\nb: ref+echo://foo/bar\n",
        "a: secretref+echo://foo/bar\nb: foo/bar\n",
    ),
    ok(&["eval", "-fail-on-missing-key-in-map=false"], "a: ref+file://DIR/doc.yaml#/zz\n", "a: null\n"),
    failed(EVAL, "a: ref+file://DIR/doc.yaml#/zz\n", "expand file://DIR/doc.yaml#/zz: no value found for key zz"),
    ok(EVAL, "a: |\n  x\n  ref+echo://foo/bar\n  y\n", "a: |\n  x\n  foo/bar\n  y\n"),
    ok(EVAL, "scalar\n", ""),
    ok(EVAL, "", ""),
    ok(EVAL, "{}\n", ""),
    ok(JSON, "h: <a&b>\n", "{\"h\":\"\\u003ca\\u0026b\\u003e\"}\n"),
    ok(EVAL, "a: &x {k: v}\nb: *x\n", "a:\n  k: v\nb:\n  k: v\n"),
    ok(
        EVAL,
        "a10: 1\na2: yes\na1: 1e6\nB: 0x1f\ny: 100000.0\nz: \"yes\"\nn: 0.00001\nd: 2020-01-02\n",
        "B: 31\na1: 1e+06\na2: \"yes\"\na10: 1\nd: \"2020-01-02\"\n\"n\": 1e-05\n\"y\": 100000\nz: \"yes\"\n",
    ),
    failed(&["eval", "-f", "DIR/no.yaml"], "", "open DIR/no.yaml: no such file or directory"),
    failed(&["flatten", "-f", "DIR/no.yaml"], "", "open DIR/no.yaml: no such file or directory"),
    failed(&["env", "-f", "DIR/no.yaml"], "", "open DIR/no.yaml: no such file or directory"),
    failed(&["ksdecode", "-f", "DIR/no.yaml"], "", "open DIR/no.yaml: no such file or directory"),
    failed(EVAL, "a: [\n", "yaml: line 1: "),
    failed(&["env", "-f", "-"], "a: [\n", "yaml: line 1: "),
    failed(&["ksdecode", "-f", "-"], "a: [\n", "yaml: line 1: "),
    failed(EVAL, "a: ref+x://foo/bar\n", "expand x://foo/bar: no provider registered for scheme \"x\""),
    failed(EVAL, "a: ref+file://DIR/no\n", "expand file://DIR/no: open DIR/no: no such file or directory"),
    failed(EVAL, "a: 1\na: 2\n", "already defined at line 1"),
    failed(EVAL, "1: a\n", "unexpected type: map[interface {}]interface {}"),
    failed(JSON, "a: .inf\n", "json: unsupported value: +Inf"),
    ok(
        &["ksdecode", "-f", "-"],
        "kind: Secret\ndata: {foo: YmFy, cmd: eWVz}\n",
        "kind: Secret\nstringData:\n  cmd: \"yes\"\n  foo: bar\n",
    ),
    failed(&["ksdecode", "-f", "-"], "kind: Secret\ndata: {foo: \"*\"}\n", "illegal base64 data at input byte 0"),
    ok(SECRETS, "kind: Secret\ndata: {a: cmVmK2VjaG86Ly9mb28vYmFy}\n", "data:\n  a: Zm9vL2Jhcg==\nkind: Secret\n"),
    ok(SECRETS, "kind: Secret\ndata: {a: MQ==}\nstringData: {b: x}\n", "data:\n  a: MQ==\n  b: eA==\nkind: Secret\n"),
    failed(&["env"], "", "Nothing to eval: No file specified"),
    failed(&["env", "-f", "DIR/number.yaml"], "", "unexpected type of value: "),
    failed(&["env", "-f", "-"], "A: ref+file://DIR/doc.yaml#/zz\n", "unexpected type of value: <nil>"),
    ok(
        &["flatten"],
        "x=ref+echo://foo/bar\ny=\"ref+echo://q/w\"\nz=ref+file://DIR/doc.yaml#/zz end\n",
        "x=foo/bar\ny=\"q/w\"\nz=<nil> end\n",
    ),
    failed(&["flatten", "-f", "DIR/many"], "", "text mode does not support directories: DIR/many"),
    failed(&["exec"], "", "missing args"),
    Line { words: &["eval", "-nope"], input: "", code: 2, out: "", err: "flag provided but not defined: -nope" },
    Line { words: &["eval", "-h"], input: "", code: 0, out: "", err: "fail-on-missing-key-in-map" },
    Line { words: &[], input: "", code: 0, out: "", err: "ksdecode" },
];

/// Lines where we differ on purpose: VALS §4–§7, "Fix".
const OURS: &[Line] = &[
    ok(&["eval", "-f", "DIR/many"], "", "a: foo/a\n---\nb: foo/b\n"),
    ok(&["get", "ref+echo://x/1,ref+echo://y/2"], "", "x/1,y/2"),
    ok(&["get", "ref+file://DIR/doc.yaml#/b/d/1"], "", "y"),
    ok(&["get", "ref+file://DIR/doc.yaml#/b/%63"], "", "hello"),
    ok(&["get", "ref+envsubst://${UNSET:-dflt}"], "", "dflt"),
    ok(
        &["flatten", "-exclude-secret"],
        "ref+echo://a/1 secretref+echo://a/2 ref+echo://a/3",
        "a/1 secretref+echo://a/2 a/3",
    ),
    ok(&["env", "-f", "DIR/env.yaml"], "", "A=foo/bar\nB='it'\"'\"'s a test'\nC=plain-ok_1\n"),
    ok(
        &["env", "-export", "-f", "DIR/env.yaml"],
        "",
        "export A=foo/bar\nexport B='it'\"'\"'s a test'\nexport C=plain-ok_1\n",
    ),
    ok(SECRETS, "kind: Secret\nstringData: {n: ref+file://DIR/doc.yaml#/a}\n", "data:\n  \"n\": MQ==\nkind: Secret\n"),
    ok(JSON, "{\"a\": \"\\ud83d\\ude00\"}", "{\"a\":\"😀\"}\n"),
    ok(&["ksdecode", "-f", "-"], "- a: b\n", "- a: b\n"),
    Line { words: &["nope"], input: "", code: 1, out: "", err: "vals has no command \"nope\"" },
];

/// Lines under our own name.
const NATIVE: &[Line] = &[
    ok(EVAL, "# head\nb: ref+echo://foo/bar # side\na: 1\n", "# head\nb: foo/bar # side\na: 1\n"),
    ok(EVAL, "- ref+echo://foo/bar\n", "- foo/bar\n"),
    ok(&["eval", "-o", "yaml"], "b: 1\n# note\na: 2\n", "a: 2\nb: 1\n"),
    ok(&["eval", "-compat"], "b: 1\n# note\na: 2\n", "a: 2\nb: 1\n"),
    failed(&["get", "ref+file://DIR/doc.yaml#/zz"], "", "no value found for key zz"),
    ok(&["get", "x ref+file://DIR/doc.yaml#/b"], "", "x {\"c\":\"hello\",\"d\":[\"x\",\"y\"],\"e\":{\"f\":true}}"),
    ok(&["get", "ref+file://DIR/doc.yaml?fallback_value=none#/zz"], "", "none"),
];

/// Who answers: words, stdin, variables.
type Answerer = fn(&[&str], &str, &[(&str, &str)]) -> Ended;

fn check(lines: &[Line], answerer: Answerer) {
    let folder = folder();
    let dir = folder.path().display().to_string();
    let differences = lines.iter().filter_map(|line| {
        let words = line.words(&dir);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        line.difference("ours", &dir, &answerer(&words, &line.input(&dir), &[]))
    });
    assert_none(differences);
}

/// Fails with all differences at once.
pub fn assert_none(differences: impl Iterator<Item = String>) {
    let differences: Vec<String> = differences.collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn lines_are_answered_as_the_peer_answers_them() {
    check(AS_THE_PEER, vals);
}

#[test]
fn lines_that_the_peer_garbles_are_answered() {
    check(OURS, vals);
}

#[test]
fn our_own_name_keeps_order_and_comments() {
    check(NATIVE, keywright_vals);
}

#[test]
fn variables_stand_in_for_options() {
    let ended = vals(&["get", "ref+exec://echo/hi"], "", &[("VALS_TRIM", "false")]);
    assert_eq!((ended.code, &*ended.out), (0, "hi\n"), "{}", ended.err);
}

#[test]
fn tools_can_read_the_version() {
    let ended = vals(&["version"], "", &[]);
    assert!(ended.out.starts_with("Version: 0."), "{}", ended.out);
}

#[test]
fn bytes_that_are_no_text_stand_between_texts() {
    let (ui, out, _) = keywright::Ui::captured(b"\xff\xfe ref+echo://a/b \xff\nref+echo://c/d\xfe");
    let args = vec!["flatten".to_owned()];
    let environment = keywright::Environment::default();
    let exit = keywright::run(keywright::Call { program: "vals".to_owned(), args, environment, ui });
    assert_eq!((exit.0, &*out.bytes()), (0, &b"\xff\xfe a/b \xff\nc/d\xfe"[..]));
}
