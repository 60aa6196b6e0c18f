//! Hands on the cluster: watches, queue and driver that run the scripts; effects that carry out what `plan` decided.
//! Specification: design §7, §11.

pub mod cache;
pub mod cluster;
pub mod kube_secret;
pub mod queue;
pub mod seen;
