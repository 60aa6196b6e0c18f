//! Where age identities lie: variables, files, commands and SSH keys, and what was found at each. A place without
//! identities, or with broken ones, is no fault by itself: it is told when no identity fits.
//! Specification: SOPS §5.1 "Identity sources", "Identity text".

use base::{Fault, Kind, SecretBytes};
use wire::environment::Surroundings;
use wire::program::Program;

use super::identity::{Identity, Separator};

/// A place, in the order of the documentation.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// An SSH key in the file that `SOPS_AGE_SSH_PRIVATE_KEY_FILE` names.
    SshKeyFile,
    /// An SSH key that a command prints.
    SshKeyCommand,
    /// The user's SSH key of this name.
    UserSshKey(&'static str),
    /// Identities in `SOPS_AGE_KEY` itself.
    KeyText,
    /// Identities in the file that `SOPS_AGE_KEY_FILE` names.
    KeyFile,
    /// Identities that a command prints.
    KeyCommand,
    /// The user's own file of identities.
    UserKeyFile,
}

/// All places, as messages list them.
pub(super) const PLACES: [Place; 8] = [
    Place::SshKeyFile,
    Place::SshKeyCommand,
    Place::UserSshKey("id_ed25519"),
    Place::UserSshKey("id_rsa"),
    Place::KeyText,
    Place::KeyFile,
    Place::KeyCommand,
    Place::UserKeyFile,
];

/// The same in the order in which they are looked at: a file costs less than an RSA key, and that less than a program.
pub(super) const QUIETEST_FIRST: [Place; 8] = [
    Place::KeyText,
    Place::KeyFile,
    Place::UserKeyFile,
    Place::SshKeyFile,
    Place::UserSshKey("id_ed25519"),
    Place::UserSshKey("id_rsa"),
    Place::KeyCommand,
    Place::SshKeyCommand,
];

/// What a look at a place showed.
pub(super) enum Found {
    /// There is nothing: a variable is not set, a file does not exist.
    Nothing,
    /// There are identities; none, if the text had only comments.
    Identities(Vec<Identity>),
    /// There is something that could not be used.
    Failure(String),
}

impl Found {
    /// The identities that can be tried.
    pub(super) fn identities(&self) -> &[Identity] {
        match self {
            Self::Identities(identities) => identities,
            Self::Nothing | Self::Failure(_) => &[],
        }
    }
}

impl Place {
    /// What lies there. Commands learn the recipient that is being tried.
    pub(super) fn look(self, around: &Surroundings, recipient: &str) -> Found {
        self.identities(around, recipient)
            .map_or_else(Found::Failure, |found| found.map_or(Found::Nothing, Found::Identities))
    }

    /// Whether what lies there depends on the recipient.
    pub(super) fn is_command(self) -> bool {
        matches!(self, Self::SshKeyCommand | Self::KeyCommand)
    }

    /// How messages name it where nothing was found: by variable or path.
    pub(super) fn name(self, around: &Surroundings) -> String {
        let path = |path: Option<String>, otherwise: &str| path.unwrap_or_else(|| otherwise.to_owned());
        match self {
            Self::UserSshKey(file) => path(ssh_path(around, file), &format!("~/.ssh/{file}")),
            Self::UserKeyFile => path(key_file_path(around), "~/.config/sops/age/keys.txt"),
            variable => variable.variable().to_owned(),
        }
    }

    fn variable(self) -> &'static str {
        match self {
            Self::SshKeyFile => "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
            Self::SshKeyCommand => "SOPS_AGE_SSH_PRIVATE_KEY_CMD",
            Self::KeyText => "SOPS_AGE_KEY",
            Self::KeyFile => "SOPS_AGE_KEY_FILE",
            Self::KeyCommand => "SOPS_AGE_KEY_CMD",
            Self::UserSshKey(_) | Self::UserKeyFile => "",
        }
    }

    fn identities(self, around: &Surroundings, recipient: &str) -> Result<Option<Vec<Identity>>, String> {
        let variable = self.variable();
        let value = around.environment.value(variable);
        match self {
            Self::SshKeyFile => value.map(|path| ssh_key(file(around, path, "file")?, path)).transpose(),
            Self::UserSshKey(name) => match ssh_path(around, name) {
                Some(path) => optional_file(around, &path, "file")?.map(|bytes| ssh_key(bytes, &path)).transpose(),
                None => Ok(None),
            },
            Self::SshKeyCommand => value.map(|command| ssh_answer(&run(around, command, recipient)?)).transpose(),
            Self::KeyText => value.map(|text| parse(text.into(), variable, Separator::Blank)).transpose(),
            Self::KeyFile => {
                let read = |path| parse(file(around, path, "SOPS_AGE_KEY_FILE file")?, path, Separator::Line);
                value.map(read).transpose()
            }
            Self::KeyCommand => {
                let read = |command| parse(run(around, command, recipient)?, variable, Separator::Line);
                value.map(read).transpose()
            }
            Self::UserKeyFile => match key_file_path(around) {
                Some(path) => {
                    let bytes = optional_file(around, &path, "file")?;
                    bytes.map(|bytes| parse(bytes, &path, Separator::Line)).transpose()
                }
                None => Ok(None),
            },
        }
    }
}

/// `location 'X'`, `locations 'X' and 'Y'`, `locations 'X', 'Y', and 'Z'`.
pub(super) fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    match &quoted[..] {
        [only] => format!("location {only}"),
        [one, other] => format!("locations {one} and {other}"),
        [first @ .., last] => format!("locations {}, and {last}", first.join(", ")),
        [] => String::new(),
    }
}

fn home(around: &Surroundings) -> Option<&str> {
    around.environment.first(&["HOME", "USERPROFILE"])
}

fn ssh_path(around: &Surroundings, name: &str) -> Option<String> {
    home(around).map(|home| format!("{home}/.ssh/{name}"))
}

/// `sops/age/keys.txt` in the user's configuration folder, wherever that is on this system.
fn key_file_path(around: &Surroundings) -> Option<String> {
    let folder = match std::env::consts::OS {
        "windows" => around.environment.value("APPDATA").map(str::to_owned),
        os => around.environment.value("XDG_CONFIG_HOME").map(str::to_owned).or_else(|| {
            let own = if os == "macos" { "Library/Application Support" } else { ".config" };
            home(around).map(|home| format!("{home}/{own}"))
        }),
    };
    folder.map(|folder| format!("{folder}/sops/age/keys.txt"))
}

fn file(around: &Surroundings, path: &str, what: &str) -> Result<SecretBytes, String> {
    (around.read_file)(path).map_err(|fault| format!("failed to open {what}: {}", fault.chain()))
}

fn optional_file(around: &Surroundings, path: &str, what: &str) -> Result<Option<SecretBytes>, String> {
    match (around.read_file)(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(fault) if fault.kind() == Kind::NotFound => Ok(None),
        Err(fault) => Err(format!("failed to open {what}: {}", fault.chain())),
    }
}

/// A text of identities, or the whole file where it is under a passphrase.
fn parse(bytes: SecretBytes, source: &str, separator: Separator) -> Result<Vec<Identity>, String> {
    let start = bytes.expose();
    if start.starts_with(b"age-encryption") || start.starts_with(b"-----BEGIN AGE") {
        return if bytes.len() > LOCKED_BYTES {
            Err(format!("failed to read '{source}': a file of identities has at most {LOCKED_BYTES} bytes"))
        } else {
            Ok(vec![Identity::locked(bytes, source)])
        };
    }
    let failed = |reason: &str| format!("failed to parse '{source}' age identities: {reason}");
    let text = bytes.to_text().ok_or_else(|| failed("it is no text"))?;
    Identity::read_all(text.expose(), separator).map_err(|reason| failed(&reason))
}

/// More than that is no file of identities.
const LOCKED_BYTES: usize = 16 << 20;

fn ssh_key(bytes: SecretBytes, source: &str) -> Result<Vec<Identity>, String> {
    let failed = |reason: &str| format!("malformed SSH identity in '{source}': {reason}");
    let text = bytes.to_text().ok_or_else(|| failed("it is no text"))?;
    Ok(vec![Identity::read_ssh(&text, source).map_err(|reason| failed(&reason))?])
}

/// Nobody can be asked for the passphrase of a key that a command printed.
fn ssh_answer(bytes: &SecretBytes) -> Result<Vec<Identity>, String> {
    let failed =
        |reason: &str| format!("malformed SSH identity returned by running SOPS_AGE_SSH_PRIVATE_KEY_CMD: {reason}");
    let text = bytes.to_text().ok_or_else(|| failed("it is no text"))?;
    match Identity::read_ssh(&text, "SOPS_AGE_SSH_PRIVATE_KEY_CMD").map_err(|reason| failed(&reason))? {
        key if key.is_quiet() => Ok(vec![key]),
        _ => Err(failed("the key is protected by a passphrase")),
    }
}

fn run(around: &Surroundings, command: &str, recipient: &str) -> Result<SecretBytes, String> {
    let failed = |fault: Fault| format!("failed to execute command {command}: {}", fault.chain());
    let words = shlex::split(command).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| failed(Fault::wrong("its quotes do not match")))?;
    let mut program = Program::new(&words[0]).arguments(&words[1..]);
    program.alone = true;
    program.environment = around.environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
    program.environment.push(("SOPS_AGE_RECIPIENT".into(), recipient.into()));
    let answer = program.run().map_err(failed)?;
    match (answer.code, answer.signal) {
        (Some(0), _) => Ok(answer.stdout),
        (Some(code), _) => Err(failed(Fault::wrong(format!("exit status {code}")))),
        (None, signal) => Err(failed(Fault::wrong(format!("signal {}", signal.unwrap_or_default())))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_listed_as_the_peer_lists_them() {
        let names = ["A", "B", "C"].map(str::to_owned);
        assert_eq!(listed(&names[..1]), "location 'A'");
        assert_eq!(listed(&names[..2]), "locations 'A' and 'B'");
        assert_eq!(listed(&names), "locations 'A', 'B', and 'C'");
    }

    #[test]
    fn every_place_is_looked_at_once() {
        assert!(PLACES.iter().all(|place| QUIETEST_FIRST.iter().filter(|other| *other == place).count() == 1));
    }
}
