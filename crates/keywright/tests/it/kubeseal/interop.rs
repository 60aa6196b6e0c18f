//! Both ways with the real kubeseal: what it seals we open, what we seal it opens, in every scope and size.

use super::lines::AS_THE_PEER;
use super::{Ended, folder, kubeseal, masked, path};

/// Data of several sizes and kinds, as the base64 that a Secret holds.
fn secret() -> String {
    let encode = |bytes: &[u8]| base::encoding::Base64::Standard.encode(bytes);
    let all: Vec<u8> = (0..=255).collect();
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n  namespace: x\n  labels: {{l: \"1\"}}\ntype: T\ndata:\n  \
         one: {}\n  binary: {}\n  large: {}\n",
        encode(b"1"),
        encode(&all),
        encode(&vec![7; 512 * 1024]),
    )
}

#[test]
fn what_either_seals_the_other_opens() {
    let Some(peer) = testkit::peers::find("kubeseal") else { return };
    let folder = folder();
    let (cert, key) = (path(&folder, "cert.pem"), path(&folder, "key.pem"));
    let theirs = |words: &[&str], input: &str| {
        let outcome = peer.run(words).input(input).outcome();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        let code = outcome.code.and_then(|code| u8::try_from(code).ok()).expect("it ended");
        Ended { code, out: text(outcome.stdout), err: text(outcome.stderr) }
    };
    let ours = |words: &[&str], input: &str| kubeseal(words, input.as_bytes(), &[]);
    for scope in ["strict", "namespace-wide", "cluster-wide"] {
        for syntax in ["json", "yaml"] {
            let seal = ["--cert", &cert, "--scope", scope, "-o", syntax];
            let open = ["--recovery-unseal", "--recovery-private-key", &key, "-o", syntax];
            let (by_them, by_us) = (theirs(&seal, &secret()), ours(&seal, &secret()));
            assert_eq!((by_them.code, by_us.code), (0, 0), "{} {}", by_them.err, by_us.err);
            let first = ours(&open, &by_them.out);
            assert_eq!(first.code, 0, "{}", first.err);
            for again in [theirs(&open, &by_us.out), ours(&open, &by_us.out), theirs(&open, &by_them.out)] {
                assert!(again == first, "{scope} {syntax}: {}", again.err);
            }
        }
    }
}

#[test]
fn the_real_kubeseal_says_the_same() {
    let Some(peer) = testkit::peers::find("kubeseal") else { return };
    let folder = folder();
    let place = folder.path().display().to_string();
    for line in AS_THE_PEER {
        let words = line.words.replace("DIR", &place);
        let words: Vec<&str> = words.split(' ').collect();
        let theirs = peer.run(&words).input(line.input).outcome();
        let ours = kubeseal(&words, line.input.as_bytes(), &[]);
        assert_eq!(theirs.code, Some(i32::from(ours.code)), "{}", line.words);
        assert_eq!(String::from_utf8_lossy(&theirs.stderr), ours.err, "{}", line.words);
        assert_eq!(masked(&String::from_utf8_lossy(&theirs.stdout)), masked(&ours.out), "{}", line.words);
    }
}
