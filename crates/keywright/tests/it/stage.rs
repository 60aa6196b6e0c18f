//! What the tests of command lines share: a line is run in this process with nothing but the environment and the stdin that are given,
//! files lie in a folder of the test's own, and one public key pair opens whatever is encrypted.

use std::path::Path;

use keywright::{Call, Environment, Ui};

/// What a command line came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub code: u8,
    pub out: String,
    pub err: String,
}

/// The public test identity of SOPS §4.19 and its recipient.
pub const KEY: &str = "AGE-SECRET-KEY-1WCE3Z8Y3F94DN003GL78GU2NP76CNPWKK8KPQLA0K5Y7RNZ0KSLQZY579T";
pub const RECIPIENT: &str = "age13608ayeftzee3thl04lu3z7q04vxh2vppejfc3sujf9mma4z3fwqdf5r0t";

/// Runs a line of `program`.
pub fn run(program: &str, words: &[&str], input: &[u8], variables: &[(&str, &str)]) -> Ended {
    let (ui, out, err) = Ui::captured(input);
    let environment: Environment = variables.iter().copied().collect();
    let args = words.iter().map(|word| (*word).to_owned()).collect();
    let exit = keywright::run(Call { program: program.to_owned(), args, environment, ui });
    Ended { code: exit.0, out: out.text(), err: err.text() }
}

pub fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder can be made");
    std::fs::write(path, text).expect("a file can be written");
}

pub fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).expect("a file can be read")
}

/// The path of a file in the folder, as text.
pub fn path(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}
