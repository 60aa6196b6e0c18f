//! AWS' shared files, handed in as texts: profiles with their keys, and where a profile leads when it names a role, another
//! profile, a token file or a program. Nothing is asked here: the result says what to do.
//!
//! Single sign-on is not here yet; a profile that needs it says so. Specification: VALS §11.2–11.6, AWS' "configuration and
//! credential file settings".

use std::collections::{BTreeMap, BTreeSet};

use base::{Fault, SecretText};

use crate::aws::credentials::Credentials;
use crate::aws::endpoint::Endpoints;
use crate::aws::roles::Role;
use crate::environment::Environment;

/// The profiles of both files. Keys are among the settings, so there is no `Debug`.
#[derive(Clone, Default)]
pub struct Profiles {
    profiles: BTreeMap<String, Section>,
    services: BTreeMap<String, Section>,
}

/// Settings by name; a nested one is `outer.inner`.
type Section = BTreeMap<String, String>;

/// Where a profile leads: whose keys come first, and the roles to assume from there.
pub struct Resolved {
    /// Whose keys come first.
    pub first: First,
    /// The roles, in the order in which they are assumed.
    pub roles: Vec<Role>,
}

/// Whose keys come first.
pub enum First {
    /// These.
    Keys(Credentials),
    /// Those of the variables.
    Environment,
    /// Those of the container's metadata service.
    Container,
    /// Those of the machine's metadata service.
    Instance,
    /// Those of a role that trusts the token in a file.
    WebIdentity {
        /// The role.
        role: Role,
        /// The file.
        token_file: String,
    },
    /// Those that a program prints.
    Process(String),
    /// The profile does not say: container, then instance.
    Unspecified,
}

impl Profiles {
    /// Reads the texts of `~/.aws/config` and `~/.aws/credentials`; where both have a setting, the second counts.
    ///
    /// # Errors
    /// A line is neither a section nor a setting; it is named by its number, since it may hold a key.
    pub fn parse(config: Option<&str>, credentials: Option<&str>) -> Result<Self, Fault> {
        let mut all = Self::default();
        for (section, settings) in sections(config.unwrap_or_default(), "config")? {
            let mut words = section.splitn(2, char::is_whitespace);
            match (words.next().unwrap_or_default(), words.next().map(str::trim)) {
                ("profile", Some(name)) => all.profiles.entry(name.to_owned()).or_default().extend(settings),
                ("services", Some(name)) => all.services.entry(name.to_owned()).or_default().extend(settings),
                ("default", None) => all.profiles.entry("default".to_owned()).or_default().extend(settings),
                // `sso-session` and whatever comes later.
                _ => {}
            }
        }
        for (section, settings) in sections(credentials.unwrap_or_default(), "credentials")? {
            all.profiles.entry(section).or_default().extend(settings);
        }
        Ok(all)
    }

    /// Whether there is a profile of that name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.profiles.contains_key(name)
    }

    /// The region that a profile names.
    #[must_use]
    pub fn region(&self, name: &str) -> Option<&str> {
        self.setting(name, "region")
    }

    /// The addresses that a profile sets, as the variables would.
    ///
    /// # Errors
    /// One of them is no URL.
    pub fn endpoints(&self, name: &str) -> Result<Endpoints, Fault> {
        let all = self.setting(name, "endpoint_url").map(|url| ("AWS_ENDPOINT_URL".to_owned(), url.to_owned()));
        let services = self.setting(name, "services").and_then(|services| self.services.get(services));
        let each = services.into_iter().flatten().filter_map(|(setting, url)| {
            let service = setting.strip_suffix(".endpoint_url")?;
            Some((format!("AWS_ENDPOINT_URL_{}", service.to_uppercase()), url.clone()))
        });
        let variables: Environment = all.into_iter().chain(each).collect();
        Endpoints::of(&variables).map_err(|fault| fault.within(format!("cannot use AWS profile `{name}`")))
    }

    /// Where a profile leads.
    ///
    /// # Errors
    /// It does not exist ([`base::Kind::NotFound`]), names itself in a circle, lacks a half of its keys, or needs single sign-on.
    pub fn resolve(&self, name: &str) -> Result<Resolved, Fault> {
        let mut roles = Vec::new();
        let mut seen = BTreeSet::new();
        let mut current = name;
        let first = loop {
            if !self.contains(current) {
                return Err(Fault::not_found(format!("cannot find AWS profile `{current}`"))
                    .hint("name a profile of the AWS config or credentials file"));
            }
            let setting = |key| self.setting(current, key);
            let own_keys = self.keys(current)?;
            let revisited = !seen.insert(current);
            let Some(arn) = setting("role_arn").filter(|_| !revisited) else {
                break match own_keys {
                    Some(keys) => First::Keys(keys),
                    None if revisited => {
                        return Err(Fault::wrong(format!(
                            "AWS profile `{name}` names itself as its source, in a circle"
                        )));
                    }
                    None => self.without_role(current)?,
                };
            };
            let role = self.role(current, arn)?;
            if let Some(token_file) = setting("web_identity_token_file") {
                break First::WebIdentity { role, token_file: token_file.to_owned() };
            }
            roles.insert(0, role);
            match (setting("source_profile"), setting("credential_source")) {
                (Some(source), None) => current = source,
                (None, Some("Environment")) => break First::Environment,
                (None, Some("EcsContainer")) => break First::Container,
                (None, Some("Ec2InstanceMetadata")) => break First::Instance,
                (None, None) if own_keys.is_some() => break own_keys.map_or(First::Unspecified, First::Keys),
                _ => {
                    return Err(Fault::wrong(format!(
                        "AWS profile `{current}` has a role, but not one source of keys for it"
                    ))
                    .hint(
                        "set source_profile, or credential_source to Environment, EcsContainer or Ec2InstanceMetadata",
                    ));
                }
            }
        };
        Ok(Resolved { first, roles })
    }

    fn without_role(&self, name: &str) -> Result<First, Fault> {
        if self.setting(name, "sso_session").or(self.setting(name, "sso_start_url")).is_some() {
            return Err(Fault::wrong(format!("AWS profile `{name}` uses single sign-on, which is not supported yet"))
                .hint("export keys with `aws configure export-credentials --format env`"));
        }
        Ok(match self.setting(name, "credential_process") {
            Some(process) => First::Process(process.to_owned()),
            None => First::Unspecified,
        })
    }

    fn keys(&self, name: &str) -> Result<Option<Credentials>, Fault> {
        let setting = |key| self.setting(name, key);
        match (setting("aws_access_key_id"), setting("aws_secret_access_key")) {
            (Some(id), Some(key)) => Ok(Some(Credentials {
                access_key_id: id.to_owned(),
                secret_access_key: key.into(),
                session_token: setting("aws_session_token").map(SecretText::from),
                expires_at: None,
            })),
            (None, None) => Ok(None),
            _ => Err(Fault::wrong(format!("AWS profile `{name}` has only a half of its access key"))),
        }
    }

    fn role(&self, name: &str, arn: &str) -> Result<Role, Fault> {
        let setting = |key| self.setting(name, key).unwrap_or_default().to_owned();
        if self.setting(name, "mfa_serial").is_some() {
            return Err(Fault::wrong(format!(
                "AWS profile `{name}` wants a second factor, which nobody can be asked for"
            ))
            .hint("get a session token first, and export its keys"));
        }
        let duration_seconds = self
            .setting(name, "duration_seconds")
            .map(|text| {
                text.parse()
                    .map_err(|_| Fault::wrong(format!("`duration_seconds` of AWS profile `{name}` is no number")))
            })
            .transpose()?;
        Ok(Role {
            arn: arn.to_owned(),
            session_name: setting("role_session_name"),
            external_id: setting("external_id"),
            duration_seconds,
            ..Role::default()
        })
    }

    fn setting(&self, profile: &str, key: &str) -> Option<&str> {
        self.profiles.get(profile)?.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// The sections of a text in their order, with their settings.
fn sections(text: &str, file: &str) -> Result<Vec<(String, Section)>, Fault> {
    let mut all: Vec<(String, Section)> = Vec::new();
    let mut outer: Option<String> = None;
    for (index, line) in text.lines().enumerate() {
        let wrong = || Fault::wrong(format!("cannot read line {} of the AWS {file} file", index + 1));
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = trimmed.strip_prefix('[') {
            let name = rest.split(']').next().filter(|name| name.len() < rest.len()).ok_or_else(wrong)?;
            all.push((name.trim().trim_matches(['"', '\'']).to_owned(), Section::new()));
            outer = None;
            continue;
        }
        let (name, value) = trimmed.split_once('=').ok_or_else(wrong)?;
        let (name, value) = (name.trim().to_lowercase(), without_comment(value).trim());
        let (_, section) = all.last_mut().ok_or_else(wrong)?;
        match &outer {
            Some(outer) if line.starts_with(char::is_whitespace) => {
                section.insert(format!("{outer}.{name}"), value.to_owned());
            }
            _ => {
                section.insert(name.clone(), value.to_owned());
                outer = Some(name);
            }
        }
    }
    Ok(all)
}

/// A comment inside a line begins behind white space; a `#` in a key does not begin one.
fn without_comment(value: &str) -> &str {
    let marks = [" #", " ;", "\t#", "\t;"];
    marks.iter().filter_map(|mark| value.find(mark)).min().map_or(value, |start| &value[..start])
}

#[cfg(test)]
mod tests;
