//! Calls: arguments by the types of the parameters, Go's rules for constants and nothing, `and` and `or` that stop early.
//! Specification: ESO §8.1; ESO §8.5 (`htpasswd` takes a literal only).

use super::{Arguments, Dot, Here, Machine, Outcome, is_of};
use crate::ast::{Number, Term, TermKind};
use crate::functions::{Args, Function, Type};
use crate::value::{Element, List, Map, Value};

impl<'a> Machine<'a, '_> {
    /// Calls a function, or a method of a value. `told` is what a message names when the function itself fails.
    pub(super) fn call(
        &mut self,
        dot: Dot<'_>,
        function: &'static Function,
        told: Here<'a>,
        receiver: Option<Value>,
        arguments: Arguments<'a>,
    ) -> Outcome<Value> {
        let own = usize::from(receiver.is_some());
        self.check_count(function, own, &arguments)?;
        if matches!(function.name, "and" | "or") {
            return self.until(dot, function.name == "or", arguments);
        }
        let mut values = Vec::with_capacity(own + arguments.count());
        values.extend(receiver);
        for term in arguments.terms {
            let expected = parameter(function, values.len());
            values.push(self.argument(dot, Some(expected), term)?);
        }
        if let Some(last) = arguments.last {
            let expected = parameter(function, values.len());
            values.push(self.checked(last, Some(expected))?);
        }
        self.step()?;
        if function.name == "call" {
            self.here = told;
            return self.no_function(arguments.terms.first(), &values);
        }
        (function.run)(&mut self.run, Args(&values)).map_err(|message| {
            self.here = told;
            self.message(&format!("error calling {}: {message}", function.name))
        })
    }

    fn check_count(&self, function: &Function, own: usize, arguments: &Arguments<'_>) -> Outcome<()> {
        let (name, wanted, given) = (function.name, function.takes.len() - own, arguments.count());
        match function.rest {
            Some(_) if given < wanted => {
                let terms = arguments.terms.len();
                self.fail(&format!("wrong number of args for {name}: want at least {wanted} got {terms}"))
            }
            None if given != wanted => {
                self.fail(&format!("wrong number of args for {name}: want {wanted} got {given}"))
            }
            _ => Ok(()),
        }
    }

    /// `call`: no data of ours holds a function.
    fn no_function(&self, term: Option<&Term>, values: &[Value]) -> Outcome<Value> {
        let text = term.map_or_else(|| "the value of the pipeline".to_owned(), ToString::to_string);
        match values.first() {
            None | Some(Value::Missing | Value::Nil) => self.fail("error calling call: call of nil"),
            Some(value) => self.fail(&format!("error calling call: non-function {text} of type {}", value.type_name())),
        }
    }

    /// `and` and `or`: the first value that decides, or the last.
    fn until(&mut self, dot: Dot<'_>, truth: bool, arguments: Arguments<'a>) -> Outcome<Value> {
        let mut value = Value::Missing;
        for term in arguments.terms {
            value = self.argument(dot, Some(Type::Value), term)?;
            if value.is_true() == truth {
                return Ok(value);
            }
        }
        Ok(arguments.last.unwrap_or(value))
    }

    /// A term as an argument of that type; without a type it is whatever it is.
    pub(super) fn argument(&mut self, dot: Dot<'_>, expected: Option<Type>, term: &'a Term) -> Outcome<Value> {
        self.step()?;
        self.here = Here::Term(term);
        let value = match &term.kind {
            TermKind::Dot => dot.value.clone(),
            TermKind::Nil => return self.nil(expected),
            TermKind::Field(names) => {
                self.fields(dot, (dot.value.clone(), dot.is_boxed), names, term, Arguments::default())?
            }
            TermKind::Variable(names) => self.variable_fields(dot, term, names, Arguments::default())?,
            TermKind::Pipeline(pipeline) => self.pipeline(dot, pipeline)?,
            TermKind::Function(function) => self.call(dot, function, Here::Term(term), None, Arguments::default())?,
            TermKind::Chain(inner, names) => self.chain(dot, term, inner, names, Arguments::default())?,
            TermKind::Bool(_) | TermKind::Number(_) | TermKind::Text(..) => {
                return self.constant_argument(expected, term);
            }
        };
        self.checked(value, expected)
    }

    fn nil(&self, expected: Option<Type>) -> Outcome<Value> {
        match expected {
            None => Ok(Value::Missing),
            Some(expected) => match zero(expected) {
                Some(value) => Ok(value),
                None => self.fail(&format!("cannot assign nil to {}", expected.name())),
            },
        }
    }

    fn constant_argument(&self, expected: Option<Type>, term: &Term) -> Outcome<Value> {
        let wrong = |what: &str| self.fail(&format!("expected {what}; found {term}"));
        match (expected, &term.kind) {
            (None | Some(Type::Any | Type::Value), TermKind::Number(number)) => self.constant(number),
            (None | Some(Type::Any | Type::Value | Type::Bool), TermKind::Bool(truth)) => Ok(Value::Bool(*truth)),
            (None | Some(Type::Any | Type::Value | Type::Text | Type::HashAlgorithm), TermKind::Text(_, text)) => {
                Ok(Value::text(text.clone()))
            }
            (Some(Type::Int), TermKind::Number(Number { int: Some(int), .. })) => Ok(Value::int(*int)),
            (Some(Type::Duration), TermKind::Number(Number { int: Some(int), .. })) => {
                Ok(Value::Duration(base::duration::GoDuration::from_nanoseconds(*int)))
            }
            (Some(Type::Uint32), TermKind::Number(Number { uint: Some(uint), .. })) => {
                Ok(Value::int(i64::from(u32::try_from(*uint & u64::from(u32::MAX)).expect("the mask leaves 32 bits"))))
            }
            (Some(Type::Float), TermKind::Number(Number { float: Some(float), .. })) => Ok(Value::Float(*float)),
            (Some(Type::Bool), _) => wrong("bool"),
            (Some(Type::Text | Type::HashAlgorithm), _) => wrong("string"),
            (Some(Type::Int | Type::Duration), _) => wrong("integer"),
            (Some(Type::Uint32), _) => wrong("unsigned integer"),
            (Some(Type::Float), _) => wrong("float"),
            (expected, _) => {
                let name = expected.map_or("interface {}", Type::name);
                self.fail(&format!("can't handle {term} for arg of type {name}"))
            }
        }
    }

    /// A number where no type is asked for.
    pub(super) fn constant(&self, number: &Number) -> Outcome<Value> {
        let is_float = !number.is_integral && number.text.contains(['.', 'e', 'E', 'p', 'P']);
        match number {
            Number { float: Some(float), .. } if is_float => Ok(Value::Float(*float)),
            Number { int: Some(int), .. } => Ok(Value::int(*int)),
            _ => self.fail(&format!("{} overflows int", number.text)),
        }
    }

    /// The value as a parameter of that type takes it.
    fn checked(&self, value: Value, expected: Option<Type>) -> Outcome<Value> {
        let Some(expected) = expected else { return Ok(value) };
        match value {
            Value::Missing => match zero(expected) {
                Some(value) => Ok(value),
                None => self.fail(&format!("invalid value; expected {}", expected.name())),
            },
            value if is_of(&value, expected) => Ok(value),
            value => {
                let (wanted, given) = (expected.name(), value.type_name());
                self.fail(&format!("wrong type for value; expected {wanted}; got {given}"))
            }
        }
    }
}

/// What nothing is as a parameter, where it can be one.
fn zero(expected: Type) -> Option<Value> {
    match expected {
        Type::Any | Type::Value => Some(Value::Missing),
        Type::List => Some(Value::List(List::nil(Element::Any))),
        Type::Map => Some(Value::Map(Map::new(std::collections::BTreeMap::new()))),
        _ => None,
    }
}

fn parameter(function: &Function, index: usize) -> Type {
    let expected = function.takes.get(index).copied().or(function.rest);
    expected.expect("the number of arguments was checked")
}
