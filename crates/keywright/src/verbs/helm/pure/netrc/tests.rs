use super::*;

#[test]
fn the_first_entry_of_a_host_counts() {
    let netrc = "# machine h login no password no\nmachine other login o password op\nmachine h\n  login u\n  password p\n\
                 machine h login v password w\ndefault login anonymous password mail\n";
    for (netrc, host, expected) in [
        (netrc, "h", Some(("u", "p"))),
        (netrc, "other", Some(("o", "op"))),
        (netrc, "third", Some(("anonymous", "mail"))),
        ("machine h login u", "h", None),
        ("machine h password p", "h", Some(("", "p"))),
        ("machine", "h", None),
        ("", "h", None),
    ] {
        let found = login(netrc, host);
        let found = found.as_ref().map(|(name, password)| (name.as_str(), password.expose()));
        assert_eq!(found, expected, "{host}");
    }
}
