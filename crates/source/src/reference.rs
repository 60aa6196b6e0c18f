//! A reference: a place and its provider written as text, `ref+SCHEME://PATH?OPTIONS#FRAGMENT`. Here only its parts once it
//! is read; finding references in documents and filling them in is `expand`'s. Specification: VALS §5.

/// A reference, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The scheme behind `ref+`.
    pub scheme: String,
    /// What stands between `//` and the next `/`: the host of a URL, the first part of most paths.
    pub host: String,
    /// What follows, with its leading `/`; percent escapes are resolved.
    pub path: String,
    /// The options in order.
    pub options: Vec<(String, String)>,
    /// The fragment without its leading `#`, as it was written.
    pub fragment: Option<String>,
}

impl Reference {
    /// The first option of that name.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Host and path as one.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}{}", self.host, self.path)
    }
}
