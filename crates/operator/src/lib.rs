//! Hands on the cluster: watches, queue and driver that run the scripts; effects that carry out what `plan` decided.
//! Specification: design §7, §11.

pub mod cache;
pub mod clients;
pub mod cluster;
pub mod controller;
pub mod controllers;
pub mod credentials;
pub mod driver;
pub mod effects;
pub mod external_secrets;
pub mod feature;
pub mod heavy;
pub mod kube_secret;
pub mod leader;
pub mod listener;
pub mod metrics;
pub mod observer;
pub mod process;
pub mod queue;
pub mod recorder;
pub mod reloader;
pub mod requests;
pub mod roles;
pub mod sealed_secrets;
pub mod seen;
pub mod shared;
pub mod store_rules;
pub mod subject;
pub mod vault_secrets;
pub mod world;

pub use controller::{Controller, Row};
pub use effects::Effect;
pub use world::World;
