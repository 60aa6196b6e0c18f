//! `keywright crds`: all custom resource definitions on stdout, as `kubectl apply --server-side -f -` takes them.
//! Names and schemas are `api`'s; the settings of providers and generators are read off their rows. Specification: design §9, §16.

use api::kinds::{Unions, crds};
use base::Fault;
use providers::registry;

use crate::argv::{self, ArgvError, Grammar};
use crate::{Call, Exit, Failure};

/// Prints the definitions.
///
/// # Errors
/// stdout is closed.
pub fn run(call: &mut Call) -> Result<Exit, Failure> {
    if let Err(ArgvError::Help { .. }) = argv::parse(Grammar::Pflag, &[], &call.args) {
        call.ui.data(b"Usage:\n  keywright crds\n")?;
        return Ok(Exit::SUCCESS);
    }
    for crd in crds(&unions()) {
        let text =
            serde_saphyr::to_string(&crd).map_err(|error| Fault::bug("cannot write a definition").because(error))?;
        call.ui.data(format!("---\n{text}").as_bytes())?;
    }
    Ok(Exit::SUCCESS)
}

/// The settings of every provider and generator that has a row.
#[must_use]
pub fn unions() -> Unions {
    let keys = registry::STORES.iter().flat_map(|row| row.keys.iter().map(|key| ((*key).to_owned(), (row.schema)())));
    let kinds = registry::GENERATORS.iter().map(|row| (row.kind.to_owned(), (row.schema)()));
    Unions { providers: keys.collect(), generators: kinds.collect() }
}
