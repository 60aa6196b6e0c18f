//! Which peer's command line we speak: picked from argv0, or from the first word. Both lead to the same verbs.
//! Specification: design §12, §16 (names).

use crate::verbs::{self, Verb};
use crate::{Call, Exit, Failure};

/// The verb that the call means; its words are then what is left in `call.args`.
///
/// # Errors
/// The program was asked for help or its version, or the word is no verb: both are already answered.
pub fn pick(call: &mut Call) -> Result<&'static Verb, Exit> {
    if let Some(verb) = verbs::named(&call.program) {
        return Ok(verb);
    }
    let Some(word) = call.args.first().cloned() else {
        call.ui.note(&usage());
        return Err(Exit::FAILURE);
    };
    match word.as_str() {
        "--version" | "-V" => Err(answer(call, &format!("keywright {}\n", env!("CARGO_PKG_VERSION")))),
        "--help" | "-h" | "help" => Err(answer(call, &usage())),
        _ => match verbs::named(&word) {
            Some(verb) => {
                call.args.remove(0);
                Ok(verb)
            }
            None => {
                call.ui.note(&format!("error: `{word}` is no verb"));
                call.ui.hint("`keywright --help` lists them");
                Err(Exit(2))
            }
        },
    }
}

fn answer(call: &mut Call, text: &str) -> Exit {
    match call.ui.data(text.as_bytes()) {
        Ok(()) => Exit::SUCCESS,
        Err(fault) => Failure::from(fault).tell(&mut call.ui),
    }
}

fn usage() -> String {
    let width = verbs::ALL.iter().map(|verb| verb.name.len()).max().unwrap_or_default();
    let mut text = String::from(
        "keywright carries secrets from Git and from secret managers into Kubernetes workloads\n\nUsage: keywright VERB [WORDS]\n\n",
    );
    for verb in verbs::ALL {
        text.push_str(&format!("  {:width$}  {}\n", verb.name, verb.about));
    }
    text.push_str("\nEach verb answers `--help`.\n");
    text
}
