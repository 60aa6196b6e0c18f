//! Trees as flat names, `kms__list_0__map_context__map_env`, for formats without nesting, and back.
//! Not here: where the flat entries stand in a file (`block`).
//! Specification: SOPS §4.12.

use std::collections::{BTreeMap, btree_map};

use base::{Fault, limit};

use crate::{Branch, Element, Key, Node, Scalar};

const MAP: &str = "__map_";
const LIST: &str = "__list_";

/// Every leaf under its flat name, sorted by name. Empty lists and mappings produce nothing, comments neither.
///
/// # Errors
/// Where two leaves have the same flat name, or a key is no text.
pub fn flatten(branch: &Branch) -> Result<BTreeMap<String, Scalar>, Fault> {
    let mut flat = BTreeMap::new();
    for (key, node) in branch.entries() {
        flatten_node(text(key)?, node, &mut flat)?;
    }
    Ok(flat)
}

fn flatten_node(name: String, node: &Node, flat: &mut BTreeMap<String, Scalar>) -> Result<(), Fault> {
    match node {
        Node::Leaf(scalar) => match flat.entry(name) {
            btree_map::Entry::Vacant(place) => {
                place.insert(scalar.clone());
                Ok(())
            }
            btree_map::Entry::Occupied(taken) => Err(Fault::wrong(format!("Found key collision at `{}`", taken.key()))),
        },
        Node::List(elements) => {
            let nodes = elements.iter().filter_map(Element::as_node);
            nodes.enumerate().try_for_each(|(index, node)| flatten_node(format!("{name}{LIST}{index}"), node, flat))
        }
        Node::Branch(branch) => {
            branch.entries().try_for_each(|(key, node)| flatten_node(format!("{name}{MAP}{}", text(key)?), node, flat))
        }
    }
}

fn text(key: &Key) -> Result<String, Fault> {
    match key {
        Key::Text(text) => Ok(text.clone()),
        Key::Other(kind, text) => Err(Fault::wrong(format!("cannot flatten a key of type {kind}: `{text}`"))),
    }
}

/// The tree of flat names; entries keep the order in which their first name comes.
///
/// # Errors
/// `Duplicate value`, `Type mismatch` (a name is both leaf and container, or mapping and list), `Incomplete list`.
pub fn unflatten(flat: impl IntoIterator<Item = (String, Scalar)>) -> Result<Branch, Fault> {
    let mut root = Part::Map(Vec::new(), BTreeMap::new());
    for (name, scalar) in flat {
        put(&mut root, &steps(&name)?, scalar).map_err(|what| error(what, &name))?;
    }
    match root.into_node().map_err(|what| error(what, "a list"))? {
        Node::Branch(branch) => Ok(branch),
        _ => unreachable!("the root is a mapping"),
    }
}

fn error(what: &str, name: &str) -> Fault {
    Fault::wrong(format!("Error while unflattening: {what} at `{name}`"))
}

enum Step<'a> {
    Map(&'a str),
    List(usize),
}

/// Splits `a__map_b__list_0` at its separators; the first component is bare.
fn steps(name: &str) -> Result<Vec<Step<'_>>, Fault> {
    let mut steps = Vec::new();
    let (mut rest, mut is_list) = (name, false);
    loop {
        let next = [(rest.find(MAP), MAP), (rest.find(LIST), LIST)];
        let next = next.into_iter().filter_map(|(at, separator)| Some((at?, separator))).min_by_key(|(at, _)| *at);
        let component = &rest[..next.map_or(rest.len(), |(at, _)| at)];
        steps.push(if is_list {
            Step::List(component.parse().map_err(|_| error("invalid list index", name))?)
        } else {
            Step::Map(component)
        });
        if steps.len() > limit::DEPTH {
            return Err(Fault::wrong(format!("a flat name nests deeper than {} levels", limit::DEPTH)));
        }
        let Some((at, separator)) = next else { return Ok(steps) };
        (rest, is_list) = (&rest[at + separator.len()..], separator == LIST);
    }
}

/// A tree under construction.
enum Part {
    Leaf(Scalar),
    /// The parts in order of appearance, and where each name stands.
    Map(Vec<(String, Part)>, BTreeMap<String, usize>),
    List(BTreeMap<usize, Part>),
}

fn put(part: &mut Part, steps: &[Step<'_>], scalar: Scalar) -> Result<(), &'static str> {
    let Some((step, rest)) = steps.split_first() else {
        return Err("Duplicate value");
    };
    match (part, step) {
        (Part::Map(parts, places), Step::Map(key)) => match places.get(*key) {
            Some(place) => put(&mut parts[*place].1, rest, scalar),
            None => {
                places.insert((*key).to_owned(), parts.len());
                parts.push(((*key).to_owned(), new_part(rest, scalar)?));
                Ok(())
            }
        },
        (Part::List(parts), Step::List(index)) => match parts.entry(*index) {
            btree_map::Entry::Occupied(mut known) => put(known.get_mut(), rest, scalar),
            btree_map::Entry::Vacant(place) => {
                place.insert(new_part(rest, scalar)?);
                Ok(())
            }
        },
        _ => Err("Type mismatch"),
    }
}

fn new_part(steps: &[Step<'_>], scalar: Scalar) -> Result<Part, &'static str> {
    let mut part = match steps.first() {
        None => return Ok(Part::Leaf(scalar)),
        Some(Step::Map(_)) => Part::Map(Vec::new(), BTreeMap::new()),
        Some(Step::List(_)) => Part::List(BTreeMap::new()),
    };
    put(&mut part, steps, scalar)?;
    Ok(part)
}

impl Part {
    fn into_node(self) -> Result<Node, &'static str> {
        match self {
            Self::Leaf(scalar) => Ok(Node::Leaf(scalar)),
            Self::Map(parts, _) => {
                let mut branch = Branch::default();
                for (key, part) in parts {
                    branch.push(key, part.into_node()?);
                }
                Ok(Node::Branch(branch))
            }
            Self::List(parts) => {
                if !parts.keys().copied().eq(0..parts.len()) {
                    return Err("Incomplete list");
                }
                parts
                    .into_values()
                    .map(|part| part.into_node().map(Element::Node))
                    .collect::<Result<_, _>>()
                    .map(Node::List)
            }
        }
    }
}

#[cfg(test)]
mod tests;
