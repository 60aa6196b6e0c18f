//! Trees run: dot, variables, pipelines, fields, calls, loops. Errors read like Go's (`template: NAME:1:2: executing "NAME" at <.x>: …`)
//! and never show a value, which Go does in a few of them. Specification: ESO §8.1; VSO §9.4, §9.5; SS §7.3.

mod call;

use std::collections::HashMap;

use crate::MissingKey;
use crate::ast::{Branch, Command, List, Node, Pipeline, Place, TemplateCall, Term, TermKind, Tree};
use crate::functions::{Run, Type, method};
use crate::print::{self, Out};
use crate::runes;
use crate::value::{Element, Record, Value};

/// Templates by name.
pub type Trees = HashMap<Vec<u8>, Tree>;

/// Lists, pipelines and templates may run so deep in one another: the stack of a thread is small.
const DEPTH: usize = 200;

/// Runs a template; `Err` is Go's message.
pub fn execute(trees: &Trees, name: &str, missing_key: MissingKey, run: Run<'_>) -> Result<Vec<u8>, String> {
    let Some((name, tree)) = trees.get_key_value(name.as_bytes()) else {
        return Err(format!("template: no template {} associated with template", runes::quoted(name.as_bytes())));
    };
    let dot = run.data.clone();
    let out = Out::new(run.fuel);
    let variables = vec![Variable::new("$", dot.clone())];
    let mut machine = Machine { trees, name, tree, missing_key, run, out, variables, here: Here::Nowhere, depth: 0 };
    machine.list(Dot::new(&dot), &tree.body)?;
    Ok(machine.out.into_bytes())
}

struct Machine<'a, 'r> {
    trees: &'a Trees,
    /// The template that runs.
    name: &'a [u8],
    tree: &'a Tree,
    missing_key: MissingKey,
    run: Run<'r>,
    out: Out,
    variables: Vec<Variable<'a>>,
    here: Here<'a>,
    depth: usize,
}

/// A variable; it is boxed where the dot would be.
struct Variable<'a> {
    name: &'a str,
    value: Value,
    is_boxed: bool,
}

impl<'a> Variable<'a> {
    fn new(name: &'a str, value: Value) -> Self {
        Self { name, value, is_boxed: false }
    }
}

/// The dot.
#[derive(Clone, Copy)]
struct Dot<'v> {
    value: &'v Value,
    /// It is an item of a list or map of anything: Go's messages then call its type `interface {}`.
    is_boxed: bool,
}

impl<'v> Dot<'v> {
    fn new(value: &'v Value) -> Self {
        Self { value, is_boxed: false }
    }
}

/// What is evaluated: the place of a message.
#[derive(Clone, Copy)]
enum Here<'a> {
    Nowhere,
    Pipeline(&'a Pipeline),
    Command(&'a Command),
    Term(&'a Term),
    Call(&'a TemplateCall),
}

impl Here<'_> {
    fn told(self) -> Option<(Place, String)> {
        match self {
            Self::Nowhere => None,
            Self::Pipeline(node) => Some((node.place, node.to_string())),
            Self::Command(node) => Some((node.place, node.to_string())),
            Self::Term(node) => Some((node.place, node.to_string())),
            Self::Call(node) => Some((node.place, node.to_string())),
        }
    }
}

/// How a list of nodes ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

type Outcome<T> = Result<T, String>;

/// Structure.
impl<'a> Machine<'a, '_> {
    fn message(&self, message: &str) -> String {
        let parse_name = &self.tree.parse_name;
        let name = runes::quoted(self.name);
        match self.here.told() {
            None => format!("template: {}: {message}", runes::repaired(self.name)),
            Some((Place { line, column }, context)) => {
                format!("template: {parse_name}:{line}:{column}: executing {name} at <{context}>: {message}")
            }
        }
    }

    fn fail<T>(&self, message: &str) -> Outcome<T> {
        Err(self.message(message))
    }

    /// One step of the fuel.
    fn step(&mut self) -> Outcome<()> {
        self.run.fuel.burn(1).map_err(|message| self.message(&message))
    }

    fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        if self.depth == DEPTH {
            return self.fail(&format!("exceeded maximum template depth ({DEPTH})"));
        }
        self.depth += 1;
        let result = run(self);
        self.depth -= 1;
        result
    }

    fn list(&mut self, dot: Dot<'_>, list: &'a List) -> Outcome<Flow> {
        self.deeper(|machine| {
            for node in &list.0 {
                let flow = machine.node(dot, node)?;
                if flow != Flow::On {
                    return Ok(flow);
                }
            }
            Ok(Flow::On)
        })
    }

    fn node(&mut self, dot: Dot<'_>, node: &'a Node) -> Outcome<Flow> {
        self.step()?;
        match node {
            Node::Text(text) => self.out.push(text).map_err(|message| self.message(&message))?,
            Node::Action(pipeline) => {
                let value = self.pipeline(dot, pipeline)?;
                if pipeline.variables.is_empty() {
                    self.print(&value)?;
                }
            }
            Node::If(branch) => return self.branch(dot, branch, false),
            Node::With(branch) => return self.branch(dot, branch, true),
            Node::Range(branch) => return self.range(dot, branch),
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
            Node::Call(call) => self.template(dot, call)?,
        }
        Ok(Flow::On)
    }

    fn print(&mut self, value: &Value) -> Outcome<()> {
        let printed = match value {
            Value::Missing | Value::Nil => self.out.push(b"<no value>"),
            value => print::value(&mut self.out, value),
        };
        printed.map_err(|message| self.message(&message))
    }

    fn branch(&mut self, dot: Dot<'_>, branch: &'a Branch, is_with: bool) -> Outcome<Flow> {
        let known = self.variables.len();
        let value = self.pipeline(dot, &branch.pipeline)?;
        let flow = match (value.is_true(), &branch.otherwise) {
            (true, _) => self.list(if is_with { Dot::new(&value) } else { dot }, &branch.body)?,
            (false, Some(otherwise)) => self.list(dot, otherwise)?,
            (false, None) => Flow::On,
        };
        self.variables.truncate(known);
        Ok(flow)
    }

    fn range(&mut self, dot: Dot<'_>, branch: &'a Branch) -> Outcome<Flow> {
        let known = self.variables.len();
        let value = self.pipeline(dot, &branch.pipeline)?;
        let is_some = match &value {
            Value::List(list) => {
                self.each(
                    branch,
                    list.element(),
                    list.items().iter().enumerate().map(|(index, item)| (Value::count(index), item.clone())),
                )?;
                !list.items().is_empty()
            }
            Value::Map(map) => {
                // A snapshot: the body may change the map.
                let entries: Vec<(Value, Value)> =
                    map.entries().iter().map(|(name, item)| (Value::Text(name.clone()), item.clone())).collect();
                let is_some = !entries.is_empty();
                self.each(branch, map.element(), entries)?;
                is_some
            }
            Value::Int(kind, count) => self.each_number(branch, *count, |number| Value::Int(*kind, number))?,
            Value::Uint(kind, count) => {
                let count = i64::try_from(*count).unwrap_or(i64::MAX);
                self.each_number(branch, count, |number| Value::Uint(*kind, number.unsigned_abs()))?
            }
            Value::Missing | Value::Nil => false,
            // Go shows the value; VSO §9.5.
            _ => return self.fail("range can't iterate over <redacted>"),
        };
        let flow = match &branch.otherwise {
            Some(otherwise) if !is_some => self.list(dot, otherwise)?,
            _ => Flow::On,
        };
        self.variables.truncate(known);
        Ok(flow)
    }

    fn each_number(&mut self, branch: &'a Branch, count: i64, number: impl Fn(i64) -> Value) -> Outcome<bool> {
        if branch.pipeline.variables.len() > 1 {
            return self.fail("can't use <redacted> to iterate over more than one variable");
        }
        self.each(branch, Element::Int, (0..count).map(|index| (Value::Missing, number(index))))?;
        Ok(count > 0)
    }

    /// The body once for each; the pipeline has made the variables.
    fn each(
        &mut self,
        branch: &'a Branch,
        element: Element,
        items: impl IntoIterator<Item = (Value, Value)>,
    ) -> Outcome<()> {
        let variables = &branch.pipeline.variables;
        let mark = self.variables.len();
        for (index, item) in items {
            self.step()?;
            match (variables.as_slice(), branch.pipeline.is_assignment) {
                ([], _) => {}
                ([only], true) => self.assign(only, &item)?,
                ([first, second, ..], true) => {
                    self.assign(first, &index)?;
                    self.assign(second, &item)?;
                }
                (declared, false) => {
                    let last = &mut self.variables[mark - 1];
                    (last.value, last.is_boxed) = (item.clone(), element == Element::Any);
                    if declared.len() > 1 {
                        self.variables[mark - 2].value = index;
                    }
                }
            }
            let flow = self.list(Dot { value: &item, is_boxed: element == Element::Any }, &branch.body)?;
            self.variables.truncate(mark);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(())
    }

    fn template(&mut self, dot: Dot<'_>, call: &'a TemplateCall) -> Outcome<()> {
        self.here = Here::Call(call);
        let Some((name, tree)) = self.trees.get_key_value(&call.name) else {
            return self.fail(&format!("template {} not defined", runes::quoted(&call.name)));
        };
        let dot = match &call.pipeline {
            Some(pipeline) => self.pipeline(dot, pipeline)?,
            None => Value::Missing,
        };
        let variables = std::mem::replace(&mut self.variables, vec![Variable::new("$", dot.clone())]);
        let (name, tree) = (std::mem::replace(&mut self.name, name), std::mem::replace(&mut self.tree, tree));
        let here = self.here;
        self.list(Dot::new(&dot), &self.tree.body)?;
        (self.name, self.tree, self.variables, self.here) = (name, tree, variables, here);
        Ok(())
    }
}

/// Expressions.
impl<'a> Machine<'a, '_> {
    fn variable(&self, name: &str) -> Outcome<(Value, bool)> {
        match self.variables.iter().rev().find(|known| known.name == name) {
            Some(known) => Ok((known.value.clone(), known.is_boxed)),
            None => self.fail(&format!("undefined variable: {name}")),
        }
    }

    fn assign(&mut self, name: &str, value: &Value) -> Outcome<()> {
        match self.variables.iter_mut().rev().find(|known| known.name == name) {
            Some(known) => {
                known.value = value.clone();
                Ok(())
            }
            None => self.fail(&format!("undefined variable: {name}")),
        }
    }

    fn pipeline(&mut self, dot: Dot<'_>, pipeline: &'a Pipeline) -> Outcome<Value> {
        self.here = Here::Pipeline(pipeline);
        let value = self.deeper(|machine| {
            let mut value = None;
            for command in &pipeline.commands {
                let result = machine.command(dot, command, value)?;
                value = Some(if result.is_nothing() { Value::Missing } else { result });
            }
            Ok(value.unwrap_or(Value::Missing))
        })?;
        for variable in &pipeline.variables {
            if pipeline.is_assignment {
                self.assign(variable, &value)?;
            } else {
                self.variables.push(Variable::new(variable, value.clone()));
            }
        }
        Ok(value)
    }

    /// A command; `last` is what the one before it in the pipeline made.
    fn command(&mut self, dot: Dot<'_>, command: &'a Command, last: Option<Value>) -> Outcome<Value> {
        self.step()?;
        let first = &command.terms[0];
        let arguments = Arguments { terms: &command.terms[1..], last };
        match &first.kind {
            TermKind::Field(names) => {
                self.here = Here::Term(first);
                self.fields(dot, (dot.value.clone(), dot.is_boxed), names, first, arguments)
            }
            TermKind::Chain(term, names) => self.chain(dot, first, term, names, arguments),
            TermKind::Function(function) => {
                self.here = Here::Term(first);
                self.call(dot, function, Here::Command(command), None, arguments)
            }
            TermKind::Variable(names) => self.variable_fields(dot, first, names, arguments),
            TermKind::Pipeline(pipeline) => {
                self.refuse_arguments(first, &arguments)?;
                self.pipeline(dot, pipeline)
            }
            _ => {
                self.here = Here::Term(first);
                self.refuse_arguments(first, &arguments)?;
                self.literal(dot, first)
            }
        }
    }

    fn refuse_arguments(&self, term: &Term, arguments: &Arguments<'_>) -> Outcome<()> {
        match &term.kind {
            _ if arguments.is_empty() => Ok(()),
            TermKind::Pipeline(pipeline) => self.fail(&format!("can't give argument to non-function {pipeline}")),
            _ => self.fail(&format!("can't give argument to non-function {term}")),
        }
    }

    fn literal(&self, dot: Dot<'_>, term: &Term) -> Outcome<Value> {
        match &term.kind {
            TermKind::Bool(truth) => Ok(Value::Bool(*truth)),
            TermKind::Dot => Ok(dot.value.clone()),
            TermKind::Nil => self.fail("nil is not a command"),
            TermKind::Number(number) => self.constant(number),
            TermKind::Text(_, text) => Ok(Value::text(text.clone())),
            _ => self.fail(&format!("can't evaluate command {}", runes::quoted(term.to_string().as_bytes()))),
        }
    }

    fn chain(
        &mut self,
        dot: Dot<'_>,
        chain: &'a Term,
        inner: &'a Term,
        names: &'a [String],
        arguments: Arguments<'a>,
    ) -> Outcome<Value> {
        self.here = Here::Term(chain);
        if matches!(inner.kind, TermKind::Nil) {
            return self.fail(&format!("indirection through explicit nil in {chain}"));
        }
        let value = self.argument(dot, None, inner)?;
        self.fields(dot, (value, false), names, chain, arguments)
    }

    fn variable_fields(
        &mut self,
        dot: Dot<'_>,
        term: &'a Term,
        names: &'a [String],
        arguments: Arguments<'a>,
    ) -> Outcome<Value> {
        self.here = Here::Term(term);
        let (variable, fields) = names.split_first().expect("a variable has a name");
        let value = self.variable(variable)?;
        if fields.is_empty() {
            self.refuse_arguments(term, &arguments)?;
            return Ok(value.0);
        }
        self.fields(dot, value, fields, term, arguments)
    }

    /// `.a.b.c`, where only the last may take arguments; with the first value stands whether it is boxed.
    fn fields(
        &mut self,
        dot: Dot<'_>,
        (mut value, mut is_boxed): (Value, bool),
        names: &'a [String],
        term: &'a Term,
        mut arguments: Arguments<'a>,
    ) -> Outcome<Value> {
        for (index, name) in names.iter().enumerate() {
            let is_last = index + 1 == names.len();
            let arguments = if is_last { std::mem::take(&mut arguments) } else { Arguments::default() };
            let holds_anything = matches!(&value, Value::Map(map) if map.element() == Element::Any);
            value = match method(&value, name) {
                Some(function) => self.call(dot, function, Here::Term(term), Some(value), arguments)?,
                None => self.field(&value, is_boxed, name, &arguments)?,
            };
            is_boxed = holds_anything;
        }
        Ok(value)
    }

    fn field(&self, value: &Value, is_boxed: bool, name: &str, arguments: &Arguments<'_>) -> Outcome<Value> {
        let key = || runes::quoted(name.as_bytes());
        match value {
            Value::Missing if self.missing_key == MissingKey::Error => {
                self.fail(&format!("nil data; no entry for key {}", key()))
            }
            Value::Missing => Ok(Value::Missing),
            Value::Nil => self.fail(&format!("nil pointer evaluating interface {{}}.{name}")),
            Value::Map(_) if !arguments.is_empty() => self.fail(&format!("{name} is not a method but has arguments")),
            Value::Map(map) => match map.value(name.as_bytes()) {
                Some(value) => Ok(value),
                None if self.missing_key == MissingKey::Error => {
                    self.fail(&format!("map has no entry for key {}", key()))
                }
                None => Ok(Value::Missing),
            },
            Value::Record(record) => self.record_field(record, name, arguments),
            other => {
                let type_name = if is_boxed { "interface {}".into() } else { other.type_name() };
                self.fail(&format!("can't evaluate field {name} in type {type_name}"))
            }
        }
    }

    fn record_field(&self, record: &Record, name: &str, arguments: &Arguments<'_>) -> Outcome<Value> {
        match record.field(name) {
            Some(_) if !arguments.is_empty() => {
                self.fail(&format!("{name} has arguments but cannot be invoked as function"))
            }
            Some(value) => Ok(value.clone()),
            None => self.fail(&format!("can't evaluate field {name} in type {}", record.type_name)),
        }
    }
}

/// What a command was given: terms, and what the command before it made.
#[derive(Default)]
struct Arguments<'a> {
    terms: &'a [Term],
    last: Option<Value>,
}

impl Arguments<'_> {
    fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.last.is_none()
    }

    fn count(&self) -> usize {
        self.terms.len() + usize::from(self.last.is_some())
    }
}

/// Whether a value is of the type as it stands.
fn is_of(value: &Value, expected: Type) -> bool {
    use crate::value::IntType;
    match (expected, value) {
        (Type::Any | Type::Value, _)
        | (Type::Bool, Value::Bool(_))
        | (Type::Int, Value::Int(IntType::Int, _))
        | (Type::Float, Value::Float(_))
        | (Type::Text, Value::Text(_))
        | (Type::Time, Value::Time(_))
        | (Type::Duration, Value::Duration(_))
        | (Type::Version, Value::Version(_)) => true,
        (Type::List, Value::List(list)) => list.element() == Element::Any,
        (Type::Map, Value::Map(map)) => map.element() == Element::Any,
        (Type::Certificate, Value::Record(record)) => record.type_name == Type::Certificate.name(),
        _ => false,
    }
}
