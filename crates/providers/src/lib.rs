//! Everything outside, one file a place: stores of secrets, keys that wrap data keys, generators.
//! Specification: design §9.

pub mod keys;
