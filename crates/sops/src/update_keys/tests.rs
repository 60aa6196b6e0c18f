//! Differences as the peer prints them, and what they do to the metadata.

use super::*;
use crate::wrapping::tests::metadata;

fn difference(old: &[&[&str]], old_threshold: usize, new: &[&[&str]], threshold: usize) -> Difference {
    Difference::between(&metadata(old, old_threshold), &metadata(new, 0).groups, threshold)
}

#[test]
fn order_and_repetition_do_not_count() {
    assert!(difference(&[&["age:a", "age:b"]], 0, &[&["age:b", "age:a", "age:b"]], 0).is_empty());
    assert!(!difference(&[&["age:a"]], 0, &[&["age:a", "age:b"]], 0).is_empty());
    assert!(!difference(&[&["age:a"]], 0, &[&["age:a"], &["age:b"]], 0).is_empty());
    assert!(difference(&[&["age:a"], &["age:b"]], 2, &[&["age:a"], &["age:b"]], 0).is_empty());
    assert!(!difference(&[&["age:a"], &["age:b"], &["age:c"]], 2, &[&["age:a"], &["age:b"], &["age:c"]], 3).is_empty());
}

#[test]
fn the_text_is_that_of_the_peer() {
    let cases = [
        (
            difference(&[&["age:keep", "age:old"]], 0, &[&["age:new", "age:keep"]], 0),
            "Group 1\n    keep\n+++ new\n--- old\n",
        ),
        (
            difference(&[&["age:a"], &["age:b"]], 2, &[&["age:a"]], 0),
            "+++ shamir_threshold: 1\n--- shamir_threshold: 2\nGroup 1\n    a\nGroup 2\n--- b\n",
        ),
        (
            difference(&[&["age:a"], &["age:b"]], 2, &[&["age:a"], &["age:c"]], 0),
            "shamir_threshold: 2\nGroup 1\n    a\nGroup 2\n+++ c\n--- b\n",
        ),
        (
            difference(&[&["age:a"]], 0, &[&["age:a"], &["age:b"]], 2),
            "+++ shamir_threshold: 2\nGroup 1\n    a\nGroup 2\n+++ b\n",
        ),
    ];
    for (difference, expected) in cases {
        assert_eq!(difference.text(), format!("The following changes will be made to the file's groups:\n{expected}"));
    }
}

#[test]
fn keys_that_stay_keep_their_entry_where_nothing_is_shared() {
    let mut file = metadata(&[&["pgp:a", "age:b"]], 0);
    file.groups[0].keys.iter_mut().for_each(|key| key.enc = "wrapped".to_owned());
    let wanted = metadata(&[&["age:c", "pgp:a"]], 0).groups;
    let difference = Difference::between(&file, &wanted, 0);
    assert_eq!(difference.apply(&mut file, wanted), Wrapping::New);
    let told: Vec<(String, &str)> = file.groups[0].keys.iter().map(|key| (key.identity(), key.enc.as_str())).collect();
    assert_eq!(told, [("c".to_owned(), ""), ("a".to_owned(), "wrapped")]);

    let wanted = metadata(&[&["age:c"], &["pgp:a"]], 0).groups;
    let difference = Difference::between(&file, &wanted, 0);
    assert_eq!(difference.apply(&mut file, wanted), Wrapping::All);
    assert_eq!(file.shamir_threshold, 2);
    assert!(file.groups.iter().all(|group| group.keys[0].enc.is_empty()));
}
