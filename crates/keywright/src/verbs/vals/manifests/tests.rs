use providers::resolver::{MissingKey, Schemes};
use source::expand::{Collections, Options};

use super::*;
use crate::{Environment, reach};

fn filled(text: &str, decodes: bool) -> String {
    let options = Options { excludes_secret: false, top_level_texts: true, collections: Collections::Json };
    let reach = reach::of_command_line(Environment::default());
    let evaluation = Evaluation::new(reach, Schemes::All, MissingKey::Refuse, options);
    let (mut ui, _, _) = Ui::captured(b"");
    match evaluated(text.as_bytes(), decodes, &evaluation, &mut ui) {
        Ok(bytes) => String::from_utf8(bytes).expect("UTF-8"),
        Err(fault) => fault.chain(),
    }
}

#[test]
fn documents_without_references_stay_to_the_byte() {
    for text in [
        "",
        "\n",
        "# only a comment\n",
        "---\n# Source: c/templates/a.yaml\nb:   1 # odd\na: 'x'\n---\n\n---\nno newline: at the end",
        "a: |\n  text\n  ---\n  more\n---\n- list\n---\njust text\n",
        "--- # comment\na: 1\n--- {b: 2}\n---not a marker: 1\n",
        "\u{feff}---\r\na: 1\r\n---\r\nb: 2\r\n",
        "---\n# a comment about ref+echo://a/b\n---\na: 1 # ref+echo://a/b\n",
        "broken: [\n---\na: 1\n",
        "kind: Secret\ndata: {a: MQ==}\nstringData: {b: x}\n",
    ] {
        for decodes in [false, true] {
            assert_eq!(filled(text, decodes), text);
        }
    }
}

#[test]
fn documents_with_references_keep_their_place_and_their_order() {
    for (text, decodes, expected) in [
        (
            "---\n# Source: a\nmetadata:\n  annotations:\n    postrenderer.helm.sh/postrender-filename: a.yaml\n  \
             name: x\ndata:\n  z: ref+echo://4/2\n  config: \"ref+echo://42\"\n  a: \"1\"\n---\nb:   1\n",
            false,
            "---\n# Source: a\nmetadata:\n  annotations:\n    postrenderer.helm.sh/postrender-filename: a.yaml\n  \
             name: x\ndata:\n  z: 4/2\n  config: \"42\"\n  a: \"1\"\n---\nb:   1\n",
        ),
        ("--- {a: ref+echo://b/c}\n---\n", false, "--- a: b/c\n---\n"),
        ("a: |\n  ---\n  ref+echo://b/c\n", false, "a: |\n  ---\n  b/c\n"),
        (
            "kind: Secret\ndata:\n  a: cmVmK2VjaG86Ly80Mg==\n  b: eA==\n---\nkind: Secret\ndata: {c: eA==}\n",
            true,
            "kind: Secret\ndata:\n  a: NDI=\n  b: eA==\n---\nkind: Secret\ndata: {c: eA==}\n",
        ),
        ("kind: Secret\ndata:\n  a: cmVmK2VjaG86Ly80Mg==\n", false, "kind: Secret\ndata:\n  a: cmVmK2VjaG86Ly80Mg==\n"),
        ("a: 1\n---\na: ref+nope://b/c\n", false, "expand nope://b/c: no provider registered for scheme \"nope\""),
    ] {
        assert_eq!(filled(text, decodes), expected, "{text}");
    }
}
