//! `vals eval`: documents with their references replaced. Nothing is printed if one of them fails.
//! Specification: VALS §4.2, §6, §7.

use source::expand::{Collections, Options};

use super::documents::{self, Output};
use super::evaluation::Evaluation;
use super::{EXCLUDE_SECRET, OUTPUT, SILENT, Typed, Word, ksdecode};
use crate::argv::{switch, value};
use crate::{Call, Exit, Failure, Ui, reach};
use base::Fault;
use document::Node;
use providers::resolver::{MissingKey, Schemes};

pub const WORD: Word = Word {
    name: "eval",
    about: "Evaluate a JSON/YAML document and replace any template expressions in it and prints the result",
    flags: &[
        switch("decode-kubernetes-secrets", "Decode Kubernetes secrets before evaluate them, then encode it again."),
        EXCLUDE_SECRET,
        value("f", "YAML/JSON file to be evaluated. When set to \"-\", vals reads from STDIN (default \"-\")"),
        switch(
            "fail-on-missing-key-in-map",
            "When set to false, the vals-eval command exits with code 0 even when the key denoted by the #/key/for/value/in/the/json/or/yaml does not exist in the decoded map (default true)",
        ),
        OUTPUT,
        SILENT,
    ],
    run,
};

fn run(call: &mut Call, typed: &Typed) -> Result<Exit, Failure> {
    let from = typed.parsed.value("f").unwrap_or("-");
    if from.is_empty() {
        return Err(Fault::wrong("Nothing to eval: No file specified").into());
    }
    let nodes = documents::read(&mut call.ui, from)?;
    let evaluation = evaluation(typed, call);
    let evaluated = evaluated(nodes, typed, &evaluation, typed.output(), &mut call.ui)?;
    call.ui.data(&evaluated)?;
    Ok(Exit::SUCCESS)
}

/// Documents with their references replaced as the flags say.
///
/// # Errors
/// One of them cannot be evaluated or written.
pub(super) fn evaluated(
    mut nodes: Vec<Node>,
    typed: &Typed,
    evaluation: &Evaluation,
    output: Output,
    ui: &mut Ui,
) -> Result<Vec<u8>, Fault> {
    let decodes = typed.parsed.is_set("decode-kubernetes-secrets");
    if decodes {
        let decoded = nodes.iter_mut().try_for_each(ksdecode::decode);
        decoded.map_err(|fault| fault.within("error on decoding secrets"))?;
    }
    evaluation.documents(&mut nodes, ui)?;
    if decodes {
        let encoded = nodes.iter_mut().try_for_each(ksdecode::encode);
        encoded.map_err(|fault| fault.within("error on encoding secrets"))?;
    }
    documents::write(&nodes, output)
}

fn evaluation(typed: &Typed, call: &Call) -> Evaluation {
    let reach = reach::of_command_line(call.environment.clone());
    Evaluation::new(reach, Schemes::All, typed.refuses(), typed.options()).silent(typed.parsed.is_set(SILENT.name))
}

impl Typed {
    /// What is evaluated, and how lists and maps are printed inside a text.
    pub fn options(&self) -> Options {
        Options {
            excludes_secret: self.parsed.is_set(EXCLUDE_SECRET.name),
            top_level_texts: !self.is_compat,
            collections: if self.is_compat { Collections::Go } else { Collections::Json },
        }
    }

    /// What becomes of a missing key in `eval`.
    pub fn refuses(&self) -> MissingKey {
        match self.parsed.value("fail-on-missing-key-in-map").and_then(base::truth::parse) {
            Some(false) => MissingKey::Null,
            _ => MissingKey::Refuse,
        }
    }

    /// What becomes of a missing key where the peer takes it for null.
    pub fn missing_key(&self) -> MissingKey {
        if self.is_compat { MissingKey::Null } else { MissingKey::Refuse }
    }

    /// How documents are written: in the peer's way where it is asked for by name.
    pub fn output(&self) -> Output {
        match self.parsed.value(OUTPUT.name) {
            Some("json") => Output::Json,
            None if !self.is_compat => Output::Kept,
            _ => Output::Yaml,
        }
    }
}
