use super::*;

#[test]
fn only_what_differs_is_written_and_what_is_gone_is_removed() {
    let files = |list: &[(&str, &str)]| -> Files {
        list.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_owned())).collect()
    };
    let wanted = files(&[("crds/a.yaml", "1"), ("crds/b.yaml", "2"), ("docs/reference/new.md", "3")]);
    let present = files(&[("crds/a.yaml", "1"), ("crds/b.yaml", "old"), ("crds/gone.yaml", "4")]);
    let expected = [
        Change::Write("crds/b.yaml".to_owned()),
        Change::Write("docs/reference/new.md".to_owned()),
        Change::Remove("crds/gone.yaml".to_owned()),
    ];
    assert_eq!(changes(&wanted, &present), expected);
    assert_eq!(changes(&wanted, &wanted), []);
}
