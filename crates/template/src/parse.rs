//! Tokens into trees: control structures and definitions. What stands in an action is `parse/expression`. Errors read like Go's:
//! `template: NAME:LINE: …`. Specification: ESO §8.1; VSO §9.4; SS §7.3.

mod expression;
mod number;

use crate::ast::{Branch, List, Node, Place, TemplateCall, Tree};
use crate::families::Family;
use crate::lex::{Keyword, Kind, Lexer, Token};
use crate::literal;
use crate::runes;

/// Structures and parentheses may nest so deep: the stack of a thread is small, and no template by hand comes near.
const NESTING: usize = 100;

/// A text's own body and the templates that it defines, by name; `Err` is Go's message.
pub fn parse(name: &str, text: &[u8], family: Family, delimiters: (&str, &str)) -> Result<Parsed, String> {
    let mut parser = Parser {
        name,
        text,
        family,
        lexer: Lexer::new(text, delimiters.0, delimiters.1),
        ahead: Vec::new(),
        line: 1,
        action_line: None,
        variables: vec!["$".to_owned()],
        range_depth: 0,
        nesting: 0,
        cursor: Place { line: 1, column: 0 },
        cursor_at: 0,
        defined: Vec::new(),
    };
    let body = parser.top()?;
    parser.add(name.as_bytes().to_vec(), body)?;
    Ok(Parsed(parser.defined))
}

/// The templates that one text holds, in the order in which they end; the text's own body is the last.
pub struct Parsed(pub Vec<(Vec<u8>, Tree)>);

struct Parser<'a> {
    name: &'a str,
    text: &'a [u8],
    family: Family,
    lexer: Lexer<'a>,
    /// Tokens that were looked at and given back; the next one is the last.
    ahead: Vec<Token>,
    /// The line of the last token that was read.
    line: usize,
    action_line: Option<usize>,
    variables: Vec<String>,
    range_depth: usize,
    nesting: usize,
    /// The last place that was asked for, since the next one is mostly behind it.
    cursor: Place,
    cursor_at: usize,
    defined: Vec<(Vec<u8>, Tree)>,
}

/// How a list of nodes ended.
enum Stop {
    End,
    Else,
}

impl Stop {
    fn text(&self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

enum Part {
    Node(Node),
    Stop(Stop),
}

type Outcome<T> = Result<T, String>;

/// Tokens.
impl Parser<'_> {
    fn next(&mut self) -> Token {
        if let Some(token) = self.ahead.pop() {
            return token;
        }
        let token = self.lexer.token();
        self.line = token.line;
        token
    }

    fn back(&mut self, token: Token) {
        self.ahead.push(token);
    }

    fn peek(&mut self) -> Kind {
        let token = self.next();
        let kind = token.kind;
        self.back(token);
        kind
    }

    fn next_word(&mut self) -> Token {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_word(&mut self) -> Token {
        let token = self.next_word();
        self.back(token.clone());
        token
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Outcome<Token> {
        let token = self.next_word();
        if token.kind == kind { Ok(token) } else { Err(self.unexpected(&token, context)) }
    }

    fn source(&self, token: &Token) -> &[u8] {
        &self.text[token.span.clone()]
    }

    fn word(&self, token: &Token) -> String {
        runes::repaired(self.source(token))
    }

    fn place(&mut self, at: usize) -> Place {
        if at < self.cursor_at {
            (self.cursor, self.cursor_at) = (Place { line: 1, column: 0 }, 0);
        }
        for byte in &self.text[self.cursor_at..at] {
            self.cursor = match byte {
                b'\n' => Place { line: self.cursor.line + 1, column: 0 },
                _ => Place { column: self.cursor.column + 1, ..self.cursor },
            };
        }
        self.cursor_at = at;
        self.cursor
    }
}

/// Messages.
impl Parser<'_> {
    fn fail<T>(&self, message: &str) -> Outcome<T> {
        Err(self.message(message))
    }

    fn message(&self, message: &str) -> String {
        format!("template: {}:{}: {message}", self.name, self.line)
    }

    fn unexpected(&self, token: &Token, context: &str) -> String {
        if token.kind != Kind::Broken {
            return self.message(&format!("unexpected {} in {context}", self.named(token)));
        }
        let started = match self.action_line.filter(|line| *line != token.line) {
            Some(line) if token.message.ends_with(" action") => format!(" started at {}:{line}", self.name),
            Some(line) => format!(" in action started at {}:{line}", self.name),
            None => String::new(),
        };
        self.message(&format!("{}{started}", token.message))
    }

    /// A token as a message names it.
    fn named(&self, token: &Token) -> String {
        let text = self.source(token);
        match token.kind {
            Kind::End => "EOF".to_owned(),
            Kind::Dot | Kind::Keyword(_) => format!("<{}>", runes::repaired(text)),
            _ if text.len() > 10 => {
                let start: Vec<u8> = runes::runes(text).take(10).flat_map(|(_, bytes)| bytes.to_vec()).collect();
                format!("{}...", runes::quoted(&start))
            }
            _ => runes::quoted(text),
        }
    }

    /// Runs one level deeper, where the stack allows it.
    fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        if self.nesting == NESTING {
            return self.fail(&format!("structures nest deeper than {NESTING}"));
        }
        self.nesting += 1;
        let result = run(self);
        self.nesting -= 1;
        result
    }
}

/// Structure.
impl Parser<'_> {
    fn top(&mut self) -> Outcome<List> {
        let mut list = List::default();
        loop {
            let token = self.next();
            match token.kind {
                Kind::End => return Ok(list),
                Kind::LeftDelimiter if self.peek_word().kind == Kind::Keyword(Keyword::Define) => {
                    self.next_word();
                    self.definition()?;
                    continue;
                }
                _ => self.back(token),
            }
            match self.text_or_action()? {
                Part::Node(node) => list.0.push(node),
                Part::Stop(stop) => return self.fail(&format!("unexpected {}", stop.text())),
            }
        }
    }

    fn definition(&mut self) -> Outcome<()> {
        const CONTEXT: &str = "define clause";
        let token = self.next_word();
        let name = self.template_name(&token, CONTEXT)?;
        self.expect(Kind::RightDelimiter, CONTEXT)?;
        let body = self.own_body(CONTEXT)?;
        self.add(name, body)
    }

    /// The body of a template of its own: it sees `$` and no other variable.
    fn own_body(&mut self, context: &str) -> Outcome<List> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let range_depth = std::mem::take(&mut self.range_depth);
        let (body, stop) = self.deeper(Self::list)?;
        self.variables = variables;
        self.range_depth = range_depth;
        match stop {
            Stop::End => Ok(body),
            Stop::Else => self.fail(&format!("unexpected {} in {context}", stop.text())),
        }
    }

    /// Puts a template on record. An empty one never takes the place of another, and two bodies for one name are an error.
    fn add(&mut self, name: Vec<u8>, body: List) -> Outcome<()> {
        let earlier = self.defined.iter().position(|(defined, _)| *defined == name);
        let tree = Tree { parse_name: self.name.to_owned(), body };
        match earlier {
            None => self.defined.push((name, tree)),
            Some(index) if self.defined[index].1.body.is_empty() => self.defined[index].1 = tree,
            Some(_) if tree.body.is_empty() => {}
            Some(_) => {
                let name = runes::quoted(&name);
                return self.fail(&format!("template: multiple definition of template {name}"));
            }
        }
        Ok(())
    }

    fn list(&mut self) -> Outcome<(List, Stop)> {
        let mut list = List::default();
        while self.peek_word().kind != Kind::End {
            match self.text_or_action()? {
                Part::Node(node) => list.0.push(node),
                Part::Stop(stop) => return Ok((list, stop)),
            }
        }
        self.fail("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Outcome<Part> {
        let token = self.next_word();
        match token.kind {
            Kind::Text => Ok(Part::Node(Node::Text(self.source(&token).to_vec()))),
            Kind::LeftDelimiter => {
                self.action_line = Some(token.line);
                let part = self.action();
                self.action_line = None;
                part
            }
            _ => Err(self.unexpected(&token, "input")),
        }
    }

    fn action(&mut self) -> Outcome<Part> {
        let token = self.next_word();
        let Kind::Keyword(keyword) = token.kind else {
            self.back(token);
            let pipeline = self.pipeline("command", Kind::RightDelimiter)?;
            return Ok(Part::Node(Node::Action(pipeline)));
        };
        let node = match keyword {
            Keyword::Block => self.block()?,
            Keyword::Break => self.loop_control(Node::Break, "{{break}}")?,
            Keyword::Continue => self.loop_control(Node::Continue, "{{continue}}")?,
            Keyword::Else => {
                let next = self.peek_word().kind;
                if !matches!(next, Kind::Keyword(Keyword::If | Keyword::With)) {
                    self.expect(Kind::RightDelimiter, "else")?;
                }
                return Ok(Part::Stop(Stop::Else));
            }
            Keyword::End => {
                self.expect(Kind::RightDelimiter, "end")?;
                return Ok(Part::Stop(Stop::End));
            }
            Keyword::If => Node::If(self.branch(Keyword::If)?),
            Keyword::With => Node::With(self.branch(Keyword::With)?),
            Keyword::Range => Node::Range(self.branch(Keyword::Range)?),
            Keyword::Template => Node::Call(self.template_call()?),
            Keyword::Nil | Keyword::Define => {
                self.back(token);
                Node::Action(self.pipeline("command", Kind::RightDelimiter)?)
            }
        };
        Ok(Part::Node(node))
    }

    fn loop_control(&mut self, node: Node, name: &str) -> Outcome<Node> {
        let token = self.next_word();
        if token.kind != Kind::RightDelimiter {
            return Err(self.unexpected(&token, name));
        }
        if self.range_depth == 0 {
            return self.fail(&format!("{name} outside {{{{range}}}}"));
        }
        Ok(node)
    }

    fn branch(&mut self, keyword: Keyword) -> Outcome<Branch> {
        let context = match keyword {
            Keyword::If => "if",
            Keyword::With => "with",
            _ => "range",
        };
        let known = self.variables.len();
        let pipeline = self.pipeline(context, Kind::RightDelimiter)?;
        let is_range = usize::from(keyword == Keyword::Range);
        self.range_depth += is_range;
        let (body, stop) = self.deeper(Self::list)?;
        self.range_depth -= is_range;
        let otherwise = match stop {
            Stop::End => None,
            Stop::Else => Some(self.otherwise(keyword)?),
        };
        self.variables.truncate(known);
        Ok(Branch { pipeline, body, otherwise })
    }

    /// What follows an `else`; `else if` in an `if`, and `else with` in a `with`, are structures of their own without an `end`.
    fn otherwise(&mut self, keyword: Keyword) -> Outcome<List> {
        if keyword != Keyword::Range && self.peek() == Kind::Space {
            self.next();
        }
        if keyword != Keyword::Range && self.peek() == Kind::Keyword(keyword) {
            self.next();
            let inner = self.deeper(|parser| parser.branch(keyword))?;
            let node = if keyword == Keyword::If { Node::If(inner) } else { Node::With(inner) };
            return Ok(List(vec![node]));
        }
        let (body, stop) = self.deeper(Self::list)?;
        match stop {
            Stop::End => Ok(body),
            Stop::Else => self.fail(&format!("expected end; found {}", stop.text())),
        }
    }

    fn block(&mut self) -> Outcome<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_word();
        let name = self.template_name(&token, CONTEXT)?;
        let pipeline = self.pipeline(CONTEXT, Kind::RightDelimiter)?;
        let body = self.own_body(CONTEXT)?;
        self.add(name.clone(), body)?;
        let place = self.place(token.span.start);
        Ok(Node::Call(TemplateCall { place, name, pipeline: Some(pipeline) }))
    }

    fn template_call(&mut self) -> Outcome<TemplateCall> {
        const CONTEXT: &str = "template clause";
        let token = self.next_word();
        let name = self.template_name(&token, CONTEXT)?;
        let next = self.next_word();
        let pipeline = match next.kind {
            Kind::RightDelimiter => None,
            _ => {
                self.back(next);
                Some(self.pipeline(CONTEXT, Kind::RightDelimiter)?)
            }
        };
        Ok(TemplateCall { place: self.place(token.span.start), name, pipeline })
    }

    fn template_name(&mut self, token: &Token, context: &str) -> Outcome<Vec<u8>> {
        match token.kind {
            Kind::Quoted | Kind::RawQuoted => {
                literal::unquoted(self.source(token)).ok_or_else(|| self.message("invalid syntax"))
            }
            _ => Err(self.unexpected(token, context)),
        }
    }
}
