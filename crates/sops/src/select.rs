//! Which leaves of a file are encrypted, and the walk that shows every leaf and comment with its place.
//! It keeps running counts where one could look at all keys and comments above a leaf, so that a walk is linear.
//! Not here: what happens to the leaves (`encrypted`), and where the option comes from (`rules`, `metadata`).
//! Specification: SOPS §4.4 (places), §4.5 (selection, active comments), §4.2 (comments in lists).

use base::{Fault, SecretBytes};
use document::{Branch, Comment, Document, Element, Item, Key, Node, Scalar};
use regex::Regex;

/// The one selection option of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Clear are the values below a key that ends with it.
    UnencryptedSuffix(String),
    /// Encrypted are the values below a key that ends with it.
    EncryptedSuffix(String),
    /// Clear are the values below a key that matches it.
    UnencryptedRegex(String),
    /// Encrypted are the values below a key that matches it.
    EncryptedRegex(String),
    /// Clear are the values behind a comment that matches it.
    UnencryptedCommentRegex(String),
    /// Encrypted are the values behind a comment that matches it.
    EncryptedCommentRegex(String),
}

impl Selection {
    /// The options' names in files, rules and flags, in the order in which messages name them.
    pub const NAMES: [&'static str; 6] = [
        "encrypted_suffix",
        "unencrypted_suffix",
        "encrypted_regex",
        "unencrypted_regex",
        "encrypted_comment_regex",
        "unencrypted_comment_regex",
    ];

    /// The option of that name; an empty text is no option.
    #[must_use]
    pub fn named(name: &str, text: &str) -> Option<Self> {
        let text = (!text.is_empty()).then(|| text.to_owned())?;
        Some(match name {
            "encrypted_suffix" => Self::EncryptedSuffix(text),
            "unencrypted_suffix" => Self::UnencryptedSuffix(text),
            "encrypted_regex" => Self::EncryptedRegex(text),
            "unencrypted_regex" => Self::UnencryptedRegex(text),
            "encrypted_comment_regex" => Self::EncryptedCommentRegex(text),
            "unencrypted_comment_regex" => Self::UnencryptedCommentRegex(text),
            _ => return None,
        })
    }

    /// The option's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::EncryptedSuffix(_) => "encrypted_suffix",
            Self::UnencryptedSuffix(_) => "unencrypted_suffix",
            Self::EncryptedRegex(_) => "encrypted_regex",
            Self::UnencryptedRegex(_) => "unencrypted_regex",
            Self::EncryptedCommentRegex(_) => "encrypted_comment_regex",
            Self::UnencryptedCommentRegex(_) => "unencrypted_comment_regex",
        }
    }

    /// The suffix or regular expression.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::EncryptedSuffix(text)
            | Self::UnencryptedSuffix(text)
            | Self::EncryptedRegex(text)
            | Self::UnencryptedRegex(text)
            | Self::EncryptedCommentRegex(text)
            | Self::UnencryptedCommentRegex(text) => text,
        }
    }

    /// Whether what matches is encrypted, rather than left clear.
    fn encrypts(&self) -> bool {
        matches!(self, Self::EncryptedSuffix(_) | Self::EncryptedRegex(_) | Self::EncryptedCommentRegex(_))
    }
}

impl Default for Selection {
    /// What a file without any option means.
    fn default() -> Self {
        Self::UnencryptedSuffix("_unencrypted".to_owned())
    }
}

/// The places of values that the selection of a file leaves clear although today's would encrypt them, each once. The
/// document is the plain one; it is not changed.
///
/// # Errors
/// A key of it is no text.
pub fn left_clear(
    document: &mut Document,
    of_file: Option<&Selection>,
    today: Option<&Selection>,
) -> Result<Vec<String>, Fault> {
    if of_file == today {
        return Ok(Vec::new());
    }
    let mut encrypted = |selection| {
        let mut marks = Marks::default();
        Selector::new(selection).walk(document, &mut marks).map(|()| marks.0)
    };
    let (now, then) = (encrypted(of_file)?, encrypted(today)?);
    let clear = now.into_iter().zip(then).filter(|((_, is_encrypted), (_, would_be))| !is_encrypted && *would_be);
    let mut places: Vec<String> = clear.map(|((path, _), _)| path).collect();
    places.dedup();
    Ok(places)
}

/// Every value that could be encrypted, in file order, and whether it would be.
#[derive(Default)]
struct Marks(Vec<(String, bool)>);

impl Visit for Marks {
    fn leaf(&mut self, place: Place<'_>, scalar: &mut Scalar) -> Result<bool, Fault> {
        let is_empty = matches!(scalar, Scalar::Text(text) if text.is_empty());
        if !is_empty && !matches!(scalar, Scalar::Null) {
            self.0.push((place.path.trim_end_matches(':').to_owned(), place.is_encrypted));
        }
        Ok(false)
    }

    fn comment(&mut self, _: Place<'_>, _: &mut Comment) -> Result<bool, Fault> {
        Ok(false)
    }
}

/// Where a leaf or comment stands, and whether it is to be encrypted there.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The keys from the root, each followed by `:`; a comment at the top has `:`. It is the associated data.
    pub path: &'a str,
    /// Whether the selection says so.
    pub is_encrypted: bool,
}

impl Place<'_> {
    /// Says where something failed.
    pub(crate) fn fault(&self, attempt: &str, fault: Fault) -> Fault {
        match self.path.trim_end_matches(':') {
            "" => fault.within(format!("cannot {attempt} the top")),
            path => fault.within(format!("cannot {attempt} `{path}`")),
        }
    }
}

/// What to do at each leaf and comment.
pub(crate) trait Visit {
    /// At a leaf; `true` if it turned out to be a comment (a list holds encrypted comments as elements).
    fn leaf(&mut self, place: Place<'_>, scalar: &mut Scalar) -> Result<bool, Fault>;

    /// At a comment; `true` if it is now an encrypted one.
    fn comment(&mut self, place: Place<'_>, comment: &mut Comment) -> Result<bool, Fault>;
}

/// A selection made ready to be asked, once for a walk.
pub(crate) struct Selector {
    rule: Rule,
    encrypts: bool,
}

enum Rule {
    /// No option: a binary file, all of which is encrypted.
    Everything,
    Suffix(String),
    Key(Option<Regex>),
    Comment(Option<Regex>),
}

impl Selector {
    /// An expression that is none matches nothing, as in the peer.
    pub(crate) fn new(selection: Option<&Selection>) -> Self {
        let Some(selection) = selection else {
            return Self { rule: Rule::Everything, encrypts: false };
        };
        let rule = match selection {
            Selection::EncryptedSuffix(text) | Selection::UnencryptedSuffix(text) => Rule::Suffix(text.clone()),
            Selection::EncryptedRegex(text) | Selection::UnencryptedRegex(text) => Rule::Key(go_regex(text).ok()),
            Selection::EncryptedCommentRegex(text) | Selection::UnencryptedCommentRegex(text) => {
                Rule::Comment(go_regex(text).ok())
            }
        };
        Self { rule, encrypts: selection.encrypts() }
    }

    /// Whether nothing would be encrypted because the expression is none: a writer must refuse that.
    pub(crate) fn is_void(&self) -> bool {
        self.encrypts && matches!(self.rule, Rule::Key(None) | Rule::Comment(None))
    }

    /// Whether this text matches an expression whose comments stay clear.
    pub(crate) fn keeps_comment_clear(&self, text: &[u8]) -> bool {
        !self.encrypts && self.matches_comment(text)
    }

    /// Visits every leaf and comment in file order.
    pub(crate) fn walk(&self, document: &mut Document, visit: &mut impl Visit) -> Result<(), Fault> {
        document.branches.iter_mut().try_for_each(|branch| {
            let mut walk =
                Walk { selector: self, visit: &mut *visit, path: String::new(), levels: Vec::new(), active: 0 };
            walk.branch(branch, false)
        })
    }

    fn matches_key(&self, key: &str) -> bool {
        match &self.rule {
            Rule::Suffix(suffix) => key.ends_with(suffix),
            Rule::Key(Some(regex)) => regex.is_match(key),
            _ => false,
        }
    }

    fn matches_comment(&self, text: &[u8]) -> bool {
        match &self.rule {
            Rule::Comment(Some(regex)) => std::str::from_utf8(text).is_ok_and(|text| regex.is_match(text)),
            _ => false,
        }
    }

    fn says(&self, is_match: bool) -> bool {
        matches!(self.rule, Rule::Everything) || is_match == self.encrypts
    }
}

/// A regular expression with Go's spelling: `\Q…\E` quotes.
///
/// # Errors
/// It is no regular expression.
pub(crate) fn go_regex(text: &str) -> Result<Regex, regex::Error> {
    if !text.contains(r"\Q") {
        return Regex::new(text);
    }
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, quoted)) = rest.split_once(r"\Q") {
        let (quoted, behind) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
        plain.push_str(before);
        plain.push_str(&regex::escape(quoted));
        rest = behind;
    }
    plain.push_str(rest);
    Regex::new(&plain)
}

/// One document's walk. Per level it counts the comments that match: enough to answer, whatever their number.
struct Walk<'a, V> {
    selector: &'a Selector,
    visit: &'a mut V,
    path: String,
    levels: Vec<usize>,
    active: usize,
}

impl<V: Visit> Walk<'_, V> {
    fn branch(&mut self, branch: &mut Branch, is_match: bool) -> Result<(), Fault> {
        self.levels.push(0);
        for item in &mut branch.items {
            match item {
                Item::Comment(comment) => {
                    self.comment(comment, is_match)?;
                }
                Item::Entry(key, node) => self.entry(key, node, is_match)?,
            }
        }
        self.leave();
        Ok(())
    }

    fn entry(&mut self, key: &Key, node: &mut Node, is_match: bool) -> Result<(), Fault> {
        let key = match key {
            Key::Text(text) => text,
            Key::Other(kind, text) => {
                return Err(Fault::wrong(format!("Tree contains a non-string key (type {kind})"))
                    .hint(format!("quote the key `{text}`, so that it is a text")));
            }
        };
        let length = self.path.len();
        self.path.push_str(key);
        self.path.push(':');
        self.node(node, is_match || self.selector.matches_key(key))?;
        self.path.truncate(length);
        self.clear();
        Ok(())
    }

    fn node(&mut self, node: &mut Node, is_match: bool) -> Result<(), Fault> {
        match node {
            Node::Branch(branch) => self.branch(branch, is_match),
            Node::List(elements) => self.list(elements, is_match),
            Node::Leaf(scalar) => self.leaf(scalar, is_match).map(|_| ()),
        }
    }

    fn list(&mut self, elements: &mut [Element], is_match: bool) -> Result<(), Fault> {
        self.levels.push(0);
        for element in elements {
            self.element(element, is_match)?;
        }
        self.leave();
        Ok(())
    }

    fn element(&mut self, element: &mut Element, is_match: bool) -> Result<(), Fault> {
        match element {
            Element::Comment(comment) => {
                // Encrypted, a comment of a list is an element of its own.
                if self.comment(comment, is_match)? {
                    *element = Element::Node(Node::Leaf(Scalar::Text(std::mem::take(&mut comment.text))));
                }
                return Ok(());
            }
            Element::Node(Node::Leaf(scalar)) => {
                if self.leaf(scalar, is_match)? {
                    // It was a comment when the file was encrypted, so it does not end the comments that are active.
                    let text = match scalar {
                        Scalar::Text(text) => std::mem::take(text),
                        _ => SecretBytes::default(),
                    };
                    *element = Element::Comment(Comment { text, is_inline: false });
                    return Ok(());
                }
            }
            Element::Node(node) => self.node(node, is_match)?,
        }
        self.clear();
        Ok(())
    }

    fn leaf(&mut self, scalar: &mut Scalar, is_match: bool) -> Result<bool, Fault> {
        let is_encrypted = self.selector.says(is_match || self.active > 0);
        self.visit.leaf(Place { path: &self.path, is_encrypted }, scalar)
    }

    fn comment(&mut self, comment: &mut Comment, is_match: bool) -> Result<bool, Fault> {
        let itself = usize::from(self.selector.matches_comment(comment.text.expose()));
        // The comment that asks for encryption stays readable itself; one that forbids it counts for itself.
        let active = if self.selector.encrypts { self.active } else { self.active + itself };
        let is_encrypted = self.selector.says(is_match || active > 0);
        self.active += itself;
        if let Some(level) = self.levels.last_mut() {
            *level += itself;
        }
        let path = if self.path.is_empty() { ":" } else { &self.path };
        self.visit.comment(Place { path, is_encrypted }, comment)
    }

    /// A value ends the comments of its level.
    fn clear(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            self.active -= std::mem::take(level);
        }
    }

    fn leave(&mut self) {
        self.active -= self.levels.pop().unwrap_or_default();
    }
}

#[cfg(test)]
mod tests;
