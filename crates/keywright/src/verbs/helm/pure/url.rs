//! The URLs that Helm's getter hands us: scheme, marks, the place of a key, and the reference itself.
//! Specification: HS §9.

use super::Marks;

/// A scheme of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// A file.
    Plain,
    /// A file, and a key for it.
    Key(Key),
    /// The text itself.
    Literal,
}

/// Where the key of a URL comes from, and what kind it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// An age identity file.
    Age,
    /// An age identity in a Secret of Kubernetes.
    AgeKubernetes,
    /// A PGP key file.
    Gpg,
    /// A PGP key in a Secret of Kubernetes.
    GpgKubernetes,
}

/// A URL, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Url<'a> {
    /// Its scheme.
    pub scheme: Scheme,
    /// Whether a missing file is no error.
    pub is_optional: bool,
    /// The backend that it names; an empty name means the usual one.
    pub backend: Option<&'a str>,
    /// The place of the key; empty where the scheme has none.
    pub key: &'a str,
    /// The file or literal.
    pub reference: &'a str,
}

/// All schemes, as Helm's plugin manifests list them.
pub const SCHEMES: [(&str, Scheme); 6] = [
    ("secrets", Scheme::Plain),
    ("secrets+gpg-import", Scheme::Key(Key::Gpg)),
    ("secrets+gpg-import-kubernetes", Scheme::Key(Key::GpgKubernetes)),
    ("secrets+age-import", Scheme::Key(Key::Age)),
    ("secrets+age-import-kubernetes", Scheme::Key(Key::AgeKubernetes)),
    ("secrets+literal", Scheme::Literal),
];

impl Scheme {
    /// Its name.
    pub fn name(self) -> &'static str {
        SCHEMES.iter().find(|(_, scheme)| *scheme == self).map_or("", |(name, _)| name)
    }
}

impl Key {
    /// The variable that switches its scheme off.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Age => "HELM_SECRETS_ALLOW_AGE_IMPORT",
            Self::AgeKubernetes => "HELM_SECRETS_ALLOW_AGE_IMPORT_KUBERNETES",
            Self::Gpg => "HELM_SECRETS_ALLOW_GPG_IMPORT",
            Self::GpgKubernetes => "HELM_SECRETS_ALLOW_GPG_IMPORT_KUBERNETES",
        }
    }

    /// Whether the key lies in a file of this machine.
    pub fn is_file(self) -> bool {
        matches!(self, Self::Age | Self::Gpg)
    }
}

/// The scheme of a URL and what stands behind it; nothing where it is none of ours.
pub fn scheme(url: &str) -> Option<(Scheme, &str)> {
    let (name, rest) = url.split_once("://")?;
    SCHEMES.iter().find(|(known, _)| *known == name).map(|(_, scheme)| (*scheme, rest))
}

/// Takes apart what stands behind the scheme.
///
/// # Errors
/// A key or a file is missing: how such a URL is written.
pub fn read(scheme: Scheme, rest: &str) -> Result<Url<'_>, String> {
    let Marks { is_optional, backend, rest } = match scheme {
        Scheme::Literal => Marks { is_optional: false, ..Marks::of(rest) },
        Scheme::Plain | Scheme::Key(_) => Marks::of(rest),
    };
    let (key, reference) = match scheme {
        Scheme::Key(_) => rest
            .split_once('?')
            .ok_or_else(|| format!("Invalid syntax: {}://[path to key]?[path secrets.yaml]", scheme.name()))?,
        Scheme::Plain | Scheme::Literal => ("", rest),
    };
    Ok(Url { scheme, is_optional, backend, key, reference })
}

#[cfg(test)]
mod tests;
