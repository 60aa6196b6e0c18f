use super::*;

fn read(line: &str, environment: &[(&str, &str)]) -> Result<Options, String> {
    let words: Vec<String> = line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let environment: Environment = environment.iter().map(|(name, value)| (*name, *value)).collect();
    Options::read(&words, &environment).map_err(|refusal| match refusal {
        Refusal::Usage(text) => format!("2: {text}"),
        Refusal::ShortHelp => "short help".to_owned(),
        Refusal::Fault(fault) => format!("1: {}", fault.chain()),
    })
}

#[test]
fn modes_have_an_order_of_precedence() {
    use Action::{Help, Version, Work};
    for (line, action) in [
        ("", Work(Mode::Seal)),
        ("--raw", Work(Mode::Raw)),
        ("--raw --merge-into f", Work(Mode::MergeInto("f".into()))),
        ("--merge-into f --fetch-cert", Work(Mode::FetchCertificate)),
        ("--fetch-cert --re-encrypt", Work(Mode::ReEncrypt)),
        ("--rotate", Work(Mode::ReEncrypt)),
        ("--re-encrypt --validate", Work(Mode::Validate)),
        ("--validate --recovery-unseal", Work(Mode::Recover)),
        ("--recovery-unseal --help", Help),
        ("--help --version", Version),
        ("--raw=false", Work(Mode::Seal)),
        ("positional --raw ignored", Work(Mode::Raw)),
        ("-v=2 --logtostderr=false --log_dir x --raw", Work(Mode::Raw)),
    ] {
        assert_eq!(read(line, &[]).map(|options| options.action), Ok(action), "{line}");
    }
}

#[test]
fn wrong_command_lines_are_told_in_pflags_words() {
    for (line, told) in [
        ("--bogus", "2: unknown flag: --bogus"),
        ("-x", "2: unknown shorthand flag: 'x' in -x"),
        ("-o", "2: flag needs an argument: 'o' in -o"),
        (
            "--scope foo",
            "2: invalid argument \"foo\" for \"--scope\" flag: must be one of: strict, namespace-wide, cluster-wide",
        ),
        (
            "--raw=maybe",
            "2: invalid argument \"maybe\" for \"--raw\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
        ),
        ("-vx", "2: invalid argument \"x\" for \"-v, --v\" flag: strconv.ParseInt: parsing \"x\": invalid syntax"),
        ("--log_file_max_size x", "2: invalid argument \"x\" for \"--log_file_max_size\" flag: parse error"),
        (
            "--stderrthreshold x",
            "2: invalid argument \"x\" for \"--stderrthreshold\" flag: strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        ("-h", "short help"),
        ("-o toml", "1: unsupported output format: toml"),
        ("--from-file x", "1: --from-file requires --raw"),
    ] {
        assert_eq!(read(line, &[]).err().as_deref(), Some(told), "{line}");
    }
}

#[test]
fn the_environment_presets_every_flag_and_the_command_line_wins() {
    let options =
        read("", &[("SEALED_SECRETS_NAMESPACE", "ns/demo"), ("SEALED_SECRETS_CONTROLLER_NAME", "c")]).expect("fine");
    assert_eq!(options.connection.namespace.as_deref(), Some("demo"));
    assert_eq!(options.connection.controller_name, "c");
    assert_eq!(options.connection.controller_namespace, "kube-system");
    let options =
        read("-n other", &[("SEALED_SECRETS_NAMESPACE", "demo"), ("SEALED_SECRETS_RAW", "true")]).expect("fine");
    assert_eq!(options.connection.namespace.as_deref(), Some("other"));
    assert_eq!(options.action, Action::Work(Mode::Raw));
    let options = read("--raw --from-file c", &[("SEALED_SECRETS_FROM_FILE", "a,b")]).expect("fine");
    assert_eq!(options.from_files, ["a", "b", "c"], "lists add up");
    let options =
        read("", &[("SEALED_SECRETS_CERT", ""), ("SEALED_SECRETS_SCOPE", "")]).expect("empty is as not given");
    assert_eq!((options.certificate, options.scope), (None, None));
    for (name, value, told) in [
        (
            "SEALED_SECRETS_SCOPE",
            "bogus",
            "1: cannot use SEALED_SECRETS_SCOPE: must be one of: strict, namespace-wide, cluster-wide",
        ),
        ("SEALED_SECRETS_RAW", "maybe", "1: SEALED_SECRETS_RAW must be true or false"),
        ("SEALED_SECRETS_FORMAT", "toml", "1: unsupported output format: toml"),
    ] {
        assert_eq!(read("", &[(name, value)]).err().as_deref(), Some(told));
    }
}

#[test]
fn the_output_files_name_decides_its_syntax() {
    for (line, syntax) in [
        ("", None),
        ("-o json", Some(Syntax::Json)),
        ("-o YAML", Some(Syntax::Yaml)),
        ("-o json -w x.yaml", Some(Syntax::Yaml)),
        ("-w x.yml", Some(Syntax::Yaml)),
        ("-o yaml -w x.json", Some(Syntax::Yaml)),
        ("-w x.json", None),
    ] {
        assert_eq!(read(line, &[]).map(|options| options.syntax), Ok(syntax), "{line}");
    }
}

#[test]
fn flags_that_do_nothing_are_told() {
    let warnings = |line: &str| read(line, &[]).expect("fine").warnings.len();
    assert_eq!(warnings("--recovery-private-key k"), 1);
    assert_eq!(warnings("--recovery-private-key k --recovery-unseal"), 0);
    assert_eq!(warnings("--merge-into f -w x"), 1);
}

#[test]
fn the_list_of_flags_names_each() {
    let text = usage();
    assert!(text.starts_with("      --allow-empty-data "));
    assert!(text.contains("\n  -o, --format string "));
    assert!(!text.contains("rotate") && !text.contains("log_dir"));
}
