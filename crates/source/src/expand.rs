//! References in documents and texts: which values are wanted, and the documents with these values in them. It goes in rounds,
//! innermost references first: ask [`wanted`] for what can be fetched now, fetch it, and ask again until nothing is wanted;
//! then [`fill`]. Fetched text is never scanned for references again, so a value cannot name another one to fetch.
//! How a text is read stands in `expand/text`, how a value is printed inside one in `expand/print`.
//! Specification: VALS §5.1, §5.3, §5.5, §6.1, §6.3.

mod print;
pub mod text;

use std::collections::{BTreeSet, HashMap, HashSet};

use base::{Fault, Kind};
use document::{Branch, Element, Item, Key, Node, ReadOptions, Scalar, yaml};

pub use print::{Collections, printed};
use text::{Embedded, Piece};

use crate::reference::shown;

/// The values that were fetched so far, by the text behind `ref+`. A missing key that is tolerated is null.
pub type Answers = HashMap<String, Node>;

/// What is evaluated and how it is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Leaves `secretref+…` as it stands.
    pub excludes_secret: bool,
    /// Evaluates texts that are elements of a list at the top of a document; the peer does not.
    pub top_level_texts: bool,
    /// How lists and maps are printed inside a longer text.
    pub collections: Collections,
}

/// What references want: distinct, in the order of the documents.
#[derive(Default)]
pub struct Wanted {
    bodies: Vec<Body>,
    known: HashSet<String>,
}

/// A reference whose place is known.
pub struct Body {
    text: String,
    /// As it stands in the document, where values of inner references are in the text.
    written: Option<String>,
}

impl Body {
    /// The text behind `ref+`, with the values of inner references in it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether values of inner references are in its text; no message may show them.
    #[must_use]
    pub fn is_composed(&self) -> bool {
        self.written.is_some()
    }

    /// What is told of a failure. The causes name the place and with it what inner references gave, so only their kind is told.
    #[must_use]
    pub fn failed(&self, fault: Fault) -> Fault {
        let Some(written) = &self.written else { return fault.within(format!("expand {}", shown(&self.text))) };
        let told = match fault.kind() {
            Kind::NotFound => "no value is found there",
            Kind::Denied => "access is denied",
            Kind::Busy | Kind::Unreachable => "it cannot be reached",
            _ => "it cannot be read",
        };
        Fault::new(fault.kind(), format!("expand {}: {told}", shown(written)))
            .hint("what inner references give is not shown; resolve them alone to see more")
    }
}

impl Wanted {
    /// What can be fetched now for a document.
    ///
    /// # Errors
    /// References are nested too deep, or an inner one has a value that is no text.
    pub fn add_node(&mut self, node: &Node, answers: &Answers, options: &Options) -> Result<(), Fault> {
        self.node(node, Place::top(node, options), answers, options)
    }

    /// What can be fetched now for a text.
    ///
    /// # Errors
    /// As [`Self::add_node`].
    pub fn add_text(&mut self, text: &str, answers: &Answers, options: &Options) -> Result<(), Fault> {
        for piece in text::pieces(text)? {
            if let Piece::Reference(reference) = piece {
                self.reference(&reference, answers, options)?;
            }
        }
        Ok(())
    }

    /// What can be fetched, each once.
    #[must_use]
    pub fn into_bodies(self) -> Vec<Body> {
        self.bodies
    }

    fn node(&mut self, node: &Node, place: Place, answers: &Answers, options: &Options) -> Result<(), Fault> {
        match node {
            Node::Leaf(_) if place == Place::TopList => Ok(()),
            Node::Leaf(_) => node.as_str().map_or(Ok(()), |text| self.add_text(text, answers, options)),
            Node::List(elements) => elements.iter().try_for_each(|element| match element {
                Element::Node(node) => self.node(node, place, answers, options),
                Element::Comment(_) => Ok(()),
            }),
            Node::Branch(branch) => branch.entries().try_for_each(|(key, node)| {
                if merges(key, node) {
                    self.add_text(key.as_str(), answers, options)?;
                }
                self.node(node, Place::Inside, answers, options)
            }),
        }
    }

    fn reference(&mut self, reference: &Embedded<'_>, answers: &Answers, options: &Options) -> Result<(), Fault> {
        if reference.is_excluded(options.excludes_secret) {
            return Ok(());
        }
        for inner in reference.inner() {
            self.reference(inner, answers, options)?;
        }
        if let Some(text) = body_of(reference, answers)?
            && !answers.contains_key(&text)
            && self.known.insert(text.clone())
        {
            let written = reference.inner().next().map(|_| reference.written().to_owned());
            self.bodies.push(Body { text, written });
        }
        Ok(())
    }
}

/// The schemes of all references in a document, inner ones and those in keys too, as they are written.
#[must_use]
pub fn schemes(node: &Node) -> BTreeSet<&str> {
    fn add<'a>(node: &'a Node, schemes: &mut BTreeSet<&'a str>) {
        match node {
            Node::Leaf(_) => schemes.extend(node.as_str().map(text::schemes).unwrap_or_default()),
            Node::List(elements) => elements.iter().for_each(|element| {
                if let Element::Node(node) = element {
                    add(node, schemes);
                }
            }),
            Node::Branch(branch) => branch.entries().for_each(|(key, node)| {
                schemes.extend(text::schemes(key.as_str()));
                add(node, schemes);
            }),
        }
    }
    let mut schemes = BTreeSet::new();
    add(node, &mut schemes);
    schemes
}

/// Where a node stands, as far as the peer cares.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a list at the top of the document, where only maps are evaluated.
    TopList,
    /// Anywhere else.
    Inside,
}

impl Place {
    fn top(node: &Node, options: &Options) -> Self {
        match node {
            Node::List(_) if !options.top_level_texts => Self::TopList,
            _ => Self::Inside,
        }
    }
}

/// Puts the values into a document. A text that is one reference takes the value with its type.
///
/// # Errors
/// A value is missing (nobody has fetched it), or cannot stand where it is wanted.
pub fn fill(node: &mut Node, answers: &Answers, options: &Options) -> Result<(), Fault> {
    fill_node(node, Place::top(node, options), answers, options)
}

/// Puts the values into a text; what comes out is text, whatever the values were.
///
/// # Errors
/// As [`fill`].
pub fn fill_text(text: &str, answers: &Answers, options: &Options) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::with_capacity(text.len());
    for piece in text::pieces(text)? {
        match piece {
            Piece::Literal(literal) => out.extend_from_slice(literal.as_bytes()),
            Piece::Reference(reference) => match value_of(&reference, answers, options)? {
                Some(value) => print::onto(&mut out, value, options.collections)?,
                None => out.extend_from_slice(reference.whole.as_bytes()),
            },
        }
    }
    Ok(out)
}

fn fill_node(node: &mut Node, place: Place, answers: &Answers, options: &Options) -> Result<(), Fault> {
    match node {
        Node::Leaf(_) if place == Place::TopList => Ok(()),
        Node::Leaf(_) => {
            let Some(text) = node.as_str().filter(|text| text::may_hold_references(text)) else { return Ok(()) };
            if let Some(filled) = filled_leaf(text, answers, options)? {
                *node = filled;
            }
            Ok(())
        }
        Node::List(elements) => elements.iter_mut().try_for_each(|element| match element {
            Element::Node(node) => fill_node(node, place, answers, options),
            Element::Comment(_) => Ok(()),
        }),
        Node::Branch(branch) => fill_branch(branch, answers, options),
    }
}

/// The value of a text with references; none where nothing in it is replaced.
fn filled_leaf(text: &str, answers: &Answers, options: &Options) -> Result<Option<Node>, Fault> {
    match &text::pieces(text)?[..] {
        [Piece::Literal(_)] => Ok(None),
        [Piece::Reference(reference)] => Ok(value_of(reference, answers, options)?.cloned()),
        _ => fill_text(text, answers, options).map(|text| Some(Node::text(text))),
    }
}

/// An entry whose key holds a reference and whose value is a map is replaced by the entries of the fetched map, which count
/// before their neighbours (VALS §6.3).
fn fill_branch(branch: &mut Branch, answers: &Answers, options: &Options) -> Result<(), Fault> {
    let mut merged = Vec::new();
    let mut items = Vec::with_capacity(branch.items.len());
    for item in std::mem::take(&mut branch.items) {
        match item {
            Item::Entry(key, node) if merges(&key, &node) => match merged_map(key.as_str(), answers, options)? {
                Some(fetched) => merged.extend(fetched.items),
                None => items.push(Item::Entry(key, node)),
            },
            Item::Entry(key, mut node) => {
                fill_node(&mut node, Place::Inside, answers, options)?;
                items.push(Item::Entry(key, node));
            }
            comment @ Item::Comment(_) => items.push(comment),
        }
    }
    branch.items = items;
    put_all(branch, merged);
    Ok(())
}

/// Puts entries into a mapping; one that stands there takes the new value.
fn put_all(branch: &mut Branch, entries: Vec<Item>) {
    let mut places = HashMap::new();
    if !entries.is_empty() {
        for (place, item) in branch.items.iter().enumerate() {
            if let Item::Entry(key, _) = item {
                places.entry(key.as_str().to_owned()).or_insert(place);
            }
        }
    }
    for item in entries {
        let Item::Entry(key, node) = item else { continue };
        match places.get(key.as_str()) {
            Some(place) => {
                if let Item::Entry(_, standing) = &mut branch.items[*place] {
                    *standing = node;
                }
            }
            None => {
                places.insert(key.as_str().to_owned(), branch.items.len());
                branch.items.push(Item::Entry(key, node));
            }
        }
    }
}

fn merges(key: &Key, node: &Node) -> bool {
    matches!(node, Node::Branch(_)) && matches!(key, Key::Text(text) if text::may_hold_references(text))
}

/// The map that a key with references stands for; none where nothing in the key is replaced.
fn merged_map(key: &str, answers: &Answers, options: &Options) -> Result<Option<Branch>, Fault> {
    let wrong = || Fault::wrong(format!("cannot merge the values of the key `{}`", shown(key)));
    let node = match filled_leaf(key, answers, options)? {
        None => return Ok(None),
        Some(Node::Leaf(Scalar::Text(text))) => {
            let read = yaml::read_values(text.expose(), &ReadOptions::default());
            read.map_err(|fault| wrong().because(fault))?.into_iter().next().unwrap_or(Node::Leaf(Scalar::Null))
        }
        Some(node) => node,
    };
    match node {
        Node::Branch(branch) => Ok(Some(branch)),
        Node::Leaf(Scalar::Null) => Ok(Some(Branch::default())),
        _ => Err(wrong().because("what it refers to is no map")),
    }
}

/// The text behind `ref+` with the values of inner references in it; none while one of these is still wanted.
fn body_of(reference: &Embedded<'_>, answers: &Answers) -> Result<Option<String>, Fault> {
    let mut body = String::new();
    for piece in &reference.body {
        match piece {
            Piece::Literal(literal) => body.push_str(literal),
            Piece::Reference(inner) => {
                let Some(place) = body_of(inner, answers)? else { return Ok(None) };
                let Some(value) = answers.get(&place) else { return Ok(None) };
                body.push_str(&print::nested(inner.written(), value)?);
            }
        }
    }
    Ok(Some(body))
}

/// The value of a reference; none where it is left as it stands.
fn value_of<'a>(reference: &Embedded<'_>, answers: &'a Answers, options: &Options) -> Result<Option<&'a Node>, Fault> {
    if reference.is_excluded(options.excludes_secret) {
        return Ok(None);
    }
    let missing = || Fault::bug(format!("nobody has fetched {}", shown(reference.whole)));
    let body = body_of(reference, answers)?.ok_or_else(missing)?;
    answers.get(&body).map(Some).ok_or_else(missing)
}

#[cfg(test)]
mod tests;
