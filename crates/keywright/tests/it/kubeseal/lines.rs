//! One line each: what is typed, what comes out.

use super::{Ended, folder, kubeseal, path, read, write};
use crate::stage::run;

/// What is typed, stdin, the exit code and what stderr says.
pub struct Line<'a> {
    pub words: &'a str,
    pub input: &'a str,
    pub code: u8,
    pub err: &'a str,
}

const fn line<'a>(words: &'a str, input: &'a str, code: u8, err: &'a str) -> Line<'a> {
    Line { words, input, code, err }
}

const SECRET: &str = "metadata: {name: a, namespace: x}\nstringData: {a: b}\n";
const NAMELESS: &str = "metadata: {namespace: x}\nstringData: {a: b}\n";
const PLACELESS: &str = "metadata: {name: a}\nstringData: {a: b}\n";
const NOTHING: &str = "error: no secrets found. Ensure the input is valid and UTF-8 encoded\n";
const NO_CONFIGURATION: &str = "error: invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable\n";
const EMPTY: &str = "error: secret.data is empty in input Secret, assuming this is an error and aborting. To work with empty data, --allow-empty-data can be used\n";
const MISMATCH: &str = "error: namespace mismatch: input secret is in namespace \"x\" but \"foo\" was specified\n";
const NO_CERTIFICATE: &str = "error: data does not contain any valid RSA or ECDSA certificates\n";
const ONE_FILE: &str = "error: must provide only one --from-file when encrypting a single item with --raw\n";
const SPECLESS: &str =
    "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: x}\nspec:\n";
const BARE: &str = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\n";
const KINDLESS: &str = "metadata: {name: a, namespace: x}\nspec: {encryptedData: {a: '!'}}\n";
const OF_NUMBERS: &str = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: x}\nspec: {encryptedData: {a: 5}}\n";
const OF_MAPPINGS: &str = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: x}\nspec: {encryptedData: {a: {b: c}}}\n";
const CLOSED: &str = "error: no key could decrypt secret (a)\n";
const NO_COMMA_FILE: &str = "error: open DIR/a,b: no such file or directory\n";
const NO_FILE: &str = "error: open DIR/nope: no such file or directory\n";

/// Lines of which the real kubeseal says the same, word for word.
pub const AS_THE_PEER: &[Line<'_>] = &[
    line("--cert DIR/cert.pem", SECRET, 0, ""),
    line("--cert DIR/cert.pem -o YAML", SECRET, 0, ""),
    line("--cert file://DIR/cert.pem --fetch-cert", "", 0, ""),
    line("--cert DIR/cert.pem --scope cluster-wide -n other -o yaml", SECRET, 0, ""),
    line("--cert DIR/cert.pem --scope namespace-wide -o yaml", SECRET, 0, ""),
    line("--cert DIR/cert.pem --scope cluster-wide -o yaml", PLACELESS, 0, ""),
    line("--cert DIR/cert.pem --name other -n ns/x -o yaml", SECRET, 0, ""),
    line("--cert DIR/cert.pem --allow-empty-data", "metadata: {name: a, namespace: x}", 0, ""),
    line("--cert DIR/cert.pem -o toml", SECRET, 1, "error: unsupported output format: toml\n"),
    line("--cert DIR/cert.pem", "", 1, NOTHING),
    line("--cert DIR/cert.pem", "# nothing\n---\n", 1, NOTHING),
    line("--cert DIR/cert.pem", NAMELESS, 1, "error: missing metadata.name in input Secret\n"),
    line("--cert DIR/cert.pem", PLACELESS, 1, "error: secret must declare a namespace\n"),
    line("--cert DIR/cert.pem", "metadata: {name: a, namespace: x}", 1, EMPTY),
    line("--cert DIR/cert.pem -n foo", SECRET, 1, MISMATCH),
    line("--cert DIR/nope", SECRET, 1, NO_FILE),
    line("--cert DIR/key.pem", SECRET, 1, NO_CERTIFICATE),
    line("--fetch-cert", "", 1, NO_CONFIGURATION),
    line("--fetch-cert --kubeconfig DIR/nope", "", 1, "error: stat DIR/nope: no such file or directory\n"),
    line("--from-file x", "", 1, "error: --from-file requires --raw\n"),
    line("--cert DIR/cert.pem --raw -n x --name a", "value", 0, ""),
    line("--cert DIR/cert.pem --raw -n x --name a --from-file k=DIR/cert.pem", "", 0, ""),
    line("--cert DIR/cert.pem --raw --scope cluster-wide", "value", 0, ""),
    line("--cert DIR/cert.pem --raw --scope cluster-wide -o toml", "value", 0, ""),
    line("--cert DIR/cert.pem --fetch-cert -o toml", "", 0, ""),
    line("--cert file:DIR/cert.pem --fetch-cert", "", 0, ""),
    line("--recovery-unseal", SPECLESS, 0, ""),
    line("--recovery-unseal", BARE, 0, ""),
    line("--recovery-unseal -o yaml", KINDLESS, 1, "error: illegal base64 data at input byte 0 (a)\n"),
    line("--recovery-unseal --recovery-private-key DIR/key.pem", OF_NUMBERS, 1, CLOSED),
    line("--recovery-unseal --recovery-private-key DIR/key.pem", OF_MAPPINGS, 1, CLOSED),
    line("--cert DIR/cert.pem --raw --scope namespace-wide -n x", "", 0, ""),
    line("--cert DIR/cert.pem --raw --name a", "value", 1, NO_CONFIGURATION),
    line(
        "--cert DIR/cert.pem --raw -n x",
        "v",
        1,
        "error: must provide the --name flag with --raw and --scope strict\n",
    ),
    line("--cert DIR/cert.pem --raw -n x --name a --from-file a,b", "", 1, ONE_FILE),
    line("--cert DIR/cert.pem --raw -n x --name a --from-file DIR/nope", "", 1, NO_FILE),
    line("--cert DIR/cert.pem --raw -n x --name a --from-file \"DIR/a,b\"", "", 1, NO_COMMA_FILE),
    line("--cert DIR/cert.pem --raw -n x --name a --from-file DIR/cert.pem,", "", 1, ONE_FILE),
    line("--recovery-unseal --recovery-private-key DIR/nope", SECRET, 1, NO_FILE),
    line("--merge-into DIR/nope --cert DIR/cert.pem", SECRET, 1, NO_FILE),
    line("--cert DIR/cert.pem --server http://x -o yaml", PLACELESS, 0, ""),
    line("--cert DIR/cert.pem", "metadata: {name: a, namespace: x, finalizers: [5]}\nstringData: {a: b}", 0, ""),
    line("--cert file://localhostDIR/cert.pem --fetch-cert", "", 0, ""),
    line("--cert DIR/cert.pem --recovery-private-key DIR/nope", SECRET, 0, ""),
];

const UNFINISHED: &str = "error: no secrets found. Ensure the input is valid and UTF-8 encoded\nhint: yaml: line 1";
const UNREAD: &str = "error: unable to decrypt sealed secret: no secrets found. Ensure the input is valid and UTF-8 encoded\nhint: yaml: line 1";

/// Lines where we say more than the real kubeseal, or something else on purpose: how stderr begins.
const AS_WE_LIKE: &[Line<'_>] = &[
    line(
        "--cert DIR/cert.pem",
        "{",
        1,
        "error: no secrets found. Ensure the input is valid and UTF-8 encoded\nhint: yaml: line 1",
    ),
    // The peer never ends here.
    line("--validate", "{", 1, UNREAD),
    line("--re-encrypt", "{", 1, UNFINISHED),
    line("--recovery-unseal --recovery-private-key DIR/key.pem", "{", 1, UNFINISHED),
    line("--cert DIR/cert.pem", "{\"a\":", 1, UNFINISHED),
    line("--validate", "{\"a\":", 1, UNREAD),
    line("--re-encrypt", "{\"a\":", 1, UNFINISHED),
    // The peer asks the controller for the certificate first.
    line("-o toml", SECRET, 1, "error: unsupported output format: toml\n"),
    line(
        "--cert DIR/cert.pem",
        "hello",
        1,
        "error: no secrets found. Ensure the input is valid and UTF-8 encoded\nhint: a document",
    ),
    line(
        "--cert DIR/cert.pem",
        "metadata: {name: a, namespace: x}\ndata: {k: '!'}",
        1,
        "error: error unmarshaling JSON: while decoding JSON: illegal base64 data at input byte 0 (data.k)\n",
    ),
    line(
        "--cert DIR/cert.pem",
        "kind: ConfigMap\nmetadata: {name: c}\ndata: {k: YQ==}",
        1,
        "error: expected a Secret but found the ConfigMap `c`\n",
    ),
    line("--cert DIR/cert.pem", "kind: List\nitems: [{metadata: {name: a, namespace: x}, data: {a: ''}}]", 0, ""),
    line(
        "--cert DIR/expired.pem",
        SECRET,
        1,
        "error: failed to encrypt using an expired certificate on February 3, 2021\nhint: ",
    ),
    line(
        "--cert DIR/cert.pem",
        "metadata: {name: a, namespace: x}\nstringData: {pin: 0123, fine: 5}",
        0,
        "warning: `stringData.pin` is not quoted and was changed by YAML's rules; put it into quotes\n",
    ),
    line("--cert DIR/cert.pem --raw -n x --name a -f DIR/nope", "v", 1, "error: Could not read file specified with"),
    line("--fetch-cert --cert DIR/cert.pem -f DIR/nope", "", 1, "error: Could not read file specified with"),
    line(
        "--recovery-unseal --recovery-private-key DIR/key.pem",
        "{\"a\":1}{\"a\":2}",
        1,
        "error: couldn't get version/kind; json parse error: invalid character '{' after top-level value\n",
    ),
    line("--validate", "# nothing\n---\n", 0, ""),
    line(
        "--cert DIR/cert.pem",
        "metadata: {name: a, namespace: x}\ndata: {k: 1234}",
        1,
        "error: error unmarshaling JSON: while decoding JSON: `data.k` must be a base64 text\n",
    ),
    line(
        "--recovery-unseal",
        "metadata: {name: a, namespace: x}\nencryptedData: {a: AgBy}\n",
        1,
        "error: Object 'Kind' is missing\n",
    ),
    line("-f DIR/nope", "", 1, "error: Could not read file specified with --secret-file\nhint: open DIR/nope: "),
    line("--cert DIR/cert.pem -w DIR/no/x", SECRET, 1, "error: open DIR/no/x: no such file or directory\n"),
    line(
        "--recovery-unseal --recovery-private-key DIR/cert.pem",
        "kind: SealedSecret",
        1,
        "error: cannot use `DIR/cert.pem`: data does not contain a valid RSA private key\n",
    ),
    line(
        "--recovery-unseal --recovery-private-key DIR/key.pem",
        "",
        1,
        "error: there is no SealedSecret in the input\n",
    ),
    line("--validate", "", 0, ""),
    line(
        "--validate",
        "kind: Secret\nmetadata: {name: a}",
        1,
        "error: unable to decrypt sealed secret: expected a SealedSecret but found the Secret `a`\n",
    ),
    line("--rotate", "", 1, "error: no secrets found"),
];

#[test]
fn each_line_ends_with_its_code_and_its_words() {
    let folder = folder();
    let place = folder.path().display().to_string();
    for (lines, is_whole) in [(AS_THE_PEER, true), (AS_WE_LIKE, false)] {
        for line in lines {
            let words = line.words.replace("DIR", &place);
            let ended = kubeseal(&words.split(' ').collect::<Vec<_>>(), line.input.as_bytes(), &[]);
            let err = line.err.replace("DIR", &place);
            assert_eq!(ended.code, line.code, "{}: {}", line.words, ended.err);
            let is_told = if is_whole || line.err.is_empty() { ended.err == err } else { ended.err.starts_with(&err) };
            assert!(is_told, "{}: {}", line.words, ended.err);
        }
    }
}

#[test]
fn the_deprecated_name_is_told_on_stdout() {
    let ended = kubeseal(&["--rotate"], b"", &[]);
    assert_eq!(ended.out, "Flag --rotate has been deprecated, please use --re-encrypt instead\n");
}

#[test]
fn input_in_another_encoding_holds_no_secret() {
    let folder = folder();
    let cert = path(&folder, "cert.pem");
    for mark in ["", "\u{feff}"] {
        let units: Vec<u16> = format!("{mark}{SECRET}").encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for input in [little, big] {
            let ended = kubeseal(&["--cert", &cert], &input, &[]);
            assert_eq!((ended.code, ended.out.as_str()), (1, ""));
            assert!(ended.err.starts_with(NOTHING), "{}", ended.err);
        }
    }
}

/// SS §9.5: nothing is sealed for a certificate that is none, is none of ours, or has expired; printing it checks nothing.
#[test]
fn a_certificate_that_seals_nothing_is_told() {
    let folder = folder();
    let ec = include_str!("../../../../seal/src/vectors/ec_certificate.pem");
    let block = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (name, text) in [("ec.pem", ec), ("block.pem", block), ("nonsense.pem", "nonsense"), ("empty.pem", "")] {
        write(folder.path(), name, text);
        let ended = kubeseal(&["--cert", &path(&folder, name), "--fetch-cert"], b"", &[]);
        assert_eq!((ended.code, ended.out.as_str()), (0, text), "{name}: {}", ended.err);
    }
    write(folder.path(), "s.yaml", SPECLESS);
    let merged = path(&folder, "s.yaml");
    let modes: [&[&str]; 3] = [&[], &["--raw", "-n", "x", "--name", "a"], &["--merge-into", &merged]];
    for (name, told) in [
        ("ec.pem", "error: expected RSA public key but found *ecdsa.PublicKey\n"),
        ("block.pem", "error: cannot read the certificate"),
        ("nonsense.pem", NO_CERTIFICATE),
        ("empty.pem", NO_CERTIFICATE),
        ("expired.pem", "error: failed to encrypt using an expired certificate on February 3, 2021\n"),
    ] {
        for mode in modes {
            let cert = path(&folder, name);
            let words = [&["--cert", &cert], mode].concat();
            let ended = kubeseal(&words, SECRET.as_bytes(), &[]);
            assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{name} {mode:?}");
            assert!(ended.err.starts_with(told), "{name} {mode:?}: {}", ended.err);
        }
    }
    assert_eq!(read(folder.path(), "s.yaml"), SPECLESS);
}

/// By either name: the peer's as argv0, or as the first word behind ours.
fn by_both_names(words: &[&str]) -> Ended {
    let ended = kubeseal(words, b"", &[]);
    assert_eq!(run("keywright", &[&["kubeseal"], words].concat(), b"", &[]), ended, "{words:?}");
    ended
}

#[test]
fn flags_are_listed_and_wrong_ones_end_with_two() {
    for (words, told) in [
        (&["--bogus"] as &[&str], "unknown flag: --bogus"),
        (&["-x"], "unknown shorthand flag: 'x' in -x"),
        (&["-o"], "flag needs an argument: 'o' in -o"),
        (
            &["--scope", "foo"],
            "invalid argument \"foo\" for \"--scope\" flag: must be one of: strict, namespace-wide, cluster-wide",
        ),
        (
            &["--from-file", "k=\"a\""],
            "invalid argument \"k=\\\"a\\\"\" for \"--from-file\" flag: parse error on line 1, column 3: bare \" in non-quoted-field",
        ),
    ] {
        let ended = by_both_names(words);
        assert_eq!((ended.code, ended.err.as_str()), (2, "Usage of kubeseal:\n"), "{words:?}");
        assert!(ended.out.starts_with("      --allow-empty-data"), "{}", ended.out);
        assert!(ended.out.ends_with(&format!("\n{told}\n")), "{}", ended.out);
    }
    let ended = by_both_names(&["-h"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, "Usage of kubeseal:\n"));
    let ended = by_both_names(&["--help"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert!(ended.out.starts_with("Usage of kubeseal:\n"));
    let ended = by_both_names(&["--version"]);
    assert!(ended.out.starts_with("kubeseal version: v0.36.6 "), "{}", ended.out);
    assert_eq!(ended.code, 0);
}

#[test]
fn nothing_is_printed_if_one_of_several_secrets_cannot_be_sealed() {
    let folder = folder();
    let cert = path(&folder, "cert.pem");
    let input = format!("{SECRET}---\n{PLACELESS}");
    let ended = kubeseal(&["--cert", &cert], input.as_bytes(), &[]);
    assert_eq!((ended.code, ended.out.as_str()), (1, ""));
}
