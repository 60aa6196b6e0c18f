//! The part of the story that lies in Git: a file that SOPS encrypts, and Helm that deploys it. The files are real and lie
//! in a folder of their own, which goes away with the story; the commands are the program's own verbs.
//! Specification: design §16; issue "The house" §3.

use std::fs;
use std::path::{Path, PathBuf};

use base::{Fault, SecretBytes};
use providers::keys::age;
use serde_json::Value;
use tempfile::TempDir;
use wire::program::Program;

use super::{note, say};
use crate::{Call, Environment, Ui, verbs};

/// What Helm makes of the values.
const TEMPLATE: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: api, namespace: shop}\ndata: {token: {{ .Values.token | b64enc }}}\n";

/// A checkout with a chart and an encrypted values file.
pub struct Repository {
    folder: TempDir,
    environment: Environment,
}

impl Repository {
    /// An empty one, with an age key that only this story knows.
    pub fn new(environment: &Environment) -> Result<Self, Fault> {
        let folder = tempfile::Builder::new().prefix("keywright-demo-").tempdir();
        let folder = folder.map_err(|error| Fault::unreachable("cannot make a folder for the demo").because(error))?;
        let (identity, recipient) = age::generate();
        let key = folder.path().join("age.key");
        let variables = environment.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        // As if the commands were typed in the folder.
        let ours = [
            ("SOPS_CONFIG", folder.path().join(".sops.yaml").to_string_lossy().into_owned()),
            ("SOPS_AGE_KEY_FILE", key.to_string_lossy().into_owned()),
            ("HELM_PLUGINS", folder.path().join("plugins").to_string_lossy().into_owned()),
        ];
        let environment = variables.chain(ours.map(|(name, value)| (name.to_owned(), value))).collect();
        let repository = Self { folder, environment };
        repository.write("age.key", identity.expose())?;
        repository.write(".sops.yaml", &format!("creation_rules:\n  - age: {recipient}\n"))?;
        repository.write("chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n")?;
        repository.write("chart/templates/secret.yaml", TEMPLATE)?;
        repository.write("chart/values.yaml", "token: hunter2\n")?;
        Ok(repository)
    }

    /// Encrypts the values file, as one does before a commit.
    pub fn encrypt(&self, ui: &mut Ui) -> Result<(), Fault> {
        say(ui, "1. A secret is encrypted into Git")?;
        note(ui, &format!("the repository is {}, with an age key beside it", self.folder.path().display()))?;
        let values = self.path("chart/values.yaml");
        self.verb("sops", &["encrypt", "--in-place", &values])?;
        let text =
            fs::read_to_string(&values).map_err(|error| Fault::unreachable("cannot read it back").because(error))?;
        let first = text.lines().next().unwrap_or_default();
        note(ui, "$ sops encrypt --in-place chart/values.yaml")?;
        note(ui, &format!("{}…\n", first.get(..60).unwrap_or(first)))
    }

    /// The Secret that Helm renders out of the encrypted values; none if there is no Helm here.
    pub fn deploy(&self, ui: &mut Ui) -> Result<Option<Value>, Fault> {
        say(ui, "2. It is deployed through Helm values")?;
        let Some(major) = self.helm_version() else {
            note(ui, "there is no `helm` on your path, so this step is left out\n")?;
            return Ok(None);
        };
        self.verb("helm-secrets", &["plugin", "--helm", &major, "--output", &self.path("plugins")])?;
        note(ui, "$ helm template shop chart -f secrets://chart/values.yaml")?;
        let values = format!("secrets://{}", self.path("chart/values.yaml"));
        let words = ["template", "shop", &self.path("chart"), "-f", &values].map(str::to_owned);
        let answer = self.program("helm", words).run()?;
        if answer.code != Some(0) {
            return Err(Fault::bug("helm did not render the chart").because(answer.stderr));
        }
        let rendered = rendered(&answer.stdout)?;
        note(ui, "Helm saw the value, Git and the folder did not; it deploys Secret shop/api\n")?;
        Ok(Some(rendered))
    }

    /// `3` or `4`.
    fn helm_version(&self) -> Option<String> {
        let answer = self.program("helm", ["version".to_owned(), "--short".to_owned()]).run().ok()?;
        let text = answer.stdout.to_text()?;
        let major = text.expose().trim().trim_start_matches('v').chars().next()?;
        ['3', '4'].contains(&major).then(|| major.to_string())
    }

    fn program<const N: usize>(&self, name: &str, words: [String; N]) -> Program {
        let mut program = Program::new(name).arguments(words);
        program.environment = self.environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        program
    }

    /// Runs a verb of this program as if it had been typed.
    fn verb(&self, name: &str, words: &[&str]) -> Result<(), Fault> {
        let verb = verbs::named(name).ok_or_else(|| Fault::bug(format!("there is no verb `{name}`")))?;
        let (ui, _, told) = Ui::captured(b"");
        let args = words.iter().map(|word| (*word).to_owned()).collect();
        let mut call = Call { program: name.to_owned(), args, environment: self.environment.clone(), ui };
        match (verb.run)(&mut call) {
            Ok(crate::Exit::SUCCESS) => Ok(()),
            Ok(_) => Err(Fault::bug(format!("`{name}` failed")).because(told.text())),
            Err(failure) => {
                let _ = failure.tell(&mut call.ui);
                Err(Fault::bug(format!("`{name}` failed")).because(told.text()))
            }
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Fault> {
        let path: PathBuf = self.folder.path().join(name);
        let folder: &Path = path.parent().expect("it lies in the folder");
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
        written.map_err(|error| Fault::unreachable(format!("cannot write `{}`", path.display())).because(error))
    }
}

/// The one object of what Helm printed.
fn rendered(printed: &SecretBytes) -> Result<Value, Fault> {
    let text = printed.to_text().ok_or_else(|| Fault::bug("helm printed no text"))?;
    serde_saphyr::from_str(text.expose()).map_err(|error| Fault::bug("helm printed no YAML").because(error))
}
