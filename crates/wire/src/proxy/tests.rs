//! Which request goes through which proxy, as Go decides it.

use url::Url;

use crate::environment::Environment;
use crate::proxy::Proxy;

fn decide(variables: &[(&str, &str)], url: &str) -> Option<String> {
    let environment: Environment = variables.iter().copied().collect();
    Proxy::of(&environment).unwrap().for_url(&Url::parse(url).unwrap()).map(Url::to_string)
}

#[test]
fn the_scheme_chooses_and_upper_case_counts_first() {
    let variables = [("HTTP_PROXY", "http://up:1"), ("http_proxy", "http://low:1"), ("https_proxy", "secure:2")];
    assert_eq!(decide(&variables, "http://x/").as_deref(), Some("http://up:1/"));
    assert_eq!(decide(&variables, "https://x/").as_deref(), Some("http://secure:2/"));
    assert_eq!(decide(&[], "https://x/"), None);
    assert_eq!(decide(&[("HTTPS_PROXY", "")], "https://x/"), None);
}

#[test]
fn loopback_and_what_no_proxy_names_goes_straight() {
    let cases = [
        ("", "http://localhost:8200/", false),
        ("", "http://127.0.0.9/", false),
        ("", "http://[::1]/", false),
        ("", "http://10.0.0.1/", true),
        ("*", "http://anything/", false),
        ("svc", "http://svc/", false),
        ("svc", "http://a.svc/", false),
        ("svc", "http://asvc/", true),
        (".svc", "http://svc/", true),
        (".svc", "http://a.b.SVC/", false),
        ("*.svc", "http://a.svc/", false),
        ("a.svc:8200", "http://a.svc:8200/", false),
        ("a.svc:8200", "http://a.svc/", true),
        ("10.0.0.0/8", "http://10.9.8.7/", false),
        ("10.0.0.0/8", "http://11.0.0.1/", true),
        ("10.0.0.1", "http://10.0.0.1:99/", false),
        ("10.0.0.1:80", "http://10.0.0.1:99/", true),
        ("fd00::/8", "http://[fd12::1]/", false),
        ("fd00::/8", "http://[fe80::1]/", true),
        ("[fd00::1]:80", "http://[fd00::1]/", false),
        ("x , ,svc ", "http://svc/", false),
        ("0.0.0.0/0", "http://1.2.3.4/", false),
        ("10.0.0.0/99", "http://10.0.0.0/", false),
    ];
    for (no_proxy, url, proxied) in cases {
        let decided = decide(&[("HTTP_PROXY", "http://p"), ("NO_PROXY", no_proxy)], url);
        assert_eq!(decided.is_some(), proxied, "{no_proxy:?} {url}");
    }
}

#[test]
fn a_proxy_that_cannot_be_one_is_told_without_its_password() {
    for text in ["socks5://user:canary@x", "http://", "http://user:canary@:x"] {
        let environment: Environment = [("HTTPS_PROXY", text)].into_iter().collect();
        let fault = Proxy::of(&environment).err().unwrap();
        assert_eq!(fault.chain(), "cannot use HTTPS_PROXY as a proxy: not an http:// or https:// address");
    }
    assert!(Proxy::always("http://p:3128").unwrap().for_url(&Url::parse("https://127.0.0.1").unwrap()).is_some());
}
