//! How a VSO destination lies over a Secret that stands there: owned ones are replaced whole, foreign ones are refused unless
//! `overwrite` says otherwise, and without `create` only the data is replaced. Specification: VSO §10.1, §10.2.

use api::hashicorp::destination::Destination;
use api::hashicorp::names;
use api::meta::Filled as _;
use base::{Fault, ObjectRef, SecretMap};

use crate::present::OwnerRef;
use crate::{Laid, Present, Rule, Target};

/// Whose destination it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The kind of the object.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

impl Owner {
    fn reference(&self) -> OwnerRef {
        OwnerRef {
            api_version: format!("{}/v1beta1", names::GROUP),
            kind: self.kind.clone(),
            name: self.name.clone(),
            uid: self.uid.clone(),
            controller: None,
            block_owner_deletion: None,
        }
    }
}

/// The Secret as the destination wishes it.
#[must_use]
pub fn target(destination: &Destination, owner: &Owner, data: SecretMap) -> Target {
    let mut target = Target::new(owner.namespace.clone(), destination.name.clone());
    target.data = data;
    if destination.create {
        target.kind = destination.type_.filled().unwrap_or("Opaque").to_owned();
        target.labels = destination.labels.clone();
        target.labels.extend(names::OWNER_LABELS.map(|(key, value)| (key.to_owned(), value.to_owned())));
        target.labels.insert(names::OWNER_UID.to_owned(), owner.uid.clone());
        target.annotations = destination.annotations.clone();
        target.owners.push(owner.reference());
    }
    target
}

/// The rule of one destination.
pub struct DestinationRule {
    /// Whether the Secret is made by us.
    pub create: bool,
    /// Whether a foreign one may be taken over.
    pub overwrite: bool,
    /// Who owns it.
    pub owner: Owner,
}

impl Rule for DestinationRule {
    fn over(&self, target: &Target, present: &Present) -> Result<Laid, Fault> {
        let mut laid = target.clone();
        laid.finalizers.clone_from(&present.finalizers);
        if !self.create {
            laid.kind.clone_from(&present.kind);
            laid.labels.clone_from(&present.labels);
            laid.annotations.clone_from(&present.annotations);
            laid.owners.clone_from(&present.owners);
            return Ok(if laid.is_like(present) { Laid::Same } else { Laid::Update(laid) });
        }
        let labelled =
            names::OWNER_LABELS.iter().all(|(key, value)| present.labels.get(*key).is_some_and(|v| v == value));
        let claims = present.labels.contains_key(names::OWNER_UID);
        if !self.overwrite || (labelled && claims) {
            self.check_owned(present, labelled)?;
        }
        if laid.is_like(present) {
            return Ok(Laid::Same);
        }
        Ok(if laid.kind == present.kind { Laid::Update(laid) } else { Laid::Again(laid) })
    }
}

impl DestinationRule {
    fn check_owned(&self, present: &Present, labelled: bool) -> Result<(), Fault> {
        let place = format!("{}/{}", present.namespace, present.name);
        let refuse = |cause: String| {
            let me = ObjectRef::new(self.owner.kind.clone(), self.owner.namespace.clone(), self.owner.name.clone());
            Err(Fault::conflict(format!("not the owner of the destination Secret {place}"))
                .because(cause)
                .about(present.object())
                .hint(format!("delete the Secret, name another one in {me}, or set `overwrite`")))
        };
        if !labelled || present.labels.get(names::OWNER_UID) != Some(&self.owner.uid) {
            return refuse("its labels name another owner, or none".to_owned());
        }
        match &present.owners[..] {
            [] => refuse(format!("secret {place} has no ownerReferences")),
            [only] if only.uid == self.owner.uid && only.kind == self.owner.kind && only.name == self.owner.name => {
                Ok(())
            }
            _ => refuse(format!("invalid ownerReferences of secret {place}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner { kind: "VaultStaticSecret".into(), namespace: "app".into(), name: "db".into(), uid: "u1".into() }
    }

    fn made() -> Present {
        let target =
            target(&Destination { name: "db".into(), create: true, ..Destination::default() }, &owner(), data("1"));
        Present {
            namespace: "app".into(),
            name: "db".into(),
            uid: "s1".into(),
            kind: target.kind,
            labels: target.labels,
            owners: target.owners,
            data: target.data,
            ..Present::default()
        }
    }

    fn data(value: &str) -> SecretMap {
        [("k", value)].into_iter().collect()
    }

    fn lay(destination: &Destination, value: &str, present: &Present) -> String {
        let rule = DestinationRule { create: destination.create, overwrite: destination.overwrite, owner: owner() };
        match rule.over(&target(destination, &owner(), data(value)), present) {
            Ok(Laid::Same) => "same".into(),
            Ok(Laid::Update(laid)) => format!("update, {} labels, {} owners", laid.labels.len(), laid.owners.len()),
            Ok(Laid::Again(_)) => "again".into(),
            Err(fault) => fault.chain(),
        }
    }

    #[test]
    fn owned_secrets_are_replaced_and_foreign_ones_refused() {
        let create = Destination { name: "db".into(), create: true, ..Destination::default() };
        assert_eq!(lay(&create, "1", &made()), "same");
        assert_eq!(lay(&create, "2", &made()), "update, 4 labels, 1 owners");
        let typed = Destination { type_: Some("x/y".into()), ..create.clone() };
        assert_eq!(lay(&typed, "1", &made()), "again");
        let foreign = Present { labels: Default::default(), owners: Vec::new(), ..made() };
        let refused = "not the owner of the destination Secret app/db: its labels name another owner, or none";
        assert_eq!(lay(&create, "1", &foreign), refused);
        let taking = Destination { overwrite: true, ..create.clone() };
        assert_eq!(lay(&taking, "1", &foreign), "update, 4 labels, 1 owners");
        let orphaned = Present { owners: Vec::new(), ..made() };
        assert!(lay(&taking, "1", &orphaned).contains("secret app/db has no ownerReferences"));
        let only_data = Destination { create: false, ..create };
        assert_eq!(lay(&only_data, "2", &foreign), "update, 0 labels, 0 owners");
        assert_eq!(lay(&only_data, "1", &foreign), "same");
    }
}
