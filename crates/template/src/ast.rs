//! What a template means, as a tree: lists of nodes, pipelines of commands, terms. Nodes know where they stand, and print as Go prints
//! them in messages: the template's own words, never a value. Specification: ESO §8.1.

use std::fmt;

use crate::functions::Function;
use crate::runes;

/// A parsed template: its body, and the text that it was read from (for line and column of a message).
pub struct Tree {
    /// The name in messages: that of the text, not of a `define` in it.
    pub parse_name: String,
    pub body: List,
}

/// Nodes one after the other.
#[derive(Default)]
pub struct List(pub Vec<Node>);

/// A place in the text: line, and bytes since its start.
#[derive(Clone, Copy)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// A part of a template.
pub enum Node {
    Text(Vec<u8>),
    Action(Pipeline),
    If(Branch),
    With(Branch),
    Range(Branch),
    Break,
    Continue,
    Call(TemplateCall),
}

/// `if`, `with` and `range`: what decides, and what then.
pub struct Branch {
    pub pipeline: Pipeline,
    pub body: List,
    pub otherwise: Option<List>,
}

/// `template "name" pipeline`.
pub struct TemplateCall {
    pub place: Place,
    pub name: Vec<u8>,
    pub pipeline: Option<Pipeline>,
}

/// Commands, each the last argument of the next, and the variables that keep the result.
pub struct Pipeline {
    pub place: Place,
    pub is_assignment: bool,
    pub variables: Vec<String>,
    pub commands: Vec<Command>,
}

/// A term and its arguments.
pub struct Command {
    pub place: Place,
    pub terms: Vec<Term>,
}

/// A term where it stands.
pub struct Term {
    pub place: Place,
    pub kind: TermKind,
}

/// What a term is.
pub enum TermKind {
    Dot,
    Nil,
    Bool(bool),
    Number(Number),
    /// The literal as it was written, and its text.
    Text(String, Vec<u8>),
    /// `.a.b`
    Field(Vec<String>),
    /// `$x.a.b`: the variable, then the fields.
    Variable(Vec<String>),
    /// `(pipeline).a.b`, or a function's answer.
    Chain(Box<Term>, Vec<String>),
    Pipeline(Box<Pipeline>),
    Function(&'static Function),
}

/// A number literal: as it was written, and as each type that can hold it.
pub struct Number {
    pub text: String,
    pub int: Option<i64>,
    pub uint: Option<u64>,
    pub float: Option<f64>,
    /// Written as a character or in hexadecimal, which is never a float.
    pub is_integral: bool,
}

impl fmt::Display for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            f.write_str(&self.variables.join(", "))?;
            f.write_str(if self.is_assignment { " = " } else { " := " })?;
        }
        joined(f, &self.commands, " | ")
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        joined(f, &self.terms, " ")
    }
}

impl fmt::Display for TemplateCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {}", runes::quoted(&self.name))?;
        if let Some(pipeline) = &self.pipeline {
            write!(f, " {pipeline}")?;
        }
        f.write_str("}}")
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TermKind::Dot => f.write_str("."),
            TermKind::Nil => f.write_str("nil"),
            TermKind::Bool(truth) => write!(f, "{truth}"),
            TermKind::Number(number) => f.write_str(&number.text),
            TermKind::Text(literal, _) => f.write_str(literal),
            TermKind::Field(names) => fields(f, names),
            TermKind::Variable(names) => f.write_str(&names.join(".")),
            TermKind::Chain(term, names) => {
                write!(f, "{term}")?;
                fields(f, names)
            }
            TermKind::Pipeline(pipeline) => write!(f, "({pipeline})"),
            TermKind::Function(function) => f.write_str(function.name),
        }
    }
}

fn fields(f: &mut fmt::Formatter<'_>, names: &[String]) -> fmt::Result {
    names.iter().try_for_each(|name| write!(f, ".{name}"))
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[impl fmt::Display], separator: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        write!(f, "{part}")?;
    }
    Ok(())
}

impl List {
    /// Whether it writes nothing: white space only. Such a definition does not replace another one.
    pub fn is_empty(&self) -> bool {
        self.0
            .iter()
            .all(|node| matches!(node, Node::Text(text) if text.iter().all(|byte| runes::is_space(char::from(*byte)))))
    }
}
