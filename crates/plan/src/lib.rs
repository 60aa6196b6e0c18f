//! What should be done, decided from facts by pure functions; nothing here has hands. A decision's outcome is data:
//! effects (changes of the outside), a [`Finish`] (status, events, when next) or a [`base::Fault`].
//! Specification: design §11; each decision's file names the peer's paragraph.

pub mod backoff;
pub mod basis;
pub mod conditions;
pub mod destination;
pub mod effect;
pub mod external_secret;
pub mod finish;
pub mod generate;
pub mod horizon;
pub mod issued;
pub mod mac;
pub mod present;
pub mod push_secret;
pub mod reload;
pub mod rendering;
pub mod rollout;
pub mod schedule;
pub mod sealed_secret;
pub mod sealing_keys;
pub mod secret_store;
pub mod secret_transformation;
pub mod selector;
pub mod stamp;
pub mod stored_client;
pub mod sync_reason;
pub mod synced;
pub mod target;
pub mod vault_auth;
pub mod vault_call;
pub mod vault_client;
pub mod vault_connection;
pub mod vault_dynamic_secret;
pub mod vault_pki_secret;
pub mod vault_static_secret;
pub mod write;

pub use effect::{Describe, Line};
pub use finish::{Event, Finish, Next, Severity, Status};
pub use generate::Generate;
pub use present::Present;
pub use rendering::{Delimiters, Rendering};
pub use target::{Laid, Rule, Target};
pub use write::{Address, Manifest, Write, Written};
