//! The walk over all leaves and comments of a document, in tree order: what encryption, MAC and selection see.
//! It keeps the keys above a leaf and the comments that are active at it. Not here: what is done with a leaf (`sops`).
//! Specification: SOPS §4.4 (paths), §4.5 (active comments).

use base::{Fault, SecretBytes};

use crate::{Branch, Comment, Document, Element, Item, Key, Node, Scalar};

/// Where the walk stands.
#[derive(Default)]
pub struct Place {
    /// Which document of the file.
    pub branch: usize,
    /// The keys from the root to the leaf; for a comment, those of its container. List positions add nothing.
    pub keys: Vec<String>,
    /// The active comments, one list for each level of nesting, outermost first; a comment that is being visited
    /// is already the last of the innermost list. The texts are those from before the visit.
    pub comments: Vec<Vec<SecretBytes>>,
}

/// What the walk meets.
pub enum Leaf<'a> {
    /// The value of an entry.
    Value(&'a mut Scalar),
    /// A comment between the entries of a mapping.
    Comment(&'a mut Comment),
    /// A single value or a comment in a list; one may be made the other, since an encrypted comment in a list is a text.
    Element(&'a mut Element),
}

/// Visits every leaf and every comment, in tree order.
///
/// # Errors
/// What the visitor answers, or a key that is no text.
pub fn walk<E: From<Fault>>(
    document: &mut Document,
    mut visit: impl FnMut(&Place, Leaf<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut place = Place::default();
    for (index, branch) in document.branches.iter_mut().enumerate() {
        place.branch = index;
        mapping(branch, &mut place, &mut visit)?;
    }
    Ok(())
}

type Visit<'a, E> = &'a mut dyn FnMut(&Place, Leaf<'_>) -> Result<(), E>;

fn mapping<E: From<Fault>>(branch: &mut Branch, place: &mut Place, visit: Visit<'_, E>) -> Result<(), E> {
    place.comments.push(Vec::new());
    for item in &mut branch.items {
        match item {
            Item::Comment(comment) => {
                place.note(comment);
                visit(place, Leaf::Comment(comment))?;
            }
            Item::Entry(key, node) => {
                place.keys.push(text_key(key)?);
                match node {
                    Node::Leaf(scalar) => visit(place, Leaf::Value(scalar))?,
                    Node::List(elements) => list(elements, place, visit)?,
                    Node::Branch(inner) => mapping(inner, place, visit)?,
                }
                place.keys.pop();
                place.forget();
            }
        }
    }
    place.comments.pop();
    Ok(())
}

fn list<E: From<Fault>>(elements: &mut [Element], place: &mut Place, visit: Visit<'_, E>) -> Result<(), E> {
    place.comments.push(Vec::new());
    for element in elements {
        match element {
            Element::Comment(comment) => {
                place.note(comment);
                visit(place, Leaf::Element(element))?;
                continue;
            }
            Element::Node(Node::Leaf(_)) => visit(place, Leaf::Element(element))?,
            Element::Node(Node::List(inner)) => list(inner, place, visit)?,
            Element::Node(Node::Branch(inner)) => mapping(inner, place, visit)?,
        }
        place.forget();
    }
    place.comments.pop();
    Ok(())
}

fn text_key(key: &Key) -> Result<String, Fault> {
    match key {
        Key::Text(text) => Ok(text.clone()),
        Key::Other(kind, text) => Err(Fault::wrong(format!("Tree contains a non-string key (type {kind}): `{text}`"))
            .hint("put the key in quotes")),
    }
}

impl Place {
    fn note(&mut self, comment: &Comment) {
        let level = self.comments.last_mut().expect("a level is pushed before its items are walked");
        level.push(comment.text.clone());
    }

    fn forget(&mut self) {
        let level = self.comments.last_mut().expect("a level is pushed before its items are walked");
        level.clear();
    }
}

#[cfg(test)]
mod tests;
