//! Semantic versions and constraints as sprig's users write them: `v1.2` is a version, `^1.2`, `1.2.x`, `1.2 - 1.4` and
//! `>=1, <2 || 3.*` are constraints, and a pre-release only fits a constraint that names one.
//! Ordering is the crate `semver`'s. Specification: ESO §8.5 (`semver`, `semverCompare`).

use std::cmp::Ordering;
use std::fmt;

/// A version, and how it was written.
pub struct Version {
    pub original: String,
    pub parsed: semver::Version,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parsed.fmt(f)
    }
}

impl Version {
    /// Reads a version: a leading `v` is fine, minor and patch may be absent.
    ///
    /// # Errors
    /// The peer's texts, without the version.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const INVALID: &str = "Invalid Semantic Version";
        let parts = Parts::of(text.strip_prefix('v').unwrap_or(text)).ok_or(INVALID)?;
        let numbers = [parts.major, parts.minor.unwrap_or("0"), parts.patch.unwrap_or("0")];
        if numbers.into_iter().any(is_wildcard) {
            return Err(INVALID);
        }
        let out_of_range = "Error parsing version segment: strconv.ParseUint: value out of range";
        let number = |part: &str| part.parse::<u64>().map_err(|_| out_of_range);
        let starts_with_zero =
            |part: &str| part.len() > 1 && part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit());
        if parts.prerelease.split('.').any(starts_with_zero) {
            return Err("Version segment starts with 0");
        }
        let parsed = semver::Version {
            major: number(numbers[0])?,
            minor: number(numbers[1])?,
            patch: number(numbers[2])?,
            pre: semver::Prerelease::new(parts.prerelease).map_err(|_| INVALID)?,
            build: semver::BuildMetadata::new(parts.metadata).map_err(|_| INVALID)?,
        };
        Ok(Self { original: text.to_owned(), parsed })
    }

    /// Their order; metadata does not count.
    pub fn compare(&self, other: &Self) -> Ordering {
        self.parsed.cmp_precedence(&other.parsed)
    }
}

/// A version's text in its parts.
struct Parts<'a> {
    major: &'a str,
    minor: Option<&'a str>,
    patch: Option<&'a str>,
    prerelease: &'a str,
    metadata: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (text, metadata) = text.split_once('+').map_or((text, None), |(text, meta)| (text, Some(meta)));
        let (numbers, prerelease) = text.split_once('-').map_or((text, None), |(text, pre)| (text, Some(pre)));
        if metadata == Some("") || prerelease == Some("") {
            return None;
        }
        let mut numbers = numbers.split('.');
        let major = numbers.next()?;
        let (minor, patch) = (numbers.next(), numbers.next());
        let is_number =
            |part: &str| is_wildcard(part) || (!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
        let all_numbers = [Some(major), minor, patch].into_iter().flatten().all(is_number);
        (all_numbers && numbers.next().is_none()).then_some(Self {
            major,
            minor,
            patch,
            prerelease: prerelease.unwrap_or_default(),
            metadata: metadata.unwrap_or_default(),
        })
    }
}

fn is_wildcard(part: &str) -> bool {
    matches!(part, "x" | "X" | "*")
}

/// Alternatives, each of which is a list of conditions that must all hold.
pub struct Constraint(Vec<Vec<Condition>>);

struct Condition {
    operator: Operator,
    version: semver::Version,
    /// Something of the version was left open.
    is_open: bool,
    minor_open: bool,
    patch_open: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

/// Longer ones first.
const OPERATORS: [(&str, Operator); 12] = [
    (">=", Operator::GreaterOrEqual),
    ("=>", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("=<", Operator::LessOrEqual),
    ("!=", Operator::NotEqual),
    ("~>", Operator::Tilde),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("", Operator::Equal),
];

impl Constraint {
    /// Reads a constraint; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        text.split("||").map(conditions).collect::<Option<Vec<_>>>().map(Self)
    }

    pub fn accepts(&self, version: &Version) -> bool {
        self.0.iter().any(|conditions| conditions.iter().all(|condition| condition.accepts(&version.parsed)))
    }
}

/// Conditions between commas or spaces; an operator may stand apart from its version, and `a - b` is a range.
fn conditions(text: &str) -> Option<Vec<Condition>> {
    let mut words: Vec<&str> = Vec::new();
    for word in text.split(',') {
        let before = words.len();
        words.extend(word.split_whitespace());
        if words.len() == before {
            return None;
        }
    }
    let mut conditions = Vec::new();
    let mut index = 0;
    while let Some(word) = words.get(index) {
        if words.get(index + 1) == Some(&"-") {
            conditions.push(Condition::parse(Operator::GreaterOrEqual, word)?);
            conditions.push(Condition::parse(Operator::LessOrEqual, words.get(index + 2)?)?);
            index += 3;
            continue;
        }
        let (name, operator) = *OPERATORS.iter().find(|(name, _)| word.starts_with(name))?;
        let mut version = &word[name.len()..];
        if version.is_empty() {
            index += 1;
            version = words.get(index)?;
        }
        conditions.push(Condition::parse(operator, version)?);
        index += 1;
    }
    Some(conditions)
}

impl Condition {
    fn parse(operator: Operator, text: &str) -> Option<Self> {
        let parts = Parts::of(text.strip_prefix('v').unwrap_or(text))?;
        let known = |part: Option<&str>| part.filter(|part| !is_wildcard(part)).map(str::parse::<u64>);
        let number = |part: Option<&str>| known(part).map_or(Some(0), Result::ok);
        let pre = semver::Prerelease::new(parts.prerelease).ok()?;
        let version =
            |major, minor, patch| semver::Version { pre: pre.clone(), ..semver::Version::new(major, minor, patch) };
        if is_wildcard(parts.major) {
            // Everything: the conditions treat 0.0.0 as such.
            return Some(Self {
                operator,
                version: version(0, 0, 0),
                is_open: true,
                minor_open: false,
                patch_open: false,
            });
        }
        let minor_open = known(parts.minor).is_none();
        let patch_open = minor_open || known(parts.patch).is_none();
        let minor = if minor_open { 0 } else { number(parts.minor)? };
        let patch = if patch_open { 0 } else { number(parts.patch)? };
        Some(Self {
            operator,
            version: version(number(Some(parts.major))?, minor, patch),
            is_open: patch_open,
            minor_open,
            patch_open: patch_open && !minor_open,
        })
    }

    fn accepts(&self, version: &semver::Version) -> bool {
        let own = &self.version;
        let is_plain_inequality = self.operator == Operator::NotEqual && !self.is_open;
        if !version.pre.is_empty() && own.pre.is_empty() && !is_plain_inequality {
            return false;
        }
        let order = version.cmp_precedence(own);
        match self.operator {
            Operator::Equal if self.is_open => self.tilde(version, order),
            Operator::Equal => order.is_eq(),
            Operator::NotEqual if self.is_open => {
                version.major != own.major || (!self.minor_open && version.minor != own.minor)
            }
            Operator::NotEqual => order.is_ne(),
            Operator::Greater if !self.is_open => order.is_gt(),
            Operator::Greater if version.major != own.major => version.major > own.major,
            Operator::Greater => self.patch_open && version.minor > own.minor,
            Operator::Less => order.is_lt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::LessOrEqual if !self.is_open => order.is_le(),
            Operator::LessOrEqual => {
                version.major < own.major
                    || (version.major == own.major && (self.minor_open || version.minor <= own.minor))
            }
            Operator::Tilde => self.tilde(version, order),
            Operator::Caret => self.caret(version, order),
        }
    }

    fn tilde(&self, version: &semver::Version, order: Ordering) -> bool {
        let own = &self.version;
        let is_everything = (own.major, own.minor, own.patch) == (0, 0, 0) && !self.minor_open && !self.patch_open;
        order.is_ge()
            && (is_everything || (version.major == own.major && (self.minor_open || version.minor == own.minor)))
    }

    fn caret(&self, version: &semver::Version, order: Ordering) -> bool {
        let own = &self.version;
        if order.is_lt() {
            return false;
        }
        if own.major > 0 || self.minor_open {
            return version.major == own.major;
        }
        if version.major > 0 {
            return false;
        }
        if own.minor > 0 || self.patch_open {
            return version.minor == own.minor;
        }
        version.minor == 0 && version.patch == own.patch
    }
}
