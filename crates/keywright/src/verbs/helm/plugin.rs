//! `helm-secrets plugin`: writes the folders that Helm 3 or 4 takes as its plugins, with scripts that run this binary.
//! Specification: HS §11.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base::Fault;

use super::pure::url::SCHEMES;
use super::{Work, is_help, told};
use crate::argv::{self, Flag, Grammar, value};
use crate::{Exit, Failure, files};

/// What the plugins call themselves: scripts of users ask for four and more.
pub const VERSION: &str = "4.8.0";

const FLAGS: &[Flag] = &[
    value("helm", "for which Helm: 3 or 4"),
    value("output", "the folder that gets the plugins' folders"),
    value("binary", "what the scripts run, instead of this binary"),
];

/// Writes the folders and prints their names.
///
/// # Errors
/// The line is wrong, and nothing was written; or the folders cannot be written.
pub fn run(work: &mut Work<'_>, words: &[String]) -> Result<Exit, Failure> {
    if words.iter().any(|word| is_help(word)) {
        return work.print(&argv::usage("keywright helm-secrets plugin", FLAGS));
    }
    let parsed = argv::parse(Grammar::Pflag, FLAGS, words).map_err(|error| told(Fault::wrong(error.to_string())))?;
    let wrong = |text: &str| told(Fault::wrong(text).hint("write `helm-secrets plugin --helm 4 --output DIR`"));
    let output =
        parsed.value("output").filter(|output| !output.is_empty()).ok_or_else(|| wrong("--output is missing"))?;
    let plugins = match parsed.value("helm") {
        Some("3") => vec![("helm-secrets", of_helm_3())],
        Some("4") => of_helm_4(),
        Some(other) => return Err(wrong(&format!("--helm must be 3 or 4, not {other}"))),
        None => return Err(wrong("--helm is missing")),
    };
    let binary = match parsed.value("binary") {
        Some(path) => PathBuf::from(path),
        None => std::env::current_exe().map_err(|error| {
            told(Fault::unreachable("cannot tell where this binary is").because(error).hint("name it by --binary"))
        })?,
    };
    for (name, manifest) in plugins {
        let folder = Path::new(output).join(name);
        write(&folder, &manifest, &binary).map_err(told)?;
        work.print(&format!("{}\n", folder.display()))?;
    }
    Ok(Exit::SUCCESS)
}

fn write(folder: &Path, manifest: &str, binary: &Path) -> Result<(), Fault> {
    let binary = shlex::try_quote(&binary.to_string_lossy())
        .map_err(|error| Fault::wrong("the path of the binary cannot stand in a script").because(error))?
        .into_owned();
    let run = format!("#!/bin/sh\nexec {binary} helm-secrets \"$@\"\n");
    for (path, text, mode) in [
        ("plugin.yaml", manifest, 0o644),
        ("scripts/run.sh", &run, 0o755),
        ("scripts/wrapper/helm.sh", WRAPPER, 0o755),
        ("scripts/lib/backends/_custom.sh", CUSTOM, 0o644),
    ] {
        let path = folder.join(path);
        let above = path.parent().unwrap_or(folder);
        let attempt = |error| Fault::unreachable(format!("cannot write `{}`", path.display())).because(error);
        std::fs::create_dir_all(above).map_err(attempt)?;
        files::replace(&path, text.as_bytes())?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).map_err(attempt)?;
    }
    Ok(())
}

/// Exactly one line holds the word `version`: scripts look for it.
fn of_helm_3() -> String {
    let protocols: String = SCHEMES.iter().map(|(name, _)| format!("      - {name:?}\n")).collect();
    format!(
        "name: \"secrets\"\nversion: \"{VERSION}\"\nusage: {USAGE:?}\ndescription: {DESCRIPTION:?}\nuseTunnel: false\n\
         platformCommand:\n{}downloaders:\n  - command: \"scripts/run.sh downloader\"\n    protocols:\n{protocols}",
        platforms(2)
    )
}

/// Helm takes the first word of `usage` for the command.
fn of_helm_4() -> Vec<(&'static str, String)> {
    let head = |name: &str, kind: &str| {
        format!("apiVersion: v1\nname: {name:?}\nversion: \"{VERSION}\"\ntype: {kind}\nruntime: subprocess\n")
    };
    let protocols =
        |indent: usize| SCHEMES.iter().map(|(name, _)| format!("{:indent$}- {name:?}\n", "")).collect::<String>();
    let cli = format!(
        "{}config:\n  usage: \"secrets [ OPTIONS ] COMMAND\"\n  shortHelp: {DESCRIPTION:?}\n  longHelp: {DESCRIPTION:?}\nruntimeConfig:\n  \
         platformCommand:\n{}",
        head("secrets", "cli/v1"),
        platforms(4)
    );
    let getter = format!(
        "{}config:\n  protocols:\n{}runtimeConfig:\n  protocolCommands:\n    - protocols:\n{}      platformCommand:\n        \
         - command: \"scripts/run.sh\"\n          args: [\"downloader\"]\n",
        head("secrets-getter", "getter/v1"),
        protocols(4),
        protocols(8)
    );
    let renderer = format!(
        "{}runtimeConfig:\n  platformCommand:\n{}",
        head("secrets-post-renderer", "postrenderer/v1"),
        platforms(4)
    );
    vec![("helm-secrets-cli", cli), ("helm-secrets-getter", getter), ("helm-secrets-post-renderer", renderer)]
}

/// Linux, macOS, and whatever else Helm runs on.
fn platforms(indent: usize) -> String {
    let command = "command: \"$HELM_PLUGIN_DIR/scripts/run.sh\"";
    let named = |os: &str| format!("{:indent$}- os: {os}\n{:indent$}  {command}\n", "", "");
    format!("{}{}{:indent$}- {command}\n", named("linux"), named("darwin"), "")
}

const USAGE: &str = "Secrets encryption in Git for storing Helm values.";

const DESCRIPTION: &str = "Encrypted Helm values, decrypted on the fly.";

/// Stands in for `helm`: commands with values go through `helm secrets`, where a variable says so.
const WRAPPER: &str = r#"#!/bin/sh
set -u
helm="${HELM_SECRETS_HELM_PATH:-${HELM_BIN:-helm}}"
if [ "$(command -v "$helm")" -ef "$0" ]; then
    printf '%s\n' "[helm-secrets] \`$helm\` is this wrapper itself: set HELM_SECRETS_HELM_PATH to the path of helm" >&2
    exit 1
fi
if [ "${HELM_SECRETS_WRAPPER_ENABLED:-}" = true ]; then
    skip=false
    for word in "$@"; do
        if [ "$skip" = true ]; then
            skip=false
            continue
        fi
        case "$word" in
        install | upgrade | template | lint | diff) exec "$helm" secrets "$@" ;;
        -n | --namespace | --kube-apiserver | --kube-as-group | --kube-as-user | --kube-ca-file | --kube-context | \
            --kube-tls-server-name | --kube-token | --kubeconfig | --burst-limit | --qps | --color | --colour | \
            --content-cache | --registry-config | --repository-cache | --repository-config) skip=true ;;
        -*) ;;
        *) break ;;
        esac
    done
fi
exec "$helm" "$@"
"#;

/// Scripts of users source this file; what they want from it is told.
const CUSTOM: &str = r"#!/bin/sh
printf '%s\n' '[helm-secrets] shell scripts as secret backends are not part of this version of keywright' >&2
exit 1
";
