//! The walk meets everything in tree order, with the keys above it and the comments that are active (SOPS §4.4, §4.5).

use super::*;
use crate::{Format, ReadOptions, read};

fn walked(yaml: &str) -> Vec<String> {
    let mut document = read(yaml.as_bytes(), Format::Yaml, &ReadOptions::default()).expect("YAML");
    let mut met = Vec::new();
    let result: Result<(), Fault> = walk(&mut document, |place, leaf| {
        let what = match &leaf {
            Leaf::Value(scalar) => text(scalar),
            Leaf::Comment(comment) => format!("#{}", text_of(&comment.text).trim()),
            Leaf::Element(Element::Comment(comment)) => format!("-#{}", text_of(&comment.text).trim()),
            Leaf::Element(Element::Node(Node::Leaf(scalar))) => format!("-{}", text(scalar)),
            Leaf::Element(Element::Node(_)) => panic!("only single values are elements to visit"),
        };
        let active: Vec<String> = place
            .comments
            .iter()
            .map(|level| level.iter().map(|text| text_of(text).trim().to_owned()).collect::<Vec<_>>().join(","))
            .collect();
        met.push(format!("{} {what} [{}]", place.keys.join(":"), active.join("|")));
        Ok(())
    });
    if let Err(fault) = result {
        met.push(format!("! {fault}"));
    }
    met
}

fn text(scalar: &Scalar) -> String {
    String::from_utf8_lossy(&scalar.as_environment()).into_owned()
}

fn text_of(bytes: &SecretBytes) -> String {
    String::from_utf8_lossy(bytes.expose()).into_owned()
}

#[test]
fn values_and_comments_come_in_file_order() {
    let met = walked("# h\na: 1 # i\n# g\nb:\n  - x\n  # l\n  - c: true\n    d: [y, z]\n  - w\ne: {}\n---\nf: null\n");
    let expected = [
        " #h [h]",
        " #i [h,i]",
        "a 1 [h,i]",
        " #g [g]",
        "b -x [g|]",
        "b -#l [g|l]",
        "b:c true [g|l|]",
        "b:d -y [g|l||]",
        "b:d -z [g|l||]",
        "b -w [g|]",
        "f  []",
    ];
    // `h` and `i` are both about `a`; after it the level is empty again.
    assert_eq!(met, expected);
}

#[test]
fn a_key_that_is_no_text_stops_the_walk() {
    assert_eq!(walked("a: 1\nb: {2: x}\n"), ["a 1 []", "! Tree contains a non-string key (type int): `2`"]);
    assert_eq!(walked("true: 1\n"), ["! Tree contains a non-string key (type bool): `true`"]);
}

#[test]
fn an_element_may_turn_into_a_comment_and_back() {
    let mut document = read(b"l:\n  # c\n  - x\n", Format::Yaml, &ReadOptions::default()).expect("YAML");
    let swap = |_: &Place, leaf: Leaf<'_>| -> Result<(), Fault> {
        if let Leaf::Element(element) = leaf {
            *element = match element {
                Element::Comment(comment) => Element::Node(Node::text(comment.text.clone())),
                Element::Node(_) => Element::Comment(Comment { text: " was x".into(), is_inline: false }),
            };
        }
        Ok(())
    };
    walk(&mut document, swap).expect("the visitor never fails");
    let out = crate::emit(&document, Format::Yaml, &crate::EmitOptions::default()).expect("YAML");
    assert_eq!(String::from_utf8_lossy(&out), "l:\n    - ' c'\n    # was x\n");
}
