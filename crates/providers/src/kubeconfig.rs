//! What is told of a kubeconfig that cannot be read: where it is wrong, and never what stands there, for it holds tokens and keys.
//! Not here: reading one; that is kube's work. Specification: design §8.

use kube::config::KubeconfigError;

/// The error as it may be shown: one of YAML quotes the lines around it, so only its place is told.
#[must_use]
pub fn told(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(error) => match error.location() {
            Some(at) => format!("it is no kubeconfig at line {}, column {}", at.line(), at.column()),
            None => "it is no kubeconfig".to_owned(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use kube::config::Kubeconfig;

    #[test]
    fn the_place_is_told_and_not_what_stands_there() {
        for (text, expected) in [
            ("users:\n- name: u\n  user: {token: c4n4ry\n", "it is no kubeconfig at line 3, column 9"),
            ("users: c4n4ry\n", "it is no kubeconfig at line 1, column 8"),
        ] {
            let error = Kubeconfig::from_yaml(text).expect_err("it is none");
            assert!(error.to_string().contains("c4n4ry"), "without our help it would be shown");
            assert_eq!(super::told(&error), expected);
        }
    }
}
