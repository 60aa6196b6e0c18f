//! What a pass over a SealedSecret would do, as far as it can be told without keys: a process that only explains holds none.
//! Specification: design §11.3; SS §11.4.

use api::SealedSecret;
use api::sealed_secret::names;
use base::{Fault, SecretMap};

use super::rule::SealedRule;
use super::{opening, unseal};
use crate::write::Resource;
use crate::{Address, Line, Present, Rule as _};

/// The lines, over the Secret that stands there.
///
/// # Errors
/// That Secret is somebody else's, or must not be changed.
pub fn explain(ss: &SealedSecret, present: Option<&Present>) -> Result<Vec<Line>, Fault> {
    let target = unseal::target(ss, SecretMap::new());
    let version = names::API_VERSION.rsplit('/').next().unwrap_or_default();
    let resource = Resource::new(names::GROUP, version, names::KIND, "sealedsecrets");
    let at = Address::new(resource, target.namespace.as_str(), target.name.as_str()).object();
    let values: Vec<&str> = ss.encrypted_data().keys().map(String::as_str).collect();
    let opened = match (ss.legacy_data(), values.is_empty()) {
        (Some(_), true) => "open the whole Secret, sealed in one piece".to_owned(),
        _ => format!("open {}, sealed {}", values.join(", "), opening::scope(ss)),
    };
    let write = match present {
        None => "create",
        Some(present) => {
            let rule = SealedRule { uid: ss.metadata.uid.clone().unwrap_or_default() };
            rule.over(&target, present)?;
            "replace, if it differs"
        }
    };
    Ok(vec![Line::on(at, opened), Line::on(target.object(), write)])
}
