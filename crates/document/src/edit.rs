//! Reading, setting and removing one value of a document along an index path.
//! Not here: the text of paths (`path`) and what a verb says about a failure (its exit code).
//! Specification: SOPS §8.5 (extract), §8.8 (set), §8.9 (unset).

use base::Fault;

use crate::path::Step;
use crate::{Branch, Element, Item, Key, Node, Path};

/// The value at a path that has at least one step.
///
/// # Errors
/// Not found: a key or position that is not there. Wrong: a step that does not fit the value it leads into, a comment.
pub fn extract<'a>(branch: &'a Branch, path: &Path) -> Result<&'a Node, Fault> {
    let mut steps = path.steps.iter();
    let first = steps.next().ok_or_else(|| Fault::wrong("the path is empty"))?;
    steps.try_fold(in_branch(branch, first)?, |node, step| match node {
        Node::Branch(inner) => in_branch(inner, step),
        Node::List(elements) => in_list(elements, step),
        Node::Leaf(_) => Err(Fault::wrong(format!("{} leads into a single value", component(step)))),
    })
}

fn in_branch<'a>(branch: &'a Branch, step: &Step) -> Result<&'a Node, Fault> {
    match step {
        Step::Key(key) => branch.value(key).ok_or_else(|| Fault::not_found(format!("{} not found", component(step)))),
        Step::Index(_) => Err(Fault::wrong(format!("{} is integer, but tree part is not a slice", component(step)))),
    }
}

fn in_list<'a>(elements: &'a [Element], step: &Step) -> Result<&'a Node, Fault> {
    let Step::Index(index) = step else {
        return Err(Fault::wrong(format!("{} is a key, but tree part is a list", component(step))));
    };
    match usize::try_from(*index).ok().and_then(|index| elements.get(index)) {
        Some(Element::Node(node)) => Ok(node),
        Some(Element::Comment(_)) => Err(Fault::wrong(format!("{} is a comment", component(step)))
            .hint("comments count as positions of a list; the next value has a higher index")),
        None => Err(Fault::not_found(format!("{} accesses out of bounds", component(step)))),
    }
}

fn component(step: &Step) -> String {
    match step {
        Step::Key(key) => format!("component ['{key}']"),
        Step::Index(index) => format!("component [{index}]"),
    }
}

/// Sets the value at a path: what is missing on the way is made, a single value on the way is replaced, a position
/// behind the end of a list appends. Answers whether anything changed.
///
/// # Errors
/// Where the path is empty, a position negative, or a step does not fit the mapping or list it leads into.
pub fn set(branch: &mut Branch, path: &Path, value: Node) -> Result<bool, Fault> {
    let (first, rest) = path.steps.split_first().ok_or_else(|| Fault::wrong("the path is empty"))?;
    let mut slot = slot_in_branch(branch, first)?;
    for step in rest {
        if matches!(slot, Node::Leaf(_)) {
            *slot = match step {
                Step::Key(_) => Node::Branch(Branch::default()),
                Step::Index(_) => Node::List(Vec::new()),
            };
        }
        slot = match slot {
            Node::Branch(inner) => slot_in_branch(inner, step)?,
            Node::List(elements) => slot_in_list(elements, step)?,
            Node::Leaf(_) => unreachable!("a leaf on the way was replaced just above"),
        };
    }
    let is_changed = *slot != value;
    *slot = value;
    Ok(is_changed)
}

fn slot_in_branch<'a>(branch: &'a mut Branch, step: &Step) -> Result<&'a mut Node, Fault> {
    let Step::Key(key) = step else {
        return Err(Fault::wrong(format!("{} is integer, but tree part is not a slice", component(step))));
    };
    let known = branch.items.iter().position(|item| matches!(item, Item::Entry(name, _) if name.is(key)));
    let index = known.unwrap_or_else(|| {
        branch.items.push(Item::Entry(Key::Text(key.clone()), missing()));
        branch.items.len() - 1
    });
    match &mut branch.items[index] {
        Item::Entry(_, node) => Ok(node),
        Item::Comment(_) => unreachable!("the position is that of an entry"),
    }
}

fn slot_in_list<'a>(elements: &'a mut Vec<Element>, step: &Step) -> Result<&'a mut Node, Fault> {
    let Step::Index(index) = step else {
        return Err(Fault::wrong(format!("{} is a key, but tree part is a list", component(step))));
    };
    let index = usize::try_from(*index).map_err(|_| Fault::wrong(format!("{} is negative", component(step))))?;
    let index = index.min(elements.len());
    match elements.get_mut(index) {
        None => elements.push(Element::Node(missing())),
        Some(element @ Element::Comment(_)) => *element = Element::Node(missing()),
        Some(Element::Node(_)) => {}
    }
    match &mut elements[index] {
        Element::Node(node) => Ok(node),
        Element::Comment(_) => unreachable!("a comment at that position was replaced just above"),
    }
}

/// What stands in a new place until the next step or the value fills it. It differs from every JSON value that a
/// caller can set, so that a new entry always counts as a change.
fn missing() -> Node {
    Node::Leaf(crate::Scalar::Number(base::SecretBytes::default()))
}

/// Removes the entry or list position at a path; comments beside it stay.
///
/// # Errors
/// Not found: it is not there. Wrong: the path is empty, or leads through a single value.
pub fn unset(branch: &mut Branch, path: &Path) -> Result<(), Fault> {
    let (last, way) = path.steps.split_last().ok_or_else(|| Fault::wrong("the path is empty"))?;
    let Some((first, way)) = way.split_first() else {
        return remove_from_branch(branch, last);
    };
    let mut node = entry_mut(branch, first)?;
    for step in way {
        node = match node {
            Node::Branch(inner) => entry_mut(inner, step)?,
            Node::List(elements) => element_mut(elements, step)?,
            Node::Leaf(scalar) => return Err(through(scalar.type_name(), step)),
        };
    }
    match node {
        Node::Branch(inner) => remove_from_branch(inner, last),
        Node::List(elements) => {
            let index = position(elements, last)?;
            elements.remove(index);
            Ok(())
        }
        Node::Leaf(scalar) => Err(through(scalar.type_name(), last)),
    }
}

fn remove_from_branch(branch: &mut Branch, step: &Step) -> Result<(), Fault> {
    let Step::Key(key) = step else {
        return Err(through("map", step));
    };
    let known = branch.items.iter().position(|item| matches!(item, Item::Entry(name, _) if name.is(key)));
    branch.items.remove(known.ok_or_else(|| Fault::not_found(format!("Key not found: {key}")))?);
    Ok(())
}

fn entry_mut<'a>(branch: &'a mut Branch, step: &Step) -> Result<&'a mut Node, Fault> {
    let Step::Key(key) = step else {
        return Err(through("map", step));
    };
    let mut entries = branch.items.iter_mut().filter_map(|item| match item {
        Item::Entry(name, node) if name.is(key) => Some(node),
        _ => None,
    });
    entries.next().ok_or_else(|| Fault::not_found(format!("Key not found: {key}")))
}

fn element_mut<'a>(elements: &'a mut [Element], step: &Step) -> Result<&'a mut Node, Fault> {
    let index = position(elements, step)?;
    match &mut elements[index] {
        Element::Node(node) => Ok(node),
        Element::Comment(_) => Err(through("comment", step)),
    }
}

fn position(elements: &[Element], step: &Step) -> Result<usize, Fault> {
    match step {
        Step::Key(_) => Err(through("list", step)),
        Step::Index(index) => usize::try_from(*index)
            .ok()
            .filter(|index| *index < elements.len())
            .ok_or_else(|| Fault::not_found(format!("Index {index} out of bounds"))),
    }
}

fn through(kind: &str, step: &Step) -> Fault {
    let item = match step {
        Step::Key(key) => key.clone(),
        Step::Index(index) => index.to_string(),
    };
    Fault::wrong(format!("Unsupported type: {kind} for item '{item}'"))
}

#[cfg(test)]
mod tests;
