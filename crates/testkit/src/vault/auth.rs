//! Auth methods: roles, and what a login must bring. Tokens of ServiceAccounts are judged by their claims (account,
//! namespace, audience, expiry), not by their signature. Specification: VSO §17.3, §8.2–8.4, VALS §10.1.

use std::collections::BTreeMap;

use base::Timestamp;
use base::encoding::Base64;
use serde_json::{Value, json};

use super::ask::Ask;
use super::envelope;
use super::terms::Terms;
use crate::http::Answer;

/// Who may log in, and on what terms.
#[derive(Clone, Debug)]
pub struct Role {
    proof: Proof,
    pub terms: Terms,
}

#[derive(Clone, Debug)]
enum Proof {
    AppRole { role_id: String, secret_id: String },
    Account { names: Vec<String>, namespaces: Vec<String>, audience: Option<String> },
    Password(String),
}

impl Role {
    /// For `approle`.
    #[must_use]
    pub fn app_role(role_id: &str, secret_id: &str) -> Self {
        let (role_id, secret_id) = (role_id.to_owned(), secret_id.to_owned());
        Self { proof: Proof::AppRole { role_id, secret_id }, terms: Terms::default() }
    }

    /// For `kubernetes` and `jwt`: ServiceAccounts of these names in these namespaces (`*`: all).
    #[must_use]
    pub fn account(names: &[&str], namespaces: &[&str]) -> Self {
        let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        let (names, namespaces) = (owned(names), owned(namespaces));
        Self { proof: Proof::Account { names, namespaces, audience: None }, terms: Terms::default() }
    }

    /// For `userpass`, whose roles are users.
    #[must_use]
    pub fn password(password: &str) -> Self {
        Self { proof: Proof::Password(password.to_owned()), terms: Terms::default() }
    }

    /// The token must be for this audience.
    #[must_use]
    pub fn for_audience(mut self, wanted: &str) -> Self {
        if let Proof::Account { audience, .. } = &mut self.proof {
            *audience = Some(wanted.to_owned());
        }
        self
    }

    #[must_use]
    pub fn on_terms(mut self, terms: Terms) -> Self {
        self.terms = terms;
        self
    }
}

/// An enabled auth method.
#[derive(Clone, Debug)]
pub struct Method {
    kind: String,
    pub roles: BTreeMap<String, Role>,
}

impl Method {
    pub fn new(kind: &str) -> Self {
        let known = ["approle", "kubernetes", "jwt", "userpass"];
        assert!(known.contains(&kind), "the auth method {kind} is not one of {known:?}");
        Self { kind: kind.to_owned(), roles: BTreeMap::new() }
    }

    /// The role that a login proves, and what is said about who logged in.
    pub fn proven(&self, ask: &Ask<'_>, user: &str, now: Timestamp) -> Proven<'_> {
        match self.kind.as_str() {
            "approle" => app_role(self, ask),
            "userpass" => password(self, ask, user),
            kind => account(self, ask, kind, now.as_second()),
        }
    }
}

type Proven<'a> = Result<(&'a Role, Value), Answer>;

fn app_role<'a>(method: &'a Method, ask: &Ask<'_>) -> Proven<'a> {
    let (given_role, given_secret) = (ask.text("role_id"), ask.text("secret_id"));
    if given_role.is_empty() {
        // OpenBao 2.7 has no better code for it.
        return Err(envelope::error(500, "missing role_id"));
    }
    if given_secret.is_empty() {
        return Err(envelope::error(400, "missing secret_id"));
    }
    let fits = |role: &&Role| matches!(&role.proof, Proof::AppRole { role_id, secret_id } if role_id == given_role && secret_id == given_secret);
    let found = method.roles.iter().find(|(_, role)| fits(role));
    let (name, role) = found.ok_or_else(|| envelope::error(400, "invalid role or secret ID"))?;
    Ok((role, json!({ "role_name": name })))
}

fn password<'a>(method: &'a Method, ask: &Ask<'_>, user: &str) -> Proven<'a> {
    let fits = |role: &&Role| matches!(&role.proof, Proof::Password(password) if password == ask.text("password"));
    let role = method.roles.get(user).filter(fits);
    let role = role.ok_or_else(|| envelope::error(400, "invalid username or password"))?;
    Ok((role, json!({ "username": user })))
}

fn account<'a>(method: &'a Method, ask: &Ask<'_>, kind: &str, now: i64) -> Proven<'a> {
    let (name, jwt) = (ask.text("role"), ask.text("jwt"));
    let is_kubernetes = kind == "kubernetes";
    if name.is_empty() {
        return Err(envelope::error(400, "missing role"));
    }
    if jwt.is_empty() {
        return Err(envelope::error(400, if is_kubernetes { "missing jwt" } else { "missing token" }));
    }
    let unknown = || {
        let text = if is_kubernetes {
            format!("invalid role name {name:?}")
        } else {
            format!("role {name:?} could not be found")
        };
        envelope::error(400, &text)
    };
    let role = method.roles.get(name).ok_or_else(unknown)?;
    let claims = claims(jwt).ok_or_else(|| {
        if is_kubernetes { envelope::denied() } else { envelope::error(400, "error validating token: malformed token") }
    })?;
    let Proof::Account { names, namespaces, audience } = &role.proof else { return Err(unknown()) };
    let about = &claims["kubernetes.io"];
    let (account, namespace) = (&about["serviceaccount"]["name"], &about["namespace"]);
    let has = |list: &[String], value: &Value| list.iter().any(|one| one == "*" || *value == **one);
    let is_for = |audience: &String| {
        claims["aud"].as_array().is_some_and(|all| all.iter().any(|one| *one == **audience))
            || claims["aud"] == **audience
    };
    let is_alive = claims["exp"].as_i64().is_none_or(|ends| ends > now);
    if !has(names, account) || !has(namespaces, namespace) || !audience.as_ref().is_none_or(is_for) || !is_alive {
        return Err(envelope::denied());
    }
    let metadata = json!({
        "role": name, "service_account_name": account, "service_account_namespace": namespace,
        "service_account_secret_name": "", "service_account_uid": about["serviceaccount"]["uid"],
    });
    Ok((role, metadata))
}

/// The claims of a token, unchecked.
fn claims(jwt: &str) -> Option<Value> {
    let mut parts = jwt.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    serde_json::from_slice(Base64::RawUrl.decode(claims.as_bytes())?.expose()).ok()
}
