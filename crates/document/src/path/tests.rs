//! Index paths as users type them (SOPS §8.5, §10).

use super::*;

fn shown(text: &str) -> String {
    match Path::parse(text) {
        Ok(path) => path.to_string(),
        Err(fault) => format!("! {fault}"),
    }
}

#[test]
fn paths_are_keys_and_positions() {
    let cases = [
        ("", ""),
        (r#"["a"]"#, r#"["a"]"#),
        (r#"['a']["b"][0]"#, r#"["a"]["b"][0]"#),
        (r#"["a"] ["b"]"#, r#"["a"]["b"]"#),
        (r#"["a[0]"]"#, r#"["a[0]"]"#),
        (r#"["it's"]"#, r#"["it's"]"#),
        (r#"[""]"#, r#"[""]"#),
        ("[-1]", "[-1]"),
        (r#"["é"]"#, r#"["é"]"#),
        ("a", "! component a doesn't end with ]"),
        (r#"a["b"]"#, "! component a doesn't end with ]"),
        (r#"["a"]x"#, "! component x doesn't end with ]"),
        (r#"["a""#, r#"! component "a" doesn't end with ]"#),
        ("[0", "! component 0 doesn't end with ]"),
        ("[]", "! component  is neither quoted nor an integer"),
        ("[a]", "! component a is neither quoted nor an integer"),
        ("[1.5]", "! component 1.5 is neither quoted nor an integer"),
        ("[99999999999999999999]", "! component 99999999999999999999 is neither quoted nor an integer"),
    ];
    for (text, expected) in cases {
        assert_eq!(shown(text), expected, "{text}");
    }
}
