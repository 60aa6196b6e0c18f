//! The dialects of YAML that the peers speak: what differs between them, in one place.
//! Not here: what they have in common (`scalar` resolves, `style` chooses quotes, `emit` lays out).
//! Specification: SOPS §4.1, §4.13; VALS §6.

use base::Fault;

/// How one peer's YAML resolves and writes scalars, orders keys and indents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// SOPS: go-yaml 3 with comments, file order, indented by 4.
    #[default]
    Go3,
    /// Go's `toYaml` and Kubernetes' tools (sigs.k8s.io/yaml): go-yaml 2, sorted keys, no comments, indented by 2,
    /// lines folded at 80 columns.
    Go2,
    /// vals: go-yaml 3, keys in natural order, no comments, indented by 2.
    Vals,
}

impl Dialect {
    /// Whether `yes`, `no`, `on`, `off`, `y` and `n` are truth values when read.
    pub(super) fn has_old_bools(self) -> bool {
        self == Self::Go2
    }

    /// Whether an unquoted date becomes a time; else it stays the text it is.
    pub(super) fn has_times(self) -> bool {
        self == Self::Go3
    }

    /// Whether a time is written as one. vals reads none in its documents, but writes those that it has fetched.
    pub(super) fn writes_times(self) -> bool {
        self != Self::Go2
    }

    /// Whether keys and comments stay as they stand in the tree; else keys are sorted and comments dropped.
    pub(super) fn keeps_layout(self) -> bool {
        self == Self::Go3
    }

    /// Whether the text `<<` is written with the tag that go-yaml 3 gives it in a tree of nodes.
    pub(super) fn tags_merge(self) -> bool {
        self == Self::Go3
    }

    /// Whether a list under a key is indented deeper than the key.
    pub(super) fn indents_lists(self) -> bool {
        self != Self::Go2
    }

    /// The column from which on a line is folded at its next space.
    pub(super) fn width(self) -> usize {
        match self {
            Self::Go2 => 80,
            Self::Go3 | Self::Vals => usize::MAX,
        }
    }

    /// The indentation of a level, from the wish of the options: SOPS' rules for odd wishes (SOPS §4.13).
    pub(super) fn indent(self, wish: Option<i64>) -> Result<usize, Fault> {
        let own = match self {
            Self::Go3 => 4,
            Self::Go2 | Self::Vals => 2,
        };
        match wish {
            None | Some(0) => Ok(own),
            Some(width @ 2..=9) => Ok(usize::try_from(width).expect("a width from 2 to 9 is positive")),
            Some(width) if width > 0 => Ok(2),
            Some(_) => Err(Fault::wrong("YAML Negative indentation not accepted")),
        }
    }
}
