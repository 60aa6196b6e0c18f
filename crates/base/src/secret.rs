//! Values that cannot be shown: no `Debug`, no `Display`, no `Serialize`; wiped on drop, compared in constant time.
//! Whoever needs the bytes says so with `expose`, which a reviewer can search for.
//! Specification: design §8 "That they are never shown".

use std::collections::BTreeMap;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// A secret value as bytes.
///
/// ```compile_fail
/// let value = base::SecretBytes::from("x");
/// println!("{value:?}");
/// ```
#[derive(Clone, Default)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes ownership of the bytes; they are wiped when the value is dropped.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves. Never pass them to a formatter.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no byte at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value as text, or `None` where it is not UTF-8.
    #[must_use]
    pub fn to_text(&self) -> Option<SecretText> {
        std::str::from_utf8(&self.0).ok().map(SecretText::from)
    }

    /// The bytes, moved out; the caller now answers for them.
    #[must_use]
    pub fn into_exposed(mut self) -> Vec<u8> {
        std::mem::take(&mut *self.0)
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl From<&[u8]> for SecretBytes {
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }
}

impl From<&str> for SecretBytes {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes().to_vec())
    }
}

impl From<String> for SecretBytes {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl From<SecretText> for SecretBytes {
    fn from(text: SecretText) -> Self {
        Self::new(text.into_exposed().into_bytes())
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for SecretBytes {}

/// A secret value that is text: a token, a password, a PEM block.
#[derive(Clone, Default)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes ownership of the text; it is wiped when the value is dropped.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. Never pass it to a formatter.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// How many bytes the text has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text without white space at its ends, as token files want it.
    #[must_use]
    pub fn trimmed(&self) -> Self {
        Self::from(self.0.trim())
    }

    /// The text, moved out; the caller now answers for it.
    #[must_use]
    pub fn into_exposed(mut self) -> String {
        std::mem::take(&mut *self.0)
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}

impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for SecretText {}

/// Named values, sorted by name as Kubernetes and Go print them: the data of a Secret, or what a store answered.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretMap(BTreeMap<String, SecretBytes>);

impl SecretMap {
    /// A map without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a value; an earlier one of that name is wiped.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<SecretBytes>) {
        self.0.insert(name.into(), value.into());
    }

    /// The value of that name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&SecretBytes> {
        self.0.get(name)
    }

    /// Takes the value of that name out of the map.
    pub fn remove(&mut self, name: &str) -> Option<SecretBytes> {
        self.0.remove(name)
    }

    /// Whether there is a value of that name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &SecretBytes)> {
        self.0.iter()
    }

    /// The names alone, sorted. Names are no secrets.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// Adds the entries of `later`; where both have a name, `later` wins.
    pub fn extend(&mut self, later: SecretMap) {
        self.0.extend(later.0);
    }

    /// Keeps only the entries whose name the predicate accepts.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|name, _| keep(name));
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for SecretMap {
    type Item = (String, SecretBytes);
    type IntoIter = std::collections::btree_map::IntoIter<String, SecretBytes>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<N: Into<String>, V: Into<SecretBytes>> FromIterator<(N, V)> for SecretMap {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(entries: I) -> Self {
        Self(entries.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// A secret value with its type: what JSON or YAML can say. Numbers keep the text they were written with.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretValue {
    /// Nothing: JSON's null.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number as it was written: `1.50` stays `1.50`.
    Number(SecretText),
    /// A text.
    Text(SecretText),
    /// Bytes that need not be text, as binary secrets are.
    Bytes(SecretBytes),
    /// Values in order.
    List(Vec<SecretValue>),
    /// Named values in the order in which they came.
    Map(Vec<(String, SecretValue)>),
}

impl SecretValue {
    /// A text value.
    #[must_use]
    pub fn text(text: impl Into<SecretText>) -> Self {
        Self::Text(text.into())
    }

    /// The entry of that name, where this is a map that has it.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<&SecretValue> {
        match self {
            Self::Map(entries) => entries.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }
}

impl Drop for SecretValue {
    fn drop(&mut self) {
        // Names are no secrets, but a map's names may be values in a badly written document.
        if let Self::Map(entries) = self {
            entries.iter_mut().for_each(|(name, _)| name.zeroize());
        }
    }
}

#[cfg(test)]
mod tests;
