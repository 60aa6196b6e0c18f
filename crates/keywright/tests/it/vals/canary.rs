//! Whatever fails, no value is told.

use super::{folder, keywright_vals, vals, write};

const CANARY: &str = "c4n4ry";

#[test]
fn no_value_is_told() {
    let folder = folder();
    let dir = folder.path().display().to_string();
    write(folder.path(), "canary.yaml", "pw: c4n4ry\nlist: [c4n4ry]\nmap: {c4n4ry: c4n4ry}\n");
    write(folder.path(), "text.txt", "c4n4ry: [\n");
    write(folder.path(), "variables.yaml", "A: {c: ref+file://DIR/canary.yaml#/pw}\n".replace("DIR", &dir).as_str());
    for (words, input) in [
        (&["get", "ref+file://DIR/canary.yaml#/pw/deeper"][..], ""),
        (&["get", "ref+file://DIR/canary.yaml#/list/x"], ""),
        (&["get", "ref+file://DIR/text.txt#/a"], ""),
        (&["get", "ref+file://DIR/text.txt?decode=base64"], ""),
        (&["get", "ref+echo://ref+file://DIR/canary.yaml#/map+/b"], ""),
        (&["get", "ref+vault://a/b?secret_id=c4n4ry&auth_method=approle&address=http://127.0.0.1:1"], ""),
        (&["eval"], "ref+file://DIR/canary.yaml#/pw: {}\n"),
        (&["env", "-f", "DIR/variables.yaml"], ""),
        (&["eval", "-decode-kubernetes-secrets"], "kind: Secret\ndata: {a: c4n4ry!}\n"),
        (&["ksdecode", "-f", "-"], "kind: Secret\ndata: {a: c4n4ry!}\n"),
        (&["eval"], "{\"a\": \"c4n4ry"),
    ] {
        let words: Vec<String> = words.iter().map(|word| word.replace("DIR", &dir)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        for run in [vals, keywright_vals] {
            let ended = run(&words, &input.replace("DIR", &dir), &[]);
            assert_ne!(ended.code, 0, "{words:?}: {}", ended.out);
            assert!(!ended.err.contains(CANARY), "{words:?} {input:?}: {}", ended.err);
            assert_eq!(ended.out, "", "{words:?}");
        }
    }
}
