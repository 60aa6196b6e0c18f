//! sprig's URLs as dicts and back, and its versions. Specification: ESO §8.5.
//! A URL that cannot be read is not repeated in the message: it may hold a password.

use std::rc::Rc;

use super::Type::{Map as Dict, Text};
use super::{Args, Function, Outcome, Run, letters, row};
use crate::value::Value;
use crate::version::{Constraint, Version};

pub const SPRIG: &[Function] = &[
    row("urlParse", &[Text], parse),
    row("urlJoin", &[Dict], join),
    row("semver", &[Text], |_, args| Ok(Value::Version(Rc::new(Version::parse(&letters(args.text(0)))?)))),
    row("semverCompare", &[Text, Text], |_, args| {
        let constraint = Constraint::parse(&letters(args.text(0)));
        let constraint = constraint.ok_or_else(|| "improper constraint".to_owned())?;
        let version = Version::parse(&letters(args.text(1)))?;
        Ok(Value::Bool(constraint.accepts(&version)))
    }),
];

/// Where an escape is written or allowed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    User,
    Host,
    Fragment,
}

impl Part {
    /// Whether the byte stands as it is.
    fn keeps(self, byte: u8) -> bool {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => true,
            b'$' | b'&' | b'+' | b',' | b';' | b'=' => true,
            b'/' | b':' | b'@' => self == Self::Path || self == Self::Fragment || (self == Self::Host && byte == b':'),
            b'?' => self == Self::Fragment,
            b'!' | b'(' | b')' | b'*' => self == Self::Fragment || self == Self::Host,
            b'\'' | b'[' | b']' | b'<' | b'>' | b'"' => self == Self::Host,
            _ => false,
        }
    }

    fn escaped(self, text: &[u8]) -> String {
        let mut out = String::with_capacity(text.len());
        for byte in text {
            if self.keeps(*byte) {
                out.push(char::from(*byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
        out
    }
}

/// `%41` as the byte it is.
fn unescaped(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first() {
        if *byte != b'%' {
            out.push(*byte);
            rest = behind;
            continue;
        }
        let digits = behind.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(code.ok_or_else(|| broken("invalid URL escape"))?);
        rest = &behind[2..];
    }
    Ok(out)
}

fn broken(why: &str) -> String {
    format!("unable to parse url: {why}")
}

/// A URL in the parts of RFC 3986, as Go's `net/url` takes it apart; what is wrong is told without the URL.
fn parse(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let text = args.text(0);
    run.fuel.make(text.len().saturating_mul(2))?;
    if text.iter().any(u8::is_ascii_control) {
        return Err(broken("net/url: invalid control character in URL"));
    }
    let (text, fragment) = cut(text, b'#');
    let (scheme, rest) = scheme(text)?;
    let (mut rest, query) = cut(rest, b'?');
    let mut parts = Parts { scheme: scheme.to_ascii_lowercase(), query: query.to_vec(), ..Parts::default() };
    parts.fragment = unescaped(fragment)?;
    if !rest.starts_with(b"/") {
        if !scheme.is_empty() {
            parts.opaque = rest.to_vec();
            return Ok(parts.value());
        }
        if cut(rest, b'/').0.contains(&b':') {
            return Err(broken("first path segment in URL cannot contain colon"));
        }
    }
    let is_absolute = !scheme.is_empty() || !rest.starts_with(b"///");
    if let Some(authority) = rest.strip_prefix(b"//").filter(|_| is_absolute) {
        let end = authority.iter().position(|byte| *byte == b'/').unwrap_or(authority.len());
        parts.authority(&authority[..end])?;
        rest = &authority[end..];
    }
    parts.path = unescaped(rest)?;
    Ok(parts.value())
}

fn cut(text: &[u8], at: u8) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == at) {
        Some(place) => (&text[..place], &text[place + 1..]),
        None => (text, b""),
    }
}

fn scheme(text: &[u8]) -> Result<(&[u8], &[u8]), String> {
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err(broken("missing protocol scheme")),
            b':' => return Ok((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Ok((b"", text))
}

#[derive(Default)]
struct Parts {
    scheme: Vec<u8>,
    opaque: Vec<u8>,
    user: String,
    host: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    fragment: Vec<u8>,
}

impl Parts {
    fn authority(&mut self, authority: &[u8]) -> Result<(), String> {
        let host = match authority.iter().rposition(|byte| *byte == b'@') {
            Some(at) => {
                self.user = userinfo(&authority[..at])?;
                &authority[at + 1..]
            }
            None => authority,
        };
        let port = if host.starts_with(b"[") {
            let end = host.iter().rposition(|byte| *byte == b']').ok_or_else(|| broken("missing ']' in host"))?;
            &host[end + 1..]
        } else {
            let colon = host.iter().position(|byte| *byte == b':').unwrap_or(host.len());
            &host[colon..]
        };
        let is_port = match port {
            [] => true,
            [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        if !is_port {
            return Err(broken("invalid port after host"));
        }
        if host.iter().any(|byte| byte.is_ascii() && *byte != b'%' && !Part::Host.keeps(*byte)) {
            return Err(broken("invalid character in host name"));
        }
        // A host has escapes for what is not ASCII only, and for the sign before an IPv6 zone.
        let host_bytes = unescaped(host)?;
        let may_escape =
            |byte: &&[u8]| byte.len() < 3 || byte[1] > b'7' || (host.starts_with(b"[") && byte.starts_with(b"%25"));
        let mut escapes = (0..host.len()).filter(|at| host[*at] == b'%').map(|at| &host[at..]);
        if !escapes.all(|escape| may_escape(&escape)) {
            return Err(broken("invalid URL escape"));
        }
        self.host = host_bytes;
        Ok(())
    }

    fn host_name(&self) -> &[u8] {
        if let Some(inner) = self.host.strip_prefix(b"[") {
            return cut(inner, b']').0;
        }
        match self.host.iter().rposition(|byte| *byte == b':') {
            Some(colon) => &self.host[..colon],
            None => &self.host,
        }
    }

    fn value(self) -> Value {
        Value::map([
            ("hostname", Value::text(self.host_name())),
            ("scheme", Value::text(self.scheme)),
            ("opaque", Value::text(self.opaque)),
            ("userinfo", Value::text(self.user)),
            ("host", Value::text(self.host)),
            ("path", Value::text(self.path)),
            ("query", Value::text(self.query)),
            ("fragment", Value::text(self.fragment)),
        ])
    }
}

/// Name and password, escaped anew.
fn userinfo(text: &[u8]) -> Result<String, String> {
    let is_fine = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte);
    if !text.iter().all(is_fine) {
        return Err(broken("net/url: invalid userinfo"));
    }
    let name = Part::User.escaped(&unescaped(cut(text, b':').0)?);
    if !text.contains(&b':') {
        return Ok(name);
    }
    Ok(format!("{name}:{}", Part::User.escaped(&unescaped(cut(text, b':').1)?)))
}

fn join(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let part = |name: &str| match args.map(0).value(name.as_bytes()) {
        None => Ok(Vec::new()),
        Some(Value::Text(text)) => Ok(text.bytes().to_vec()),
        Some(Value::Missing | Value::Nil) => {
            Err("runtime error: invalid memory address or nil pointer dereference".to_owned())
        }
        Some(other) => {
            Err(format!("unable to parse {name} key, must be of type string, but {} found", other.kind_name()))
        }
    };
    let (scheme, host, path) = (part("scheme")?, part("host")?, part("path")?);
    let (query, opaque, fragment) = (part("query")?, part("opaque")?, part("fragment")?);
    let user = match part("userinfo")? {
        user if user.is_empty() => String::new(),
        user => {
            let escaped = userinfo(&user).map_err(|_| "unable to parse userinfo in dict: net/url: invalid userinfo")?;
            format!("{escaped}@")
        }
    };
    let mut out = letters(&scheme);
    if !scheme.is_empty() {
        out.push(':');
    }
    if opaque.is_empty() {
        let has_authority = !host.is_empty() || !user.is_empty();
        if has_authority || (!scheme.is_empty() && !path.is_empty()) {
            out.push_str("//");
            out.push_str(&user);
            out.push_str(&Part::Host.escaped(&host));
        }
        if !path.is_empty() && !path.starts_with(b"/") && !host.is_empty() {
            out.push('/');
        }
        if out.is_empty() && cut(&path, b'/').0.contains(&b':') {
            out.push_str("./");
        }
        out.push_str(&if path == b"*" { "*".to_owned() } else { Part::Path.escaped(&path) });
    } else {
        out.push_str(&letters(&opaque));
    }
    for (sign, text) in [("?", letters(&query)), ("#", Part::Fragment.escaped(&fragment))] {
        if !text.is_empty() {
            out.push_str(sign);
            out.push_str(&text);
        }
    }
    run.text(out)
}
