//! References in rendered manifests: what Helm's command line says so that it sends them to us, and what we answer then.
//! Always by vals, whatever the backend. Specification: HS §10.

use base::Fault;

use super::backend::{answered, of_vals, pinned_program, vals_error};
use super::{Work, told};
use crate::{Exit, Failure};

/// The words behind Helm's line; none where nobody asked for evaluation.
///
/// # Errors
/// This Helm has no post-renderers that we know.
pub fn words(work: &Work<'_>) -> Result<Vec<String>, Failure> {
    let settings = &work.settings;
    if !settings.evaluates_templates {
        return Ok(Vec::new());
    }
    let mut line = vec!["--post-renderer".to_owned()];
    let mut args: Vec<String> = Vec::new();
    match major(work).map_err(told)? {
        3 => {
            line.push(work.helm().to_owned());
            if matches!(work.environment.value("HELM_DEBUG"), Some("1" | "true")) {
                args.push("--debug".to_owned());
            }
            args.push("secrets".to_owned());
        }
        _ => line.push("secrets-post-renderer".to_owned()),
    }
    args.extend(["--backend".to_owned(), settings.backend.name().to_owned()]);
    if !settings.backend_args.is_empty() {
        args.extend(["--backend-args".to_owned(), settings.backend_args.join(" ")]);
    }
    if settings.decodes_secrets {
        args.push("--evaluate-templates-decode-secrets".to_owned());
    }
    args.push("post-renderer".to_owned());
    for arg in args {
        // Helm reads its line twice, and the first time it takes a word of its own that begins with a dash for flags.
        match arg.starts_with('-') {
            true => line.push(format!("--post-renderer-args={arg}")),
            false => line.extend(["--post-renderer-args".to_owned(), arg]),
        }
    }
    Ok(line)
}

/// Evaluates the manifests on stdin.
///
/// # Errors
/// A reference cannot be resolved; nothing is printed then.
pub fn run(work: &mut Work<'_>) -> Result<Exit, Failure> {
    let manifests = work.ui.read_input().map_err(told)?;
    let args = work.settings.backend_args.clone();
    let decodes = work.settings.decodes_secrets;
    let evaluated = match pinned_program(work, &["HELM_SECRETS_VALS_PATH"]) {
        Some(program) => {
            let words = ["eval", "-o", "yaml"].map(str::to_owned).into_iter().chain(args);
            let words = words.chain(decodes.then(|| "-decode-kubernetes-secrets".to_owned()));
            answered(work, &program, words, &manifests)
        }
        None => of_vals(work).manifests(&manifests, &args, decodes, work.ui),
    };
    work.ui.data(evaluated.map_err(vals_error)?.expose()).map_err(told)?;
    Ok(Exit::SUCCESS)
}

/// Which Helm it is.
fn major(work: &Work<'_>) -> Result<u8, Fault> {
    let helm = wire::Program::new(work.helm()).arguments(["version", "--short"]);
    let output = helm.run().map_err(|fault| fault.within("cannot ask helm for its version"))?;
    let said = output.stdout.to_text();
    let said = said.as_ref().map_or("", |text| text.expose()).trim();
    match said.get(..2) {
        Some("v3") => Ok(3),
        Some("v4") => Ok(4),
        _ => Err(Fault::wrong(format!("Unsupported helm version: {said}"))),
    }
}
