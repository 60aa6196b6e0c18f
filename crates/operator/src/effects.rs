//! The hands behind the effects of `plan`: one file per kind of outside.

pub(crate) mod write;
