//! A reference: a place and its provider written as text, `ref+SCHEME://PATH?OPTIONS#FRAGMENT`. Here only the text behind
//! `ref+` is taken apart, as Go's `net/url` does; finding references in documents and filling them in is `expand`'s.
//! Specification: VALS §5.2, §5.4, §14 (what errors may show).

use std::fmt::Write as _;

use base::Fault;

/// A reference, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The scheme behind `ref+`, in small letters.
    pub scheme: String,
    /// What stands between `//` and the next `/`: the host of a URL, the first part of most paths. Userinfo is not part of it.
    pub host: String,
    /// What follows, with its leading `/`; percent escapes are resolved. An ARN stands here as a whole.
    pub path: String,
    /// The options in order.
    pub options: Vec<(String, String)>,
    /// The steps of the fragment, percent escapes resolved; empty where there is none.
    pub fragment: Vec<String>,
}

impl Reference {
    /// Takes the text behind `ref+` apart.
    ///
    /// # Errors
    /// It is no URL, in the words of Go's parser; what may be a secret in it is not told.
    pub fn parse(body: &str) -> Result<Self, Fault> {
        Self::parts(body).map_err(|reason| Fault::wrong(format!("parse {:?}: {reason}", shown(body))))
    }

    fn parts(body: &str) -> Result<Self, String> {
        if body.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        let (scheme, rest) = body.split_once("://").ok_or("missing protocol scheme")?;
        let scheme = scheme_of(scheme)?;
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        // A slash right before `#` is a habit that belongs to no value (VALS §5.2).
        let options = options(query.strip_suffix('/').unwrap_or(query));
        let fragment = match fragment.strip_prefix('/').unwrap_or(fragment) {
            "" => Vec::new(),
            steps => steps.split('/').map(|step| unescaped(step, Part::Fragment)).collect::<Result<_, _>>()?,
        };
        let (host, path) = if place.starts_with("arn:aws:") || place.starts_with("arn:aws-") {
            (String::new(), place.to_owned())
        } else {
            let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
            (host_of(authority)?, unescaped(path, Part::Path)?)
        };
        Ok(Self { scheme, host, path, options, fragment })
    }

    /// The first option of that name.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Host and path as one: `a/b` of `//a/b`, `/a/b` of `///a/b`.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}{}", self.host, self.path)
    }

    /// The fragment as one text, for messages.
    #[must_use]
    pub fn key(&self) -> String {
        self.fragment.join("/")
    }
}

fn scheme_of(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("missing protocol scheme");
    }
    let is_scheme = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    if is_scheme { Ok(text.to_ascii_lowercase()) } else { Err("first path segment in URL cannot contain colon") }
}

/// Userinfo is dropped. A port must be a number – unless braces say that this is no host but a text of `envsubst`, which the
/// peer refuses.
fn host_of(authority: &str) -> Result<String, String> {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let after_address = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or("missing ']' in host")?.1,
        None => host,
    };
    if let Some(colon) = after_address.rfind(':').filter(|_| !host.contains('{')) {
        let port = &after_address[colon..];
        if !port[1..].bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("invalid port {port:?} after host"));
        }
    }
    unescaped(host, Part::Host)
}

/// Go keeps the pairs that it can read and drops the others.
fn options(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';'));
    let decoded = pairs.filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((unescaped(name, Part::Query).ok()?, unescaped(value, Part::Query).ok()?))
    });
    decoded.collect()
}

/// The parts of a URL, as far as escapes in them differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Host,
    Path,
    Query,
    Fragment,
}

/// Resolves percent escapes. A host may hold them only for bytes that are not ASCII.
fn unescaped(text: &str, part: Part) -> Result<String, String> {
    if part == Part::Host
        && let Some(bad) = text.chars().find(|character| matches!(character, ' ' | '\\' | '^' | '`' | '|'))
    {
        return Err(format!("invalid character {:?} in host name", bad.to_string()));
    }
    if !text.contains(['%', '+']) {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match first {
            b'%' => {
                let escape = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let is_hex = |digits: &&str| digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                let byte = escape.filter(is_hex).and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let allowed = byte.filter(|byte| part != Part::Host || *byte == b'%' || *byte >= 0x80);
                bytes.push(allowed.ok_or_else(|| {
                    let end = behind.len().min(2);
                    format!("invalid URL escape {:?}", format!("%{}", String::from_utf8_lossy(&behind[..end])))
                })?);
                rest = &behind[2..];
            }
            b'+' if part == Part::Query => bytes.push(b' '),
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| "the percent escapes are no UTF-8".to_owned())
}

/// The text of a reference as messages may have it: the values of options that name a secret are left out.
#[must_use]
pub fn shown(body: &str) -> String {
    let (rest, fragment) = body.split_once('#').map_or((body, None), |(rest, fragment)| (rest, Some(fragment)));
    let Some((place, query)) = rest.split_once('?') else { return body.to_owned() };
    let mut text = place.to_owned();
    for (index, pair) in query.split('&').enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) if is_secret(name) => {
                let _ = write!(text, "{name}=…");
            }
            _ => text.push_str(pair),
        }
    }
    if let Some(fragment) = fragment {
        let _ = write!(text, "#{fragment}");
    }
    text
}

/// `token_env`, `password_file` and `key_type` name a place or a kind and no secret.
fn is_secret(option: &str) -> bool {
    let option = option.to_ascii_lowercase();
    let names_a_place = ["_env", "_file", "_type", "_id"].iter().any(|end| option.ends_with(end));
    matches!(option.as_str(), "role_id" | "secret_id" | "client_id")
        || (!names_a_place && ["token", "secret", "password", "key"].iter().any(|word| option.contains(word)))
}

#[cfg(test)]
mod tests;
