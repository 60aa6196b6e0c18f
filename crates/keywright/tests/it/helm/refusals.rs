//! What helm-secrets refuses, one line each: the verbs for files, the wrapper and the getter with the words that scripts look
//! for. Files are named as users name them, from the folder they work in. Specification: HS §14.

use super::wrapper::{ended, left, start};
use super::{folder, script, write};

/// What is typed, variables, and all of stderr up to advice.
type Line<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

const NO_ABSOLUTE: &[(&str, &str)] = &[("HELM_SECRETS_VALUES_ALLOW_ABSOLUTE_PATH", "false")];
const NO_SYMLINK: &[(&str, &str)] = &[("HELM_SECRETS_VALUES_ALLOW_SYMLINKS", "false")];
const NO_TRAVERSAL: &[(&str, &str)] = &[("HELM_SECRETS_VALUES_ALLOW_PATH_TRAVERSAL", "false")];
const ONLY_SOPS: &[(&str, &str)] = &[("HELM_SECRETS_ALLOWED_BACKENDS", "sops")];

const DAMAGED: &str = "Error decrypting tree: cannot decrypt `password`: cipher: message authentication failed\n\
                       [helm-secrets] Error while decrypting file: damaged.yaml\n";
const LINK: &str = "[helm-secrets] Values file 'link.yaml' is a symlink. Symlinks are not allowed.\n\
                    [helm-secrets] File does not exist: link.yaml\n";
const ABSOLUTE: &str = "[helm-secrets] Values filepath '/no/f.yaml' is an absolute path. Absolute paths are not allowed.\n\
                        [helm-secrets] File does not exist: /no/f.yaml\n";
const ABOVE: &str = "[helm-secrets] Values filepath '../f.yaml' contains '..'. Path traversal is not allowed.\n\
                     [helm-secrets] File does not exist: ../f.yaml\n";

const LINES: &[Line<'_>] = &[
    ("decrypt none.yaml", &[], "[helm-secrets] File does not exist: none.yaml\n"),
    ("view none.yaml", &[], "[helm-secrets] File does not exist: none.yaml\n"),
    ("encrypt none.yaml", &[], "[helm-secrets] File does not exist: none.yaml\n"),
    ("template c -f none.yaml", &[], "[helm-secrets] File does not exist: none.yaml\n"),
    ("template c --set-file k=none.yaml", &[], "[helm-secrets] File does not exist: none.yaml\n"),
    ("decrypt plain.yaml", &[], "[helm-secrets] File is not encrypted: plain.yaml\n"),
    ("decrypt --terraform plain.yaml", &[], "[helm-secrets] File is not encrypted: plain.yaml\n"),
    ("encrypt secrets.yaml", &[], "[helm-secrets] Already encrypted: secrets.yaml\n"),
    ("decrypt damaged.yaml", &[], DAMAGED),
    ("downloader c k a secrets://damaged.yaml", &[], DAMAGED),
    ("template c -f damaged.yaml", &[], DAMAGED),
    ("template c --set-file k=damaged.yaml", &[], DAMAGED),
    ("-b xyz decrypt secrets.yaml", &[], "[helm-secrets] Can't find secret backend: xyz\n"),
    ("-b xyz template c -f secrets.yaml", &[], "[helm-secrets] Can't find secret backend: xyz\n"),
    ("decrypt secrets.yaml", &[("HELM_SECRETS_BACKEND", "xyz")], "[helm-secrets] Can't find secret backend: xyz\n"),
    ("-b vals decrypt secrets.yaml", ONLY_SOPS, "[helm-secrets] secret backend 'vals' not allowed\n"),
    ("-b vals template c -f plain.yaml", ONLY_SOPS, "[helm-secrets] secret backend 'vals' not allowed\n"),
    ("template c -f vals!plain.yaml", ONLY_SOPS, "[helm-secrets] secret backend 'vals' not allowed\n"),
    ("decrypt link.yaml", NO_SYMLINK, LINK),
    ("downloader c k a secrets://link.yaml", NO_SYMLINK, LINK),
    ("template c -f link.yaml", NO_SYMLINK, LINK),
    ("decrypt /no/f.yaml", NO_ABSOLUTE, ABSOLUTE),
    ("downloader c k a secrets:///no/f.yaml", NO_ABSOLUTE, ABSOLUTE),
    ("template c -f ?/no/f.yaml", NO_ABSOLUTE, ABSOLUTE),
    ("decrypt ../f.yaml", NO_TRAVERSAL, ABOVE),
    ("downloader c k a secrets://../f.yaml", NO_TRAVERSAL, ABOVE),
    ("template c -f ?../f.yaml", NO_TRAVERSAL, ABOVE),
    (
        "-b vals template c --set a=ref+file://none.yaml#/hunter2",
        &[],
        "vals error: expand file://none.yaml#/hunter2: open none.yaml: no such file or directory\n\
         [helm-secrets] Unable to decrypt literal value\n",
    ),
    (
        "downloader c k a secrets+gpg-import://x",
        &[],
        "[helm-secrets] Invalid syntax: secrets+gpg-import://[path to key]?[path secrets.yaml]\n",
    ),
    (
        "downloader c k a secrets+gpg-import-kubernetes://x",
        &[],
        "[helm-secrets] Invalid syntax: secrets+gpg-import-kubernetes://[path to key]?[path secrets.yaml]\n",
    ),
    (
        "downloader c k a secrets+age-import-kubernetes://x",
        &[],
        "[helm-secrets] Invalid syntax: secrets+age-import-kubernetes://[path to key]?[path secrets.yaml]\n",
    ),
    ("edit none/f.yaml", &[], "[helm-secrets] Directory does not exist: none\n"),
    ("-b vals encrypt plain.yaml", &[], "[helm-secrets] Encrypting files is not supported!\n"),
    ("-b noop encrypt plain.yaml", &[], "[helm-secrets] Encrypting files is not supported!\n"),
    ("-b vals edit plain.yaml", &[], "[helm-secrets] vals: Editing files is not supported!\n"),
    ("-b vals decrypt -i reference.yaml", &[], "[helm-secrets] vals: inline decryption is not supported!\n"),
    (
        "-b ./own.sh decrypt plain.yaml",
        &[],
        "[helm-secrets] secret backend './own.sh' is a shell script, which this version of keywright does not run\n",
    ),
];

#[test]
fn each_line_ends_with_one_and_its_words_and_helm_is_not_run() {
    let folder = folder();
    let place = folder.path();
    let secrets = crate::stage::read(place, "secrets.yaml");
    write(place, "damaged.yaml", &secrets.replacen("data:", "data:AAAA", 1));
    write(place, "reference.yaml", "k: ref+echo://foo/bar\n");
    script(place, "own.sh", "touch was-run");
    std::os::unix::fs::symlink("secrets.yaml", place.join("link.yaml")).expect("a link");
    for (line, variables, err) in LINES {
        let words: Vec<&str> = line.split(' ').collect();
        let seen = ended(start(place, "touch was-run", &words).envs(variables.iter().copied()));
        let name_alone = format!("{}\n", words[words.len() - 1]);
        let out = if line.contains("edit") { name_alone.as_str() } else { "" };
        assert_eq!((seen.code, seen.out.as_str()), (1, out), "{line}: {}", seen.err);
        let rest = seen.err.strip_prefix(err).unwrap_or_else(|| panic!("{line}: {}", seen.err));
        assert!(rest.is_empty() || rest.starts_with("hint: "), "{line}: {}", seen.err);
        assert!(!place.join("was-run").exists(), "{line}");
        assert_eq!((left(place), crate::stage::read(place, "secrets.yaml")), (0, secrets.clone()), "{line}");
    }
}
