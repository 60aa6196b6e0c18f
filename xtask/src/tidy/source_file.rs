//! A Rust file as tidy sees it: a flat list of tokens with lines, comments apart, and what is test code marked as such.
//! Not a syntax tree: the rules look for words, paths and `mod` lines, and a flat list says these in the fewest words.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One Rust file.
pub struct SourceFile {
    pub tokens: Vec<Token>,
    /// Every line of every comment, doc comments included.
    pub comments: Vec<(usize, String)>,
    /// Why the file cannot be read as Rust, and where.
    pub broken: Option<(usize, String)>,
}

/// A word, a literal, or punctuation; `::` is one token, brackets are tokens.
#[derive(Clone)]
pub struct Token {
    pub text: String,
    pub line: usize,
    pub in_test: bool,
    pub is_literal: bool,
}

/// `a::b::c` as written, or one leaf of a `use` tree.
pub struct Path {
    pub segments: Vec<String>,
    pub line: usize,
    pub in_test: bool,
    /// The name a `pub use` gives it to the outside.
    pub exported_as: Option<String>,
}

impl SourceFile {
    pub fn parse(text: &str, is_test: bool) -> Self {
        match text.parse::<TokenStream>() {
            Ok(stream) => {
                let mut reader = Reader { text, end: 0, tokens: Vec::new(), comments: Vec::new() };
                reader.stream(stream, is_test);
                let rest = text.len();
                reader.gap(rest, text.lines().count());
                Self { tokens: reader.tokens, comments: reader.comments, broken: None }
            }
            Err(error) => {
                let broken = Some((error.span().start().line, error.to_string()));
                Self { tokens: Vec::new(), comments: Vec::new(), broken }
            }
        }
    }

    /// Where these tokens stand one after the other; `None` in the pattern is any token.
    pub fn find<'a>(&'a self, pattern: &'a [&'a str]) -> impl Iterator<Item = usize> + 'a {
        let matches = move |window: &[Token]| window.iter().zip(pattern).all(|(token, want)| token.is(want));
        self.tokens.windows(pattern.len()).enumerate().filter(move |(_, window)| matches(window)).map(|(at, _)| at)
    }

    /// The index of the bracket that closes the one at `open`.
    pub fn close(&self, open: usize) -> usize {
        let mut depth = 0;
        for (at, token) in self.tokens.iter().enumerate().skip(open) {
            match token.text.as_str() {
                "(" | "[" | "{" if !token.is_literal => depth += 1,
                ")" | "]" | "}" if !token.is_literal => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return at;
            }
        }
        self.tokens.len() - 1
    }

    /// Every path of the file, `use` trees taken apart.
    pub fn paths(&self) -> Vec<Path> {
        let mut paths = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            if self.tokens[at].is("use") {
                let is_public = self.is_public(at);
                at = self.use_tree(at + 1, &mut Vec::new(), is_public, &mut paths);
            } else if self.tokens[at].is_word() && self.tokens.get(at + 1).is_some_and(|next| next.is("::")) {
                at = self.plain_path(at, &mut paths);
            } else {
                at += 1;
            }
        }
        paths
    }

    fn is_public(&self, at: usize) -> bool {
        let before = |steps: usize| at.checked_sub(steps).map_or("", |index| self.tokens[index].text.as_str());
        before(1) == "pub" || (before(1) == ")" && before(4) == "pub")
    }

    fn plain_path(&self, start: usize, paths: &mut Vec<Path>) -> usize {
        let mut segments = vec![self.tokens[start].text.clone()];
        let mut at = start + 1;
        while self.tokens.get(at).is_some_and(|token| token.is("::"))
            && self.tokens.get(at + 1).is_some_and(Token::is_word)
        {
            segments.push(self.tokens[at + 1].text.clone());
            at += 2;
        }
        let Token { line, in_test, .. } = self.tokens[start];
        paths.push(Path { segments, line, in_test, exported_as: None });
        at
    }

    /// Reads one branch of a `use` tree and answers with the index behind it.
    fn use_tree(&self, mut at: usize, prefix: &mut Vec<String>, is_public: bool, paths: &mut Vec<Path>) -> usize {
        let depth = prefix.len();
        let Token { line, in_test, .. } = self.tokens[at.min(self.tokens.len() - 1)];
        let mut alias = None;
        while let Some(token) = self.tokens.get(at) {
            match token.text.as_str() {
                "::" => at += 1,
                "{" => {
                    let end = self.close(at);
                    at += 1;
                    while at < end {
                        at = self.use_tree(at, prefix, is_public, paths);
                        at += usize::from(at < end && self.tokens[at].is(","));
                    }
                    prefix.truncate(depth);
                    return end + 1;
                }
                "as" => {
                    alias = self.tokens.get(at + 1).map(|token| token.text.clone());
                    at += 2;
                }
                text if token.is_word() || text == "*" => {
                    prefix.push(text.to_owned());
                    at += 1;
                }
                _ => break,
            }
        }
        let exported_as = is_public.then(|| alias.or_else(|| prefix.last().cloned())).flatten();
        paths.push(Path { segments: prefix.clone(), line, in_test, exported_as });
        prefix.truncate(depth);
        at
    }
}

impl Token {
    pub fn is(&self, text: &str) -> bool {
        !self.is_literal && self.text == text
    }

    pub fn is_word(&self) -> bool {
        !self.is_literal && self.text.starts_with(|first: char| first.is_alphabetic() || first == '_')
    }
}

struct Reader<'a> {
    text: &'a str,
    end: usize,
    tokens: Vec<Token>,
    comments: Vec<(usize, String)>,
}

impl Reader<'_> {
    fn stream(&mut self, stream: TokenStream, in_test: bool) {
        let mut is_test_item = false;
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        for (at, tree) in trees.iter().enumerate() {
            let starts_attribute = matches!(tree, TokenTree::Punct(punct) if punct.as_char() == '#');
            if starts_attribute && trees.get(at + 1).is_some_and(marks_test) {
                is_test_item = true;
            }
            self.tree(tree, in_test || is_test_item);
            let is_attribute = at > 0 && matches!(&trees[at - 1], TokenTree::Punct(punct) if punct.as_char() == '#');
            if ends_item(tree) && !is_attribute {
                is_test_item = false;
            }
        }
    }

    fn tree(&mut self, tree: &TokenTree, in_test: bool) {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = brackets(group.delimiter());
                self.push(open, group.span_open(), in_test, false);
                self.stream(group.stream(), in_test);
                self.push(close, group.span_close(), in_test, false);
            }
            TokenTree::Ident(word) => self.push(&word.to_string(), word.span(), in_test, false),
            TokenTree::Punct(punct) => self.punct(punct, in_test),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                self.doc_comment(&text, literal.span());
                self.push(&text, literal.span(), in_test, true);
            }
        }
    }

    fn punct(&mut self, punct: &proc_macro2::Punct, in_test: bool) {
        let joins = punct.as_char() == ':' && self.tokens.last().is_some_and(|last| last.is(":"));
        if joins && self.end == punct.span().byte_range().start {
            self.tokens.last_mut().expect("a colon was just seen").text.push(':');
            self.end = punct.span().byte_range().end;
        } else {
            self.push(&punct.as_char().to_string(), punct.span(), in_test, false);
        }
    }

    fn push(&mut self, text: &str, span: proc_macro2::Span, in_test: bool, is_literal: bool) {
        let (range, line) = (span.byte_range(), span.start().line);
        self.gap(range.start, line);
        self.end = range.end.max(self.end);
        self.tokens.push(Token { text: text.to_owned(), line, in_test, is_literal });
    }

    /// What stands between two tokens is white space or a comment.
    fn gap(&mut self, start: usize, line: usize) {
        let Some(gap) = self.text.get(self.end..start) else {
            return;
        };
        if !gap.contains("//") && !gap.contains("/*") {
            return;
        }
        let first = line - gap.matches('\n').count().min(line - 1);
        let lines = gap.lines().enumerate().map(|(offset, text)| (first + offset, text.trim().to_owned()));
        self.comments.extend(lines.filter(|(_, text)| !text.is_empty()));
    }

    /// A doc comment arrives as `#[doc = "…"]` whose tokens all span the comment.
    fn doc_comment(&mut self, text: &str, span: proc_macro2::Span) {
        let is_doc = matches!(self.tokens.as_slice(), [.., doc, equals] if doc.is("doc") && equals.is("="));
        if is_doc {
            let line = span.start().line;
            self.comments.extend(text.trim_matches('"').split("\\n").map(|text| (line, text.to_owned())));
        }
    }
}

fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::Brace | Delimiter::None => ("{", "}"),
    }
}

/// `#[cfg(test)]`, `#[cfg(any(test, …))]`, `#[test]`, `#[tokio::test]`.
fn marks_test(tree: &TokenTree) -> bool {
    let TokenTree::Group(group) = tree else { return false };
    if group.delimiter() != Delimiter::Bracket {
        return false;
    }
    let text = group.stream().to_string().replace(' ', "");
    let is_condition = text.starts_with("cfg(") && !text.contains("not(");
    let names_test = text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "test");
    (is_condition && names_test) || text == "test" || text.starts_with("tokio::test")
}

fn ends_item(tree: &TokenTree) -> bool {
    match tree {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        _ => false,
    }
}
