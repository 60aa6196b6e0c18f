//! Who may do what, and who did what: a `Role` to run under, made of the rules of real RBAC objects, answers 403 with the
//! API server's text; the `Recorder` keeps every request, for budgets and to prove that a role has no right too many.
//! Specification: design §8 (least privilege), §19 (role).

use std::collections::BTreeSet;
use std::sync::Mutex;

use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::{Value, json};

use crate::refusal::Refusal;
use crate::request::Attributes;

/// A user and the rules that bind it.
#[derive(Clone, Debug)]
pub struct Role {
    user: String,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    /// `None`: in every namespace and cluster-wide.
    namespace: Option<String>,
    policy: PolicyRule,
}

impl Role {
    /// A user without any right, for example `system:serviceaccount:eso:external-secrets`.
    #[must_use]
    pub fn new(user: impl Into<String>) -> Self {
        Self { user: user.into(), rules: Vec::new() }
    }

    /// Grants the rules of a ClusterRole everywhere.
    #[must_use]
    pub fn everywhere(mut self, policies: &[PolicyRule]) -> Self {
        self.rules.extend(policies.iter().map(|policy| Rule { namespace: None, policy: policy.clone() }));
        self
    }

    /// Grants the rules of a Role (or of a ClusterRole through a RoleBinding) in one namespace.
    #[must_use]
    pub fn within(mut self, namespace: &str, policies: &[PolicyRule]) -> Self {
        let bound = |policy: &PolicyRule| Rule { namespace: Some(namespace.to_owned()), policy: policy.clone() };
        self.rules.extend(policies.iter().map(bound));
        self
    }

    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    pub(crate) fn allows(&self, asked: &Attributes) -> bool {
        self.rules.iter().any(|rule| rule.allows(asked))
    }

    pub(crate) fn check(&self, asked: &Attributes) -> Result<(), Refusal> {
        if self.allows(asked) {
            return Ok(());
        }
        let place = if asked.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace {:?}", asked.namespace)
        };
        let why = format!(
            "User {:?} cannot {} resource {:?} in API group {:?} {place}",
            self.user,
            asked.verb,
            asked.full_resource(),
            asked.group
        );
        Err(Refusal::forbidden(&asked.group, &asked.resource, &asked.name, &why))
    }

    /// The rules that hold in a namespace, as a SelfSubjectRulesReview lists them.
    pub(crate) fn rules_in(&self, namespace: &str) -> Vec<Value> {
        let here = |rule: &&Rule| rule.namespace.as_deref().is_none_or(|bound| bound == namespace);
        let listed = |rule: &Rule| {
            let policy = &rule.policy;
            let mut listed =
                json!({ "verbs": policy.verbs, "apiGroups": policy.api_groups, "resources": policy.resources });
            if let Some(names) = &policy.resource_names {
                listed["resourceNames"] = json!(names);
            }
            listed
        };
        self.rules.iter().filter(here).filter(|rule| rule.policy.resources.is_some()).map(listed).collect()
    }
}

impl Rule {
    fn allows(&self, asked: &Attributes) -> bool {
        let has = |list: Option<&Vec<String>>, word: &str| {
            list.is_some_and(|list| list.iter().any(|one| one == "*" || one == word))
        };
        let any_sub = format!("*/{}", asked.subresource);
        let resources = self.policy.resources.as_ref();
        let names = self.policy.resource_names.as_deref().unwrap_or_default();
        self.namespace.as_ref().is_none_or(|namespace| *namespace == asked.namespace)
            && has(Some(&self.policy.verbs), &asked.verb)
            && has(self.policy.api_groups.as_ref(), &asked.group)
            && (has(resources, &asked.full_resource()) || (!asked.subresource.is_empty() && has(resources, &any_sub)))
            && (names.is_empty() || names.contains(&asked.name))
    }
}

/// One request as it came in, and how it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub user: String,
    pub verb: String,
    pub group: String,
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
    /// The field manager of a write.
    pub manager: String,
    /// 0: it got no answer.
    pub code: u16,
}

impl Recorded {
    /// Whether it could change something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }
}

/// A right that was used: what a generated role must hold, and nothing more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    pub group: String,
    /// With its subresource: `serviceaccounts/token`.
    pub resource: String,
    pub verb: String,
    pub namespaced: bool,
}

/// All requests since the start or the last `clear`.
#[derive(Debug, Default)]
pub struct Recorder {
    requests: Mutex<Vec<Recorded>>,
}

impl Recorder {
    pub(crate) fn note(&self, user: &str, asked: &Attributes, manager: &str, code: u16) {
        self.lock().push(Recorded {
            user: user.to_owned(),
            verb: asked.verb.clone(),
            group: asked.group.clone(),
            resource: asked.resource.clone(),
            subresource: asked.subresource.clone(),
            namespace: asked.namespace.clone(),
            name: asked.name.clone(),
            manager: manager.to_owned(),
            code,
        });
    }

    /// Every request in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.lock().clone()
    }

    /// Requests that could change something.
    #[must_use]
    pub fn writes(&self) -> Vec<Recorded> {
        self.lock().iter().filter(|request| request.is_write()).cloned().collect()
    }

    /// How many requests had this verb on this resource (`secrets`, `externalsecrets/status`); `*` stands for any.
    #[must_use]
    pub fn count(&self, verb: &str, resource: &str) -> usize {
        let full = |request: &Recorded| match request.subresource.as_str() {
            "" => request.resource.clone(),
            sub => format!("{}/{sub}", request.resource),
        };
        let fits = |request: &&Recorded| {
            (verb == "*" || request.verb == verb) && (resource == "*" || full(request) == resource)
        };
        self.lock().iter().filter(fits).count()
    }

    /// The rights that successful requests used.
    #[must_use]
    pub fn rights(&self) -> BTreeSet<Right> {
        let requests = self.lock();
        let used = requests.iter().filter(|request| request.code != 403);
        used.map(|request| Right {
            group: request.group.clone(),
            resource: match request.subresource.as_str() {
                "" => request.resource.clone(),
                sub => format!("{}/{sub}", request.resource),
            },
            verb: request.verb.clone(),
            namespaced: !request.namespace.is_empty(),
        })
        .collect()
    }

    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Recorded>> {
        self.requests.lock().expect("nobody panics while holding the recorder")
    }
}
