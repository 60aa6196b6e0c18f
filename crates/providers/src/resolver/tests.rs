//! References by all doors that answer at once, with files and variables that are played; and what is shared between them.
//! What the vectors expect was checked against the real program, but for lines that say so. Specification: VALS §16.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use sops::at_once;
use wire::{Environment, Surroundings};

use super::*;
use crate::keys::{KeyRing, Nobody};
use crate::reach::Programs;

const DOC: &str = "a: 1\nb:\n  c: hello\n  d: [x, y]\n  e: {f: true}\nn: null\n\"x-y\": 2.50\ns: \"multi\\nline\"\n";

/// A reach with these files and variables; the counter counts files that are read.
pub(crate) fn reach(files: &[(&str, &str)], variables: &[(&str, &str)]) -> (Reach, Arc<AtomicUsize>) {
    let files: BTreeMap<String, String> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    let read_file = move |path: &str| {
        counted.fetch_add(1, Ordering::Relaxed);
        let text = files.get(path).ok_or_else(|| Fault::not_found(format!("cannot read `{path}`")))?;
        Ok(base::SecretBytes::from(text.as_str()))
    };
    let environment: Environment = variables.iter().copied().collect();
    let surroundings = Surroundings { environment, read_file: Arc::new(read_file) };
    let reach = Reach {
        http: wire::Client::new(wire::client::Settings::default()),
        vault: Arc::default(),
        keys: Arc::new(KeyRing::new(surroundings.clone(), Arc::new(Nobody))),
        surroundings,
        cluster: None,
        programs: Programs::Closed,
        calls: Arc::default(),
        retrying: None,
    };
    (reach, reads)
}

fn local() -> (Reach, Arc<AtomicUsize>) {
    reach(
        &[("doc.yaml", DOC), ("one.txt", "secret\n"), ("empty.yaml", ""), ("list.yaml", "- a\n- b\n")],
        &[("HOME", "/h/x"), ("EMPTY", ""), ("YAML", "{k: [1, 2]}"), ("VALS_ENCODE", "")],
    )
}

fn text(resolver: &Resolver, text: &str) -> String {
    let filled = at_once(resolver.fill_text(text, &Options::default())).expect("local doors answer at once");
    filled.map_or_else(|fault| fault.chain(), |bytes| String::from_utf8(bytes).expect("the values are text"))
}

fn lenient() -> Resolver {
    Resolver::new(local().0, Schemes::All, MissingKey::Null)
}

#[test]
fn the_vectors_of_get() {
    let resolver = lenient();
    for (input, expected) in [
        ("ref+echo://foo/", "foo"),
        ("ref+file://doc.yaml#/a", "1"),
        ("ref+file://doc.yaml#/b/c", "hello"),
        ("ref+file://doc.yaml#b/c", "hello"),
        ("ref+file://doc.yaml/#/a", "1"),
        ("ref+file://doc.yaml#/b", "map[c:hello d:[x y] e:map[f:true]]"),
        ("ref+file://doc.yaml#/n", "<nil>"),
        ("ref+file://doc.yaml#/zz", "<nil>"),
        ("ref+file://doc.yaml#/x-y", "2.5"),
        ("ref+file://doc.yaml#/s", "multi\nline"),
        ("ref+file://one.txt", "secret\n"),
        ("ref+file://one.txt?encode=base64", "c2VjcmV0Cg=="),
        ("ref+echo://foo/bar/baz#/foo/bar", "baz"),
        ("ref+echo://user:pw@foo/bar", "foo/bar"),
        ("ref+echo://foo/a%20b", "foo/a b"),
        ("ref+echo://f%20o/a", "expand echo://f%20o/a: parse \"echo://f%20o/a\": invalid URL escape \"%20\""),
        (
            "ref+echo://arn:aws:secretsmanager:us-east-1:123:secret:foo/bar",
            "arn:aws:secretsmanager:us-east-1:123:secret:foo/bar",
        ),
        ("ref+echo:///abs/path", "/abs/path"),
        ("ref+echo://ref+echo://ref+echo://aa/b/c/d", "aa/b/c/d"),
        ("ref+envsubst:///${UNSET:-dflt}", "/dflt"),
        ("ref+envsubst://$$HOME", "$HOME"),
        ("ref+envsubst://$HOME", "/h/x"),
        ("ref+envsubst:///%20$HOME/", "/ /h/x"),
        ("ref+envsubst://${EMPTY-d}x", "x"),
        ("ref+envsubst://$YAML#/k/1", "2"),
        ("plain", "plain"),
        ("ref+file://empty.yaml#/a", "<nil>"),
    ] {
        assert_eq!(text(&resolver, input), expected, "{input}");
    }
}

#[test]
fn failures_name_the_reference_and_never_a_value() {
    let strict = Resolver::new(local().0, Schemes::All, MissingKey::Refuse);
    for (input, expected) in [
        ("ref+x://yy", "expand x://yy: no provider registered for scheme \"x\""),
        ("ref+file://nofile", "expand file://nofile: open nofile: no such file or directory"),
        ("ref+file://doc.yaml#/zz", "expand file://doc.yaml#/zz: no value found for key zz"),
        ("ref+file://doc.yaml#/b/zz/0", "expand file://doc.yaml#/b/zz/0: no value found for key b/zz/0"),
        ("ref+file://doc.yaml?encode=zz", "expand file://doc.yaml?encode=zz: Unsupported encode parameter: 'zz'."),
        (
            "ref+echo://foo#/x",
            "expand echo://foo#/x: key must have two or more components separated by \"/\": got \"foo\"",
        ),
        ("ref+envsubst:///${", "expand envsubst:///${: closing brace expected"),
        ("ref+exec://echo/x", "expand exec://echo/x: running `echo` is not allowed here"),
        // Ours: the peer quotes the value.
        (
            "ref+file://one.txt#/a",
            "expand file://one.txt#/a: yaml: unmarshal errors: the value is a single string, so a fragment cannot lead into it",
        ),
        (
            "ref+file://doc.yaml#/b/c/x",
            "expand file://doc.yaml#/b/c/x: unexpected type of value for key at 1=c in [b c x]: expected a map, got string",
        ),
        ("ref+sops://one.txt?format=zz", "expand sops://one.txt?format=zz: the scheme `sops` knows no format `zz`"),
        (
            "ref+sops://one.txt?key_type=zz",
            "expand sops://one.txt?key_type=zz: unsupported key type \"zz\". It must be one \"base64\" or \"filepath\"",
        ),
        (
            "ref+sops://nofile.yaml",
            "expand sops://nofile.yaml: failed to read \"nofile.yaml\": open nofile.yaml: no such file or directory",
        ),
        ("ref+sops://doc.yaml", "expand sops://doc.yaml: sops metadata not found"),
        // Ours: what an inner reference gives is a value, so neither the place nor why it cannot be read is told.
        ("ref+file://ref+echo://SECRET+", "expand file://ref+echo://SECRET: no value is found there"),
        (
            "ref+file://doc.yaml#/ref+echo://ref+echo://SECRET++",
            "expand file://doc.yaml#/ref+echo://ref+echo://SECRET+: no value is found there",
        ),
    ] {
        assert_eq!(text(&strict, input), expected, "{input}");
    }
}

#[test]
fn the_first_failure_of_the_document_is_told() {
    let resolver = lenient();
    let told = text(&resolver, "ref+echo://a/b ref+file://second ref+x://yy ref+file://fourth");
    assert_eq!(told, "expand file://second: open second: no such file or directory");
}

#[test]
fn what_every_scheme_can() {
    let strict = Resolver::new(local().0, Schemes::All, MissingKey::Refuse);
    for (input, expected) in [
        ("ref+file://nofile?optional=true", ""),
        ("ref+file://nofile?fallback_value=x%20y", "x y"),
        ("ref+file://doc.yaml?fallback_value=x#/zz", "x"),
        ("ref+file://doc.yaml?fallback_value=x#/a", "1"),
        ("ref+file://one.txt?trim_nl=true", "secret"),
        ("ref+echo://Zm9v/?decode=base64", "foo"),
        ("ref+echo://Zm9v/?decode=raw", "Zm9v"),
        ("ref+echo://Zm9v/?decode=zz", "expand echo://Zm9v/?decode=zz: unsupported decode parameter: \"zz\""),
        (
            "ref+echo://Zm9/?decode=base64",
            "expand echo://Zm9/?decode=base64: cannot decode the value: illegal base64 data at input byte 0",
        ),
        // Only what is missing has a fallback.
        (
            "ref+file://one.txt?fallback_value=x#/a",
            "expand file://one.txt?fallback_value=x#/a: yaml: unmarshal errors: the value is a single string, so a fragment cannot lead into it",
        ),
    ] {
        assert_eq!(text(&strict, input), expected, "{input}");
    }
}

#[test]
fn a_place_is_read_once_for_all_its_fragments() {
    let (reach, reads) = local();
    let resolver = Resolver::new(reach, Schemes::All, MissingKey::Refuse);
    let many: Vec<String> =
        (0..200).map(|number| format!("ref+file://doc.yaml#/{}", ["a", "n", "b/c"][number % 3])).collect();
    text(&resolver, &many.join(" "));
    text(&resolver, "ref+file://doc.yaml?optional=true#/a ref+file://doc.yaml");
    assert_eq!(reads.load(Ordering::Relaxed), 1);
    // A failure is asked for once, too.
    text(&resolver, "ref+file://nofile#/a ref+file://nofile");
    text(&resolver, "ref+file://nofile");
    assert_eq!(reads.load(Ordering::Relaxed), 2);
}

#[test]
fn schemes_and_options_are_checked() {
    let only = Schemes::Only(BTreeSet::from(["echo".to_owned()]));
    let resolver = Resolver::new(local().0, only, MissingKey::Refuse);
    assert_eq!(text(&resolver, "ref+echo://a/b"), "a/b");
    assert_eq!(
        text(&resolver, "ref+file://doc.yaml"),
        "expand file://doc.yaml: references with the scheme \"file\" are not allowed here"
    );
    text(&resolver, "ref+echo://a/b?nope=1 ref+echo://a/c?nope=2&optional=true");
    assert_eq!(resolver.warnings(), ["the scheme `echo` knows no option `nope`"]);
    assert!(resolver.warnings().is_empty());
    assert!(Resolver::is_local(["echo", "FILE", "sops", "unknown"]) && !Resolver::is_local(["echo", "vault"]));
}

#[test]
fn a_variable_stands_in_for_an_option() {
    let (reach, _) = reach(&[("one.txt", "secret\n")], &[("VALS_ENCODE", "base64"), ("VALS_OPTIONAL", "true")]);
    let resolver = Resolver::new(reach, Schemes::All, MissingKey::Refuse);
    assert_eq!(text(&resolver, "ref+file://one.txt"), "c2VjcmV0Cg==");
    assert_eq!(text(&resolver, "ref+file://one.txt?encode=raw"), "secret\n");
    // `optional` is no option of the peer's `file`: its variable is about something else.
    assert_eq!(text(&resolver, "ref+file://nofile"), "expand file://nofile: open nofile: no such file or directory");
}
