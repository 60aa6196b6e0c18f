use super::*;

#[test]
fn names_are_the_peers() {
    for (prefix, suffix, folder, path, expected) in [
        ("", ".dec", "", "s.yaml", "s.yaml.dec"),
        ("", ".dec", "", "a/b.yaml", "a/b.yaml.dec"),
        ("p-", ".x", "", "/a/b.yaml", "/a/p-b.yaml.x"),
        ("p-", ".dec", "/x", "a/b.yaml", "/x/a_p-b.yaml.dec"),
        ("", ".dec", "/x/", "s.yaml", "/x/._s.yaml.dec"),
        ("", ".dec", "/x", "../w/s.yaml", "/x/.._w_s.yaml.dec"),
    ] {
        let naming = Naming { prefix: prefix.into(), suffix: suffix.into(), folder: folder.into() };
        assert_eq!(naming.of(path), expected);
    }
}
