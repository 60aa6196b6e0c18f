//! The commands of sops and the words that mean them: a verb, or as in old scripts a flag. Two readings of one line: what
//! stands before the first word that is no flag is read as the command line without a verb, and if that word is a verb,
//! what stands behind it is read again with the verb's own flags. Specification: SOPS §8.1, §8.3.

use super::completion::Offer;
use super::flags::{self, Entry, Group, listed};
use super::session::{Form, Session, Written};
use super::{
    completion, decrypt, edit, encrypt, exec_env, exec_file, file_status, groups, rotate, set, unset, update_keys,
};
use crate::argv::{ArgvError, Flag, Grammar, Parsed, parse};
use crate::{Exit, Failure};

/// One command.
pub struct Command {
    /// Its verb.
    pub name: &'static str,
    about: &'static str,
    words: &'static str,
    groups: &'static [Group],
    run: Run,
}

/// What a command does.
pub type Run = fn(&mut Session<'_>) -> Result<Exit, Failure>;

/// What a command line asks for.
pub enum Asked {
    /// Work.
    Work(Written, Run),
    /// This text.
    Help(String),
    /// Which version this is.
    Version(Parsed),
    /// Something that sops has and we have not.
    NotYet(&'static str),
    /// There is no such command to tell about.
    NoTopic(String),
    /// The line is wrong: why, and the text that says so and helps.
    Wrong(String, String),
}

/// All commands, in the order of the help text.
const ALL: &[Command] = &[
    Command {
        name: "decrypt",
        about: "decrypt a file, and output the results to stdout; without a file, stdin is decrypted",
        words: "[file]",
        groups: &[
            flags::IN_PLACE,
            flags::EXTRACT,
            flags::OUTPUT,
            flags::INPUT_TYPE,
            flags::OUTPUT_TYPE,
            flags::IGNORE_MAC,
            flags::FILENAME_OVERRIDE,
            flags::REPEATED_KEYS,
            flags::ORDER,
            flags::KEY_SERVICES,
        ],
        run: decrypt::run,
    },
    Command {
        name: "encrypt",
        about: "encrypt a file, and output the results to stdout; without a file, stdin is encrypted",
        words: "[file]",
        groups: &[
            flags::IN_PLACE,
            flags::OUTPUT,
            flags::KEYS,
            flags::INPUT_TYPE,
            flags::OUTPUT_TYPE,
            flags::SELECTION,
            flags::CONTEXT,
            flags::SHAMIR,
            flags::FILENAME_OVERRIDE,
            flags::STRICT,
            flags::KEY_SERVICES,
        ],
        run: encrypt::run,
    },
    Command {
        name: "rotate",
        about: "generate a new data encryption key and reencrypt all values with the new key",
        words: "file",
        groups: &[
            flags::IN_PLACE,
            flags::OUTPUT,
            flags::INPUT_TYPE,
            flags::OUTPUT_TYPE,
            flags::CONTEXT,
            flags::CHANGED_KEYS,
            flags::FILENAME_OVERRIDE,
            flags::IGNORE_MAC,
            flags::ORDER,
            flags::KEY_SERVICES,
        ],
        run: rotate::run,
    },
    Command {
        name: "edit",
        about: "edit an encrypted file",
        words: "file",
        groups: &[
            flags::KEYS,
            flags::INPUT_TYPE,
            flags::OUTPUT_TYPE,
            flags::SELECTION,
            flags::CONTEXT,
            flags::SHAMIR,
            flags::SHOW_MASTER_KEYS,
            flags::IGNORE_MAC,
            flags::STRICT,
            flags::ORDER,
            flags::KEY_SERVICES,
        ],
        run: edit::run,
    },
    Command {
        name: "set",
        about: "set one value: a file, an index as in '[\"somekey\"][0]', and a JSON value",
        words: "file index [ value ]",
        groups: &[
            flags::INPUT_TYPE,
            flags::OUTPUT_TYPE,
            flags::SET,
            flags::SHAMIR,
            flags::IGNORE_MAC,
            flags::IDEMPOTENT,
            flags::STRICT,
            flags::ORDER,
            flags::KEY_SERVICES,
        ],
        run: set::run,
    },
    Command {
        name: "unset",
        about: "remove one value",
        words: "file index",
        groups: &[
            flags::INPUT_TYPE,
            flags::OUTPUT_TYPE,
            flags::SHAMIR,
            flags::IGNORE_MAC,
            flags::IDEMPOTENT,
            flags::STRICT,
            flags::ORDER,
            flags::KEY_SERVICES,
        ],
        run: unset::run,
    },
    Command {
        name: "updatekeys",
        about: "update the keys of files to what the configuration file says",
        words: "file...",
        groups: &[flags::YES, flags::CHECK, flags::INPUT_TYPE, flags::STRICT, flags::KEY_SERVICES],
        run: update_keys::run,
    },
    Command {
        name: "groups add",
        about: "add a key group to a file",
        words: "",
        groups: &[
            flags::GROUP_FILE,
            flags::GROUP_KEYS,
            flags::IN_PLACE,
            flags::SHAMIR,
            flags::CONTEXT,
            flags::KEY_SERVICES,
        ],
        run: groups::add,
    },
    Command {
        name: "groups delete",
        about: "delete a key group from a file; the first one has the index 0",
        words: "index",
        groups: &[flags::GROUP_FILE, flags::IN_PLACE, flags::SHAMIR, flags::KEY_SERVICES],
        run: groups::delete,
    },
    Command {
        name: "exec-env",
        about: "run a command with the decrypted values in its environment",
        words: "file command",
        groups: &[
            flags::BACKGROUND,
            flags::EXEC_ENV,
            flags::USER,
            flags::IGNORE_MAC,
            flags::ORDER,
            flags::KEY_SERVICES,
        ],
        run: exec_env::run,
    },
    Command {
        name: "exec-file",
        about: "run a command with the decrypted content in a file, whose path stands for {} in the command",
        words: "file command",
        groups: &[
            flags::BACKGROUND,
            flags::EXEC_FILE,
            flags::USER,
            flags::INPUT_TYPE,
            flags::OUTPUT_TYPE,
            flags::IGNORE_MAC,
            flags::ORDER,
            flags::KEY_SERVICES,
        ],
        run: exec_file::run,
    },
    Command {
        name: "filestatus",
        about: "tell whether a file is encrypted, as JSON",
        words: "file",
        groups: &[flags::INPUT_TYPE],
        run: file_status::run,
    },
];

/// The flags of the command line without a verb.
const LEGACY: &[Group] = &[
    flags::MODES,
    flags::VERSION,
    flags::KEYS,
    flags::IN_PLACE,
    flags::OUTPUT,
    flags::EXTRACT,
    flags::INPUT_TYPE,
    flags::OUTPUT_TYPE,
    flags::SHOW_MASTER_KEYS,
    flags::CHANGED_KEYS,
    flags::IGNORE_MAC,
    flags::SELECTION,
    flags::CONTEXT,
    flags::SHAMIR,
    flags::FILENAME_OVERRIDE,
    flags::REPEATED_KEYS,
    flags::STRICT,
    flags::ORDER,
    flags::KEY_SERVICES,
    flags::GLOBAL,
];

/// Verbs of sops that are not built yet: each is told by its name instead of being taken for a file to edit.
const NOT_YET: [&str; 2] = ["keyservice", "publish"];

/// Reads a command line.
pub fn read(words: &[String]) -> Asked {
    if let Some((word, words)) = words.split_last()
        && word == completion::ASKED
    {
        return Asked::Help(completion::candidates(words, &offers()));
    }
    let legacy = entries(LEGACY);
    let before = match parsed(Grammar::GoFlag, &legacy, words) {
        Ok(before) => before,
        Err(ArgvError::Help { .. }) => return Asked::Help(help()),
        Err(ArgvError::Wrong(reason)) => return wrong(reason, '.', &help()),
    };
    if before.is_set("version") {
        return Asked::Version(before);
    }
    match before.positionals.split_first() {
        Some((word, topic)) if matches!(word.as_str(), "help" | "h") => told(topic),
        Some((word, rest)) if word == GROUPS => in_groups(rest, &before),
        Some((word, rest)) if word == COMPLETION => in_completion(rest),
        Some((word, rest)) => match (named(word), NOT_YET.iter().find(|name| *name == word)) {
            (Some(command), _) => with_verb(command, rest, &before),
            (None, Some(name)) => Asked::NotYet(name),
            (None, None) => without_verb(legacy, before),
        },
        None => without_verb(legacy, before),
    }
}

/// A verb that has verbs of its own.
const GROUPS: &str = "groups";
/// A verb that needs neither file nor flags.
const COMPLETION: &str = "completion";

fn in_completion(words: &[String]) -> Asked {
    let Some(word) = words.first() else { return Asked::Help(help_of_completion()) };
    match completion::SCRIPTS.iter().find(|(name, _)| name == word) {
        Some((_, script)) => Asked::Help((*script).to_owned()),
        None if is_help(word) => Asked::Help(help_of_completion()),
        None if word.starts_with('-') => undefined(word, &help_of_completion()),
        None => Asked::NoTopic(word.clone()),
    }
}

/// What a shell can complete.
pub fn offers() -> Vec<Offer> {
    let flags = |groups| entries(groups).iter().map(|entry| entry.flag.name).collect();
    let commands = ALL.iter().map(|command| Offer { name: command.name.to_owned(), flags: flags(command.groups) });
    let scripts = completion::SCRIPTS.iter();
    let scripts = scripts.map(|(shell, _)| Offer { name: format!("{COMPLETION} {shell}"), flags: Vec::new() });
    commands.chain(scripts).chain([Offer { name: String::new(), flags: flags(LEGACY) }]).collect()
}

fn is_help(word: &str) -> bool {
    matches!(word, "help" | "h" | "--help" | "-help" | "-h" | "--h")
}

fn undefined(flag: &str, help: &str) -> Asked {
    wrong(format!("flag provided but not defined: -{}", flag.trim_start_matches('-')), '.', help)
}

fn in_groups(words: &[String], before: &Parsed) -> Asked {
    match words.split_first() {
        None => Asked::Help(help_of_groups()),
        Some((word, _)) if is_help(word) => Asked::Help(help_of_groups()),
        Some((word, _)) if word.starts_with('-') => undefined(word, &help_of_groups()),
        Some((word, rest)) => match named(&format!("{GROUPS} {word}")) {
            Some(command) => with_verb(command, rest, before),
            None => Asked::NoTopic(word.clone()),
        },
    }
}

fn with_verb(command: &Command, words: &[String], before: &Parsed) -> Asked {
    let flags = entries(command.groups);
    match parsed(Grammar::Urfave, &flags, words) {
        Ok(typed) => {
            let written = Written { form: Form::Verb, flags, typed, before_verb: before.clone() };
            Asked::Work(written, command.run)
        }
        Err(ArgvError::Help { .. }) => Asked::Help(command.help()),
        Err(ArgvError::Wrong(reason)) => wrong(reason, ':', &command.help()),
    }
}

/// The modes exclude each other; the peer silently takes the last one that it looks at.
fn without_verb(flags: Vec<Entry>, typed: Parsed) -> Asked {
    let modes: [(&str, Run); 4] =
        [("encrypt", encrypt::run), ("decrypt", decrypt::run), ("rotate", rotate::run), ("set", set::run_legacy)];
    let is_meant = |name: &str| typed.is_set(name) || (name == "set" && typed.has(name));
    let meant: Vec<(&str, Run)> = modes.into_iter().filter(|(name, _)| is_meant(name)).collect();
    let run = match meant[..] {
        [] => edit::run,
        [(_, run)] => run,
        [(one, _), (other, _), ..] => {
            return wrong(format!("--{one} and --{other} exclude each other"), '.', &help());
        }
    };
    Asked::Work(Written { form: Form::Legacy, flags, typed, before_verb: Parsed::default() }, run)
}

/// A wrong line; the sign behind the peer's first words differs between the command line without a verb and the verbs.
fn wrong(reason: String, sign: char, help: &str) -> Asked {
    let text = format!("Incorrect Usage{sign} {reason}\n\n{help}");
    Asked::Wrong(reason, text)
}

/// Flags and words, with numbers checked.
fn parsed(grammar: Grammar, entries: &[Entry], words: &[String]) -> Result<Parsed, ArgvError> {
    let flags: Vec<Flag> = entries.iter().map(|entry| entry.flag).collect();
    let parsed = parse(grammar, &flags, words)?;
    for Entry { flag, .. } in entries.iter().filter(|entry| entry.is_number) {
        if let Some(text) = parsed.value(flag.name)
            && text.parse::<i64>().is_err()
        {
            return Err(ArgvError::Wrong(format!("invalid value {text:?} for flag -{}: parse error", flag.name)));
        }
    }
    Ok(parsed)
}

fn entries(groups: &[Group]) -> Vec<Entry> {
    groups.iter().flat_map(|group| group.iter().copied()).collect()
}

fn named(name: &str) -> Option<&'static Command> {
    ALL.iter().find(|command| command.name == name)
}

fn told(topic: &[String]) -> Asked {
    match topic.first() {
        None => Asked::Help(help()),
        Some(name) if name == GROUPS => Asked::Help(help_of_groups()),
        Some(name) if name == COMPLETION => Asked::Help(help_of_completion()),
        Some(name) => match named(name) {
            Some(command) => Asked::Help(command.help()),
            None => Asked::NoTopic(name.clone()),
        },
    }
}

fn help_of_groups() -> String {
    let of_groups = ALL.iter().filter(|command| command.name.starts_with(GROUPS));
    let commands: String = of_groups.map(Command::line).collect();
    format!(
        "NAME:\n   sops {GROUPS} - change the key groups of a file\n\nUSAGE:\n   sops {GROUPS} command [command options] \
         [arguments...]\n\nCOMMANDS:\n{commands}"
    )
}

fn help_of_completion() -> String {
    format!(
        "NAME:\n   sops {COMPLETION} - {ABOUT_COMPLETION}\n\nUSAGE:\n   sops {COMPLETION} command\n\nCOMMANDS:\n   \
         bash  a script for bash; load it with `source <(sops completion bash)`\n   \
         zsh   a script for zsh; load it with `source <(sops completion zsh)`\n"
    )
}

const ABOUT_COMPLETION: &str = "print a script that lets a shell complete commands and flags";

impl Command {
    /// Its line in a list of commands.
    fn line(&self) -> String {
        format!("   {:13}  {}\n", self.name, self.about)
    }

    fn help(&self) -> String {
        let Self { name, about, words, groups, .. } = self;
        let flags = listed(&entries(groups));
        format!(
            "NAME:\n   sops {name} - {about}\n\nUSAGE:\n   sops {name} [command options] {words}\n\nOPTIONS:\n{flags}"
        )
    }
}

fn help() -> String {
    let commands: String = ALL.iter().map(Command::line).collect();
    format!(
        "NAME:\n   sops - encrypted files whose structure stays readable, by keywright\n\nUSAGE:\n   sops [global options] \
         command [command options] [arguments...]\n   sops [options] file\n\n   A file without a command is edited. Options \
         go before the file there.\n\nCOMMANDS:\n{commands}   {COMPLETION:13}  {ABOUT_COMPLETION}\n   help, h        shows this list, or help for one command\n\n\
         GLOBAL OPTIONS:\n{}",
        listed(&entries(LEGACY))
    )
}
