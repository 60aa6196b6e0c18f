//! What `updatekeys` would change: the groups of a file against those that its rule lists now, compared by identity.
//! Specification: SOPS §8.10, §14 (810: the rule's threshold counts; 2008: keys that stay keep their entry).

use std::collections::HashSet;
use std::fmt::Write;

use crate::group::{KeyGroup, effective_threshold};
use crate::master_key::MasterKey;
use crate::metadata::Metadata;
use crate::wrapping::Wrapping;

/// The difference between a file and its rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    threshold: (usize, usize),
    groups: Vec<GroupDifference>,
}

#[derive(Debug, PartialEq, Eq)]
struct GroupDifference {
    common: Vec<String>,
    added: Vec<String>,
    removed: Vec<String>,
}

impl Difference {
    /// Compares the file's groups with the rule's; order and repetition in a group do not count. The threshold is the
    /// rule's where it says one, else the file's as far as there are groups for it.
    #[must_use]
    pub fn between(metadata: &Metadata, groups: &[KeyGroup], threshold: usize) -> Self {
        let new = match threshold {
            0 => metadata.shamir_threshold.min(groups.len()),
            said => said,
        };
        let pairs = 0..metadata.groups.len().max(groups.len());
        let empty = KeyGroup::default();
        let group = |at: usize| {
            GroupDifference::between(metadata.groups.get(at).unwrap_or(&empty), groups.get(at).unwrap_or(&empty))
        };
        Self { threshold: (metadata.shamir_threshold, new), groups: pairs.map(group).collect() }
    }

    /// Whether the file already is as the rule says.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let is_same = |group: &GroupDifference| group.added.is_empty() && group.removed.is_empty();
        self.threshold.0 == self.threshold.1 && self.groups.iter().all(is_same)
    }

    /// What the user is shown before the question.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::from("The following changes will be made to the file's groups:\n");
        // Writing into a String cannot fail.
        let _ = match self.threshold {
            (0, 0) => Ok(()),
            (old, new) if old == new => writeln!(text, "shamir_threshold: {new}"),
            (0, new) => writeln!(text, "+++ shamir_threshold: {new}"),
            (old, 0) => writeln!(text, "--- shamir_threshold: {old}"),
            (old, new) => writeln!(text, "+++ shamir_threshold: {new}\n--- shamir_threshold: {old}"),
        };
        for (number, group) in self.groups.iter().enumerate() {
            let _ = writeln!(text, "Group {}", number + 1);
            for (mark, keys) in [("    ", &group.common), ("+++ ", &group.added), ("--- ", &group.removed)] {
                keys.iter().for_each(|key| text.extend([mark, key, "\n"]));
            }
        }
        text
    }

    /// Puts the rule's groups and the new threshold into the metadata. Answers which keys must wrap the data key now:
    /// with one group before and after, entries that stay keep their wrapped bytes.
    #[must_use]
    pub fn apply(&self, metadata: &mut Metadata, groups: Vec<KeyGroup>) -> Wrapping {
        let is_plain = metadata.groups.len() == 1 && groups.len() == 1;
        let old = std::mem::replace(&mut metadata.groups, groups);
        metadata.shamir_threshold = self.threshold.1;
        if !is_plain {
            metadata.shamir_threshold = effective_threshold(self.threshold.1, metadata.groups.len());
            return Wrapping::All;
        }
        for key in &mut metadata.groups[0].keys {
            if let Some(known) = old[0].keys.iter().find(|known| known.identity() == key.identity()) {
                *key = known.clone();
            }
        }
        Wrapping::New
    }
}

impl GroupDifference {
    fn between(old: &KeyGroup, new: &KeyGroup) -> Self {
        let identities = |group: &KeyGroup| {
            let mut seen = HashSet::new();
            group.keys.iter().map(MasterKey::identity).filter(|key| seen.insert(key.clone())).collect::<Vec<_>>()
        };
        let (old, new) = (identities(old), identities(new));
        let (common, added) = new.into_iter().partition::<Vec<_>, _>(|key| old.contains(key));
        let removed = old.into_iter().filter(|key| !common.contains(key)).collect();
        Self { common, added, removed }
    }
}

#[cfg(test)]
mod tests;
