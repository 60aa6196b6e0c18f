//! Finding and running programs, on ones that every machine has.

use std::path::Path;

use super::find_in;

#[test]
fn a_program_gets_its_input_and_an_environment_of_its_own() {
    let cat = find_in(Path::new("/bin"), "cat").expect("cat");
    assert_eq!(cat.run(&[]).input("hello").outcome().text(), "hello");
    let env = find_in(Path::new("/usr/bin"), "env").expect("env").run(&[]).variable("GIVEN", "yes").outcome().text();
    assert!(env.contains("GIVEN=yes\n") && !env.contains("CARGO"), "{env}");
    let shell = find_in(Path::new("/bin"), "sh").expect("a shell");
    let failed = shell.run(&["-c", "echo no >&2; exit 3"]).outcome();
    assert_eq!((failed.code, failed.stderr.as_slice()), (Some(3), &b"no\n"[..]));
    assert!(find_in(Path::new("/bin"), "no-such-program").is_none());
}

#[test]
fn a_version_may_be_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("helm4")).expect("a folder");
    std::fs::write(folder.path().join("helm4/helm"), "").expect("a file");
    let found = find_in(folder.path(), "helm4").expect("it is there");
    assert!(found.program().ends_with("helm4/helm"));
}
