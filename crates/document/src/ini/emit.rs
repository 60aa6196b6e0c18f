//! The INI writer: aligned keys, comments above what they are about, quotes where the reader would else change a text.
//! Specification: SOPS §4.17, §4.18.

use base::Fault;

use super::{DEFAULT, parse};
use crate::{Branch, Comment, Item, Key, Node};

/// Writes a whole file.
pub(super) fn file(file: &Branch) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    let mut comments = Vec::new();
    let mut is_first = true;
    for item in &file.items {
        match item {
            Item::Comment(comment) => comments.push(comment),
            Item::Entry(key, Node::Branch(section)) => {
                let above = std::mem::take(&mut comments);
                let has_header = !(is_first && key.is(DEFAULT));
                is_first = false;
                if has_header || !section.items.is_empty() || !above.is_empty() {
                    write_section(key, section, &above, has_header, &mut out)?;
                }
            }
            Item::Entry(key, _) => {
                return Err(Fault::wrong("Section values should always be TreeBranches").hint(format!(
                    "an INI file holds sections of keys: put the value of `{}` into a section",
                    key.as_str()
                )));
            }
        }
    }
    write_comments(&comments, &mut out);
    Ok(out)
}

/// A key with the comments behind it, which are about it.
struct Line<'a> {
    key: &'a Key,
    node: &'a Node,
    comments: Vec<&'a Comment>,
}

fn write_section(
    key: &Key,
    section: &Branch,
    above: &[&Comment],
    has_header: bool,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let (comments, lines) = grouped(section);
    if !out.is_empty() {
        out.push(b'\n');
    }
    write_comments(above, out);
    write_comments(&comments, out);
    if has_header {
        out.extend_from_slice(format!("[{}]\n", section_name(key)?).as_bytes());
    }
    let keys = lines.iter().map(|line| key_form(line.key)).collect::<Result<Vec<_>, _>>()?;
    let width = keys.iter().map(String::len).max().unwrap_or(0);
    for (line, key) in lines.iter().zip(keys) {
        write_comments(&line.comments, out);
        out.extend_from_slice(format!("{key:width$} = ", width = width - (key.len() - key.chars().count())).as_bytes());
        out.extend_from_slice(&value_form(line.key, line.node)?);
        out.push(b'\n');
    }
    Ok(())
}

/// The comments of the section, and its keys with theirs.
fn grouped(section: &Branch) -> (Vec<&Comment>, Vec<Line<'_>>) {
    let mut comments = Vec::new();
    let mut lines: Vec<Line<'_>> = Vec::new();
    for item in &section.items {
        match (item, lines.last_mut()) {
            (Item::Comment(comment), Some(line)) => line.comments.push(comment),
            (Item::Comment(comment), None) => comments.push(comment),
            (Item::Entry(key, node), _) => lines.push(Line { key, node, comments: Vec::new() }),
        }
    }
    (comments, lines)
}

fn write_comments(comments: &[&Comment], out: &mut Vec<u8>) {
    for line in comments.iter().flat_map(|comment| comment.text.expose().split(|byte| *byte == b'\n')) {
        // Further lines of a comment have kept their marks.
        let (mark, text) = match parse::trimmed(line) {
            [mark @ (b'#' | b';'), text @ ..] => (*mark, parse::trimmed(text)),
            text => (b';', text),
        };
        out.extend_from_slice(&[mark, b' ']);
        out.extend_from_slice(text);
        out.push(b'\n');
    }
}

fn section_name(key: &Key) -> Result<&str, Fault> {
    let name = key.as_str();
    if name.is_empty() || name.contains(['\n', '\r']) {
        return Err(Fault::wrong(format!("cannot write the section `{name}` into an INI file"))
            .hint("a section name is not empty and has no line end"));
    }
    Ok(name)
}

/// The key as it reads back: plain, in backquotes, or in three double quotes.
fn key_form(key: &Key) -> Result<String, Fault> {
    let name = key.as_str();
    let is_special =
        name.is_empty() || name.contains(['"', '=', ':']) || name.starts_with(['#', ';', '[', '`']) || name == "-";
    let forms = match (name.contains('`'), is_special) {
        (true, _) => vec![format!("\"\"\"{name}\"\"\"")],
        (false, true) => vec![format!("`{name}`")],
        (false, false) => vec![name.to_owned()],
    };
    let reads_back = |form: &String| {
        let line = format!("{form} = x");
        let is_one_line = !name.contains(['\n', '\r']);
        is_one_line && parse::key(line.trim_start().as_bytes()).is_ok_and(|(key, _)| key == name.as_bytes())
    };
    forms.into_iter().find(reads_back).ok_or_else(|| {
        Fault::wrong(format!("cannot write the key `{name}` into an INI file"))
            .hint("a key has no line end and no blanks around it")
    })
}

/// The value as it reads back. The peer's choice of quotes comes first; where its reader would change the text, the next
/// form that keeps it.
fn value_form(key: &Key, node: &Node) -> Result<Vec<u8>, Fault> {
    let Node::Leaf(scalar) = node else {
        let key = key.as_str();
        return Err(Fault::wrong(format!("cannot use complex value in INI file; offending key {key}"))
            .hint("sections hold single values only; write YAML or JSON instead"));
    };
    let value = scalar.as_environment();
    let quoted = |quote: &[u8]| [quote, &value, quote].concat();
    let plain = value.to_vec();
    let (triple, back, double, single) = (quoted(b"\"\"\""), quoted(b"`"), quoted(b"\""), quoted(b"'"));
    let has = |bytes: &[u8]| value.iter().any(|byte| bytes.contains(byte));
    let forms = if has(b"\n`") {
        [triple, back, plain, double, single]
    } else if has(b"#;") {
        [back, triple, plain, double, single]
    } else if parse::trimmed(&value).len() != value.len() {
        [double, single, back, triple, plain]
    } else {
        [plain, back, triple, double, single]
    };
    forms.into_iter().find(|form| parse::read_back(form).is_some_and(|text| text == *value)).ok_or_else(|| {
        Fault::wrong(format!("cannot write the value of the key `{}` into an INI file", key.as_str()))
            .hint("a text with both kinds of quotes over several lines has no form in INI; write YAML or JSON instead")
    })
}
