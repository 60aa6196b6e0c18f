//! The dialects of YAML that the peers speak.
//! Specification: SOPS §4.13; VALS §6.2.

/// How one peer's YAML resolves and writes scalars, orders keys and indents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// SOPS: go-yaml 3 with comments, file order, indented by 4.
    #[default]
    Go3,
    /// Go's `toYaml` and Kubernetes' tools (sigs.k8s.io/yaml): go-yaml 2, sorted keys, no comments, indented by 2.
    Go2,
    /// vals: go-yaml 3, keys in natural order, no comments, indented by 2.
    Vals,
}
