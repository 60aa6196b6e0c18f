//! Anchors and what aliases unfold to. Only anchors that an alias names are kept, and what aliases copy has a limit in
//! nodes and bytes. Merge keys are here, too: they are aliases' main use.
//! Specification: SOPS §4.13 (aliases are copied, merge keys kept); VALS §6.1 (decoded into maps: merged).

use std::collections::{HashMap, HashSet};

use base::{Fault, limit};
use granit_parser::Parser;

use crate::{Branch, Element, Item, Key, Node, Scalar};

/// The anchored nodes of the document being read.
#[derive(Default)]
pub(super) struct Anchors {
    /// The anchors that an alias names.
    wanted: HashSet<usize>,
    kept: HashMap<usize, Kept>,
    nodes: usize,
    bytes: usize,
}

struct Kept {
    node: Node,
    cost: Cost,
}

/// What a copy of a node costs.
#[derive(Clone, Copy, Default)]
struct Cost {
    nodes: usize,
    bytes: usize,
    depth: usize,
}

impl Anchors {
    /// Looks which anchors will be wanted. Costs a pass over the events, which nearly no file needs.
    pub(super) fn of(source: &str, options: &granit_parser::Options) -> Self {
        let mut anchors = Self::default();
        if source.contains('&') && source.contains('*') {
            let mut options = options.clone();
            options.set_emit_comments(false);
            let events = Parser::new_from_str_with_options(source, options);
            anchors.wanted = events.map_while(Result::ok).filter_map(|(event, _)| event.alias_id()).collect();
        }
        anchors
    }

    /// Whether an alias names that anchor.
    pub(super) fn wants(&self, id: usize) -> bool {
        self.wanted.contains(&id)
    }

    /// Keeps an anchored node that is complete.
    pub(super) fn keep(&mut self, id: usize, node: &Node) -> Result<(), Fault> {
        if self.wants(id) {
            let cost = cost(node);
            self.spend(cost)?;
            self.kept.insert(id, Kept { node: node.clone(), cost });
        }
        Ok(())
    }

    /// A copy of the anchored node, to stand at that depth.
    pub(super) fn unfold(&mut self, id: usize, depth: usize) -> Result<Node, Fault> {
        let kept = self.kept.get(&id).ok_or_else(|| Fault::wrong("yaml: an anchored value contains itself"))?;
        let cost = kept.cost;
        self.spend(cost)?;
        if depth + cost.depth > limit::DEPTH {
            return Err(too_deep());
        }
        Ok(self.kept[&id].node.clone())
    }

    fn spend(&mut self, cost: Cost) -> Result<(), Fault> {
        self.nodes += cost.nodes;
        self.bytes += cost.bytes;
        if self.nodes > limit::ALIAS_NODES || self.bytes > limit::ALIAS_BYTES {
            return Err(Fault::wrong("yaml: document contains excessive aliasing").hint(format!(
                "aliases may unfold to {} values and {} bytes",
                limit::ALIAS_NODES,
                limit::ALIAS_BYTES
            )));
        }
        Ok(())
    }
}

/// The fault of a document that nests too deeply.
pub(super) fn too_deep() -> Fault {
    Fault::wrong(format!("yaml: the document nests deeper than {} levels", limit::DEPTH))
}

impl Cost {
    /// The cost of a list or mapping with one more such part.
    fn with(self, part: Self) -> Self {
        let depth = self.depth.max(part.depth + 1);
        Self { nodes: self.nodes + part.nodes, bytes: self.bytes + part.bytes, depth }
    }
}

fn cost(node: &Node) -> Cost {
    let one = |bytes| Cost { nodes: 1, bytes, depth: 0 };
    match node {
        Node::Leaf(Scalar::Text(text) | Scalar::Number(text)) => one(text.len()),
        Node::Leaf(_) => one(0),
        Node::List(elements) => elements.iter().fold(one(0), |sum, element| match element {
            Element::Node(node) => sum.with(cost(node)),
            Element::Comment(comment) => sum.with(one(comment.text.len())),
        }),
        Node::Branch(branch) => branch.items.iter().fold(one(0), |sum, item| match item {
            Item::Entry(key, node) => sum.with(one(key.as_str().len())).with(cost(node)),
            Item::Comment(comment) => sum.with(one(comment.text.len())),
        }),
    }
}

/// Merges what stood under the `<<` keys into the mapping: its own keys win, then earlier mappings.
pub(super) fn merge(branch: &mut Branch, merged: Vec<Node>) -> Result<(), Fault> {
    let mut known: HashSet<Key> = branch.entries().map(|(key, _)| key.clone()).collect();
    let sources = merged.into_iter().flat_map(|node| match node {
        Node::List(elements) => elements
            .into_iter()
            .filter_map(|element| match element {
                Element::Node(node) => Some(node),
                Element::Comment(_) => None,
            })
            .collect(),
        other => vec![other],
    });
    for source in sources {
        let Node::Branch(source) = source else {
            return Err(Fault::wrong("yaml: map merge requires map or sequence of maps as the value"));
        };
        for item in source.items {
            if let Item::Entry(key, node) = item
                && known.insert(key.clone())
            {
                branch.items.push(Item::Entry(key, node));
            }
        }
    }
    Ok(())
}
