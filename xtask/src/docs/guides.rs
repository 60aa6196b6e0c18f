//! What a guide tells to type is typed: blocks marked `sh test` run in order, all of a page in one shell, in an empty folder, with the lab's
//! programs and servers around. Each line of a block marked `text test` must be in what the block before it printed; a line `…` stands
//! for anything. A page sees what its reader sees: our binary under all its names, and the usual variables of each tool.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Page, page::Block, pages};
use crate::shell::Program;

/// The names under which our binary stands on a reader's path.
const NAMES: [&str; 6] = ["keywright", "sops", "vals", "kubeseal", "helm-secrets", "kubectl-keywright"];

/// Ends what a page has left in the background.
const PRELUDE: &str = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n";

/// Runs the marked blocks of all pages, or of the one page named, each page by itself.
pub fn guides(root: &Path, only: Option<&str>, program: &Path, variables: &[(String, String)]) -> Result<(), String> {
    let pages = pages(root)?;
    let marked: Vec<&Page> = pages
        .iter()
        .filter(|page| page.blocks.iter().any(|block| block.words == "sh test"))
        .filter(|page| only.is_none_or(|only| page.path == only))
        .collect();
    if marked.is_empty() {
        println!("guides: no page has a block marked `sh test`");
        return Ok(());
    }
    let told: Vec<String> = marked.iter().filter_map(|page| follow(page, program, variables).err()).collect();
    for told in &told {
        println!("{told}");
    }
    match told.len() {
        0 => {
            println!("guides: {} pages followed", marked.len());
            Ok(())
        }
        failed => Err(format!("guides: {failed} of {} pages do not work as written", marked.len())),
    }
}

/// Types a page; the error names the line of the block that failed and what was printed.
pub fn follow(page: &Page, program: &Path, variables: &[(String, String)]) -> Result<(), String> {
    println!("guides: {}", page.path);
    let name = page.path.replace(['/', '.'], "-");
    let place = std::env::temp_dir().join(format!("keywright-guide-{}-{name}", std::process::id()));
    let followed = follow_in(&place, page, program, variables);
    drop(fs::remove_dir_all(&place));
    followed
}

fn follow_in(place: &Path, page: &Page, program: &Path, variables: &[(String, String)]) -> Result<(), String> {
    let cannot = |error: std::io::Error| format!("{}: cannot prepare a folder: {error}", page.path);
    let (home, bin, printed) = (place.join("home"), place.join("bin"), place.join("printed"));
    for folder in [&home, &bin, &printed] {
        fs::create_dir_all(folder).map_err(cannot)?;
    }
    for name in NAMES {
        std::os::unix::fs::symlink(program, bin.join(name)).map_err(cannot)?;
    }
    fs::write(place.join("page.sh"), script(page, &printed)).map_err(cannot)?;
    let shell = Program::new("bash").args([place.join("page.sh")]).within(&home).envs(variables).env("HOME", &home);
    let ended = shell.envs(&readers(variables)).env("PATH", path(&bin, variables)).output()?;
    let output = |block: &Block| fs::read_to_string(printed.join(block.line.to_string())).ok();
    if !ended.status.success() {
        // The last block that began has failed.
        let begun = commands(page).filter(|block| output(block).is_some()).last();
        let line = begun.map_or(0, |block| block.line);
        let said = begun.and_then(output).unwrap_or_else(|| String::from_utf8_lossy(&ended.stderr).into_owned());
        return Err(format!("{}:{line}: this block ended with {}\n{}", page.path, ended.status, indented(&said)));
    }
    for (command, expected) in expectations(page) {
        let said = output(command).unwrap_or_default();
        if let Some(missing) = missing_line(&expected.text, &said) {
            return Err(format!("{}:{}: not printed: `{missing}`\n{}", page.path, expected.line, indented(&said)));
        }
    }
    Ok(())
}

fn commands(page: &Page) -> impl Iterator<Item = &Block> {
    page.blocks.iter().filter(|block| block.words == "sh test")
}

/// Each block of commands that is followed by what it prints.
fn expectations(page: &Page) -> impl Iterator<Item = (&Block, &Block)> {
    let pairs = page.blocks.windows(2).map(|pair| (&pair[0], &pair[1]));
    pairs.filter(|(command, expected)| command.words == "sh test" && expected.words == "text test")
}

/// One shell for the page, so that variables and folders last; the output of each block in a file named by its line.
fn script(page: &Page, printed: &Path) -> String {
    let mut script = PRELUDE.to_owned();
    for block in commands(page) {
        let file = printed.join(block.line.to_string());
        write!(script, "{{\n{}\n}} >'{}' 2>&1\n", block.text.trim_end(), file.display())
            .expect("a String takes any text");
    }
    script
}

/// The first line that was to be printed and was not, in order.
pub fn missing_line<'a>(expected: &'a str, said: &str) -> Option<&'a str> {
    let mut said = said.lines().map(str::trim_end);
    let mut wanted = expected.lines().map(str::trim_end).filter(|line| !line.is_empty() && *line != "…");
    wanted.find(|line| !said.any(|printed| printed == *line))
}

/// The variables by which each tool finds its server, as a reader would have set them.
fn readers(variables: &[(String, String)]) -> Vec<(String, String)> {
    let lab = |name: &str| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let named = [
        ("KUBECONFIG", lab("KEYWRIGHT_LAB")),
        ("VAULT_ADDR", lab("KEYWRIGHT_LAB_VAULT")),
        ("BAO_ADDR", lab("KEYWRIGHT_LAB_VAULT")),
        ("VAULT_TOKEN", lab("KEYWRIGHT_LAB_VAULT_TOKEN")),
        ("BAO_TOKEN", lab("KEYWRIGHT_LAB_VAULT_TOKEN")),
        ("AWS_ENDPOINT_URL", lab("KEYWRIGHT_LAB_AWS")),
        ("AWS_ACCESS_KEY_ID", Some("lab".to_owned())),
        ("AWS_SECRET_ACCESS_KEY", Some("lab".to_owned())),
        ("AWS_REGION", Some("eu-central-1".to_owned())),
        // The first generation of the `aws` program reads this one alone.
        ("AWS_DEFAULT_REGION", Some("eu-central-1".to_owned())),
        ("POSTGRES_ADDRESS", lab("KEYWRIGHT_LAB_POSTGRES")),
    ];
    named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Ours first, then the lab's, then the machine's; `helm` is Helm 4.
fn path(bin: &Path, variables: &[(String, String)]) -> std::ffi::OsString {
    let programs =
        variables.iter().find(|(name, _)| name == "KEYWRIGHT_LAB_BIN").map(|(_, folder)| PathBuf::from(folder));
    let lab = programs.into_iter().flat_map(|folder| [folder.join("helm4"), folder]);
    let machine = std::env::var_os("PATH").unwrap_or_default();
    let all = [bin.to_owned()].into_iter().chain(lab).chain(std::env::split_paths(&machine));
    std::env::join_paths(all).expect("folders that were split from a path have no colon")
}

fn indented(text: &str) -> String {
    let last: Vec<&str> = text.lines().rev().take(20).collect();
    last.into_iter().rev().map(|line| format!("    {line}\n")).collect()
}
