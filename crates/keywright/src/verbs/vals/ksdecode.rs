//! `vals ksdecode`, and both halves of `eval -decode-kubernetes-secrets`: the `data` of Secrets as `stringData`, and back.
//! Values that are no text stay in `data`, where nothing is lost. Specification: VALS §7.

use base::encoding::Base64;
use base::{Fault, SecretBytes};
use document::{Branch, Item, Key, Node, Scalar};
use source::expand::{Collections, printed};

use super::{OUTPUT, Typed, Word, documents};
use crate::argv::value;
use crate::{Call, Exit, Failure};

pub const WORD: Word = Word {
    name: "ksdecode",
    about: "Decode YAML document(s) by converting Secret resources' \"data\" to \"stringData\" for use with \"vals eval\"",
    flags: &[value("f", "YAML/JSON file to be decoded"), OUTPUT],
    run,
};

fn run(call: &mut Call, typed: &Typed) -> Result<Exit, Failure> {
    let from = typed.parsed.value("f").unwrap_or_default();
    if from.is_empty() {
        return Err(Fault::wrong("Nothing to eval: No file specified").into());
    }
    let mut nodes = documents::read(&mut call.ui, from)?;
    nodes.iter_mut().try_for_each(decode)?;
    call.ui.data(&documents::write(&nodes, typed.output())?)?;
    Ok(Exit::SUCCESS)
}

const DATA: &str = "data";
const STRING_DATA: &str = "stringData";

/// `data` of a Secret becomes `stringData`; other documents stay as they are.
pub(super) fn decode(node: &mut Node) -> Result<(), Fault> {
    let Some(secret) = as_secret(node) else { return Ok(()) };
    let Some(data) = map_of(secret, DATA) else { return Ok(()) };
    let (mut texts, mut others) = (Vec::new(), Vec::new());
    for item in std::mem::take(&mut data.items) {
        let Item::Entry(key, node) = item else {
            texts.push(item);
            continue;
        };
        let encoded = text_of(&node)?;
        let decoded = Base64::Standard.decode_or_place(encoded.expose());
        let decoded = decoded.map_err(|illegal| Fault::wrong(illegal.to_string()))?;
        match decoded.to_text() {
            Some(text) => texts.push(Item::Entry(key, Node::text(text))),
            None => others.push(Item::Entry(key, node)),
        }
    }
    data.items = others;
    moved(secret, DATA, STRING_DATA, texts, |standing, _| standing);
    Ok(())
}

/// `stringData` of a Secret becomes `data`; other documents stay as they are.
pub(super) fn encode(node: &mut Node) -> Result<(), Fault> {
    let Some(secret) = as_secret(node) else { return Ok(()) };
    let Some(string_data) = map_of(secret, STRING_DATA) else { return Ok(()) };
    let mut encoded = Vec::new();
    for item in std::mem::take(&mut string_data.items) {
        encoded.push(match item {
            Item::Entry(key, node) => Item::Entry(key, Node::text(Base64::Standard.encode(text_of(&node)?.expose()))),
            comment @ Item::Comment(_) => comment,
        });
    }
    moved(secret, STRING_DATA, DATA, encoded, |_, moved| moved);
    Ok(())
}

/// Puts entries into the map `to`: in the place of the map `from` where there was none, else behind its own entries; `keep`
/// says which of two with the same key counts. A `from` without entries goes.
fn moved(secret: &mut Branch, from: &str, to: &str, entries: Vec<Item>, keep: fn(Node, Node) -> Node) {
    let is_empty = |branch: &Branch| branch.entries().next().is_none();
    if let Some(standing) = map_of(secret, to) {
        for item in entries {
            let same = |other: &&mut Item| matches!((&**other, &item), (Item::Entry(one, _), Item::Entry(two, _)) if one == two);
            match (standing.items.iter_mut().find(same), item) {
                (Some(Item::Entry(_, there)), Item::Entry(_, node)) => {
                    let before = std::mem::replace(there, Node::Leaf(Scalar::Null));
                    *there = keep(before, node);
                }
                (_, item) => standing.items.push(item),
            }
        }
        secret
            .items
            .retain(|item| !matches!(item, Item::Entry(key, Node::Branch(left)) if key.is(from) && is_empty(left)));
        return;
    }
    let new = Item::Entry(Key::Text(to.to_owned()), Node::Branch(Branch { items: entries }));
    let place = secret.items.iter().position(|item| matches!(item, Item::Entry(key, _) if key.is(from)));
    let Some(place) = place else { return };
    match &secret.items[place] {
        Item::Entry(_, Node::Branch(left)) if is_empty(left) => secret.items[place] = new,
        _ => secret.items.insert(place + 1, new),
    }
}

fn as_secret(node: &mut Node) -> Option<&mut Branch> {
    match node {
        Node::Branch(branch) if branch.value("kind").and_then(Node::as_str) == Some("Secret") => Some(branch),
        _ => None,
    }
}

fn map_of<'a>(secret: &'a mut Branch, name: &str) -> Option<&'a mut Branch> {
    secret.items.iter_mut().find_map(|item| match item {
        Item::Entry(key, Node::Branch(map)) if key.is(name) => Some(map),
        _ => None,
    })
}

/// A value of a Secret as text: numbers as they are printed, nothing for null.
fn text_of(node: &Node) -> Result<SecretBytes, Fault> {
    match node {
        Node::Leaf(Scalar::Null) => Ok(SecretBytes::default()),
        Node::Leaf(_) => printed(node, Collections::Go).map(SecretBytes::new),
        _ => Err(Fault::wrong("a value of a Secret is a list or a map").hint("a Secret holds texts only")),
    }
}
