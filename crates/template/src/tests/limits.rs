//! What a template may not do: run for ever, fill the memory, overflow the stack, or show a value in a message.
//! Specification: design §3, §8; VSO §9.5; SS §14.

use super::{Engine, Family, Fuel, MissingKey, Surroundings, Value, now, run};
use crate::value::Text;
use rand_core::SeedableRng as _;

/// A thread of the runtime has this much stack; tests get the same.
const STACK_BYTES: usize = 2 * 1024 * 1024;

fn sprig() -> Engine {
    Engine::new(Family::SealedSecrets, MissingKey::NoValue)
}

fn refusal(text: &str) -> String {
    run(sprig(), text, &Value::map([("s", Value::text("x"))])).expect_err("it is refused")
}

#[test]
fn a_run_ends_when_its_fuel_is_burnt() {
    for text in [
        "{{ range 1000000000 }}{{ end }}",
        "{{ range 1000000000 }}{{ $x := . }}{{ end }}",
        "{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}",
        "{{ $l := list }}{{ range 1000000000 }}{{ $l = append $l . }}{{ end }}",
        "{{ $d := dict }}{{ range $i := 1000000000 }}{{ $_ := set $d (toString $i) $i }}{{ end }}",
        "{{ range 1000000 }}{{ bcrypt \"x\" }}{{ break }}{{ end }}{{ range 1000000000 }}{{ end }}",
        "{{ $l := list }}{{ range 60 }}{{ $l = list $l $l }}{{ end }}{{ deepEqual $l (deepCopy $l) }}",
    ] {
        let template = sprig().parse("t", text).expect("a template");
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let mut fuel = Fuel::new(600_000, 8 << 20);
        let result = template.execute(&Value::Missing, Surroundings { now: now(), rng: &mut rng, fuel: &mut fuel });
        let refused = result.map(|_| ()).expect_err("it ends");
        assert!(refused.chain().ends_with("the template needs more than 600000 steps"), "{text}");
    }
    for (text, call) in [("{{ until 100000000 }}", "until"), ("{{ untilStep 0 9223372036854775807 1 }}", "untilStep")] {
        assert!(refusal(text).contains(&format!("error calling {call}: the template makes")), "{text}");
    }
}

#[test]
fn a_text_has_a_limit_before_it_is_made() {
    for text in [
        "{{ repeat 100000000 \"xxxxxxxxxx\" }}",
        "{{ repeat 9223372036854775807 \"xx\" }}",
        "{{ $s := \"x\" }}{{ range 60 }}{{ $s = print $s $s }}{{ end }}",
        "{{ $s := \"x\" }}{{ range 60 }}{{ $s = replace \"x\" \"xx\" $s }}{{ end }}",
        "{{ range 1000 }}{{ repeat 100000 \"x\" }}{{ end }}",
        "{{ $l := list 1 }}{{ range 100 }}{{ $l = concat $l $l }}{{ end }}",
        "{{ indent 1000000000 \"x\" }}",
        "{{ nindent 100000 (repeat 1000 \"\\n\") }}",
        "{{ randAlphaNum 1000000000 }}",
        "{{ randBytes 1000000000 }}",
        "{{ $l := list }}{{ range 60 }}{{ $l = list $l $l }}{{ end }}{{ toJson $l | len }}",
        "{{ $l := list }}{{ range 60 }}{{ $l = list $l $l }}{{ end }}{{ $l }}",
        "{{ $l := list }}{{ range 60 }}{{ $l = list $l $l }}{{ end }}{{ printf \"%d\" $l }}",
        "{{ regexReplaceAll \"\" (repeat 4000 \"x\") (repeat 4000 \"y\") }}",
        "{{ join (repeat 100000 \"x\") (until 1000) }}",
        "{{ wrapWith 1 (repeat 100000 \"x\") (repeat 1000 \"y\") }}",
        "{{ seq 1 10000000 }}",
        "{{ html (repeat 8000000 \"<\") }}",
    ] {
        let refused = run(sprig(), text, &Value::Missing);
        let refused = match refused {
            // Some functions answer with nothing where they fail.
            Ok(output) => String::from_utf8(output).expect("a text"),
            Err(message) => message,
        };
        let is_told = refused.contains("the template makes more than 8388608 bytes in one piece");
        assert!(is_told || refused.contains("needs more than") || refused == "0", "{text}: {}", refused.len());
    }
    assert!(refusal("{{ printf \"%1000001d\" 1 | len }}{{ fail \"it is no width\" }}").ends_with("no width"));
    assert!(
        refusal("{{ printf \"%.1000000f|%.1000000e|%.1000000U|%1000000d\" 1.5 1.5 65 1 | len | print | fail }}").len()
            < 200
    );
}

/// Runs on a stack as small as a worker's.
fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(test).expect("a thread");
    thread.join().expect("the stack is large enough");
}

#[test]
fn depth_is_refused_before_the_stack_ends() {
    on_small_stack(|| {
        let parse = |text: String| run(sprig(), &text, &Value::Missing);
        let deep = parse(format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000)));
        assert!(deep.expect_err("too deep").ends_with("structures nest deeper than 100"));
        let ifs = parse("{{ if 1 }}".repeat(5000) + &"{{ end }}".repeat(5000));
        assert!(ifs.expect_err("too deep").ends_with("structures nest deeper than 100"));
        let elses = parse(format!("{{{{ if 0 }}}}{}{{{{ end }}}}", "{{ else if 0 }}".repeat(5000)));
        assert!(elses.expect_err("too deep").ends_with("structures nest deeper than 100"));
        let fine = format!("{}x{}", "{{ if 1 }}".repeat(90), "{{ end }}".repeat(90));
        assert_eq!(parse(fine).expect("it is fine"), b"x");
        let fine = format!("{{{{ {}1{} }}}}", "(".repeat(90), ")".repeat(90));
        assert_eq!(parse(fine).expect("it is fine"), b"1");
        let endless = parse("{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" }}".to_owned());
        assert!(endless.expect_err("endless").ends_with("exceeded maximum template depth (200)"));
        let nested = "{{ range 1 }}".repeat(20) + "{{ template \"a\" . }}" + &"{{ end }}".repeat(20);
        let endless = parse(format!("{{{{ define \"a\" }}}}{nested}{{{{ end }}}}{{{{ template \"a\" }}}}"));
        assert!(endless.expect_err("endless").ends_with("exceeded maximum template depth (200)"));
        let inner = format!("{}. {}", "{{ print ".to_owned() + &"(print ".repeat(80), ")".repeat(80));
        let endless = parse(format!(
            "{{{{ define \"a\" }}}}{inner}}}}}{{{{ if 1 }}}}{{{{ template \"a\" . }}}}{{{{ end }}}}{{{{ end }}}}{{{{ template \"a\" }}}}"
        ));
        assert!(endless.expect_err("endless").ends_with("exceeded maximum template depth (200)"));
    });
}

#[test]
fn values_that_lie_deep_in_one_another_are_dropped_and_refused() {
    on_small_stack(|| {
        let make = "{{ $l := list }}{{ range 200000 }}{{ $l = list $l }}{{ end }}";
        for (show, message) in [
            ("{{ $l }}", "values nest deeper than 512"),
            ("{{ toJson $l }}", ""),
            ("{{ mustToJson $l }}", "values nest deeper than 512"),
            ("{{ deepCopy $l }}", "values nest deeper than 512"),
            ("{{ deepEqual $l (list $l) }}", "values nest deeper than 512"),
            ("{{ printf \"%#v\" $l }}", "values nest deeper than 512"),
            ("{{ printf \"%d\" $l }}", "values nest deeper than 512"),
            (
                "{{ $d := dict }}{{ range 200000 }}{{ $d = dict \"d\" $d }}{{ end }}{{ $d }}",
                "values nest deeper than 512",
            ),
        ] {
            match run(sprig(), &format!("{make}{show}"), &Value::Missing) {
                Ok(output) => assert!(output.is_empty() && message.is_empty(), "{show}"),
                Err(refused) => assert!(refused.ends_with(message) && !message.is_empty(), "{show}: {refused}"),
            }
        }
    });
}

#[test]
fn a_map_cannot_hold_itself() {
    for text in [
        "{{ $d := dict }}{{ set $d \"d\" $d }}",
        "{{ $d := dict }}{{ set $d \"l\" (list 1 (dict \"x\" $d)) }}",
        "{{ $d := dict \"in\" (dict) }}{{ set $d.in \"up\" $d }}",
        "{{ $d := dict }}{{ $e := dict \"d\" $d }}{{ merge $d $e }}",
        "{{ set . \"dot\" . }}",
    ] {
        assert!(refusal(text).ends_with("a dict cannot hold itself"), "{text}");
    }
    let shared = "{{ $d := dict \"k\" 1 }}{{ $e := dict \"a\" $d \"b\" $d }}{{ set $e \"c\" $d }}";
    assert_eq!(run(sprig(), shared, &Value::Missing).expect("it is fine"), b"map[a:map[k:1] b:map[k:1] c:map[k:1]]");
}

#[test]
fn no_message_shows_a_value() {
    const CANARY: &str = "C4n4ry!";
    let data = || {
        Value::map([
            ("c", Value::text(CANARY)),
            ("n", Value::Number(Text::from("4242424242"))),
            ("l", Value::list(vec![Value::text(CANARY), Value::Nil])),
            ("m", Value::map([(CANARY, Value::text(CANARY))])),
        ])
    };
    let mut seen = 0;
    let functions = super::sprig_names();
    let shapes = [
        "{{ F .c }}",
        "{{ F .c .c }}",
        "{{ F .c .c .c }}",
        "{{ F .l }}",
        "{{ F .l .l }}",
        "{{ F .m }}",
        "{{ F .m .c }}",
        "{{ F .n }}",
        "{{ F \"x\" .c }}",
        "{{ F 1 .c }}",
        "{{ .c | F \"x\" 1 }}",
        "{{ .c | F 1 1 }}",
        "{{ F .m .c .l }}",
    ];
    for function in functions.iter().filter(|name| !matches!(**name, "genPrivateKey" | "genCA" | "derivePassword")) {
        for shape in shapes {
            if let Err(message) = run(sprig(), &shape.replace('F', function), &data()) {
                assert!(!message.contains(CANARY) && !message.contains("4242424242"), "{function} {shape}: {message}");
                seen += 1;
            }
        }
    }
    assert!(seen > 1000, "the shapes fail in many ways: {seen}");
    for text in [
        "{{ range .c }}{{ end }}",
        "{{ eq .l .l }}",
        "{{ .c.x }}",
        "{{ .n.Int64.x }}",
        "{{ index .m .c .c }}",
        "{{ fail .c }}",
        "{{ fail (print \"got \" .c) }}",
        "{{ fail (printf \"%v\" .m) }}",
        "{{ fail (upper .c | lower | print .n) }}",
    ] {
        let message = run(sprig(), text, &data()).expect_err("it fails");
        assert!(!message.contains(CANARY) && !message.contains("4242424242"), "{text}: {message}");
    }
    assert!(refusal("{{ fail \"boom\" }}").ends_with("error calling fail: boom"));
}

#[test]
fn what_is_left_of_the_fuel_serves_the_next_run() {
    let template = sprig().parse("t", "{{ range 1000 }}{{ end }}").expect("a template");
    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
    let mut fuel = Fuel::new(5_000, 1_000);
    let mut runs = 0;
    let refused = loop {
        match template.execute(&Value::Missing, Surroundings { now: now(), rng: &mut rng, fuel: &mut fuel }) {
            Ok(_) => runs += 1,
            Err(fault) => break fault,
        }
    };
    assert!((1..5).contains(&runs), "{runs}");
    assert!(refused.chain().ends_with("the template needs more than 5000 steps"));
}
