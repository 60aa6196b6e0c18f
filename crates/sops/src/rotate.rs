//! Which master keys a file has after `rotate`: keys added to the first group, keys removed from every group.
//! The new data key, its wrapping and the encryption are the same rooms as for a new file.
//! Specification: SOPS §8.7.

use crate::group::KeyGroup;
use crate::master_key::MasterKey;

/// The groups with `add` behind the keys of the first group and without the keys that `remove` identifies. A key that
/// is already there is not added twice, and removing one that is not there is no error.
#[must_use]
pub fn change_keys(mut groups: Vec<KeyGroup>, add: Vec<MasterKey>, remove: &[String]) -> Vec<KeyGroup> {
    if groups.is_empty() && !add.is_empty() {
        groups.push(KeyGroup::default());
    }
    if let Some(first) = groups.first_mut() {
        for key in add {
            if !first.keys.iter().any(|known| is_same(known, &key)) {
                first.keys.push(key);
            }
        }
    }
    for group in &mut groups {
        group.keys.retain(|key| !remove.contains(&key.identity()));
    }
    groups
}

fn is_same(one: &MasterKey, other: &MasterKey) -> bool {
    one.list() == other.list() && one.identity() == other.identity()
}

#[cfg(test)]
mod tests;
