//! Places and selections over small trees; each line of the expected text is a leaf or comment, `*` where encrypted.

use super::*;

struct Tell(Vec<String>);

impl Visit for Tell {
    fn leaf(&mut self, place: Place<'_>, scalar: &mut Scalar) -> Result<bool, Fault> {
        let Scalar::Text(text) = scalar else { return Ok(false) };
        self.tell(place, "", text.expose());
        Ok(text.expose() == b"was a comment")
    }

    fn comment(&mut self, place: Place<'_>, comment: &mut Comment) -> Result<bool, Fault> {
        self.tell(place, "#", comment.text.expose());
        Ok(place.is_encrypted)
    }
}

impl Tell {
    fn tell(&mut self, place: Place<'_>, mark: &str, text: &[u8]) {
        let star = if place.is_encrypted { "*" } else { "" };
        self.0.push(format!("{} {mark}{}{star}", place.path, String::from_utf8_lossy(text)));
    }
}

fn note(text: &str) -> Comment {
    Comment { text: text.into(), is_inline: false }
}

fn branch(items: impl IntoIterator<Item = Item>) -> Node {
    Node::Branch(Branch { items: items.into_iter().collect() })
}

fn entry(key: &str, node: Node) -> Item {
    Item::Entry(Key::Text(key.to_owned()), node)
}

fn document(items: impl IntoIterator<Item = Item>) -> Document {
    Document { branches: vec![Branch { items: items.into_iter().collect() }] }
}

fn told(selection: Option<&Selection>, mut document: Document) -> Vec<String> {
    let mut tell = Tell(Vec::new());
    Selector::new(selection).walk(&mut document, &mut tell).expect("walks");
    tell.0
}

fn option(name: &str, text: &str) -> Selection {
    Selection::named(name, text).expect("an option")
}

#[test]
fn places_are_the_keys_from_the_root() {
    let tree = document([
        Item::Comment(note("top")),
        entry("a", Node::text("1")),
        entry("c", branch([Item::Comment(note("in")), entry("d", Node::text("2"))])),
        entry(
            "b",
            Node::List(vec![
                Element::Comment(note("l")),
                Element::Node(Node::text("3")),
                Element::Node(Node::List(vec![Element::Node(Node::text("4"))])),
                Element::Node(branch([entry("k", Node::text("5"))])),
            ]),
        ),
    ]);
    assert_eq!(told(None, tree), [": #top*", "a: 1*", "c: #in*", "c:d: 2*", "b: #l*", "b: 3*", "b: 4*", "b:k: 5*"]);
}

#[test]
fn keys_decide_for_all_that_is_below_them() {
    let tree = || {
        document([
            entry("plain_unencrypted", branch([entry("x", Node::text("1")), Item::Comment(note("c"))])),
            entry("password", Node::text("2")),
            entry("other", branch([entry("password2", Node::text("3")), entry("y", Node::text("4"))])),
        ])
    };
    let cases = [
        (Selection::default(), ["1", "#c", "2*", "3*", "4*"]),
        (option("unencrypted_suffix", "word"), ["1*", "#c*", "2", "3*", "4*"]),
        (option("encrypted_suffix", "word"), ["1", "#c", "2*", "3", "4"]),
        (option("encrypted_regex", "^pass"), ["1", "#c", "2*", "3*", "4"]),
        (option("encrypted_regex", r"\Qpassword\E$"), ["1", "#c", "2*", "3", "4"]),
        (option("unencrypted_regex", "ass"), ["1*", "#c*", "2", "3", "4*"]),
        (option("encrypted_regex", "(?!x)"), ["1", "#c", "2", "3", "4"]),
        (option("unencrypted_regex", "(?!x)"), ["1*", "#c*", "2*", "3*", "4*"]),
    ];
    for (selection, expected) in cases {
        let told = told(Some(&selection), tree());
        let marks: Vec<&str> = told.iter().map(|line| line.split_once(' ').expect("a place").1).collect();
        assert_eq!(marks, expected, "{selection:?}");
    }
    assert!(Selector::new(Some(&option("encrypted_regex", "(?!x)"))).is_void());
    assert!(!Selector::new(Some(&option("unencrypted_regex", "(?!x)"))).is_void());
}

/// The tree of the peer's own run in SOPS §4.5.
fn commented() -> Document {
    document([
        Item::Comment(Comment { text: " enc".into(), is_inline: true }),
        entry("a", Node::text("1")),
        entry("b", Node::text("2")),
        Item::Comment(note(" enc")),
        Item::Comment(note(" more")),
        entry("c", branch([entry("d", Node::text("3"))])),
        entry(
            "l",
            Node::List(vec![
                Element::Comment(note(" enc")),
                Element::Node(Node::text("4")),
                Element::Node(Node::text("5")),
            ]),
        ),
    ])
}

#[test]
fn comments_decide_for_the_value_behind_them() {
    let cases = [
        (
            option("encrypted_comment_regex", "enc"),
            [": # enc", "a: 1*", "b: 2", ": # enc", ": # more*", "c:d: 3*", "l: # enc", "l: 4*", "l: 5"],
        ),
        (
            option("unencrypted_comment_regex", "enc"),
            [": # enc", "a: 1", "b: 2*", ": # enc", ": # more", "c:d: 3", "l: # enc", "l: 4", "l: 5*"],
        ),
    ];
    for (selection, expected) in cases {
        assert_eq!(told(Some(&selection), commented()), expected, "{selection:?}");
    }
}

#[test]
fn an_element_that_was_a_comment_does_not_end_the_comments_before_it() {
    let tree = document([entry(
        "l",
        Node::List(vec![
            Element::Comment(note("enc")),
            Element::Node(Node::text("was a comment")),
            Element::Node(Node::text("1")),
            Element::Node(Node::text("2")),
        ]),
    )]);
    let told = told(Some(&option("encrypted_comment_regex", "enc")), tree);
    assert_eq!(told, ["l: #enc", "l: was a comment*", "l: 1*", "l: 2"]);
}

#[test]
fn encrypted_comments_of_lists_become_elements_and_come_back() {
    let mut tree = document([entry("l", Node::List(vec![Element::Comment(note("was a comment"))]))]);
    let selector = Selector::new(None);
    selector.walk(&mut tree, &mut Tell(Vec::new())).expect("walks");
    let Some(Node::List(elements)) = tree.branches[0].value("l") else { panic!("a list") };
    assert!(matches!(&elements[0], Element::Node(node) if node.as_str() == Some("was a comment")));
    selector.walk(&mut tree, &mut Tell(Vec::new())).expect("walks");
    let Some(Node::List(elements)) = tree.branches[0].value("l") else { panic!("a list") };
    assert!(matches!(&elements[0], Element::Comment(comment) if comment.text.expose() == b"was a comment"));
}

#[test]
fn only_text_keys_are_allowed() {
    let mut tree = document([Item::Entry(Key::Other("int", "5".to_owned()), Node::text("x"))]);
    let fault = Selector::new(None).walk(&mut tree, &mut Tell(Vec::new())).expect_err("refused");
    assert_eq!(fault.to_string(), "Tree contains a non-string key (type int)");
    assert_eq!(fault.advice(), Some("quote the key `5`, so that it is a text"));
}

#[test]
fn values_that_todays_rule_would_encrypt_are_named_once() {
    let mut tree = document([
        entry("data", branch([entry("a", Node::text("1")), entry("e", Node::text(""))])),
        entry("list", Node::List(vec![Element::Node(Node::text("2")), Element::Node(Node::text("3"))])),
        entry("kept_unencrypted", Node::text("4")),
    ]);
    let cases: [(&Selection, &Selection, &[&str]); 4] = [
        (&option("encrypted_regex", "^none$"), &Selection::default(), &["data:a", "list"]),
        (&option("encrypted_regex", "^data$"), &Selection::default(), &["list"]),
        (&Selection::default(), &option("encrypted_regex", "^data$"), &[]),
        (&Selection::default(), &Selection::default(), &[]),
    ];
    for (of_file, today, expected) in cases {
        assert_eq!(left_clear(&mut tree, Some(of_file), Some(today)).expect("walks"), expected);
    }
}
