use super::*;

fn told(url: &str) -> String {
    let Some((scheme, rest)) = scheme(url) else { return "unknown".to_owned() };
    match read(scheme, rest) {
        Ok(url) => format!("{} {:?} {} {}", url.is_optional, url.backend, url.key, url.reference),
        Err(text) => text,
    }
}

#[test]
fn urls_are_taken_apart_at_the_first_mark_of_each_kind() {
    for (url, expected) in [
        ("secrets://f.yaml", "false None  f.yaml"),
        ("secrets://?f.yaml", "true None  f.yaml"),
        ("secrets://?vals!https://h/x.yaml?a=b", "true Some(\"vals\")  https://h/x.yaml?a=b"),
        ("secrets://!a!b.yaml", "false Some(\"\")  a!b.yaml"),
        ("secrets+age-import:///keys/k.txt?f.yaml?x", "false None /keys/k.txt f.yaml?x"),
        ("secrets+age-import-kubernetes://sops!ns/name#k?f", "false Some(\"sops\") ns/name#k f"),
        (
            "secrets+age-import-kubernetes://ns/n#k?sops!f",
            "Invalid syntax: secrets+age-import-kubernetes://[path to key]?[path secrets.yaml]",
        ),
        ("secrets+age-import://nokey", "Invalid syntax: secrets+age-import://[path to key]?[path secrets.yaml]"),
        ("secrets+literal://vals!ref+echo://foo/bar", "false Some(\"vals\")  ref+echo://foo/bar"),
        ("foo://bar", "unknown"),
        ("secret://bar", "unknown"),
    ] {
        assert_eq!(told(url), expected, "{url}");
    }
}
