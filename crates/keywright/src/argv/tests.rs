use super::*;

const FLAGS: &[Flag] = &[
    Flag { name: "file", short: Some('f'), takes: Takes::Value, help: "" },
    Flag { name: "yes", short: Some('y'), takes: Takes::Bool, help: "" },
    Flag { name: "all", short: Some('a'), takes: Takes::Bool, help: "" },
];

fn read(grammar: Grammar, line: &str) -> Result<String, String> {
    let words: Vec<String> = line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let parsed = parse(grammar, FLAGS, &words).map_err(|error| error.to_string())?;
    let flag = |name| format!("{name}={}", parsed.value(name).unwrap_or("-"));
    Ok(format!("{} {} {} {:?}", flag("file"), flag("yes"), flag("all"), parsed.positionals))
}

#[test]
fn each_grammar_reads_its_own_forms() {
    use Grammar::{GoFlag, Pflag, Urfave};
    for (grammar, line, expected) in [
        (GoFlag, "-file x -yes y", "file=x yes=true all=- [\"y\"]"),
        (GoFlag, "--file=x a -yes", "file=x yes=- all=- [\"a\", \"-yes\"]"),
        (GoFlag, "-yes=false", "file=- yes=false all=- []"),
        (Pflag, "a --file x -y b", "file=x yes=true all=- [\"a\", \"b\"]"),
        (Pflag, "-yafx", "file=x yes=true all=true []"),
        (Pflag, "-f=x -- -y", "file=x yes=- all=- [\"-y\"]"),
        (Pflag, "-", "file=- yes=- all=- [\"-\"]"),
        (Urfave, "a -f x --yes", "file=x yes=true all=- [\"a\"]"),
        (Urfave, "a -7 --bogus --yes", "file=- yes=true all=- [\"a\", \"-7\", \"--bogus\"]"),
    ] {
        assert_eq!(read(grammar, line), Ok(expected.to_owned()), "{grammar:?} {line}");
    }
}

#[test]
fn each_grammar_complains_in_its_own_words() {
    use Grammar::{GoFlag, Pflag, Urfave};
    for (grammar, line, expected) in [
        (GoFlag, "-x", "flag provided but not defined: -x"),
        (GoFlag, "--file", "flag needs an argument: -file"),
        (GoFlag, "-yes=maybe", "invalid boolean value \"maybe\" for -yes: parse error"),
        (Pflag, "--bogus", "unknown flag: --bogus"),
        (Pflag, "-yz", "unknown shorthand flag: 'z' in -yz"),
        (Pflag, "--file", "flag needs an argument: --file"),
        (Pflag, "-f", "flag needs an argument: 'f' in -f"),
        (
            Pflag,
            "--yes=foo",
            "invalid argument \"foo\" for \"-y, --yes\" flag: strconv.ParseBool: parsing \"foo\": invalid syntax",
        ),
        (Urfave, "--bogus a", "flag provided but not defined: -bogus"),
    ] {
        assert_eq!(read(grammar, line), Err(expected.to_owned()), "{grammar:?} {line}");
    }
}
