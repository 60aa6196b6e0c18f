//! The places that hold values, one file each.

pub mod fake;
pub mod vault;
