use super::report::{Counted, ran_on_both, result_line, told_scenarios};

#[test]
fn result_lines_are_counted() {
    let check = |line: &str, expected: Option<(usize, usize)>| {
        assert_eq!(result_line(line), expected.map(|(passed, failed)| Counted { passed, failed }), "{line}");
    };
    check(
        "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        Some((12, 0)),
    );
    check("test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out", Some((2, 3)));
    check("test tidy ... ok", None);
    check("test result: odd", None);
}

#[test]
fn scenarios_are_told_by_feature_and_in_sum() {
    let noted = "memory reloader one\nmemory reloader one\nmemory reloader two\napiserver reloader one\nmemory sealed-secrets x\nnoise\n";
    let told = told_scenarios(noted);
    assert!(told.contains("reloader                      2 in memory    1 on kube-apiserver"), "{told}");
    assert!(told.ends_with("\nscenarios: 3 in memory, 1 on kube-apiserver"), "{told}");
    assert_eq!(told_scenarios(""), "scenarios: 0 in memory, 0 on kube-apiserver");
}

#[test]
fn a_feature_that_ran_in_memory_only_is_a_fault_and_so_are_too_few() {
    let road = |name: &str, count: usize| (0..count).map(|n| format!("apiserver {name} {n}\n")).collect::<String>();
    let others = ["external-secrets", "sealed-secrets", "vault-secrets"].map(|name| road(name, 61)).concat();
    assert_eq!(ran_on_both(&format!("{others}{}", road("reloader", 61))), Ok(()));
    let told = Err("60 scenarios of reloader ran on kube-apiserver, not more than 60".to_owned());
    assert_eq!(ran_on_both(&format!("{others}{}", road("reloader", 60))), told);
    let told = ran_on_both("memory reloader a\napiserver reloader a\nmemory sealed-secrets b\n");
    assert_eq!(told, Err("no scenario of sealed-secrets ran on kube-apiserver".to_owned()));
    assert_eq!(ran_on_both(""), Err("no scenario ran at all".to_owned()));
}
