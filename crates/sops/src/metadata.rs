//! What an encrypted file says about itself: its master keys, selection, MAC and times; read leniently from all
//! versions of SOPS, written as 3.13 does, sorted by name.
//! Not here: where the block stands in each format (`document::block`), and what the fields are used for (`encrypted`).
//! Specification: SOPS §4.10, §4.11, §13.

use base::{Fault, Timestamp};
use document::{Branch, Element, Node, Scalar};

use crate::field;
use crate::group::KeyGroup;
use crate::master_key::{KeyType, MasterKey, looks_like_keys};
use crate::rfc3339::{self, Fraction, canonical};
use crate::select::Selection;

/// The block `sops` of a file.
#[derive(Clone, PartialEq)]
pub struct Metadata {
    /// The key groups in file order.
    pub groups: Vec<KeyGroup>,
    /// How many groups are needed; 0 if it was never said.
    pub shamir_threshold: usize,
    /// When a value changed last, RFC 3339 in seconds: the place that the MAC is bound to.
    pub last_modified: String,
    /// The encrypted MAC; empty in a file that was never encrypted.
    pub mac: String,
    /// Which leaves are encrypted; `None` where all are, in binary files.
    pub selection: Option<Selection>,
    /// Whether the MAC covers only encrypted leaves.
    pub mac_only_encrypted: bool,
    /// The version of the tool that made the file.
    pub version: String,
}

impl Metadata {
    /// Reads the block.
    ///
    /// # Errors
    /// It holds no keys, more than one selection option, or a field of the wrong type.
    pub fn read(block: &Branch) -> Result<Self, Fault> {
        let last_modified = field::text(block, "lastmodified")?;
        Ok(Self {
            groups: groups(block)?,
            shamir_threshold: field::count(block, "shamir_threshold")?,
            last_modified: canonical(&last_modified, Fraction::Dropped).ok_or_else(|| {
                Fault::wrong(format!("cannot read `lastmodified: {last_modified}`, it is no RFC 3339 time"))
            })?,
            mac: field::text(block, "mac")?,
            selection: Some(selection(block)?),
            mac_only_encrypted: field::truth(block, "mac_only_encrypted")?,
            version: field::text(block, "version")?,
        })
    }

    /// The block as it is written.
    #[must_use]
    pub fn write(&self) -> Branch {
        let mut fields: Vec<(String, Node)> = Vec::new();
        let mut put = |name: &str, node: Node| fields.push((name.to_owned(), node));
        match &self.groups[..] {
            [group] => lists(group).into_iter().for_each(|(list, keys)| put(&list, keys)),
            [] => {}
            groups => put("key_groups", Node::List(groups.iter().map(group_entry).collect())),
        }
        if self.shamir_threshold != 0 {
            let threshold = i64::try_from(self.shamir_threshold).unwrap_or(i64::MAX);
            put("shamir_threshold", Node::Leaf(Scalar::Int(threshold)));
        }
        put("lastmodified", Node::text(self.last_modified.as_str()));
        put("mac", Node::text(self.mac.as_str()));
        if let Some(selection) = &self.selection {
            put(selection.name(), Node::text(selection.text()));
        }
        if self.mac_only_encrypted {
            put("mac_only_encrypted", Node::Leaf(Scalar::Bool(true)));
        }
        put("version", Node::text(self.version.as_str()));
        field::sorted(fields)
    }

    /// Names our version, where the file was made by an older one: `edit` does so.
    ///
    /// # Errors
    /// The file's version is none that can be compared.
    pub fn raise_version(&mut self) -> Result<(), Fault> {
        let numbers = |version: &str| {
            let version = version.strip_prefix('v').unwrap_or(version);
            let core = version.split(['-', '+']).next().unwrap_or_default();
            core.split('.').map(|number| number.parse::<u64>().ok()).collect::<Option<Vec<_>>>()
        };
        let theirs = numbers(&self.version)
            .ok_or_else(|| Fault::wrong(format!("failed to compare versions: `{}` is no version", self.version)))?;
        if Some(theirs) < numbers(VERSION) {
            VERSION.clone_into(&mut self.version);
        }
        Ok(())
    }

    /// Marks the values as changed now.
    pub(crate) fn touch(&mut self, now: Timestamp) {
        self.last_modified = rfc3339::seconds(now);
    }

    /// Whether SOPS 1.x, the Python program, may have written the file.
    pub(crate) fn is_python(&self) -> bool {
        self.version.starts_with("1.")
    }

    /// What is odd about the version, which the peer refuses and we read.
    pub(crate) fn version_warning(&self) -> Option<String> {
        let version = self.version.strip_prefix('v').unwrap_or(&self.version);
        let numbers = version.split(['-', '+']).next().unwrap_or_default().split('.').collect::<Vec<_>>();
        let is_semver = numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u64>().is_ok());
        if is_semver || self.is_python() {
            return None;
        }
        Some(match version {
            "" => "the file does not say which version of SOPS made it".to_owned(),
            other => format!("the file's version `{other}` is no version of SOPS"),
        })
    }
}

/// The version that we write: the SOPS whose files ours equal.
pub const VERSION: &str = "3.13.3";

/// All keys of one group, by list.
fn lists(group: &KeyGroup) -> Vec<(String, Node)> {
    let mut lists: Vec<(String, Vec<Element>)> = Vec::new();
    for key in &group.keys {
        let element = Element::Node(Node::Branch(key.write()));
        match lists.iter_mut().find(|(list, _)| list == key.list()) {
            Some((_, keys)) => keys.push(element),
            None => lists.push((key.list().to_owned(), vec![element])),
        }
    }
    lists.into_iter().map(|(list, keys)| (list, Node::List(keys))).collect()
}

/// Inside `key_groups` the lists of age and Vault are there even if they are empty.
fn group_entry(group: &KeyGroup) -> Element {
    let mut fields = lists(group);
    for list in [KeyType::Age.name(), KeyType::HcVault.name()] {
        if !fields.iter().any(|(name, _)| name == list) {
            fields.push((list.to_owned(), Node::List(Vec::new())));
        }
    }
    Element::Node(Node::Branch(field::sorted(fields)))
}

fn groups(block: &Branch) -> Result<Vec<KeyGroup>, Fault> {
    let only = group(block)?;
    if !only.keys.is_empty() {
        return Ok(vec![only]);
    }
    let groups: Vec<KeyGroup> =
        field::branches(block, "key_groups")?.into_iter().map(group).collect::<Result<_, _>>()?;
    if groups.is_empty() { Err(Fault::wrong("No keys found in file")) } else { Ok(groups) }
}

fn group(fields: &Branch) -> Result<KeyGroup, Fault> {
    let mut keys = Vec::new();
    for list in KeyType::ALL.map(KeyType::name) {
        for entry in field::branches(fields, list)? {
            keys.push(MasterKey::read(list, entry)?);
        }
    }
    for (name, node) in fields.entries() {
        let Node::List(elements) = node else { continue };
        let is_known =
            name.is("key_groups") || KeyType::ALL.iter().any(|known| known.name().eq_ignore_ascii_case(name.as_str()));
        if is_known || !looks_like_keys(elements) {
            continue;
        }
        for entry in field::branches(fields, name.as_str())? {
            keys.push(MasterKey::read(name.as_str(), entry)?);
        }
    }
    Ok(KeyGroup { keys })
}

fn selection(block: &Branch) -> Result<Selection, Fault> {
    let mut found = None;
    for name in Selection::NAMES {
        let Some(selection) = Selection::named(name, &field::text(block, name)?) else { continue };
        if found.replace(selection).is_some() {
            return Err(Fault::wrong(format!("cannot use more than one of {} in the same file", selection_names())));
        }
    }
    Ok(found.unwrap_or_default())
}

/// `a, b, or c` of the options' names, as the peer's messages have it.
#[must_use]
pub fn selection_names() -> String {
    let (last, first) = Selection::NAMES.split_last().expect("there are six options");
    format!("{}, or {last}", first.join(", "))
}

#[cfg(test)]
mod tests;
