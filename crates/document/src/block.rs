//! The block that a tool keeps in a file beside the user's data, as SOPS keeps `sops`: where it stands in each format.
//! Not here: what stands in the block (`sops::metadata`).
//! Specification: SOPS §4.10 (reading), §4.11 (place), §4.16, §4.17.

use base::Fault;

use crate::flatten::{flatten, unflatten};
use crate::{Branch, Document, Format, Item, Key, Node, Scalar, line_ends};

/// Puts the block behind everything else: into every document of a YAML file, as lines `sops_…` into a dotenv file, as a
/// section into an INI file.
///
/// # Errors
/// Where the block cannot be flattened, or the file already has an entry of that name.
pub fn put(document: &mut Document, format: Format, name: &str, block: &Branch) -> Result<(), Fault> {
    if is_taken(document, format, name) {
        return Err(Fault::conflict(format!("the file already holds an entry `{name}`")));
    }
    match format {
        Format::Yaml | Format::Json | Format::Binary => {
            document.branches.iter_mut().for_each(|branch| branch.push(name, Node::Branch(block.clone())));
        }
        Format::Dotenv => {
            let flat = flatten(block)?;
            let branch = first(document);
            flat.into_iter().for_each(|(key, scalar)| branch.push(format!("{name}_{key}"), Node::Leaf(scalar)));
        }
        Format::Ini => {
            let mut section = Branch::default();
            flatten(block)?.into_iter().for_each(|(key, scalar)| section.push(key, Node::Leaf(escaped(&scalar))));
            first(document).push(name, Node::Branch(section));
        }
    }
    Ok(())
}

/// Whether the user's data already stands where the block would go.
#[must_use]
pub fn is_taken(document: &Document, format: Format, name: &str) -> bool {
    document.branches.iter().flat_map(Branch::entries).any(|(key, _)| belongs(key, format, name).is_some())
}

/// Takes the block out of a file, or answers `None` where there is none. In YAML the block of the first document counts;
/// those of later documents are dropped unread.
///
/// # Errors
/// Where the block is no mapping, stands there twice, or its flat names make no tree.
pub fn take(document: &mut Document, format: Format, name: &str) -> Result<Option<Branch>, Fault> {
    let mut found = Vec::new();
    for (index, branch) in document.branches.iter_mut().enumerate() {
        branch.items = std::mem::take(&mut branch.items)
            .into_iter()
            .filter_map(|item| match item {
                Item::Entry(key, node) => match belongs(&key, format, name) {
                    Some(rest) if index == 0 => {
                        found.push((rest.to_owned(), node));
                        None
                    }
                    Some(_) => None,
                    None => Some(Item::Entry(key, node)),
                },
                Item::Comment(comment) => Some(Item::Comment(comment)),
            })
            .collect();
    }
    if found.is_empty() {
        return Ok(None);
    }
    if format == Format::Dotenv {
        let flat = found.into_iter().filter_map(|(key, node)| leaf(node).map(|scalar| (key, scalar)));
        return unflatten(flat).map(Some);
    }
    match (found.pop(), found.is_empty()) {
        (_, false) => Err(Fault::wrong(format!("Found duplicate {name} entry"))),
        (Some((_, Node::Branch(section))), true) if format == Format::Ini => unflatten_section(section).map(Some),
        (Some((_, Node::Branch(block))), true) => Ok(Some(block)),
        _ => Err(Fault::wrong(format!("Found {name} entry that is not a mapping"))),
    }
}

/// The rest of a key behind the block's name, where the entry is part of the block.
fn belongs<'a>(key: &'a Key, format: Format, name: &str) -> Option<&'a str> {
    match (key, format) {
        (Key::Text(text), Format::Dotenv) => text.strip_prefix(name)?.strip_prefix('_'),
        (Key::Text(text), _) if text == name => Some(""),
        _ => None,
    }
}

fn first(document: &mut Document) -> &mut Branch {
    if document.branches.is_empty() {
        document.branches.push(Branch::default());
    }
    &mut document.branches[0]
}

fn leaf(node: Node) -> Option<Scalar> {
    match node {
        Node::Leaf(scalar) => Some(scalar),
        Node::List(_) | Node::Branch(_) => None,
    }
}

fn unflatten_section(section: Branch) -> Result<Branch, Fault> {
    let entries = section.items.into_iter().filter_map(|item| match item {
        Item::Entry(Key::Text(key), node) => leaf(node).map(|scalar| (key, unescaped(scalar))),
        _ => None,
    });
    unflatten(entries)
}

/// An INI file's block has line ends written as `\n`, which only 3.13.0 and 3.13.1 did not do.
fn escaped(scalar: &Scalar) -> Scalar {
    Scalar::Text(line_ends::escaped(&scalar.as_environment()).into())
}

fn unescaped(scalar: Scalar) -> Scalar {
    match scalar {
        Scalar::Text(text) => Scalar::Text(line_ends::unescaped(text.expose()).into()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
