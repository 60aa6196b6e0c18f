//! References as the peer reads them; each line was checked against the real program.

use super::*;

fn check(body: &str, expected: &str) {
    let told = match Reference::parse(body) {
        Ok(reference) => {
            let options: Vec<String> =
                reference.options.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{}|{}|{}|{}", reference.scheme, reference.place(), options.join("&"), reference.fragment.join("|"))
        }
        Err(fault) => fault.to_string(),
    };
    assert_eq!(told, expected, "{body}");
}

#[test]
fn parts_lie_where_go_finds_them() {
    check("echo://foo/bar", "echo|foo/bar||");
    check("ECHO://Foo/bar/", "echo|Foo/bar/||");
    check("echo:///abs/path", "echo|/abs/path||");
    check("echo://user:pw@foo/bar", "echo|foo/bar||");
    check("echo://foo:80/bar", "echo|foo:80/bar||");
    check("echo://[::1]:80/x", "echo|[::1]:80/x||");
    check("echo://foo/a%20b%2Bc", "echo|foo/a b+c||");
    check("echo://foo/a+b", "echo|foo/a+b||");
    check("echo://f%C3%BC/x", "echo|fü/x||");
    check("file://doc.yaml#/b/c", "file|doc.yaml||b|c");
    check("file://doc.yaml#b/c", "file|doc.yaml||b|c");
    check("file://doc.yaml#/", "file|doc.yaml||");
    check("file://doc.yaml#/a%2Fb/c%20d", "file|doc.yaml||a/b|c d");
    check("vault://a/b?version=2&x=%20y+z&version=3#/k", "vault|a/b|version=2&x= y z&version=3|k");
    check("vault://a/b?bad=%zz&good=1;2&p", "vault|a/b|p=|");
    check(
        "awssecrets://arn:aws:secretsmanager:us-east-1:123:secret:foo/bar%2F?version_id=v#/k",
        "awssecrets|arn:aws:secretsmanager:us-east-1:123:secret:foo/bar%2F|version_id=v|k",
    );
    check("awssecrets://arn:aws-cn:x:y", "awssecrets|arn:aws-cn:x:y||");
}

#[test]
fn a_slash_before_the_fragment_belongs_to_no_option() {
    check("vault://a/b?version=2/#/k", "vault|a/b|version=2|k");
    check("sops://a.yaml?format=yaml/", "sops|a.yaml|format=yaml|");
}

#[test]
fn braces_make_a_text_of_the_host() {
    check("envsubst://${HOME}", "envsubst|${HOME}||");
    check("envsubst://${U:-d}/x", "envsubst|${U:-d}/x||");
}

#[test]
fn what_go_refuses_is_told_in_its_words() {
    check("://foo/bar", r#"parse "://foo/bar": missing protocol scheme"#);
    check("1a://foo", r#"parse "1a://foo": first path segment in URL cannot contain colon"#);
    check("echo://a\tb", r#"parse "echo://a\tb": net/url: invalid control character in URL"#);
    check("echo://foo:bar", r#"parse "echo://foo:bar": invalid port ":bar" after host"#);
    check("echo://f%20o/a", r#"parse "echo://f%20o/a": invalid URL escape "%20""#);
    check("echo://fo^o/a", r#"parse "echo://fo^o/a": invalid character "^" in host name"#);
    check("echo://foo/a%zz", r#"parse "echo://foo/a%zz": invalid URL escape "%zz""#);
    check("echo://foo/a%2", r#"parse "echo://foo/a%2": invalid URL escape "%2""#);
    check("file://a#/x%zz", r#"parse "file://a#/x%zz": invalid URL escape "%zz""#);
    check("echo://[::1", r#"parse "echo://[::1": missing ']' in host"#);
}

#[test]
fn options_that_name_a_secret_are_not_shown() {
    for (body, expected) in [
        ("vault://a/b?role_id=r&secret_id=s&address=x#/k", "vault://a/b?role_id=…&secret_id=…&address=x#/k"),
        ("doppler://a/b/c?token=t", "doppler://a/b/c?token=…"),
        ("vault://a/b?token_env=T&password_file=/p", "vault://a/b?token_env=T&password_file=/p"),
        ("sops://x?key_type=base64", "sops://x?key_type=base64"),
        ("file://a#/token=x", "file://a#/token=x"),
    ] {
        assert_eq!(shown(body), expected);
    }
    check("vault://a\tb?token=hush", r#"parse "vault://a\tb?token=…": net/url: invalid control character in URL"#);
}
