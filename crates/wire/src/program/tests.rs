//! Programs that answer, fail, hang, print too much, or read nothing.

use std::time::{Duration, Instant};

use base::{Kind, SecretBytes};

use crate::program::Program;

fn shell(script: &str) -> Program {
    Program::new("sh").arguments(["-c", script])
}

#[test]
fn input_output_complaints_and_exit_code_come_through() {
    let output = shell("cat; echo oops >&2; exit 7").input(SecretBytes::from("in")).run().unwrap();
    assert_eq!((output.code, output.stdout.expose(), output.stderr.as_str()), (Some(7), &b"in"[..], "oops\n"));
    assert_eq!(output.ending(), "exit status 7");
    let fault = output.accepted("cannot ask it").err().unwrap();
    assert_eq!(fault.chain(), "cannot ask it: exit status 7");
    let output = shell("kill -TERM $$").run().unwrap();
    assert_eq!((output.code, output.signal, output.ending()), (None, Some(15), "signal: 15".to_owned()));
    assert_eq!(shell("printf x").run().unwrap().accepted("x").unwrap().expose(), b"x");
}

#[test]
fn large_input_and_output_do_not_block_each_other() {
    let input = vec![b'x'; 3_000_000];
    let output = shell("cat").input(SecretBytes::new(input.clone())).run().unwrap();
    assert!(output.stdout.expose() == input);
    assert!(
        shell("exec true").input(SecretBytes::new(input)).run().unwrap().is_success(),
        "unread input is no failure"
    );
    let output = shell("head -c 300000 /dev/zero >&2").run().unwrap();
    assert_eq!(output.stderr.len(), base::limit::PROGRAM_ERROR_BYTES);
}

#[test]
fn limits_are_kept() {
    let mut program = shell("head -c 1001 /dev/zero");
    program.output_limit = 1000;
    assert_eq!(program.run().err().unwrap().to_string(), "`sh` printed more than 1000 bytes");
    for script in ["sleep 30", "exec >&- 2>&-; sleep 30"] {
        let begun = Instant::now();
        let fault = shell(script).timeout(Duration::from_millis(100)).run().err().unwrap();
        assert_eq!(fault.kind(), Kind::Unreachable);
        assert_eq!(fault.to_string(), "`sh` did not end within 100ms");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn a_program_that_is_not_there_is_not_found() {
    let fault = Program::new("keywright-no-such-program").run().err().unwrap();
    assert_eq!(
        (fault.kind(), fault.to_string()),
        (Kind::NotFound, "cannot start `keywright-no-such-program`".to_owned())
    );
    assert!(fault.advice().is_some());
    let fault = Program::new("/").run().err().unwrap();
    assert_eq!(fault.kind(), Kind::Denied);
}

#[test]
fn variables_are_added_or_alone() {
    let mut program = Program::new("/bin/sh").arguments(["-c", "echo $MINE $HOME"]);
    program.environment.push(("MINE".into(), "1".into()));
    program.alone = true;
    program.directory = Some("/".into());
    assert_eq!(program.run().unwrap().stdout.expose(), b"1\n");
}

#[tokio::test]
async fn under_tokio_others_go_on() {
    let (output, begun) = (shell("sleep 0.2; echo x").answer(), Instant::now());
    let (output, ()) = tokio::join!(output, async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(begun.elapsed() < Duration::from_millis(150));
    });
    assert_eq!(output.unwrap().stdout.expose(), b"x\n");
}
