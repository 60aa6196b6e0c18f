use super::*;

fn told(line: &str) -> String {
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let told = |part: Part<'_>| match part {
        Part::Word(word) => word.to_owned(),
        Part::Values(flag, files) => format!("{flag}({})", files.join("|")),
        Part::SetFile(key, file) => format!("file({key}|{file})"),
        Part::Set(flag, text) => format!("{flag}({text})"),
        Part::SetJson(text) => format!("json({text})"),
        Part::SetLiteral(key, text) => format!("literal({key}|{text})"),
    };
    scan(&words).into_iter().map(told).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_form_of_every_flag_is_found() {
    for (line, expected) in [
        ("install -f a.yaml c", "install -f(a.yaml) c"),
        ("install --values=a,b,c x", "install --values(a|b|c) x"),
        ("-fa.yaml -f=b.yaml", "-f(a.yaml) -f(b.yaml)"),
        ("-f a\\,b,c", "-f(a\\,b|c)"),
        ("--set a=1,b=2 --set-string=c=3", "--set(a=1,b=2) --set-string(c=3)"),
        ("--set-file k=f --set-file=k=f=g --set-file f", "file(k=|f) file(k=|f=g) file(|f)"),
        ("--set-json a=[1,2] --set-literal k=ref+x://y", "json(a=[1,2]) literal(k=|ref+x://y)"),
        ("-- -f a", "-- -f(a)"),
        ("template -f", "template -f"),
        ("--filter x --set-files y", "--filter x --set-files y"),
    ] {
        assert_eq!(told(line), expected, "{line}");
    }
}
