//! Which local files a values reference may name where others write the references: `HELM_SECRETS_VALUES_ALLOW_…`.
//! The facts – where a path really leads – come from outside. Stronger than the peer, never weaker. Specification: HS §6.2, §16.

/// What is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Links on the way to the file.
    pub symlinks: bool,
    /// Paths from the root.
    pub absolute: bool,
    /// Paths that lead out of the folder.
    pub traversal: bool,
}

/// Where a path really leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// A link stands on the way.
    pub is_linked: bool,
    /// It ends outside of the folder that it starts from.
    pub is_outside: bool,
}

impl Policy {
    /// Why a reference may not be used, in the peer's words.
    pub fn refusal(&self, reference: &str, place: Place) -> Option<String> {
        let is_absolute = reference.starts_with(['/', '\\']);
        let has_parent = reference.split(['/', '\\']).any(|part| part == "..");
        let leads_out = has_parent || (place.is_outside && !is_absolute);
        if !self.symlinks && place.is_linked {
            return Some(format!("Values file '{reference}' is a symlink. Symlinks are not allowed."));
        }
        if !self.absolute && is_absolute {
            return Some(format!("Values filepath '{reference}' is an absolute path. Absolute paths are not allowed."));
        }
        if !self.traversal && leads_out {
            return Some(format!("Values filepath '{reference}' contains '..'. Path traversal is not allowed."));
        }
        None
    }

    /// Whether anything is forbidden, so that the place has to be looked at.
    pub fn forbids(&self) -> bool {
        !(self.symlinks && self.absolute && self.traversal)
    }
}

#[cfg(test)]
mod tests;
