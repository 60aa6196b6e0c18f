//! Fields that are not what they must be.

use document::Node;

use super::{sorted, text};

#[test]
fn what_is_no_text_is_told_by_what_it_is() {
    let rows = [
        (Node::text(b"\xff".to_vec()), "`mac` must be a text, but is no UTF-8"),
        (Node::List(Vec::new()), "`mac` must be a text, but is of type []interface {}"),
    ];
    for (node, expected) in rows {
        let told = text(&sorted(vec![("mac".to_owned(), node)]), "mac").expect_err(expected);
        assert_eq!(told.chain(), expected);
    }
}
