//! Sealing Secrets: each of the input becomes a SealedSecret. Pure; all of them or none.
//! Specification: SS §9.4.

use base::Fault;
use document::Branch;
use seal::{PublicKey, Scope};

use super::secret::PlainSecret;

/// What decides names, namespaces and scopes, besides the Secrets themselves.
pub struct Sealing<'a> {
    /// The key to seal with.
    pub key: &'a PublicKey,
    /// `--scope`.
    pub scope: Option<Scope>,
    /// `--name`.
    pub name: Option<&'a str>,
    /// `-n`.
    pub namespace: Option<&'a str>,
    /// The namespace of Secrets that name none; asked only where one is needed.
    pub fallback: &'a dyn Fn() -> Option<String>,
    /// Whether Secrets without values are fine.
    pub allow_empty_data: bool,
}

impl Sealing<'_> {
    /// Seals every Secret.
    ///
    /// # Errors
    /// The first Secret that cannot be sealed, in the peer's words.
    pub fn seal_all(&self, secrets: &[Branch]) -> Result<Vec<Branch>, Fault> {
        secrets.iter().map(|secret| self.seal_one(PlainSecret::read(secret)?)).collect()
    }

    fn seal_one(&self, mut secret: PlainSecret) -> Result<Branch, Fault> {
        check_values(&secret, self.allow_empty_data)?;
        if let Some(name) = self.name {
            name.clone_into(&mut secret.name);
        }
        if secret.name.is_empty() {
            return Err(Fault::wrong("missing metadata.name in input Secret"));
        }
        secret.widen(self.scope.unwrap_or_default());
        if secret.scope() != Scope::ClusterWide {
            self.place(&mut secret)?;
        }
        secret.seal(self.key)
    }

    /// The namespace: the Secret's own, which `-n` must not contradict, else `-n`, else the configuration's.
    fn place(&self, secret: &mut PlainSecret) -> Result<(), Fault> {
        check_namespace(&secret.namespace, self.namespace)?;
        match self.namespace {
            Some(asked) => asked.clone_into(&mut secret.namespace),
            None if secret.namespace.is_empty() => secret.namespace = (self.fallback)().unwrap_or_default(),
            None => {}
        }
        if secret.namespace.is_empty() {
            return Err(Fault::wrong("secret must declare a namespace"));
        }
        Ok(())
    }
}

/// A Secret without values is most probably a mistake.
///
/// # Errors
/// The peer's sentence.
pub fn check_values(secret: &PlainSecret, allow_empty_data: bool) -> Result<(), Fault> {
    if secret.values.is_empty() && !allow_empty_data {
        return Err(Fault::wrong(
            "secret.data is empty in input Secret, assuming this is an error and aborting. To work with empty data, --allow-empty-data can be used",
        ));
    }
    Ok(())
}

/// Who names a namespace must name the one that was asked for.
///
/// # Errors
/// The peer's sentence.
pub fn check_namespace(named: &str, asked: Option<&str>) -> Result<(), Fault> {
    match asked {
        Some(asked) if !named.is_empty() && named != asked => Err(Fault::wrong(format!(
            "namespace mismatch: input secret is in namespace \"{named}\" but \"{asked}\" was specified"
        ))),
        _ => Ok(()),
    }
}
