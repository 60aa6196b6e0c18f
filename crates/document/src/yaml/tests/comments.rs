//! Where comments go (SOPS §4.13): recorded from the peer's program where its own output is stable.

use super::*;
use crate::{Comment, Item};

#[test]
fn comments_stay_where_they_stand() {
    check(&[
        (
            "# head\n\na: 1 # inl\nb:\n  c: 2\n  # foot c\n\n  # head d\n  d: 3\n# foot\n\n# last\n",
            "# head\na: 1 # inl\nb:\n    c: 2\n    # foot c\n    # head d\n    d: 3\n# foot\n# last\n",
        ),
        ("a: # on a\n  b: 1\n", "# on a\na:\n    b: 1\n"),
        ("a: # c1\n  # c2\n  b: 1\n", "# c1\na:\n    # c2\n    b: 1\n"),
        ("a:\n# col0 head\n  b: 1\n", "a:\n    # col0 head\n    b: 1\n"),
        ("a:\n  - x # lx\n  # hy\n  - y\n  # fy\nb: 1\n", "a:\n    - x # lx\n    # hy\n    - \"y\"\n    # fy\nb: 1\n"),
        ("a:\n- 1\n# c\n- 2\n# d\nb: 1\n", "a:\n    - 1\n    # c\n    - 2\n# d\nb: 1\n"),
        (
            "a:\n  b:\n    c: 1\n    # c foot\n  # b foot\n# a foot\nd: 1\n",
            "a:\n    b:\n        c: 1\n        # c foot\n    # b foot\n# a foot\nd: 1\n",
        ),
        (
            "a:\n  - - 1 # x\n    # y\n    - 2\n  # z\n  - 3\n",
            "a:\n    - - 1 # x\n      # y\n      - 2\n    # z\n    - 3\n",
        ),
        ("a: | # lit\n  text\n  # not comment\nb: 1\n", "a: | # lit\n    text\n    # not comment\nb: 1\n"),
        ("a: |\n  x\n# c\nb: 1\n", "a: |\n    x\n# c\nb: 1\n"),
        ("a: \"b\n  c\" # d\n", "a: b c # d\n"),
        ("a: 1\n#\n#  two\n##three\nb: 1\n", "a: 1\n#\n#  two\n##three\nb: 1\n"),
        ("a: 1\r\n# c\r\nb: 2 # d\r\n", "a: 1\n# c\nb: 2 # d\n"),
        ("{a: 1, # c\n b: 2 # d\n # e\n }\n", "a: 1 # c\nb: 2 # d\n# e\n"),
        ("--- # doc comment\na: 1\n--- # doc2\nb: 2\n# end\n", "# doc comment\na: 1\n---\n# doc2\nb: 2\n# end\n"),
        ("# top\n---\n# in\na: 1\n", "# top\n# in\na: 1\n"),
        ("---\n# c\n", "# c\n{}\n"),
    ]);
}

#[test]
fn comments_on_nothing_and_on_brackets_have_their_place() {
    check(&[
        ("a: ~ # null\nb: # nullc\nc: 1\n", "a: null # null\n# nullc\nb: null\nc: 1\n"),
        ("a:\n  # only comment\nb: 1\n", "a: null\n# only comment\nb: 1\n"),
        ("a: # c\n  val\nb:\n  # d\n  val\n", "# c\na: val\n# d\nb: val\n"),
        ("a: [1, 2] # flow\nb: {x: 1} # map\n", "a:\n    # flow\n    - 1\n    - 2\nb:\n    # map\n    x: 1\n"),
        (
            "a: [1, # one\n    2] # two\nb: {x: 1, # ex\n    z: 2}\n",
            "a:\n    # two\n    - 1 # one\n    - 2\nb:\n    x: 1 # ex\n    z: 2\n",
        ),
        ("a: {} # c\nb: [] # d\n", "a: {\n    # c\n}\nb: []\n# d\n"),
        ("a: !tag # tagc\n  b: 1\n", "a:\n    # tagc\n    b: 1\n"),
        ("a: &x # anchor\n  b: 1\nd: *x\n", "a:\n    # anchor\n    b: 1\nd:\n    # anchor\n    b: 1\n"),
        ("? a # ka\n: b # vb\n", "# ka\na: b # vb\n"),
        (
            "a:\n  -\n    # c\n    x: 1\n  - # d\n    - 1\n  - # e\n    2\n",
            "a:\n    # c\n    - x: 1\n    # d\n    - - 1\n    # e\n    - 2\n",
        ),
        // Ours: the peer drops this one, moves those to the next element, and writes no YAML for the last.
        ("a: [ # x\n  1]\n", "a:\n    # x\n    - 1\n"),
        ("a:\n  - {x: 1} # c\n  - [2] # d\n", "a:\n    # c\n    - x: 1\n    # d\n    - - 2\n"),
        ("a:\n  - {} # c\n  - [] # d\n", "a:\n    # c\n    - {}\n    # d\n    - []\n"),
        // Ours: what stands behind the end of the last document is kept.
        ("a: 1\n... # dend\n# after\n", "a: 1\n# dend\n# after\n"),
    ]);
}

#[test]
fn an_inline_comment_stands_before_its_value_in_the_tree() {
    let document = read(b"a: 1 # c\nb:\n  - x # d\n", &ReadOptions::default()).expect("YAML");
    let [Item::Comment(comment), Item::Entry(key, _), Item::Entry(_, Node::List(elements))] =
        &document.branches[0].items[..]
    else {
        panic!("comment, entry, list")
    };
    assert!(comment.is_inline && comment.text.expose() == b" c" && key.is("a"));
    assert!(matches!(&elements[0], crate::Element::Comment(comment) if comment.is_inline));
}

#[test]
fn comments_that_the_tree_can_hold_are_written_so_that_they_stay() {
    let comment = |text: &str, is_inline| Item::Comment(Comment { text: text.into(), is_inline });
    let entry = |key: &str, node| Item::Entry(crate::Key::Text(key.to_owned()), node);
    let list = Node::List(vec![crate::Element::Node(Node::Branch(Branch {
        items: vec![comment(" first", false), comment(" i", true), entry("x", Node::text("v")), comment(" end", false)],
    }))]);
    let branch = Branch {
        items: vec![
            comment(" one\n# two\nthree", false),
            comment(" on a list", true),
            entry("l", list),
            comment(" i1", true),
            comment(" i2", true),
            entry("s", Node::text("v")),
            comment(" trailing", true),
        ],
    };
    let out = text(emit(&Document { branches: vec![branch] }, &EmitOptions::default()));
    let expected = "# one\n# two\n# three\n# on a list\nl:\n    # first\n    - x: v # i\n      # end\ns: v # i1\n# i2\n# trailing\n";
    assert_eq!(out, expected);
    assert_eq!(round(&out), expected);
}
