//! Dotenv files as SOPS reads them: `KEY=value` lines and `#` comments, nothing quoted, nothing trimmed.
//! Not here: the lines `sops_…` (`block`) and other tools' dotenv dialects.
//! Specification: SOPS §4.16, §4.18.

use base::{Fault, SecretBytes};

use crate::{Branch, Comment, Document, EmitOptions, Item, Key, Node, ReadOptions, Scalar, line_ends};

/// Reads a dotenv file. One carriage return at a line's end is dropped, so that files with CRLF read alike.
///
/// # Errors
/// Where a line has no `=`, or a key is not UTF-8.
pub fn read(bytes: &[u8], _: &ReadOptions) -> Result<Document, Fault> {
    let mut branch = Branch::default();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line {
            [] => {}
            [b'#', text @ ..] => {
                let text = SecretBytes::from(text);
                branch.items.push(Item::Comment(Comment { text, is_inline: false }));
            }
            _ => {
                let (key, value) = entry(line, index + 1)?;
                branch.push(key, Node::text(line_ends::unescaped(value)));
            }
        }
    }
    Ok(Document { branches: vec![branch] })
}

fn entry(line: &[u8], number: usize) -> Result<(&str, &[u8]), Fault> {
    let at = line.iter().position(|byte| *byte == b'=').ok_or_else(|| {
        Fault::wrong(format!("invalid dotenv input line: line {number} has no `=`"))
            .hint("write `KEY=value` on one line; a line end inside a value is written `\\n`")
    })?;
    let key = std::str::from_utf8(&line[..at])
        .map_err(|_| Fault::wrong(format!("invalid dotenv input line: the key on line {number} is not UTF-8")))?;
    Ok((key, &line[at + 1..]))
}

/// Writes a dotenv file.
///
/// # Errors
/// Where a value is a list or a mapping, a key would not read back, or there is more than one document.
pub fn emit(document: &Document, _: &EmitOptions) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    for item in document.only_branch("dotenv")?.map_or(&[][..], |branch| &branch.items) {
        match item {
            Item::Comment(comment) => {
                for (index, line) in comment.text.expose().split(|byte| *byte == b'\n').enumerate() {
                    out.extend_from_slice(if index == 0 { b"#" } else { b"\n#" });
                    out.extend_from_slice(line);
                }
            }
            Item::Entry(key, Node::Leaf(scalar)) => {
                out.extend_from_slice(name(key)?.as_bytes());
                out.push(b'=');
                out.extend(line_ends::escaped(&scalar.as_environment()));
            }
            Item::Entry(key, Node::List(_) | Node::Branch(_)) => {
                let key = key.as_str();
                return Err(Fault::wrong(format!("cannot use complex value in dotenv file; offending key {key}"))
                    .hint("dotenv files hold single values only; write YAML or JSON instead"));
            }
        }
        out.push(b'\n');
    }
    Ok(out)
}

/// The key, where the line would read back as the same entry.
fn name(key: &Key) -> Result<&str, Fault> {
    let name = key.as_str();
    if matches!(key, Key::Other(..)) {
        return Err(Fault::wrong(format!("cannot use a key that is no text in a dotenv file; offending key {name}")));
    }
    if name.starts_with('#') || name.contains(['=', '\n']) {
        return Err(Fault::wrong(format!("cannot write the key `{name}` into a dotenv file"))
            .hint("dotenv keys hold no `=`, no line end, and do not start with `#`"));
    }
    Ok(name)
}

/// Writes one value: only a text has a form.
///
/// # Errors
/// Where the value is no text.
pub fn emit_value(node: &Node, options: &EmitOptions) -> Result<Vec<u8>, Fault> {
    let kind = match node {
        Node::Leaf(Scalar::Text(text)) => return Ok(text.expose().to_vec()),
        Node::Branch(branch) => {
            return emit(&Document { branches: vec![branch.clone()] }, options);
        }
        Node::Leaf(scalar) => scalar.type_name(),
        Node::List(_) => "list",
    };
    Err(Fault::wrong(format!("the dotenv store only supports emitting strings, got {kind}"))
        .hint("choose another format with `--output-type`"))
}

#[cfg(test)]
mod tests;
