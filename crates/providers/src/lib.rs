//! Everything outside that holds values: stores, keys, generators – one file a place, one line in a table.
//! A provider gets what it may use as [`reach::Reach`] and credentials bound to a tenant; it never knows the resource that
//! configured it. Specification: design §5, §6, §9.

pub mod generators;
pub mod join;
pub mod json;
pub mod keys;
pub mod kubeconfig;
pub mod local;
pub mod push_metadata;
pub mod reach;
pub mod referent;
pub mod registry;
pub mod resolver;
pub mod row;
pub mod searched;
pub mod selectors;
pub mod settings;
pub mod stores;
pub mod yaml;

#[cfg(test)]
mod stand_in;
