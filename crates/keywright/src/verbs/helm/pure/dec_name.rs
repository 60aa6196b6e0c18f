//! The names of decrypted copies as scripts know them from the peer's lines, and as users choose them by variables.
//! Specification: HS §7 (dec names), §5.

/// What the variables say about names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    /// In front of the file's name.
    pub prefix: String,
    /// Behind it.
    pub suffix: String,
    /// The folder for all copies; empty: beside the file.
    pub folder: String,
}

impl Naming {
    /// The name of the copy of a file.
    pub fn of(&self, path: &str) -> String {
        let Self { prefix, suffix, folder } = self;
        let (above, name) = path.rsplit_once('/').map_or((None, path), |(above, name)| (Some(above), name));
        match (folder.as_str(), above) {
            ("", None) => format!("{prefix}{name}{suffix}"),
            ("", Some(above)) => format!("{above}/{prefix}{name}{suffix}"),
            (folder, above) => {
                let above = above.unwrap_or(".").replace('/', "_");
                format!("{}/{above}_{prefix}{name}{suffix}", folder.trim_end_matches('/'))
            }
        }
    }
}

#[cfg(test)]
mod tests;
