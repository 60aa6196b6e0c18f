//! Scenarios on a real OpenBao and a real PostgreSQL beside a real API server. `cargo xtask test` counts tests in modules of this name
//! only where it runs them beside a lab; a plain `cargo test` has nothing to run them on.

mod openbao;
mod vault_dynamic_secret;
mod vault_pki_secret;
