//! How far a sealed value may be moved: it is bound to namespace and name, to the namespace, or to nothing.
//! The scope is nothing but the label under which a value is sealed; there is no other access control.
//! Specification: SS §4, §5.3.

use std::fmt;
use std::str::FromStr;

use base::Fault;

/// How far a sealed value may be moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// It opens under its namespace and name only.
    #[default]
    Strict,
    /// It opens under any name of its namespace.
    NamespaceWide,
    /// It opens anywhere.
    ClusterWide,
}

impl Scope {
    /// The scope that two annotations say; cluster-wide wins where both are set (SS §4).
    #[must_use]
    pub fn from_marks(is_cluster_wide: bool, is_namespace_wide: bool) -> Self {
        match (is_cluster_wide, is_namespace_wide) {
            (true, _) => Self::ClusterWide,
            (false, true) => Self::NamespaceWide,
            (false, false) => Self::Strict,
        }
    }

    /// The label that binds a value of this scope to its place.
    #[must_use]
    pub fn label(self, namespace: &str, name: &str) -> Label {
        Label(match self {
            Self::Strict => format!("{namespace}/{name}").into_bytes(),
            Self::NamespaceWide => namespace.as_bytes().to_vec(),
            Self::ClusterWide => Vec::new(),
        })
    }

    /// The word for it on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::NamespaceWide => "namespace-wide",
            Self::ClusterWide => "cluster-wide",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = Fault;

    /// Reads the word; the empty text is strict, as kubeseal has it.
    fn from_str(text: &str) -> Result<Self, Fault> {
        match text {
            "" | "strict" => Ok(Self::Strict),
            "namespace-wide" => Ok(Self::NamespaceWide),
            "cluster-wide" => Ok(Self::ClusterWide),
            _ => Err(Fault::wrong("must be one of: strict, namespace-wide, cluster-wide")),
        }
    }
}

/// What a value is bound to; the label of RSA-OAEP.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label(Vec<u8>);

impl Label {
    /// The bytes of the label.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_decides_what_a_value_is_bound_to() {
        for (marks, word, label) in [
            ((false, false), "strict", "myns/mysecret"),
            ((false, true), "namespace-wide", "myns"),
            ((true, false), "cluster-wide", ""),
            ((true, true), "cluster-wide", ""),
        ] {
            let scope = Scope::from_marks(marks.0, marks.1);
            assert_eq!(scope.to_string(), word);
            assert_eq!(scope.label("myns", "mysecret").as_bytes(), label.as_bytes());
            assert_eq!(word.parse::<Scope>().ok(), Some(scope));
        }
        assert_eq!("".parse::<Scope>().ok(), Some(Scope::Strict));
        let refused = "Strict".parse::<Scope>().expect_err("only the exact words are taken");
        assert_eq!(refused.to_string(), "must be one of: strict, namespace-wide, cluster-wide");
    }
}
