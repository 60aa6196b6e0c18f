//! Files as ordered, commented trees: bytes become a [`Document`], a document becomes bytes, in every format that
//! SOPS, vals and their kin write. Dry: nothing here opens a file or knows what is encrypted (`sops`).
//! Specification: SOPS §4.1, §4.12–§4.18, §7.3; VALS §6.
#![warn(missing_docs)]

pub mod tree;

pub mod binary;
pub mod dotenv;
pub mod format;
pub mod ini;
pub mod json;
pub mod yaml;

pub mod block;
pub mod edit;
pub mod flatten;
mod line_ends;
pub mod path;
pub mod scalar;
pub mod value;

pub use format::{Format, emit, emit_value, read};
pub use json::Numbers;
pub use path::Path;
pub use tree::{Branch, Comment, Document, Element, Item, Key, Node, Scalar};
pub use yaml::Dialect;

/// How bytes are read, as far as the format leaves a choice. The default is SOPS'.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOptions {
    /// How YAML scalars resolve.
    pub dialect: Dialect,
    /// What a JSON number becomes.
    pub numbers: Numbers,
    /// What a YAML key that stands twice in one mapping does.
    pub repeated_keys: RepeatedKeys,
}

/// What a key that stands twice in one YAML mapping does. The other formats have their own rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RepeatedKeys {
    /// It is an error that names the key and both lines.
    #[default]
    Refuse,
    /// Both entries stay, in file order: files of SOPS 3.7–3.9 may hold such keys, and their MAC covers both.
    Keep,
}

/// How bytes are written, as far as the format leaves a choice. The default is SOPS'.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmitOptions {
    /// How YAML is laid out.
    pub dialect: Dialect,
    /// The indentation as SOPS' `stores.*.indent` and `--indent` give it; `None` is the format's own.
    pub indent: Option<i64>,
}
