//! A parsed file as an ordered tree with its comments: what YAML, JSON, dotenv, INI and binary files have in common.
//! A tree may hold plain values, so it has no `Debug` and its texts are wiped on drop.
//! Not here: how bytes become a tree (`yaml`, `json`, …), and what is encrypted (`sops`).
//! Specification: SOPS §4.1.

use base::{Fault, SecretBytes};

/// A file: one branch per YAML document, exactly one in every other format.
#[derive(Clone, Default, PartialEq)]
pub struct Document {
    /// The documents in file order.
    pub branches: Vec<Branch>,
}

/// A mapping: entries and comments in file order. Keys may repeat where the format allows it.
#[derive(Clone, Default, PartialEq)]
pub struct Branch {
    /// Entries and comments.
    pub items: Vec<Item>,
}

/// One line of a mapping.
#[derive(Clone, PartialEq)]
pub enum Item {
    /// A comment between entries; an inline one stands before the entry whose line it ends (SOPS §4.5, §4.13).
    Comment(Comment),
    /// A key and its value.
    Entry(Key, Node),
}

/// One element of a list.
#[derive(Clone, PartialEq)]
pub enum Element {
    /// A comment between elements; an inline one stands before the element whose line it ends.
    Comment(Comment),
    /// A value.
    Node(Node),
}

/// A value: a leaf, a list or a mapping.
#[derive(Clone, PartialEq)]
pub enum Node {
    /// A single value.
    Leaf(Scalar),
    /// Values in order.
    List(Vec<Element>),
    /// A mapping.
    Branch(Branch),
}

/// The name of an entry. Only text is allowed in a SOPS file; other keys load, so that the error can name them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A text.
    Text(String),
    /// A YAML key of another type: Go's name of the type (`int`, `bool`, `float64`, `<nil>`, `time.Time`) and the text.
    Other(&'static str, String),
}

/// A comment: one line, or for inline comments what stands behind the value.
#[derive(Clone, PartialEq)]
pub struct Comment {
    /// The text behind the `#`, verbatim; a comment may be encrypted and is kept like a value.
    pub text: SecretBytes,
    /// Whether it ends the line of the item that *follows* it: the walk must meet a comment before what it is about.
    pub is_inline: bool,
}

/// A single value with the type that its file gave it.
#[derive(Clone, PartialEq)]
pub enum Scalar {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer that fits 64 signed bits.
    Int(i64),
    /// A YAML integer from 2^63 to 2^64-1.
    Uint(u64),
    /// Any other number.
    Float(f64),
    /// A number whose text counts: JSON read with `Numbers::Verbatim`.
    Number(SecretBytes),
    /// A YAML timestamp, as RFC 3339 with nanoseconds trimmed.
    Time(String),
    /// A text; bytes, since binary files and `!!binary` need not be UTF-8.
    Text(SecretBytes),
}

impl Document {
    /// The document of a format that holds only one; none where the file is empty.
    ///
    /// # Errors
    /// Where there are more: dropping them would lose data.
    pub fn only_branch(&self, format: &str) -> Result<Option<&Branch>, Fault> {
        match &self.branches[..] {
            [] => Ok(None),
            [branch] => Ok(Some(branch)),
            more => Err(Fault::wrong(format!("cannot write {} documents into one {format} file", more.len()))
                .hint("only YAML holds several documents; split the file first")),
        }
    }
}

impl Branch {
    /// The value of the first entry with that text key.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&Node> {
        self.entries().find(|(name, _)| name.is(key)).map(|(_, node)| node)
    }

    /// Keys and values without the comments.
    pub fn entries(&self) -> impl Iterator<Item = (&Key, &Node)> {
        self.items.iter().filter_map(|item| match item {
            Item::Entry(key, node) => Some((key, node)),
            Item::Comment(_) => None,
        })
    }

    /// Appends an entry.
    pub fn push(&mut self, key: impl Into<String>, node: Node) {
        self.items.push(Item::Entry(Key::Text(key.into()), node));
    }
}

impl Element {
    /// The value, where this is one and no comment.
    #[must_use]
    pub fn as_node(&self) -> Option<&Node> {
        match self {
            Self::Node(node) => Some(node),
            Self::Comment(_) => None,
        }
    }
}

impl Node {
    /// A leaf that holds a text.
    #[must_use]
    pub fn text(text: impl Into<SecretBytes>) -> Self {
        Self::Leaf(Scalar::Text(text.into()))
    }

    /// The text of a text leaf that is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Leaf(Scalar::Text(text)) => std::str::from_utf8(text.expose()).ok(),
            _ => None,
        }
    }

    /// The mapping, where this is one.
    #[must_use]
    pub fn as_branch(&self) -> Option<&Branch> {
        match self {
            Self::Branch(branch) => Some(branch),
            _ => None,
        }
    }
}

impl Key {
    /// The text of the key, whatever its type.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Text(text) | Self::Other(_, text) => text,
        }
    }

    /// Whether this is the text key `name`.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        matches!(self, Self::Text(text) if text == name)
    }
}
