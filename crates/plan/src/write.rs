//! Changes of the cluster, in five forms, each the peer's own request. Nothing is sent when the object would not change.
//! Specification: design §11.3 (table of forms).

use std::sync::Arc;

use base::ObjectRef;
use serde_json::Value;

use crate::{Describe, Line, Present, Rule, Target};

/// Which kind of object, as the API's path names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    /// The API group, empty for core.
    pub group: String,
    /// The version.
    pub version: String,
    /// The kind, as in a manifest.
    pub kind: String,
    /// The plural, as in a path.
    pub plural: String,
}

impl Resource {
    /// A resource from the four words of a path.
    #[must_use]
    pub fn new(group: &str, version: &str, kind: &str, plural: &str) -> Self {
        Self { group: group.into(), version: version.into(), kind: kind.into(), plural: plural.into() }
    }

    /// Core Secrets.
    #[must_use]
    pub fn secrets() -> Self {
        Self::new("", "v1", "Secret", "secrets")
    }

    /// `group/version`, or the version alone for core.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// One object's place in the API.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Which kind of object.
    pub resource: Resource,
    /// Its namespace, empty for cluster-scoped kinds.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Address {
    /// The place of an object.
    #[must_use]
    pub fn new(resource: Resource, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { resource, namespace: namespace.into(), name: name.into() }
    }

    /// The place of a Secret.
    #[must_use]
    pub fn secret(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self::new(Resource::secrets(), namespace, name)
    }

    /// The object's name for messages.
    #[must_use]
    pub fn object(&self) -> ObjectRef {
        ObjectRef::new(self.resource.kind.clone(), self.namespace.clone(), self.name.clone())
    }
}

/// An object that is not a Secret, as JSON. It may hold rendered values (generic targets), so it cannot be shown.
#[derive(Clone, PartialEq)]
pub struct Manifest(Value);

impl Manifest {
    /// Wraps the object.
    #[must_use]
    pub fn new(object: Value) -> Self {
        Self(object)
    }

    /// The object itself. Never pass it to a formatter.
    #[must_use]
    pub fn expose(&self) -> &Value {
        &self.0
    }

    /// The object, moved out.
    #[must_use]
    pub fn into_exposed(self) -> Value {
        self.0
    }
}

/// The media types of a PATCH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/strategic-merge-patch+json`.
    Strategic,
    /// `application/merge-patch+json`.
    Merge,
    /// `application/json-patch+json`.
    Json,
}

/// A change of the cluster.
#[derive(Clone)]
pub enum Write {
    /// POST of a Secret; one that appeared meanwhile is a conflict, never overwritten.
    CreateSecret {
        /// The Secret.
        target: Target,
        /// The field manager.
        manager: String,
    },
    /// PUT of a Secret under the peer's rule; read again and decided again on a conflict, up to five times.
    ReplaceSecret {
        /// The wish.
        target: Target,
        /// How it lies over what stands there.
        rule: Arc<dyn Rule>,
        /// What was read for this pass; none means that the hands read it first. A Secret that is not there is created.
        present: Option<Box<Present>>,
        /// The field manager.
        manager: String,
    },
    /// POST of another object. An empty name with `metadata.generateName` lets the API server choose.
    CreateObject {
        /// Where.
        at: Address,
        /// What.
        object: Manifest,
        /// The field manager.
        manager: String,
        /// A server-side dry run: checked by the API server and not stored (RL §11.3).
        dry_run: bool,
    },
    /// PUT of another object; its `metadata.resourceVersion` guards it.
    ReplaceObject {
        /// Where.
        at: Address,
        /// What.
        object: Manifest,
        /// The field manager.
        manager: String,
    },
    /// PATCH with exact bytes.
    Patch {
        /// Where.
        at: Address,
        /// A subresource, or the object itself.
        subresource: Option<&'static str>,
        /// The media type.
        media: Media,
        /// The body, byte for byte; it may hold a hash, never a value.
        body: String,
        /// The field manager.
        manager: String,
        /// Why, for `explain`.
        why: String,
    },
    /// DELETE with preconditions.
    Delete {
        /// Where.
        at: Address,
        /// Only the object with this uid.
        uid: Option<String>,
        /// Only this version of it.
        resource_version: Option<String>,
        /// Whether dependents are deleted in the background (`propagationPolicy: Background`); else the API's default.
        background: bool,
        /// Why, for `explain`.
        why: String,
    },
}

/// What a write came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Whether something was sent and changed.
    pub changed: bool,
    /// Whether the object is new.
    pub created: bool,
    /// The object's uid.
    pub uid: String,
    /// The object's version after the write.
    pub resource_version: String,
    /// The object's name, which the API server may have chosen.
    pub name: String,
}

impl Write {
    /// The object that is written.
    #[must_use]
    pub fn object(&self) -> ObjectRef {
        match self {
            Self::CreateSecret { target, .. } | Self::ReplaceSecret { target, .. } => target.object(),
            Self::CreateObject { at, .. }
            | Self::ReplaceObject { at, .. }
            | Self::Patch { at, .. }
            | Self::Delete { at, .. } => at.object(),
        }
    }
}

impl Describe for Write {
    fn describe(&self) -> Vec<Line> {
        let keys = |target: &Target| target.data.names().cloned().collect::<Vec<_>>().join(", ");
        let text = match self {
            Self::CreateSecret { target, .. } => format!("create with keys {}", keys(target)),
            Self::ReplaceSecret { target, present: None, .. } => format!("write keys {}", keys(target)),
            Self::ReplaceSecret { target, rule, present: Some(present), .. } => match target.over(rule, present) {
                Ok(crate::Laid::Same) => "leave as it is".to_owned(),
                Ok(crate::Laid::Update(target)) => format!("update to keys {}", keys(&target)),
                Ok(crate::Laid::Again(target)) => format!("delete and create again with keys {}", keys(&target)),
                Err(fault) => format!("refuse: {}", fault.chain()),
            },
            Self::CreateObject { dry_run: true, .. } => "ask whether it could be created".to_owned(),
            Self::CreateObject { .. } => "create".to_owned(),
            Self::ReplaceObject { .. } => "update".to_owned(),
            Self::Patch { why, .. } | Self::Delete { why, .. } => why.clone(),
        };
        vec![Line::on(self.object(), text)]
    }
}
