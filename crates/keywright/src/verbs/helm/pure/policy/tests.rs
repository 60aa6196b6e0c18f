use super::*;

const ALL: Policy = Policy { symlinks: true, absolute: true, traversal: true };
const HERE: Place = Place { is_linked: false, is_outside: false };

#[test]
fn each_switch_refuses_its_own_in_the_peers_words() {
    let linked = Place { is_linked: true, ..HERE };
    let outside = Place { is_outside: true, ..HERE };
    for (policy, reference, place, expected) in [
        (ALL, "/a/../b", outside, None),
        (
            Policy { symlinks: false, ..ALL },
            "a",
            linked,
            Some("Values file 'a' is a symlink. Symlinks are not allowed."),
        ),
        (Policy { symlinks: false, ..ALL }, "a", HERE, None),
        (
            Policy { absolute: false, ..ALL },
            "/x/v.yaml",
            outside,
            Some("Values filepath '/x/v.yaml' is an absolute path. Absolute paths are not allowed."),
        ),
        (Policy { absolute: false, ..ALL }, "a:b.yaml", HERE, None),
        (
            Policy { traversal: false, ..ALL },
            "../v",
            outside,
            Some("Values filepath '../v' contains '..'. Path traversal is not allowed."),
        ),
        (
            Policy { traversal: false, ..ALL },
            "link/v",
            outside,
            Some("Values filepath 'link/v' contains '..'. Path traversal is not allowed."),
        ),
        (Policy { traversal: false, ..ALL }, "a..b/v", HERE, None),
        (Policy { traversal: false, ..ALL }, "/x/v", outside, None),
    ] {
        assert_eq!(policy.refusal(reference, place).as_deref(), expected, "{reference}");
        assert_eq!(policy.forbids(), policy != ALL);
    }
}
