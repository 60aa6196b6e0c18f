//! Scenarios of the controllers on the sandbox: objects in, passes run, objects out.

mod canaries;
mod cluster_external_secret;
mod definitions;
mod explain;
mod external_secret;
mod external_secret_template;
mod generated_role;
mod generator;
mod interop;
mod providers;
mod push_secret;
mod reloader;
mod reloader_jobs;
mod reloader_outside;
mod reloader_rules;
mod reloader_strategies;
mod reloader_time;
mod sealed_secret;
mod sealed_secret_http;
mod sealed_secret_keys;
mod sealed_secret_rules;
mod stage;
mod vault_bad_input;
mod vault_dynamic_secret;
mod vault_pki_secret;
mod vault_static_secret;
