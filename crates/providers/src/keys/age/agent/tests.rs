//! An agent played over a socket.

use std::os::unix::net::UnixListener;
use std::thread::{self, JoinHandle};

use wire::environment::Environment;

use super::*;

/// Plays one conversation: answers each command with the next text, and tells what it heard.
fn play(listener: UnixListener, answers: &'static [&'static str]) -> JoinHandle<Vec<String>> {
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        let mut heard = BufReader::new(stream.try_clone().expect("a clone")).lines();
        stream.write_all(b"OK Pleased to meet you\n").expect("a listener");
        answers
            .iter()
            .map(|answer| {
                let line = heard.next().expect("a command").expect("text");
                stream.write_all(answer.as_bytes()).expect("a listener");
                line
            })
            .collect()
    })
}

fn agent(home: &std::path::Path) -> Agent {
    let home = home.to_string_lossy();
    let environment: Environment = [("GNUPGHOME", &*home), ("GPG_TTY", "/dev/pts/1")].into_iter().collect();
    Agent::new(&Surroundings { environment, ..Surroundings::none() })
}

#[test]
fn the_agent_is_asked_and_its_answer_decoded() {
    let home = tempfile::tempdir().expect("a folder");
    let listener = UnixListener::bind(home.path().join("S.gpg-agent")).expect("a socket");
    let played = play(listener, &["OK\n", "S PROGRESS\nD se%25cr\nD et\nOK\n"]);
    let passphrase = agent(home.path()).passphrase("SopsAgeX", "For 'a+b' 100%:");
    assert!(passphrase == Some("se%cret".into()));
    assert_eq!(
        played.join().expect("plays"),
        ["OPTION ttyname=/dev/pts/1", "GET_PASSPHRASE --data SopsAgeX X Passphrase: For+'a%2Bb'+100%25:"]
    );
}

#[test]
fn refusals_and_silence_are_no_answer() {
    for answer in [&["OK\n", "ERR 83886179 Operation cancelled\n"], &["OK\n", "nonsense\n"]] {
        let home = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(home.path().join("S.gpg-agent")).expect("a socket");
        let played = play(listener, answer);
        assert!(agent(home.path()).passphrase("X", "prompt").is_none());
        played.join().expect("plays");
    }
    assert!(agent(std::path::Path::new("/nowhere")).passphrase("X", "prompt").is_none());
}

#[test]
fn the_cache_id_is_made_of_the_content() {
    // SHA-256 of the empty file: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934c…
    assert_eq!(cache_id(&"".into()), "SopsAge4OYMIQUY7QOBJGX36TEJS35ZEQT24QPEMSNZGTFE");
}
