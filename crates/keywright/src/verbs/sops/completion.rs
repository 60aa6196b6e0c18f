//! `sops completion`: a script for bash or zsh, and the candidates that it asks for by the hidden last word. What there is to
//! complete is given: it is read off the table of commands. Specification: SOPS §8.1, §8.3 (S-019).

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

/// What can be completed: a command and its flags. The name of the command line without a verb is empty.
pub struct Offer {
    /// One word or two.
    pub name: String,
    /// Without dashes.
    pub flags: Vec<&'static str>,
}

/// What may stand behind these words, one a line; of flags those that begin as the last word does. Where files are due,
/// nothing: shells know files themselves.
pub fn candidates(words: &[String], offers: &[Offer]) -> String {
    let verbs = || offers.iter().map(|offer| offer.name.split(' ').next().unwrap_or_default());
    let begun = words.last().map(String::as_str).filter(|word| word.starts_with('-'));
    let verb = words.iter().position(|word| verbs().any(|verb| verb == word));
    let (verb, behind) = verb.map_or(("", words), |at| (words[at].as_str(), &words[at + 1..]));
    let mut named: Vec<String> = match begun {
        Some(begun) => {
            let subverb = behind.first().map(|word| format!("{verb} {word}"));
            let is_meant = |offer: &&Offer| offer.name == verb || Some(&offer.name) == subverb.as_ref();
            let flags = offers.iter().find(is_meant).map(|offer| offer.flags.as_slice()).unwrap_or_default();
            let dashed = if begun.starts_with("--") { begun.to_owned() } else { format!("-{begun}") };
            let flags = flags.iter().chain(&["help"]).map(|name| format!("--{name}"));
            flags.filter(|flag| flag.starts_with(&dashed)).collect()
        }
        None if verb.is_empty() => {
            let mut all: Vec<&str> = verbs().filter(|verb| !verb.is_empty()).collect();
            all.dedup();
            all.into_iter().chain(["help", "h"]).map(str::to_owned).collect()
        }
        None if behind.is_empty() => {
            let subverb = |offer: &Offer| offer.name.strip_prefix(verb)?.strip_prefix(' ').map(str::to_owned);
            offers.iter().filter_map(subverb).collect()
        }
        None => Vec::new(),
    };
    named.iter_mut().for_each(|name| name.push('\n'));
    named.concat()
}

#[cfg(test)]
mod tests;
