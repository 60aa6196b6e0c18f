use super::*;

#[test]
fn later_entries_win_and_names_are_sorted() {
    let mut map: SecretMap = [("b", "1"), ("a", "2")].into_iter().collect();
    map.extend([("b", "3")].into_iter().collect());
    assert_eq!(map.names().collect::<Vec<_>>(), ["a", "b"]);
    assert!(map.value("b") == Some(&SecretBytes::from("3")));
}

#[test]
fn values_compare_by_content() {
    assert!(SecretBytes::from("a") == SecretBytes::from("a"));
    assert!(SecretBytes::from("a") != SecretBytes::from("ab"));
    assert!(SecretText::from("x").trimmed() == SecretText::from(" x\n").trimmed());
}

#[test]
fn bytes_that_are_no_text_say_so() {
    assert!(SecretBytes::new(vec![0xff]).to_text().is_none());
}
