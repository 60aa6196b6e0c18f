//! Events of `granit-parser` become trees: entries and comments in file order, aliases unfolded, scalars resolved.
//! A comment belongs to the list or mapping at whose indentation it stands; one that ends the line of a single value
//! is inline and stands before it. Not here: the meaning of scalars (`scalar`), aliases (`anchor`).
//! Specification: SOPS §4.13 (load).

use base::{Fault, SecretBytes, limit};
use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StructureStyle, Tag, YamlVersion};

use super::anchor::{Anchors, merge, too_deep};
use super::{Dialect, scalar};
use crate::{Branch, Comment, Element, Item, Key, Node, RepeatedKeys, Scalar};

/// How a stream is read.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub(super) dialect: Dialect,
    pub(super) repeated_keys: RepeatedKeys,
    /// Whether `<<` merges; else it is an ordinary key.
    pub(super) merges: bool,
}

/// What a stream holds.
pub(super) struct Stream {
    /// The top node of every document, and the line where it starts.
    pub(super) documents: Vec<(Node, usize)>,
    /// Comments in front of a document that is not there.
    pub(super) has_only_comments: bool,
}

/// Reads all documents of a stream.
pub(super) fn stream(source: &str, reading: Reading) -> Result<Stream, Fault> {
    let options = granit_parser::options! {
        max_buffered_comment_events: usize::MAX,
        flow_nesting_limit: limit::DEPTH,
        block_nesting_limit: limit::DEPTH,
        block_scalar_eof_without_line_feed: true,
        bom_inside_document_as_content: true,
    };
    let anchors = Anchors::of(source, &options);
    let mut reader = Reader {
        source,
        reading,
        anchors,
        frames: Vec::new(),
        documents: Vec::new(),
        pending: Vec::new(),
        last: Last::Nothing,
    };
    for next in Parser::new_from_str_with_options(source, options) {
        let (event, span) = next.map_err(|error| syntax(&error))?;
        reader.event(event, span)?;
    }
    Ok(reader.finish())
}

fn syntax(error: &ScanError) -> Fault {
    if *error.kind() == ErrorKind::RecursionLimitExceeded {
        return too_deep();
    }
    Fault::wrong(format!("yaml: line {}: {}", error.marker().line(), error.info()))
}

struct Reader<'a> {
    source: &'a str,
    reading: Reading,
    anchors: Anchors,
    /// The lists and mappings that are open, outermost first.
    frames: Vec<Frame>,
    documents: Vec<(Node, usize)>,
    /// Comments whose place depends on what comes next.
    pending: Vec<Pending>,
    last: Last,
}

/// A list or mapping under construction.
struct Frame {
    content: Content,
    /// Comments from this column on stand inside.
    column: usize,
    is_flow: bool,
    anchor: usize,
    /// The line where it starts.
    line: usize,
}

enum Content {
    List(Vec<Element>),
    Map(Map),
}

#[derive(Default)]
struct Map {
    branch: Branch,
    /// A key that waits for its value, and whether it is a merge key.
    key: Option<(Key, bool)>,
    /// The line of every entry, to tell about repeated keys.
    lines: Vec<usize>,
    merged: Vec<Node>,
}

struct Pending {
    text: SecretBytes,
    column: usize,
}

/// What a comment on the same line would be about.
#[derive(Clone, Copy)]
enum Last {
    Nothing,
    /// A key without a value yet; the byte behind it.
    Key {
        line: usize,
        end: usize,
    },
    /// A single value that ends on that line.
    Value {
        line: usize,
    },
    /// A literal or folded block; the byte where its text starts, behind the header.
    Block {
        start: usize,
    },
    /// A value that is not written: its key stands on that line.
    Empty {
        line: usize,
    },
    /// A list or mapping in brackets.
    Flow {
        line: usize,
    },
    /// An alias of a list or mapping.
    Copy {
        line: usize,
    },
}

impl<'a> Reader<'a> {
    fn event(&mut self, event: Event<'a>, span: Span) -> Result<(), Fault> {
        match event {
            Event::DocumentStart(_, version) => self.version(version)?,
            Event::DocumentEnd => self.last = Last::Nothing,
            Event::Comment(text, _) => self.comment(&text, &span),
            Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref(), &span)?,
            Event::SequenceStart(style, anchor, tag) => {
                self.open(Content::List(Vec::new()), style, anchor, tag.as_deref(), &span)?;
            }
            Event::MappingStart(style, anchor, tag) => {
                self.open(Content::Map(Map::default()), style, anchor, tag.as_deref(), &span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(&span)?,
            Event::Alias(id) => self.alias(id, &span)?,
            _ => {}
        }
        Ok(())
    }

    fn version(&mut self, version: Option<YamlVersion>) -> Result<(), Fault> {
        match version {
            Some(version) if version != YamlVersion::new(1, 1) => {
                Err(Fault::wrong("yaml: found incompatible YAML document").hint("leave out the directive `%YAML`"))
            }
            _ => Ok(()),
        }
    }

    // --- comments

    fn comment(&mut self, text: &str, span: &Span) {
        let text = SecretBytes::from(text);
        let (line, at) = (span.start.line(), span.start.byte_offset().unwrap_or(0));
        match self.last {
            Last::Value { line: value } if value == line => self.attach(text, true),
            Last::Block { start } if at < start => self.attach(text, true),
            Last::Empty { line: key } | Last::Copy { line: key } if key == line => self.attach(text, false),
            Last::Flow { line: value } if value == line => self.put_inside(text),
            // Behind `key:` it stands above the key; behind `key: !tag` or `key: &anchor` inside the value.
            Last::Key { line: key, end } if key == line && self.is_bare(end, at) => self.put(text, false),
            _ => self.pending.push(Pending { text, column: span.start.col() }),
        }
    }

    /// Whether only a colon stands between a key and a comment.
    fn is_bare(&self, key_end: usize, comment: usize) -> bool {
        self.source.get(key_end..comment).is_some_and(|between| matches!(between.trim(), "" | ":"))
    }

    /// Puts a comment behind everything in the innermost list or mapping.
    fn put(&mut self, text: SecretBytes, is_inline: bool) {
        let comment = Comment { text, is_inline };
        match self.frames.last_mut().map(|frame| &mut frame.content) {
            Some(Content::List(elements)) => elements.push(Element::Comment(comment)),
            Some(Content::Map(map)) => map.branch.items.push(Item::Comment(comment)),
            None => {}
        }
    }

    /// Puts a comment before the last value of the innermost list or mapping.
    fn attach(&mut self, text: SecretBytes, is_inline: bool) {
        let comment = Comment { text, is_inline };
        match self.frames.last_mut().map(|frame| &mut frame.content) {
            Some(Content::List(elements)) => {
                elements.insert(elements.len().saturating_sub(1), Element::Comment(comment));
            }
            Some(Content::Map(map)) => {
                let items = &mut map.branch.items;
                items.insert(items.len().saturating_sub(1), Item::Comment(comment));
            }
            None => {}
        }
    }

    /// Puts a comment into the list or mapping that has just been closed: the peer's place for a comment behind its
    /// bracket. Behind an empty list it stands after the entry, and an element has it above its dash.
    fn put_inside(&mut self, text: SecretBytes) {
        let last = match self.frames.last_mut().map(|frame| &mut frame.content) {
            Some(Content::Map(map)) => map.branch.items.last_mut(),
            Some(Content::List(_)) => return self.attach(text, false),
            None => None,
        };
        let comment = Comment { text, is_inline: false };
        match last {
            Some(Item::Entry(_, Node::List(elements))) if !elements.is_empty() => {
                elements.insert(0, Element::Comment(comment));
            }
            Some(Item::Entry(_, Node::Branch(branch))) => branch.items.insert(0, Item::Comment(comment)),
            _ => self.put(comment.text, false),
        }
    }

    fn put_pending(&mut self) {
        for comment in std::mem::take(&mut self.pending) {
            self.put(comment.text, false);
        }
    }

    // --- lists and mappings

    fn open(
        &mut self,
        content: Content,
        style: StructureStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: &Span,
    ) -> Result<(), Fault> {
        if self.frames.len() >= limit::DEPTH {
            return Err(too_deep());
        }
        self.check_tag(&content, tag, span)?;
        let is_flow = style == StructureStyle::Flow;
        let column = self.column(&content, is_flow, span);
        match self.frames.last() {
            // Above a dash or between it and its mapping, a comment is about the element.
            Some(Frame { content: Content::List(_), .. }) => self.put_pending(),
            Some(Frame { content: Content::Map(map), .. }) if map.key.is_none() => {
                return Err(Fault::wrong(format!("yaml: line {}: invalid map key", span.start.line()))
                    .hint("a key must be a single value"));
            }
            _ => {}
        }
        self.frames.push(Frame { content, column, is_flow, anchor, line: span.start.line() });
        self.put_pending();
        self.last = Last::Nothing;
        Ok(())
    }

    /// A tag of YAML's own schema must fit; others are dropped.
    fn check_tag(&self, content: &Content, tag: Option<&Tag>, span: &Span) -> Result<(), Fault> {
        let kind = if matches!(content, Content::List(_)) { "seq" } else { "map" };
        match tag.and_then(Tag::core_suffix) {
            Some(tag) if tag != kind => {
                Err(Fault::wrong(format!("yaml: line {}: cannot decode the value as a !!{tag}", span.start.line())))
            }
            _ => Ok(()),
        }
    }

    /// From which column on a comment behind the last item still stands inside.
    fn column(&self, content: &Content, is_flow: bool, span: &Span) -> usize {
        let column = span.start.col();
        if is_flow || matches!(content, Content::Map(_)) {
            return column;
        }
        // A list may start in the column of its key; comments in that column are then the key's neighbours.
        match self.frames.last() {
            Some(Frame { content: Content::Map(_), column: parent, .. }) => (parent + 1).max(self.dash(span)),
            _ => column,
        }
    }

    /// The column of the first dash of a list under a key; the event points at it, or behind it where the list stands in
    /// the column of its key.
    fn dash(&self, span: &Span) -> usize {
        let column = span.start.col();
        let before = span.start.byte_offset().and_then(|at| self.source.get(..at)).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        match line.trim_end().strip_suffix('-') {
            Some(rest) if rest.trim().is_empty() => rest.chars().count(),
            _ => column,
        }
    }

    fn close(&mut self, span: &Span) -> Result<(), Fault> {
        let is_outermost = self.frames.len() == 1;
        let (is_flow, column) = self.frames.last().map_or((false, 0), |frame| (frame.is_flow, frame.column));
        let inside = if is_flow || is_outermost {
            self.pending.len()
        } else {
            self.pending.iter().take_while(|comment| comment.column >= column).count()
        };
        let outside = self.pending.split_off(inside);
        self.put_pending();
        self.pending = outside;
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let node = match frame.content {
            Content::List(elements) => Node::List(elements),
            Content::Map(map) => Node::Branch(self.finished(map)?),
        };
        self.anchors.keep(frame.anchor, &node)?;
        self.add(node, frame.line)?;
        self.last = if is_flow { Last::Flow { line: span.end.line() } } else { Last::Nothing };
        Ok(())
    }

    fn finished(&self, map: Map) -> Result<Branch, Fault> {
        let mut branch = map.branch;
        if self.reading.repeated_keys == RepeatedKeys::Refuse {
            refuse_repeated(&branch, &map.lines)?;
        }
        if !map.merged.is_empty() {
            merge(&mut branch, map.merged)?;
        }
        Ok(branch)
    }

    // --- values

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: &Span,
    ) -> Result<(), Fault> {
        let line = span.start.line();
        let value = self.resolved(text, style, tag).map_err(|fault| fault.within(format!("yaml: line {line}")))?;
        if let Some(Frame { content: Content::Map(map), .. }) = self.frames.last()
            && map.key.is_none()
        {
            let is_merge = is_merge(text, style, tag);
            return self.key(value, is_merge, anchor, span);
        }
        let is_empty = span.start.byte_offset() == span.end.byte_offset() && matches!(value, Scalar::Null);
        if !is_empty {
            self.put_pending();
        }
        let node = Node::Leaf(value);
        self.anchors.keep(anchor, &node)?;
        self.add(node, line)?;
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        self.last = match self.last {
            _ if is_block => Last::Block { start: span.start.byte_offset().unwrap_or(0) },
            _ if !is_empty => Last::Value { line: span.end.line() },
            Last::Key { line, .. } => Last::Empty { line },
            _ => Last::Nothing,
        };
        Ok(())
    }

    fn resolved(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Scalar, Fault> {
        let dialect = self.reading.dialect;
        // A bare `!` says nothing.
        match tag.filter(|tag| tag.original() != "!") {
            Some(tag) => match tag.suffix_in_namespace("tag:yaml.org,2002:") {
                Some(suffix) => scalar::tagged(text, &suffix, dialect),
                None => Ok(Scalar::Text(text.into())),
            },
            None if style == ScalarStyle::Plain => Ok(scalar::resolve(text, dialect)),
            None => Ok(Scalar::Text(text.into())),
        }
    }

    fn key(&mut self, value: Scalar, is_merge: bool, anchor: usize, span: &Span) -> Result<(), Fault> {
        self.put_pending();
        let node = Node::Leaf(value);
        self.anchors.keep(anchor, &node)?;
        let key = as_key(node)?;
        let is_merge = is_merge && self.reading.merges;
        if let Some(Frame { content: Content::Map(map), .. }) = self.frames.last_mut() {
            map.key = Some((key, is_merge));
            map.lines.push(span.start.line());
        }
        self.last = Last::Key { line: span.end.line(), end: span.end.byte_offset().unwrap_or(0) };
        Ok(())
    }

    fn alias(&mut self, id: usize, span: &Span) -> Result<(), Fault> {
        let line = span.start.line();
        let node = self.anchors.unfold(id, self.frames.len())?;
        if let Some(Frame { content: Content::Map(map), .. }) = self.frames.last_mut()
            && map.key.is_none()
        {
            return match node {
                Node::Leaf(value) => self.key(value, false, 0, span),
                _ => {
                    Err(Fault::wrong(format!("yaml: line {line}: invalid map key"))
                        .hint("a key must be a single value"))
                }
            };
        }
        self.put_pending();
        self.last = match node {
            Node::Leaf(_) => Last::Value { line },
            Node::List(_) | Node::Branch(_) => Last::Copy { line },
        };
        self.add(node, line)
    }

    /// Adds a complete node to what is open, or ends the document with it.
    fn add(&mut self, node: Node, line: usize) -> Result<(), Fault> {
        match self.frames.last_mut().map(|frame| &mut frame.content) {
            None => self.documents.push((node, line)),
            Some(Content::List(elements)) => elements.push(Element::Node(node)),
            Some(Content::Map(map)) => {
                let key = map.key.take();
                let (key, is_merge) = key.ok_or_else(|| Fault::bug("a value came without a key"))?;
                if is_merge {
                    map.merged.push(node);
                    map.lines.pop();
                } else {
                    map.branch.items.push(Item::Entry(key, node));
                }
            }
        }
        Ok(())
    }

    /// Comments behind the last document belong to it.
    fn finish(mut self) -> Stream {
        let comments = std::mem::take(&mut self.pending).into_iter();
        let comments = comments.map(|comment| Comment { text: comment.text, is_inline: false });
        let has_only_comments = self.documents.is_empty() && comments.len() > 0;
        match self.documents.last_mut().map(|(node, _)| node) {
            Some(Node::Branch(branch)) => branch.items.extend(comments.map(Item::Comment)),
            Some(Node::List(elements)) => elements.extend(comments.map(Element::Comment)),
            Some(node @ Node::Leaf(Scalar::Null)) if comments.len() > 0 => {
                *node = Node::Branch(Branch { items: comments.map(Item::Comment).collect() });
            }
            Some(Node::Leaf(_)) | None => {}
        }
        Stream { documents: self.documents, has_only_comments }
    }
}

fn is_merge(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> bool {
    match tag {
        Some(tag) => tag.suffix_in_namespace("tag:yaml.org,2002:").is_some_and(|suffix| suffix == "merge"),
        None => text == "<<" && style == ScalarStyle::Plain,
    }
}

/// A key of another type than text keeps the name of its type; only a leaf comes here.
fn as_key(node: Node) -> Result<Key, Fault> {
    let Node::Leaf(scalar) = node else { return Err(Fault::bug("a key is a single value")) };
    let kind = scalar.type_name();
    Ok(match scalar {
        Scalar::Text(text) => match text.to_text() {
            Some(text) => Key::Text(text.into_exposed()),
            None => return Err(Fault::wrong("yaml: a key is no UTF-8 text")),
        },
        Scalar::Null => Key::Other(kind, "null".to_owned()),
        Scalar::Float(number) => Key::Other(kind, crate::scalar::general(number)),
        Scalar::Time(time) => Key::Other(kind, time),
        other => Key::Other(kind, String::from_utf8_lossy(&other.as_environment()).into_owned()),
    })
}

/// Finds a key that stands twice, without copying keys: the first in the file whose second place comes first.
fn refuse_repeated(branch: &Branch, lines: &[usize]) -> Result<(), Fault> {
    let mut places: Vec<(&Key, usize)> = branch.entries().map(|(key, _)| key).zip(lines.iter().copied()).collect();
    places.sort_by(|(left, first), (right, second)| left.as_str().cmp(right.as_str()).then(first.cmp(second)));
    let repeated = places.windows(2).filter(|pair| pair[0].0 == pair[1].0).min_by_key(|pair| pair[1].1);
    match repeated {
        Some(pair) => Err(Fault::wrong(format!(
            "yaml: unmarshal errors: line {}: mapping key \"{}\" already defined at line {}",
            pair[1].1,
            pair[0].0.as_str(),
            pair[0].1
        ))),
        None => Ok(()),
    }
}
