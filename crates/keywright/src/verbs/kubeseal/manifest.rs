//! Manifests as people pipe them into kubeseal: a stream of JSON objects and YAML documents, read as sigs.k8s.io/yaml
//! does – YAML 1.1, scalars made texts where the API wants a text, field names in any case, the last of two keys wins.
//! Not here: which fields a Secret has (`secret`). Specification: SS §9.3, §15.

use std::collections::BTreeMap;

use base::encoding::Base64;
use base::{Fault, SecretBytes, SecretMap};
use document::{Branch, Dialect, Element, Item, Node, Numbers, ReadOptions, RepeatedKeys, Scalar, json, scalar, yaml};
use serde_json::value::RawValue;

/// What kubeseal says when nothing in its input is a manifest.
const NOTHING: &str = "no secrets found. Ensure the input is valid and UTF-8 encoded";
/// What the peer puts before every error inside a document; scripts look for it.
const UNMARSHALING: &str = "error unmarshaling JSON: while decoding JSON";

/// The manifests of a stream that are of the wanted kind or of none; lists are unfolded, empty documents skipped.
///
/// # Errors
/// Where there is no manifest at all, one is of another kind, or the stream cannot be read.
pub fn read_all(bytes: &[u8], kind: &str) -> Result<Vec<Branch>, Fault> {
    let mut found = Vec::new();
    for node in documents(bytes)? {
        unfold(node, kind, &mut found)?;
    }
    if found.is_empty() { Err(Fault::wrong(NOTHING)) } else { Ok(found) }
}

/// The first manifest of a stream; the others are not looked at.
///
/// # Errors
/// Where there is none, it is not of that kind and version, or the stream cannot be read.
pub fn read_first(bytes: &[u8], api_version: &str, kind: &str) -> Result<Branch, Fault> {
    let text_of = std::str::from_utf8(bytes).unwrap_or_default();
    if objects(text_of).is_ok_and(|(objects, _)| objects.len() > 1) {
        // Of two the second would be lost without a word.
        return Err(Fault::wrong(
            "couldn't get version/kind; json parse error: invalid character '{' after top-level value",
        )
        .hint("the input must be one object"));
    }
    let first = documents(bytes)?.into_iter().find(|node| !is_empty(node));
    let Some(Node::Branch(branch)) = first else {
        return Err(Fault::wrong(format!("there is no {kind} in the input")));
    };
    let said = (text(&branch, "apiVersion")?.unwrap_or_default(), text(&branch, "kind")?.unwrap_or_default());
    let fits = |said: &str, wanted: &str| said.is_empty() || said == wanted;
    match (said.0.as_str(), said.1.as_str()) {
        // What the controller's `/v1/rotate` answers names neither; it has a spec, which a file of anything else has not.
        (_, "") if field(&branch, "spec").is_none() => {
            Err(Fault::wrong("Object 'Kind' is missing").hint(format!("the input must be one {kind}")))
        }
        (version, found) if fits(version, api_version) && fits(found, kind) => {
            let mut branch = unrepeated(&branch);
            for (name, wanted, said) in [("kind", kind, &said.1), ("apiVersion", api_version, &said.0)] {
                if said.is_empty() {
                    branch.items.retain(|item| !matches!(item, Item::Entry(key, _) if key.is(name)));
                    branch.push(name, Node::text(wanted));
                }
            }
            Ok(branch)
        }
        (version, found) => Err(Fault::wrong(format!("expected {api_version} {kind} but found {version} {found}"))),
    }
}

/// How many documents of a stream are not empty.
///
/// # Errors
/// The stream cannot be read.
pub fn count(bytes: &[u8]) -> Result<usize, Fault> {
    Ok(documents(bytes)?.iter().filter(|node| !is_empty(node)).count())
}

/// Makes texts of what stands under a path of mappings, as the API's types want it: `true` becomes `"true"`.
pub fn make_texts(branch: &mut Branch, path: &[&str]) {
    let Some((name, rest)) = path.split_first() else {
        for item in &mut branch.items {
            let Item::Entry(_, node) = item else { continue };
            let text = as_text(node).filter(|_| !matches!(node, Node::Leaf(Scalar::Null)));
            if let Some(text) = text {
                *node = Node::text(text);
            }
        }
        return;
    };
    for item in &mut branch.items {
        match item {
            Item::Entry(key, Node::Branch(below)) if key.is(name) => make_texts(below, rest),
            _ => {}
        }
    }
}

/// An object on one line, for the controller and for the API's types; of two keys the last wins.
///
/// # Errors
/// A text is no UTF-8.
pub fn to_json(branch: &Branch) -> Result<Vec<u8>, Fault> {
    let style = json::Compact { is_sorted: false, escapes_html: false, is_lossy: false };
    json::compact(&Node::Branch(unrepeated(branch)), &style)
}

fn unrepeated(branch: &Branch) -> Branch {
    let mut last: BTreeMap<&str, Node> = BTreeMap::new();
    for (key, node) in branch.entries() {
        let node = match node {
            Node::Branch(below) => Node::Branch(unrepeated(below)),
            other => other.clone(),
        };
        last.insert(key.as_str(), node);
    }
    let mut unrepeated = Branch::default();
    last.into_iter().for_each(|(key, node)| unrepeated.push(key, node));
    unrepeated
}

/// All documents of a stream. JSON objects may follow each other without a separator; behind them YAML may follow.
fn documents(bytes: &[u8]) -> Result<Vec<Node>, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::wrong(NOTHING))?;
    let (mut nodes, rest) = objects(text.strip_prefix('\u{feff}').unwrap_or(text))?;
    let options = ReadOptions { dialect: Dialect::Go2, numbers: Numbers::Verbatim, repeated_keys: RepeatedKeys::Keep };
    let read = yaml::read_values(rest.as_bytes(), &options);
    nodes.extend(read.map_err(|fault| unreadable(fault, nodes.len()))?);
    Ok(nodes)
}

/// The JSON objects at the beginning, and what stands behind them.
fn objects(text: &str) -> Result<(Vec<Node>, &str), Fault> {
    let mut nodes = Vec::new();
    let mut rest = text.trim_start();
    while rest.starts_with('{') {
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
        let Some(Ok(raw)) = stream.next() else {
            // A YAML flow mapping looks like a JSON object and is read as YAML; anything else fails there, too.
            return Ok((nodes, rest));
        };
        nodes.push(json::parse(raw.get().as_bytes(), Numbers::Verbatim)?);
        rest = rest[stream.byte_offset()..].trim_start();
    }
    Ok((nodes, rest))
}

/// Where nothing was read before, the peer's sentence; else the place of the document that is broken.
fn unreadable(fault: Fault, before: usize) -> Fault {
    if before == 0 {
        return Fault::wrong(NOTHING).hint(fault.chain());
    }
    fault.within(format!("cannot read what follows document {before}"))
}

fn unfold(node: Node, kind: &str, found: &mut Vec<Branch>) -> Result<(), Fault> {
    if is_empty(&node) {
        return Ok(());
    }
    let Node::Branch(branch) = node else {
        return Err(Fault::wrong(NOTHING).hint("a document of the input is not a mapping"));
    };
    let said = text(&branch, "kind")?.unwrap_or_default();
    // A list as programs save what the API answered names no kind; neither a Secret nor a SealedSecret has items.
    let is_nameless_list = said.is_empty() && matches!(field(&branch, "items"), Some(Node::List(_)));
    match said.as_str() {
        said if is_nameless_list || said == "List" || said == format!("{kind}List") => {
            for item in list(&branch, "items")? {
                unfold(item.clone(), kind, found)?;
            }
        }
        said if said.is_empty() || said == kind => found.push(branch),
        said => {
            let name = mapping(&branch, "metadata")?.map(|metadata| text(metadata, "name")).transpose()?.flatten();
            return Err(Fault::wrong(format!("expected a {kind} but found the {said} `{}`", name.unwrap_or_default())));
        }
    }
    Ok(())
}

fn is_empty(node: &Node) -> bool {
    match node {
        Node::Leaf(Scalar::Null) => true,
        Node::Branch(branch) => branch.entries().next().is_none(),
        _ => false,
    }
}

/// The value of a field: its name in any case, the last one where it stands twice, nothing where it is null.
#[must_use]
pub fn field<'a>(branch: &'a Branch, name: &str) -> Option<&'a Node> {
    let named = branch.entries().filter(|(key, _)| key.as_str().eq_ignore_ascii_case(name));
    named.last().map(|(_, node)| node).filter(|node| !matches!(node, Node::Leaf(Scalar::Null)))
}

/// A field that is a mapping.
///
/// # Errors
/// Where it is something else.
pub fn mapping<'a>(branch: &'a Branch, name: &str) -> Result<Option<&'a Branch>, Fault> {
    match field(branch, name) {
        None => Ok(None),
        Some(Node::Branch(found)) => Ok(Some(found)),
        Some(_) => Err(mistyped(name, "a mapping")),
    }
}

/// A field that is a text.
///
/// # Errors
/// Where it is a mapping or a list.
pub fn text(branch: &Branch, name: &str) -> Result<Option<String>, Fault> {
    let Some(node) = field(branch, name) else { return Ok(None) };
    let bytes = as_text(node).ok_or_else(|| mistyped(name, "a text"))?;
    Ok(Some(String::from_utf8_lossy(bytes.expose()).into_owned()))
}

/// A field that is a truth value.
///
/// # Errors
/// Where it is something else.
pub fn truth(branch: &Branch, name: &str) -> Result<Option<bool>, Fault> {
    match field(branch, name) {
        None => Ok(None),
        Some(Node::Leaf(Scalar::Bool(truth))) => Ok(Some(*truth)),
        Some(_) => Err(mistyped(name, "true or false")),
    }
}

/// A field that is a list; no list is an empty one.
///
/// # Errors
/// Where it is something else.
pub fn list<'a>(branch: &'a Branch, name: &str) -> Result<Vec<&'a Node>, Fault> {
    match field(branch, name) {
        None => Ok(Vec::new()),
        Some(Node::List(elements)) => Ok(elements.iter().filter_map(Element::as_node).collect()),
        Some(_) => Err(mistyped(name, "a list")),
    }
}

/// A field that maps names to texts: labels, annotations, `stringData`.
///
/// # Errors
/// Where it is no mapping, or one of its values is no single value.
pub fn texts(branch: &Branch, name: &str) -> Result<SecretMap, Fault> {
    let mut texts = SecretMap::new();
    for (key, node) in mapping(branch, name)?.iter().flat_map(|found| found.entries()) {
        let key = key.as_str();
        let value = as_text(node).ok_or_else(|| mistyped(&format!("{name}.{key}"), "a text"))?;
        texts.insert(key, value);
    }
    Ok(texts)
}

/// Texts that are no secrets: labels and annotations.
///
/// # Errors
/// As [`texts`].
pub fn open_texts(branch: &Branch, name: &str) -> Result<BTreeMap<String, String>, Fault> {
    let open = |value: SecretBytes| String::from_utf8_lossy(value.expose()).into_owned();
    Ok(texts(branch, name)?.into_iter().map(|(key, value)| (key, open(value))).collect())
}

/// A field that maps names to base64: `data`.
///
/// # Errors
/// `error unmarshaling JSON: while decoding JSON: illegal base64 data at input byte N`, with the key's name.
pub fn bytes(branch: &Branch, name: &str) -> Result<SecretMap, Fault> {
    let mut values = SecretMap::new();
    let is_base64 = |node: &Node| matches!(node, Node::Leaf(Scalar::Text(_) | Scalar::Time(_) | Scalar::Null));
    // `1234` and `true` could be base64, but are what somebody wrote who forgot to encode.
    let unquoted = mapping(branch, name)?.and_then(|found| found.entries().find(|(_, node)| !is_base64(node)));
    if let Some((key, _)) = unquoted {
        return Err(mistyped(&format!("{name}.{}", key.as_str()), "a base64 text"));
    }
    for (key, encoded) in texts(branch, name)? {
        let decoded = Base64::Standard.decode_or_place(encoded.expose());
        let value = decoded.map_err(|place| Fault::wrong(format!("{UNMARSHALING}: {place} ({name}.{key})")))?;
        values.insert(key, value);
    }
    Ok(values)
}

fn mistyped(name: &str, wanted: &str) -> Fault {
    Fault::wrong(format!("{UNMARSHALING}: `{name}` must be {wanted}"))
}

/// A single value where the API wants a text: numbers in single precision, nothing as an empty text.
pub fn as_text(node: &Node) -> Option<SecretBytes> {
    let Node::Leaf(leaf) = node else { return None };
    Some(match leaf {
        Scalar::Null => SecretBytes::default(),
        Scalar::Bool(truth) => SecretBytes::from(if *truth { "true" } else { "false" }),
        Scalar::Int(number) => number.to_string().into(),
        Scalar::Uint(number) => number.to_string().into(),
        Scalar::Float(number) => single_precision(*number).into(),
        Scalar::Number(digits) => number_text(digits),
        Scalar::Time(time) => SecretBytes::from(time.as_str()),
        Scalar::Text(text) => text.clone(),
    })
}

/// A number of a JSON text: whole numbers keep their digits.
fn number_text(digits: &SecretBytes) -> SecretBytes {
    let text = digits.to_text().unwrap_or_default();
    let is_whole = text.expose().parse::<i64>().is_ok() || text.expose().parse::<u64>().is_ok();
    match text.expose().parse::<f64>() {
        Ok(number) if !is_whole => single_precision(number).into(),
        _ => digits.clone(),
    }
}

/// Go's shortest form of the number in 32 bits: `123456789.123456789` is `1.2345679e+08`.
#[expect(clippy::cast_possible_truncation, reason = "single precision is what users get from the peer")]
fn single_precision(number: f64) -> String {
    let shortest = (number as f32).to_string();
    scalar::general(shortest.parse().unwrap_or(number))
}

#[cfg(test)]
mod tests;
