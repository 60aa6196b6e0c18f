//! What the API server checks before it stores: names, labels, annotations, finalizers, and all of Secret and ConfigMap
//! (keys, size, type, immutability). Its texts are kept word for word. Custom resources have no schema here: enums,
//! required fields, defaults and CEL are checked on a real kube-apiserver only.
//! Specification: design §19, ESO §15, SS §11.3.

mod configuration;
mod metadata;
mod name;

use crate::kinds::Kind;
use crate::refusal::{Cause, Refusal};
use crate::store::Fields;

pub use configuration::receive;

/// Refuses what the server would refuse. `old` is `None` for a new object.
pub fn check(kind: &Kind, new: &Fields, old: Option<&Fields>) -> Result<(), Refusal> {
    let mut causes = metadata::check(kind, new, old);
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Secret") => causes.extend(configuration::check_secret(new, old)),
        ("", "ConfigMap") => causes.extend(configuration::check_config_map(new, old)),
        ("", "Event") => causes.extend(check_event(new)),
        _ => {}
    }
    if causes.is_empty() {
        return Ok(());
    }
    let name = new["metadata"]["name"].as_str().unwrap_or_default();
    Err(Refusal::invalid(kind, name, &causes))
}

/// An Event stands in the namespace of what it is about; what lives in no namespace has its Events in `default`.
fn check_event(new: &Fields) -> Option<Cause> {
    let about = new.get("involvedObject").and_then(|about| about["namespace"].as_str()).unwrap_or_default();
    let own = new["metadata"]["namespace"].as_str().unwrap_or_default();
    let fits = about == own || (about.is_empty() && own == "default");
    (!fits).then(|| Cause::invalid("involvedObject.namespace", about, "does not match event.namespace"))
}
