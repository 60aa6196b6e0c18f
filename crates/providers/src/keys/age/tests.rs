//! Identities from every place, whom is asked when, and what is told when nothing fits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use base::{Kind, SecretText};
use wire::environment::Environment;

use super::*;
use crate::keys::Nobody;

/// The public test identity of SOPS §4.19, and two more pairs for tests only.
pub(crate) const KEY: &str = "AGE-SECRET-KEY-1WCE3Z8Y3F94DN003GL78GU2NP76CNPWKK8KPQLA0K5Y7RNZ0KSLQZY579T";
const RECIPIENT: &str = "age13608ayeftzee3thl04lu3z7q04vxh2vppejfc3sujf9mma4z3fwqdf5r0t";
pub(in crate::keys) const SSH_KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACAz1yZcyuDxvhl213QD+j72Jc9nTjbsKPr0TIjHpkDF/QAAAIhzL6sAcy+r
AAAAAAtzc2gtZWQyNTUxOQAAACAz1yZcyuDxvhl213QD+j72Jc9nTjbsKPr0TIjHpkDF/Q
AAAED91i+DGcRocy9Ak7kO+qihKXD88DLV5N1WAXUQJvYjSjPXJlzK4PG+GXbXdAP6PvYl
z2dONuwo+vRMiMemQMX9AAAABHRlc3QB
-----END OPENSSH PRIVATE KEY-----
";
const SSH_RECIPIENT: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDPXJlzK4PG+GXbXdAP6PvYlz2dONuwo+vRMiMemQMX9 test";
/// Its passphrase is `secret`.
const LOCKED_SSH_KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABCZ4bZAH3
CVE0Pa2JnJcpMwAAAAAQAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIEXHx/aJMxyU7h91
Jgq5MaOjsHYggNKTgsun5y5LHcy1AAAAkExwg+ciZCGpORrR3Kg48P85npCmkcCWgsrOwq
WpGQa29DuC1kQttf2barzfyHsaCNegCpFdA5YOeNSXachSjoHIXaHHV9I+9eVTkdEbM2QY
64oiGslvb17b32cSCkVROotpowBbdS+mIHuH5NvAdrsIliM0SoS5QjVNDiBMJwz27qDa4w
N4TJFtvR1QlbHNoQ==
-----END OPENSSH PRIVATE KEY-----
";
const LOCKED_SSH_RECIPIENT: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXHx/aJMxyU7h91Jgq5MaOjsHYggNKTgsun5y5LHcy1 test";

/// Of a plugin that nobody has.
const PLUGIN_RECIPIENT: &str = "age1foo1qyqszqgpqyqszc494qc";
const PLUGIN_KEY: &str = "AGE-PLUGIN-FOO-1QYQSZQGPQYQSZKMR7A4";

/// Names and texts: variables, or files.
type Texts<'a> = &'a [(&'a str, &'a str)];

/// Answers every question with one passphrase and counts them.
struct Person(&'static str, AtomicUsize);

impl Ask for Person {
    fn passphrase(&self, _: &str) -> Option<SecretText> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Some(self.0.into())
    }

    fn text(&self, _: &str) -> Option<String> {
        None
    }

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn tell(&self, _: &str) {}
}

pub(in crate::keys) fn around(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Surroundings {
    let files: BTreeMap<String, SecretBytes> =
        files.iter().map(|(path, text)| ((*path).to_owned(), SecretBytes::from(*text))).collect();
    let read = move |path: &str| {
        files.get(path).cloned().ok_or_else(|| Fault::not_found(format!("open {path}: no such file or directory")))
    };
    let home = [("HOME", "/u"), ("PATH", "/usr/bin:/bin")];
    let environment: Environment = home.iter().chain(variables).map(|(name, value)| (*name, *value)).collect();
    Surroundings { environment, read_file: Arc::new(read) }
}

fn opened(surroundings: Surroundings, ask: Arc<dyn Ask>, recipient: &str) -> Result<String, Fault> {
    let age = Age::new(surroundings, ask);
    let armor = age.encrypt(recipient, &"data key".into())?;
    let data = age.decrypt(recipient, &armor)?;
    Ok(String::from_utf8_lossy(data.expose()).into_owned())
}

#[test]
fn identities_are_found_at_every_place() {
    let key_file = format!("# a comment\r\n\r\n{KEY}\r\n");
    let two = format!("AGE-SECRET-KEY-1EYSTKPULJJKH09CURE3FQA95QXG26QDPFYC2PRZ6U7XC2G4TR4VQVM0NYA {KEY}");
    let command = format!("sh -c 'test \"$SOPS_AGE_RECIPIENT\" = {RECIPIENT} && echo {KEY}'");
    let cases: [(&str, Texts<'_>, Texts<'_>); 5] = [
        ("text", &[("SOPS_AGE_KEY", &two)], &[]),
        ("file", &[("SOPS_AGE_KEY_FILE", "/k")], &[("/k", &key_file)]),
        ("command", &[("SOPS_AGE_KEY_CMD", &command)], &[]),
        ("user's file", &[], &[("/u/.config/sops/age/keys.txt", &key_file)]),
        ("user's folder", &[("XDG_CONFIG_HOME", "/x")], &[("/x/sops/age/keys.txt", &key_file)]),
    ];
    for (name, variables, files) in cases {
        let data = opened(around(variables, files), Arc::new(Nobody), RECIPIENT);
        assert_eq!(data.map_err(|fault| fault.chain()), Ok("data key".to_owned()), "{name}");
    }
    let print = "cat /u/key";
    let ssh: [(&str, Texts<'_>, Texts<'_>); 2] = [
        ("ssh file", &[("SOPS_AGE_SSH_PRIVATE_KEY_FILE", "/s")], &[("/s", SSH_KEY)]),
        ("user's ssh key", &[("SOPS_AGE_KEY_CMD", print)], &[("/u/.ssh/id_ed25519", SSH_KEY)]),
    ];
    for (name, variables, files) in ssh {
        let data = opened(around(variables, files), Arc::new(Nobody), SSH_RECIPIENT);
        assert_eq!(data.map_err(|fault| fault.chain()), Ok("data key".to_owned()), "{name}");
    }
}

#[test]
fn an_ssh_key_from_a_command_opens_files_too() {
    let command = format!("printf '%s' '{SSH_KEY}'");
    let data = opened(around(&[("SOPS_AGE_SSH_PRIVATE_KEY_CMD", &command)], &[]), Arc::new(Nobody), SSH_RECIPIENT);
    assert_eq!(data.map_err(|fault| fault.chain()), Ok("data key".to_owned()));
}

#[test]
fn an_ed25519_key_also_is_the_x25519_key_that_it_converts_to() {
    // What ssh-to-age makes of SSH_RECIPIENT, by the birational map of its public point.
    let files = [("/u/.ssh/id_ed25519", SSH_KEY)];
    let age = Age::new(around(&[], &files), Arc::new(Nobody));
    let found = age.look(Place::UserSshKey("id_ed25519"), "");
    let Some(Identity::Ssh(key)) = found.identities().first() else { panic!("an SSH key") };
    let recipient = key.recipient_of_native().expect("converts");
    assert_eq!(opened(around(&[], &files), Arc::new(Nobody), &recipient).ok().as_deref(), Some("data key"));
}

#[test]
fn a_key_under_a_passphrase_asks_only_for_its_own_files_and_last() {
    let files = [("/u/.ssh/id_ed25519", LOCKED_SSH_KEY), ("/k", KEY)];
    let person = Arc::new(Person("secret", AtomicUsize::new(0)));
    let data = opened(around(&[], &files), person.clone(), LOCKED_SSH_RECIPIENT);
    assert_eq!(data.map_err(|fault| fault.chain()), Ok("data key".to_owned()));
    assert_eq!(person.1.load(Ordering::Relaxed), 1);
    let data = opened(around(&[("SOPS_AGE_KEY_FILE", "/k")], &files), person.clone(), RECIPIENT);
    assert_eq!(data.map_err(|fault| fault.chain()), Ok("data key".to_owned()));
    assert!(opened(around(&[], &files), person.clone(), RECIPIENT).is_err());
    assert_eq!(person.1.load(Ordering::Relaxed), 1, "other files do not ask");
    let fault = opened(around(&[], &files), Arc::new(Nobody), LOCKED_SSH_RECIPIENT).expect_err("nobody there");
    assert!(fault.chain().contains("nobody to ask for the passphrase of '/u/.ssh/id_ed25519'"), "{}", fault.chain());
}

#[test]
fn a_file_of_identities_under_a_passphrase_is_opened_once() {
    let mut passphrase = ::age::scrypt::Recipient::new("secret".to_owned().into());
    passphrase.set_work_factor(2);
    let locked = armored(&passphrase, format!("{KEY}\n").as_bytes()).expect("locks");
    let surroundings = || around(&[("SOPS_AGE_KEY_FILE", "/k")], &[("/k", &locked)]);
    let person = Arc::new(Person("secret", AtomicUsize::new(0)));
    let age = Age::new(surroundings(), person.clone());
    let armor = age.encrypt(RECIPIENT, &"data key".into()).expect("wraps");
    for _ in 0..2 {
        assert_eq!(age.decrypt(RECIPIENT, &armor).map(|data| data.len()).map_err(|fault| fault.chain()), Ok(8));
    }
    assert_eq!(person.1.load(Ordering::Relaxed), 1);
    let wrong = Arc::new(Person("wrong", AtomicUsize::new(0)));
    let fault = opened(surroundings(), wrong, RECIPIENT).expect_err("refused");
    assert!(fault.chain().contains("failed to decrypt identity '/k'"), "{}", fault.chain());
}

#[test]
fn nothing_that_fits_is_told_with_places_and_failures() {
    let missing = "Did not find keys in locations 'SOPS_AGE_SSH_PRIVATE_KEY_FILE', 'SOPS_AGE_SSH_PRIVATE_KEY_CMD', \
                   '/u/.ssh/id_ed25519', '/u/.ssh/id_rsa', 'SOPS_AGE_KEY', 'SOPS_AGE_KEY_FILE', \
                   'SOPS_AGE_KEY_CMD', and '/u/.config/sops/age/keys.txt'.";
    let told = |variables: &[(&str, &str)], files: &[(&str, &str)]| {
        opened(around(variables, files), Arc::new(Nobody), RECIPIENT).expect_err("nothing fits").chain()
    };
    assert_eq!(told(&[], &[]), format!("failed to load age identities. {missing}"));

    let broken = told(&[("SOPS_AGE_KEY", "foo"), ("SOPS_AGE_KEY_FILE", "/nope")], &[]);
    assert!(broken.starts_with("failed to load age identities. Errors while loading age identities: "), "{broken}");
    for part in [
        "failed to parse 'SOPS_AGE_KEY' age identities: unknown identity type",
        "failed to open SOPS_AGE_KEY_FILE file: open /nope: no such file or directory",
        "'/u/.ssh/id_rsa', 'SOPS_AGE_KEY_CMD', and",
    ] {
        assert!(broken.contains(part), "{part} in {broken}");
    }
    let plugin = told(&[("SOPS_AGE_KEY", PLUGIN_KEY)], &[]);
    assert!(plugin.contains("identities: Could not find 'age-plugin-foo' on the PATH. Have you"), "{plugin}");

    let other = "AGE-SECRET-KEY-1EYSTKPULJJKH09CURE3FQA95QXG26QDPFYC2PRZ6U7XC2G4TR4VQVM0NYA";
    let unfit = told(
        &[("SOPS_AGE_KEY", other), ("SOPS_AGE_KEY_CMD", "false"), ("SOPS_AGE_SSH_PRIVATE_KEY_CMD", "echo xx")],
        &[],
    );
    for part in [
        "failed to create reader for decrypting sops data key with age: identity did not match any of the recipients: incorrect identity for recipient block",
        "failed to execute command false: exit status 1",
        "malformed SSH identity returned by running SOPS_AGE_SSH_PRIVATE_KEY_CMD: \"ssh: no key found\"",
        "and 'SOPS_AGE_KEY_FILE'.",
    ] {
        assert!(unfit.contains(part), "{part} in {unfit}");
    }
}

#[test]
fn what_is_no_recipient_is_refused() {
    let cases = [
        ("x", "failed to parse input, unknown recipient type: \"x\""),
        ("", "failed to parse input, unknown recipient type: \"\""),
        ("age1x", "failed to parse input as Bech32-encoded age public key: "),
        ("age1foo1x", "failed to parse input as age key from age plugin: "),
        (
            PLUGIN_RECIPIENT,
            "failed to parse input as age key from age plugin: Could not find 'age-plugin-foo' on the PATH. Have you",
        ),
        ("ssh-dss AAAA", "failed to parse input as age-ssh public key: "),
        ("age1pq1qqq", "failed to parse input as age post-quantum public key: invalid Bech32 encoding"),
    ];
    for (text, expected) in cases {
        let fault = Age::new(around(&[], &[]), Arc::new(Nobody)).encrypt(text, &"x".into()).expect_err("refused");
        assert!(fault.chain().starts_with(expected), "{text}: {}", fault.chain());
        assert_eq!(fault.kind(), Kind::Wrong);
    }
}

#[test]
fn armor_is_read_leniently_and_written_strictly() {
    let age = Age::new(around(&[("SOPS_AGE_KEY", KEY)], &[]), Arc::new(Nobody));
    let armor = age.encrypt(&format!(" {RECIPIENT} "), &"data key".into()).expect("wraps");
    assert!(armor.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
    assert!(armor.ends_with("\n-----END AGE ENCRYPTED FILE-----\n"));
    for text in [armor.trim_end().to_owned(), format!("\n\n{armor}\n\n"), armor.clone()] {
        assert_eq!(age.decrypt(RECIPIENT, &text).map(|data| data.len()).map_err(|fault| fault.chain()), Ok(8));
    }
    for text in ["", "nonsense", &armor[..armor.len() / 2]] {
        assert!(age.decrypt(RECIPIENT, text).is_err());
    }
}
