//! The places that hold values, one file each.

pub mod aws;
pub mod echo;
pub mod envsubst;
pub mod exec;
pub mod fake;
pub mod file;
pub mod kubernetes;
pub mod openbao;
pub mod sops;
pub mod vault;
