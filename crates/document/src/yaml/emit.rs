//! Trees as YAML in the peers' own layout: block style everywhere, their indentation, their places for comments.
//! Not here: the choice of quotes (`style`), what differs between the dialects (`dialect`).
//! Specification: SOPS §4.13; VALS §6.2.

use base::Fault;
use base::encoding::Base64;

use super::style::{self, Folded, Style};
use super::{Dialect, order};
use crate::{Branch, Comment, Element, EmitOptions, Item, Key, Node, Scalar, scalar};

/// Writes documents, separated by `---`.
pub(super) fn documents<'a>(roots: impl Iterator<Item = Root<'a>>, options: &EmitOptions) -> Result<Vec<u8>, Fault> {
    let dialect = options.dialect;
    let mut emitter = Emitter { out: Vec::new(), dialect, indent: dialect.indent(options.indent)? };
    for (index, root) in roots.enumerate() {
        if index > 0 {
            emitter.out.extend_from_slice(b"---\n");
        }
        emitter.root(root);
    }
    Ok(emitter.out)
}

/// The top of a document.
pub(super) enum Root<'a> {
    Branch(&'a Branch),
    Node(&'a Node),
}

struct Emitter {
    out: Vec<u8>,
    dialect: Dialect,
    indent: usize,
}

/// Where a value goes: behind `key:` or `- `, and how far what it holds is indented.
struct Slot {
    /// The column of the mapping or list that holds the value.
    parent: usize,
    /// The column of a literal block's lines, of continued lines, and of a list or mapping on lines of its own.
    inner: usize,
    /// Whether a list or mapping starts on the line of its dash or colon.
    is_compact: bool,
}

/// An entry or element with the comments that are about it.
struct Line<'a> {
    /// Comments on lines of their own before it.
    heads: Vec<&'a Comment>,
    /// Comments behind a single value.
    inline: Vec<&'a Comment>,
    key: Option<&'a Key>,
    node: &'a Node,
}

impl Emitter {
    fn root(&mut self, root: Root<'_>) {
        match root {
            Root::Branch(branch) | Root::Node(Node::Branch(branch)) => {
                self.lines(branch, 0, false);
                if branch.entries().next().is_none() {
                    self.out.extend_from_slice(b"{}\n");
                }
            }
            Root::Node(Node::List(elements)) if has_nodes(elements) => self.elements(elements, 0, false),
            Root::Node(node) => {
                let slot = Slot { parent: 0, inner: self.indent, is_compact: true };
                self.value(node, &slot, &[]);
            }
        }
    }

    /// The lines of a mapping that stands at `column`. Where the first continues a line, the comments before it have
    /// been written above that line.
    fn lines(&mut self, branch: &Branch, column: usize, mut continues: bool) {
        let (mut lines, trailing) = grouped(branch.items.iter().map(Part::from));
        if !self.dialect.keeps_layout() {
            lines.sort_by(|left, right| order::natural(left.name(), right.name()));
        }
        for line in lines {
            let is_simple = style::is_simple_key(line.name());
            if !continues {
                self.comments(&line.heads, column);
            }
            self.start(column, std::mem::take(&mut continues));
            self.entry(&line, column, is_simple);
        }
        self.comments(&trailing, column);
    }

    /// The lines of a list that stands at `column`.
    fn elements(&mut self, elements: &[Element], column: usize, mut continues: bool) {
        let (lines, trailing) = grouped(elements.iter().map(Part::from));
        for line in lines {
            if !continues {
                self.comments(&line.heads, column);
                self.comments(&leading(line.node), column);
            }
            self.start(column, std::mem::take(&mut continues));
            self.out.push(b'-');
            self.value(line.node, &Slot { parent: column, inner: column + 2, is_compact: true }, &line.inline);
        }
        self.comments(&trailing, column);
    }

    fn start(&mut self, column: usize, continues: bool) {
        if !continues {
            self.pad(column);
        }
    }

    fn pad(&mut self, width: usize) {
        self.out.extend(std::iter::repeat_n(b' ', width));
    }

    fn comments(&mut self, comments: &[&Comment], column: usize) {
        if !self.dialect.keeps_layout() {
            return;
        }
        for comment in comments {
            for (index, line) in comment.text.expose().split(|byte| *byte == b'\n').enumerate() {
                self.pad(column);
                // Only the first line has lost its mark.
                self.out.extend_from_slice(match (index, line.first()) {
                    (0, _) => b"#",
                    (_, Some(b'#')) => b"",
                    _ => b"# ",
                });
                self.out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
                self.out.push(b'\n');
            }
        }
    }

    fn entry(&mut self, line: &Line<'_>, column: usize, is_simple: bool) {
        let key = line.key.expect("the lines of a mapping have keys");
        let inner = self.indent * ((column + self.indent) / self.indent);
        if is_simple {
            self.key(key, column);
        } else {
            self.out.extend_from_slice(b"? ");
            self.text(key.as_str(), &Slot { parent: column, inner, is_compact: false }, &[]);
            self.out.push(b'\n');
            self.pad(column);
        }
        self.out.push(b':');
        let is_flat = matches!(line.node, Node::List(_)) && !self.dialect.indents_lists() && is_simple;
        let inner = if is_flat { column } else { inner };
        let comments = if is_simple { Vec::new() } else { leading(line.node) };
        if !comments.is_empty() && self.dialect.keeps_layout() {
            // They start on the line of the colon, which takes the place of as many spaces.
            let start = self.out.len();
            self.comments(&comments, inner);
            self.out.drain(start..=start + column);
            self.pad(column + 1);
        }
        self.value(line.node, &Slot { parent: column, inner, is_compact: !is_simple }, &line.inline);
    }

    fn key(&mut self, key: &Key, column: usize) {
        match key {
            Key::Text(text) if text == "<<" => {
                // Plain and without the tag it would merge when it is read.
                let form: &[u8] = if self.dialect.tags_merge() { b"!!merge <<" } else { b"\"<<\"" };
                self.out.extend_from_slice(form);
            }
            Key::Text(text) => match style::choose(text) {
                Style::Plain => self.out.extend_from_slice(text.as_bytes()),
                Style::Single => style::single(text, &mut self.unfolded(column)),
                Style::Double | Style::Literal => style::double(text, &mut self.unfolded(column)),
            },
            Key::Other(_, text) => self.out.extend_from_slice(text.as_bytes()),
        }
    }

    /// What stands behind `key:`, `-`, or at the top; ends the line.
    fn value(&mut self, node: &Node, slot: &Slot, inline: &[&Comment]) {
        match node {
            Node::Leaf(scalar) => {
                self.space();
                let inline = if self.dialect.keeps_layout() { inline } else { &[] };
                self.scalar(scalar, slot, inline);
            }
            Node::Branch(branch) if branch.entries().next().is_some() => {
                self.open_block(slot);
                self.lines(branch, slot.inner, slot.is_compact);
            }
            Node::Branch(branch) => {
                self.space();
                if branch.items.is_empty() || !self.dialect.keeps_layout() {
                    self.out.extend_from_slice(b"{}\n");
                } else {
                    self.out.extend_from_slice(b"{\n");
                    self.lines(branch, slot.inner, false);
                    self.pad(slot.parent);
                    self.out.extend_from_slice(b"}\n");
                }
            }
            Node::List(elements) if has_nodes(elements) => {
                self.open_block(slot);
                self.elements(elements, slot.inner, slot.is_compact);
            }
            Node::List(elements) => {
                self.space();
                self.out.extend_from_slice(b"[]\n");
                self.comments(&grouped(elements.iter().map(Part::from)).1, slot.parent);
            }
        }
    }

    /// Separates a value from its key or dash.
    fn space(&mut self) {
        if !self.out.is_empty() && self.out.last() != Some(&b'\n') {
            self.out.push(b' ');
        }
    }

    /// Begins a list or mapping: on this line, padded to its column, or on the next.
    fn open_block(&mut self, slot: &Slot) {
        if slot.is_compact {
            self.pad((slot.inner - slot.parent).saturating_sub(1));
        } else {
            self.out.push(b'\n');
        }
    }

    fn scalar(&mut self, scalar: &Scalar, slot: &Slot, inline: &[&Comment]) {
        match scalar {
            Scalar::Text(bytes) => match std::str::from_utf8(bytes.expose()) {
                Ok(text) => return self.text_value(text, slot, inline),
                Err(_) => return self.binary(bytes.expose(), slot, inline),
            },
            Scalar::Null => self.out.extend_from_slice(b"null"),
            Scalar::Bool(truth) => self.out.extend_from_slice(if *truth { b"true" } else { b"false" }),
            Scalar::Int(number) => self.out.extend_from_slice(number.to_string().as_bytes()),
            Scalar::Uint(number) => self.out.extend_from_slice(number.to_string().as_bytes()),
            Scalar::Float(number) => self.out.extend_from_slice(self.float(*number).as_bytes()),
            Scalar::Number(text) => {
                let number = text.to_text().map(|text| super::scalar::resolve(text.expose(), self.dialect));
                match number {
                    Some(number @ (Scalar::Int(_) | Scalar::Uint(_) | Scalar::Float(_))) => {
                        return self.scalar(&number, slot, inline);
                    }
                    _ => self.out.extend_from_slice(text.expose()),
                }
            }
            Scalar::Time(time) if self.dialect.writes_times() => self.out.extend_from_slice(time.as_bytes()),
            Scalar::Time(time) => return self.text_value(time, slot, inline),
        }
        self.end_line(slot.parent, inline);
    }

    /// go-yaml 2 gets its numbers through JSON, where a float without fraction looks like an integer.
    fn float(&self, number: f64) -> String {
        if number.is_nan() {
            return ".nan".to_owned();
        }
        if number.is_infinite() {
            return if number > 0.0 { ".inf".to_owned() } else { "-.inf".to_owned() };
        }
        match scalar::json(number) {
            // SOPS' own `-0` reads back as an integer, and the MAC of a clear value then fails.
            Some(text) if text == "-0" && self.dialect == Dialect::Go3 => "-0.0".to_owned(),
            Some(text) if text == "-0" && self.dialect == Dialect::Go2 => "0".to_owned(),
            Some(text) if self.dialect == Dialect::Go2 && !text.contains(['.', 'e']) => text,
            _ => scalar::general(number),
        }
    }

    fn text_value(&mut self, text: &str, slot: &Slot, inline: &[&Comment]) {
        if text == "<<" && self.dialect.tags_merge() {
            self.out.extend_from_slice(b"!!merge ");
        }
        if self.text(text, slot, inline) == Style::Literal {
            self.out.push(b'\n');
            self.comments(inline.get(1..).unwrap_or_default(), slot.parent);
        } else {
            self.end_line(slot.parent, inline);
        }
    }

    /// A text in its style, without the line's end; a comment stands in the header of a literal block.
    fn text(&mut self, text: &str, slot: &Slot, inline: &[&Comment]) -> Style {
        let style = style::choose(text);
        match style {
            Style::Plain => style::plain(text, &mut self.folded(slot.inner)),
            Style::Single => style::single(text, &mut self.folded(slot.inner)),
            Style::Double => style::double(text, &mut self.folded(slot.inner)),
            Style::Literal => {
                let header = inline.first().map(|comment| behind_value(comment)).unwrap_or_default();
                style::literal(text, slot.inner, slot.parent, &header, &mut self.out);
            }
        }
        style
    }

    fn binary(&mut self, bytes: &[u8], slot: &Slot, inline: &[&Comment]) {
        self.out.extend_from_slice(b"!!binary ");
        let encoded = Base64::Standard.encode(bytes);
        if encoded.len() <= BASE64_LINE {
            self.out.extend_from_slice(encoded.as_bytes());
            return self.end_line(slot.parent, inline);
        }
        let lines: Vec<&str> = encoded
            .as_bytes()
            .chunks(BASE64_LINE)
            .map(|line| std::str::from_utf8(line).expect("base64 is ASCII"))
            .collect();
        let text = lines.join("\n") + "\n";
        self.text_value(&text, slot, inline);
    }

    fn end_line(&mut self, column: usize, inline: &[&Comment]) {
        if let Some((first, rest)) = inline.split_first() {
            self.out.extend_from_slice(&behind_value(first));
            self.out.push(b'\n');
            self.comments(rest, column);
        } else {
            self.out.push(b'\n');
        }
    }

    fn folded(&mut self, indent: usize) -> Folded<'_> {
        let width = self.dialect.width();
        let column = if width == usize::MAX { 0 } else { self.column() };
        Folded { out: &mut self.out, column, width, indent }
    }

    fn unfolded(&mut self, indent: usize) -> Folded<'_> {
        Folded { out: &mut self.out, column: 0, width: usize::MAX, indent }
    }

    fn column(&self) -> usize {
        let line = self.out.iter().rev().take_while(|byte| **byte != b'\n');
        line.filter(|byte| !matches!(byte, 0x80..=0xbf)).count()
    }
}

/// A comment behind a value; only its first line fits there, the others would be lines of the value's own.
fn behind_value(comment: &Comment) -> Vec<u8> {
    let mut text = b" #".to_vec();
    text.extend(comment.text.expose().iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    text
}

/// A comment, or an entry or element.
enum Part<'a> {
    Comment(&'a Comment),
    Value(Option<&'a Key>, &'a Node),
}

impl<'a> From<&'a Item> for Part<'a> {
    fn from(item: &'a Item) -> Self {
        match item {
            Item::Comment(comment) => Self::Comment(comment),
            Item::Entry(key, node) => Self::Value(Some(key), node),
        }
    }
}

impl<'a> From<&'a Element> for Part<'a> {
    fn from(element: &'a Element) -> Self {
        match element {
            Element::Comment(comment) => Self::Comment(comment),
            Element::Node(node) => Self::Value(None, node),
        }
    }
}

impl Line<'_> {
    fn name(&self) -> &str {
        self.key.map_or("", Key::as_str)
    }
}

/// Every value with its comments, and the comments behind the last. An inline comment keeps its place only behind a
/// single value: behind the key of a mapping it would be read as standing above it.
fn grouped<'a>(parts: impl Iterator<Item = Part<'a>>) -> (Vec<Line<'a>>, Vec<&'a Comment>) {
    let mut lines = Vec::with_capacity(parts.size_hint().0);
    let mut comments = Vec::new();
    for part in parts {
        match part {
            Part::Comment(comment) => comments.push(comment),
            Part::Value(key, node) => {
                let is_single = matches!(node, Node::Leaf(_));
                let is_inline = |comment: &&&Comment| is_single && comment.is_inline;
                let inline = comments.iter().rev().take_while(is_inline).count();
                let inline = comments.split_off(comments.len() - inline);
                lines.push(Line { heads: std::mem::take(&mut comments), inline, key, node });
            }
        }
    }
    (lines, comments)
}

/// The comments at the front of a list or mapping that starts on the line of its dash: they go above that line.
fn leading(node: &Node) -> Vec<&Comment> {
    let first = match node {
        Node::Leaf(_) => None,
        Node::Branch(branch) => grouped(up_to_first(branch.items.iter().map(Part::from))).0.pop(),
        Node::List(elements) => grouped(up_to_first(elements.iter().map(Part::from))).0.pop(),
    };
    let Some(first) = first else { return Vec::new() };
    let mut comments = first.heads;
    if first.key.is_none() {
        comments.extend(leading(first.node));
    }
    comments
}

/// The parts up to the first value.
fn up_to_first<'a>(parts: impl Iterator<Item = Part<'a>>) -> impl Iterator<Item = Part<'a>> {
    let mut is_over = false;
    parts.take_while(move |part| {
        let was_over = is_over;
        is_over |= matches!(part, Part::Value(..));
        !was_over
    })
}

fn has_nodes(elements: &[Element]) -> bool {
    elements.iter().any(|element| matches!(element, Element::Node(_)))
}

/// How many characters of base64 go-yaml writes on a line.
const BASE64_LINE: usize = 70;
