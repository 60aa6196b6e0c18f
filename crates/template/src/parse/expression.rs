//! Tokens into expressions: pipelines with their variables, commands, and what stands in them. Functions are looked up
//! here, so that an unknown one is an error of parsing. Not here: the structures around them (`parse`) and numbers (`number`). Specification: ESO §8.1; VSO §9.4; SS §7.3.

use super::{Outcome, Parser, number};
use crate::ast::{Command, Pipeline, Term, TermKind};
use crate::families;
use crate::lex::{Keyword, Kind};
use crate::{literal, runes};

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Outcome<Pipeline> {
        let first = self.peek_word();
        let place = self.place(first.span.start);
        let mut pipeline = Pipeline { place, is_assignment: false, variables: Vec::new(), commands: Vec::new() };
        while self.declaration(&mut pipeline, context)? {}
        loop {
            let token = self.next_word();
            match token.kind {
                kind if kind == end => {
                    self.check(&pipeline, context)?;
                    return Ok(pipeline);
                }
                Kind::Bool
                | Kind::Character
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Keyword(Keyword::Nil)
                | Kind::RawQuoted
                | Kind::Quoted
                | Kind::Variable
                | Kind::LeftParenthesis => {
                    self.back(token);
                    let command = self.command()?;
                    pipeline.commands.push(command);
                }
                _ => return Err(self.unexpected(&token, context)),
            }
        }
    }

    /// `$x :=`, `$x =`, or the first of `$i, $x :=`; true where another variable follows.
    fn declaration(&mut self, pipeline: &mut Pipeline, context: &str) -> Outcome<bool> {
        if self.peek_word().kind != Kind::Variable {
            return Ok(false);
        }
        let variable = self.next_word();
        let space = (self.peek() == Kind::Space).then(|| self.next());
        let next = self.peek_word();
        let is_comma = next.kind == Kind::Sign && self.source(&next) == b",";
        if matches!(next.kind, Kind::Assign | Kind::Declare) || is_comma {
            self.next_word();
            let name = self.word(&variable);
            self.variables.push(name.clone());
            pipeline.variables.push(name);
            if !is_comma {
                pipeline.is_assignment = next.kind == Kind::Assign;
                return Ok(false);
            }
            if context != "range" || pipeline.variables.len() > 1 {
                return self.fail(&format!("too many declarations in {context}"));
            }
            return match self.peek_word().kind {
                Kind::Variable | Kind::RightDelimiter | Kind::RightParenthesis => Ok(true),
                _ => self.fail("range can only initialize variables"),
            };
        }
        if let Some(space) = space {
            self.back(space);
        }
        self.back(variable);
        Ok(false)
    }

    fn check(&self, pipeline: &Pipeline, context: &str) -> Outcome<()> {
        if pipeline.commands.is_empty() {
            return self.fail(&format!("missing value for {context}"));
        }
        for (index, command) in pipeline.commands.iter().enumerate().skip(1) {
            let first = command.terms.first().map(|term| &term.kind);
            if let Some(TermKind::Bool(_) | TermKind::Dot | TermKind::Nil | TermKind::Number(_) | TermKind::Text(..)) =
                first
            {
                return self.fail(&format!("non executable command in pipeline stage {}", index + 1));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Outcome<Command> {
        let first = self.peek_word();
        let mut terms = Vec::new();
        loop {
            self.peek_word();
            if let Some(term) = self.operand()? {
                terms.push(term);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => {}
                Kind::RightDelimiter | Kind::RightParenthesis => {
                    self.back(token);
                    break;
                }
                Kind::Pipe => break,
                _ => return Err(self.unexpected(&token, "operand")),
            }
        }
        if terms.is_empty() {
            return self.fail("empty command");
        }
        Ok(Command { place: self.place(first.span.start), terms })
    }

    /// A term and the fields that hang on it.
    fn operand(&mut self) -> Outcome<Option<Term>> {
        let Some(term) = self.term()? else { return Ok(None) };
        if self.peek() != Kind::Field {
            return Ok(Some(term));
        }
        let mut names = Vec::new();
        let mut at = None;
        while self.peek() == Kind::Field {
            let token = self.next();
            at.get_or_insert(token.span.start);
            names.push(self.word(&token)[1..].to_owned());
        }
        let place = self.place(at.expect("the loop saw a field"));
        let kind = match term.kind {
            TermKind::Field(mut first) => {
                first.append(&mut names);
                TermKind::Field(first)
            }
            TermKind::Variable(mut first) => {
                first.append(&mut names);
                TermKind::Variable(first)
            }
            TermKind::Bool(_) | TermKind::Text(..) | TermKind::Number(_) | TermKind::Nil | TermKind::Dot => {
                let text = runes::quoted(term.to_string().as_bytes());
                return self.fail(&format!("unexpected . after term {text}"));
            }
            _ => TermKind::Chain(Box::new(term), names),
        };
        Ok(Some(Term { place, kind }))
    }

    fn term(&mut self) -> Outcome<Option<Term>> {
        let token = self.next_word();
        let kind = match token.kind {
            Kind::Identifier => {
                let name = self.word(&token);
                match families::function(self.family, &name) {
                    Some(function) => TermKind::Function(function),
                    None => return self.fail(&format!("function {} not defined", runes::quoted(name.as_bytes()))),
                }
            }
            Kind::Dot => TermKind::Dot,
            Kind::Keyword(Keyword::Nil) => TermKind::Nil,
            Kind::Variable => {
                let name = self.word(&token);
                if !self.variables.contains(&name) {
                    return self.fail(&format!("undefined variable {}", runes::quoted(name.as_bytes())));
                }
                TermKind::Variable(vec![name])
            }
            Kind::Field => TermKind::Field(vec![self.word(&token)[1..].to_owned()]),
            Kind::Bool => TermKind::Bool(self.source(&token) == b"true"),
            Kind::Character | Kind::Complex | Kind::Number => {
                let number = number::number(self.source(&token)).map_err(|message| self.message(&message))?;
                TermKind::Number(number)
            }
            Kind::LeftParenthesis => {
                let inner = self.deeper(|parser| parser.pipeline("parenthesized pipeline", Kind::RightParenthesis))?;
                TermKind::Pipeline(Box::new(inner))
            }
            Kind::Quoted | Kind::RawQuoted => {
                let text = literal::unquoted(self.source(&token)).ok_or_else(|| self.message("invalid syntax"))?;
                TermKind::Text(self.word(&token), text)
            }
            _ => {
                self.back(token);
                return Ok(None);
            }
        };
        Ok(Some(Term { place: self.place(token.span.start), kind }))
    }
}
