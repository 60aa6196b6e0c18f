//! How an unsealed Secret lies over one that stands there: who may own it, what is replaced and what is merged.
//! A foreign Secret is never adopted, unless it carries the annotation that says so. Specification: SS §11.2, §11.4, §11.5.

use api::sealed_secret::names;
use base::Fault;

use crate::present::OwnerRef;
use crate::{Laid, Present, Rule, Target};

/// The rule of one SealedSecret.
pub struct SealedRule {
    /// Its uid.
    pub uid: String,
}

impl Rule for SealedRule {
    fn over(&self, target: &Target, present: &Present) -> Result<Laid, Fault> {
        let says = |key: &str| present.annotations.get(key).is_some_and(|value| value == "true");
        let (is_managed, is_patched) = (says(names::MANAGED), says(names::PATCH));
        let is_controlled = present.controller().is_some_and(|owner| owner.uid == self.uid);
        // Made by us without an owner: template and Secret both carry the annotation.
        let skips = |annotations: &std::collections::BTreeMap<String, String>| {
            annotations.get(names::SKIP_OWNER).is_some_and(|value| value == "true")
        };
        let is_ours_unowned = skips(&target.annotations) && skips(&present.annotations);
        if !(is_controlled || is_managed || is_patched || is_ours_unowned) {
            let text = format!("Resource \"{}\" already exists and is not managed by SealedSecret", present.name);
            return Err(Fault::conflict(text).about(present.object()));
        }
        let mut laid = target.clone();
        laid.finalizers.clone_from(&present.finalizers);
        laid.immutable = Some(present.immutable);
        if is_patched {
            laid.data = present.data.clone();
            laid.data.extend(target.data.clone());
            laid.labels = present.labels.clone();
            laid.labels.extend(target.labels.clone());
            laid.annotations = present.annotations.clone();
            laid.annotations.extend(target.annotations.clone());
        }
        laid.owners = if is_patched && !is_managed { present.owners.clone() } else { replaced(target, present) };
        if laid.kind.is_empty() {
            laid.kind.clone_from(&present.kind);
        }
        Ok(if laid.is_like(present) { Laid::Same } else { Laid::Update(laid) })
    }
}

/// References of SealedSecrets and of controllers are replaced; other owners stay (SS §11.4, WE DIFFER).
fn replaced(target: &Target, present: &Present) -> Vec<OwnerRef> {
    let mut owners = target.owners.clone();
    let stays = |owner: &&OwnerRef| {
        owner.kind != "SealedSecret"
            && owner.controller != Some(true)
            && target.owners.iter().all(|wanted| wanted.uid != owner.uid)
    };
    owners.extend(present.owners.iter().filter(stays).cloned());
    owners
}
