//! The worked example of SS §5.6, checked against the real kubeseal, for the tests of this crate. Its key is public:
//! it protects nothing and must never be used.

use crate::{PrivateKey, Scope, Sealed};

/// The key pair of the example.
pub(crate) fn private_key() -> PrivateKey {
    PrivateKey::parse(include_bytes!("vectors/rsa_2048.pem")).expect("the example's key is an RSA key")
}

/// Where the example's values belong, and the value of all three.
pub(crate) const NAMESPACE: &str = "myns";
pub(crate) const NAME: &str = "mysecret";
pub(crate) const VALUE: &[u8] = b"bar";

/// The three values, one a scope.
pub(crate) fn sealed() -> [(Scope, Sealed); 3] {
    let read = |text: &str| Sealed::parse(text).expect("the example's values are base64");
    [
        (Scope::Strict, read(include_str!("vectors/strict.txt"))),
        (Scope::NamespaceWide, read(include_str!("vectors/namespace_wide.txt"))),
        (Scope::ClusterWide, read(include_str!("vectors/cluster_wide.txt"))),
    ]
}
