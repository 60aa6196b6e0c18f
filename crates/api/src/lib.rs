//! The Kubernetes types.

pub mod reload;
