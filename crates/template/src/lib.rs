//! template
#![warn(missing_docs)]
