//! Files as ordered, commented trees.
#![warn(missing_docs)]

pub mod tree;

pub use tree::{Branch, Comment, Document, Element, Item, Key, Node, Scalar};
