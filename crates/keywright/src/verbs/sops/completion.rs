//! `sops completion`: a script for bash or zsh, and the candidates that it asks for by the hidden last word. What there is to
//! complete is read off the table of commands. Specification: SOPS §8.1, §8.3 (S-019).

use super::command::{ALL, COMPLETION, GROUPS, LEGACY, entries};

/// The last word by which the scripts ask.
pub const ASKED: &str = "--generate-bash-completion";

/// The words behind `completion`, each with its script.
pub const SCRIPTS: [(&str, &str); 2] = [("bash", BASH), ("zsh", ZSH)];

const BASH: &str = r#"# bash completion of sops; load it with: source <(sops completion bash)
_sops_complete() {
  local word="${COMP_WORDS[COMP_CWORD]}"
  local line=("${COMP_WORDS[@]:0:COMP_CWORD}")
  if [[ "$word" == -* ]]; then
    line+=("$word")
  fi
  local candidates
  candidates="$("${line[@]}" --generate-bash-completion 2>/dev/null </dev/null)"
  COMPREPLY=($(compgen -W "$candidates" -- "$word"))
}
complete -o bashdefault -o default -F _sops_complete sops
"#;

const ZSH: &str = r#"#compdef sops
# zsh completion of sops; load it with: source <(sops completion zsh)
_sops_complete() {
  local -a line candidates
  line=("${(@)words[1,CURRENT-1]}")
  if [[ "${words[CURRENT]}" == -* ]]; then
    line+=("${words[CURRENT]}")
  fi
  candidates=("${(@f)$("${line[@]}" --generate-bash-completion 2>/dev/null </dev/null)}")
  if [[ -n "${candidates[1]}" ]]; then
    compadd -- "${candidates[@]}"
  else
    _files
  fi
}
compdef _sops_complete sops
"#;

/// What may stand behind these words, one a line; of flags those that begin as the last word does. Where files are due,
/// nothing: shells know files themselves.
pub fn candidates(words: &[String]) -> String {
    let begun = words.last().map(String::as_str).filter(|word| word.starts_with('-'));
    let verb = words.iter().position(|word| verbs().contains(&word.as_str()));
    let (verb, behind) = match verb {
        Some(at) => (Some(words[at].as_str()), &words[at + 1..]),
        None => (None, words),
    };
    let mut named: Vec<String> = match (begun, verb) {
        (Some(begun), verb) => {
            let flags: Vec<String> = flags(verb, behind).into_iter().map(|name| format!("--{name}")).collect();
            let dashed = if begun.starts_with("--") { begun.to_owned() } else { format!("-{begun}") };
            flags.into_iter().filter(|flag| flag.starts_with(&dashed)).collect()
        }
        (None, None) => verbs().into_iter().chain(["help", "h"]).map(str::to_owned).collect(),
        (None, Some(COMPLETION)) if behind.is_empty() => SCRIPTS.iter().map(|(name, _)| (*name).to_owned()).collect(),
        (None, Some(GROUPS)) if behind.is_empty() => subverbs().map(str::to_owned).collect(),
        (None, Some("help" | "h")) if behind.is_empty() => verbs().into_iter().map(str::to_owned).collect(),
        (None, Some(_)) => Vec::new(),
    };
    named.iter_mut().for_each(|name| name.push('\n'));
    named.concat()
}

/// The first words of all commands, each once.
fn verbs() -> Vec<&'static str> {
    let mut verbs: Vec<&str> = ALL.iter().map(|command| command.name.split(' ').next().unwrap_or_default()).collect();
    verbs.dedup();
    verbs.push(COMPLETION);
    verbs
}

fn subverbs() -> impl Iterator<Item = &'static str> {
    ALL.iter().filter_map(|command| command.name.strip_prefix(GROUPS)).map(str::trim_start)
}

fn flags(verb: Option<&str>, behind: &[String]) -> Vec<&'static str> {
    let name = match (verb, behind.first()) {
        (Some(GROUPS), Some(subverb)) => format!("{GROUPS} {subverb}"),
        (Some(verb), _) => verb.to_owned(),
        (None, _) => String::new(),
    };
    let groups = match ALL.iter().find(|command| command.name == name) {
        Some(command) => command.groups,
        None if verb.is_none() => LEGACY,
        None => &[],
    };
    entries(groups).iter().map(|entry| entry.flag.name).chain(["help"]).collect()
}

#[cfg(test)]
mod tests;
