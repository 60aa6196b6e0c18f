//! Keys added and removed.

use super::*;
use crate::wrapping::tests::metadata;

fn told(groups: &[KeyGroup]) -> Vec<Vec<String>> {
    groups.iter().map(|group| group.keys.iter().map(MasterKey::identity).collect()).collect()
}

#[test]
fn keys_are_added_to_the_first_group_and_removed_from_all() {
    let groups = || metadata(&[&["age:a", "pgp:b"], &["age:c", "pgp:b"]], 0).groups;
    let add = |keys: &[&str]| metadata(&[keys], 0).groups.remove(0).keys;
    let remove = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    type Case<'a> = (&'a [&'a str], &'a [&'a str], [&'a [&'a str]; 2]);
    let cases: [Case<'_>; 5] = [
        (&["age:d"], &[], [&["a", "b", "d"], &["c", "b"]]),
        (&["age:a"], &[], [&["a", "b"], &["c", "b"]]),
        (&[], &["b"], [&["a"], &["c"]]),
        (&["age:d"], &["a", "not there"], [&["b", "d"], &["c", "b"]]),
        (&[], &["a", "b"], [&[], &["c"]]),
    ];
    for (added, removed, expected) in cases {
        assert_eq!(told(&change_keys(groups(), add(added), &remove(removed))), expected);
    }
    assert_eq!(told(&change_keys(Vec::new(), add(&["age:d"]), &[])), [["d"]]);
}
