//! `keywright crds`: all custom resource definitions on stdout, as `kubectl apply --server-side -f -` takes them.

use base::Fault;
use kube_core::CustomResourceExt as _;

use crate::{Call, Exit, Failure};

/// Prints the definitions.
///
/// # Errors
/// stdout is closed.
pub fn run(call: &mut Call) -> Result<Exit, Failure> {
    for crd in
        [api::ExternalSecret::crd(), api::SecretStore::crd(), api::ClusterSecretStore::crd(), api::SealedSecret::crd()]
    {
        let text =
            serde_saphyr::to_string(&crd).map_err(|error| Fault::bug("cannot write a definition").because(error))?;
        call.ui.data(format!("---\n{text}").as_bytes())?;
    }
    Ok(Exit::SUCCESS)
}
