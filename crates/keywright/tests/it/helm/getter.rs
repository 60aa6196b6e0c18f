//! The getter and the verbs for files, line by line.

use super::{Ended, KEY, PLAIN, RECIPIENT, folder, helm_secrets, path, script, write};

/// A URL, variables, the exit code, stdout, and how stderr begins.
type Line<'a> = (&'a str, &'a [(&'a str, &'a str)], u8, &'a str, &'a str);

const LINES: &[Line<'_>] = &[
    ("secrets://DIR/secrets.yaml", &[], 0, PLAIN, ""),
    ("secrets://DIR/blob.bin", &[], 0, "no newline at the end", ""),
    ("secrets://DIR/plain.yaml", &[], 0, PLAIN, ""),
    ("secrets://!DIR/plain.yaml", &[], 0, PLAIN, ""),
    ("secrets://noop!DIR/plain.yaml", &[], 0, PLAIN, ""),
    ("secrets://sops!DIR/secrets.yaml", &[], 0, PLAIN, ""),
    ("secrets://?DIR/none.yaml", &[], 0, "", ""),
    ("secrets://DIR/none.yaml", &[("HELM_SECRETS_IGNORE_MISSING_VALUES", "true")], 0, "", ""),
    ("secrets://DIR/none.yaml", &[], 1, "", "[helm-secrets] File does not exist: DIR/none.yaml\n"),
    ("secrets+literal://plain", &[], 0, "plain", ""),
    ("secrets+age-import://DIR/key.txt?DIR/secrets.yaml", &[], 0, PLAIN, ""),
    ("secrets+age-import://DIR/none.txt?DIR/plain.yaml", &[], 0, PLAIN, ""),
    (
        "secrets+age-import://nokey",
        &[],
        1,
        "",
        "[helm-secrets] Invalid syntax: secrets+age-import://[path to key]?[path secrets.yaml]\n",
    ),
    ("foo://bar", &[], 1, "", "[helm-secrets] Unknown protocol 'foo://bar'!\n"),
    ("secrets://xyz!f.yaml", &[], 1, "", "[helm-secrets] Can't find secret backend: xyz\n"),
    ("secrets://_custom!f.yaml", &[], 1, "", "[helm-secrets] Can't find secret backend: _custom\n"),
    (
        "secrets://DIR/evil.sh!DIR/plain.yaml",
        &[],
        1,
        "",
        "[helm-secrets] secret backend 'DIR/evil.sh' is a shell script",
    ),
    (
        "secrets://DIR/secrets.yaml",
        &[("HELM_SECRETS_ALLOWED_BACKENDS", "vals")],
        1,
        "",
        "[helm-secrets] secret backend 'sops' not allowed\n",
    ),
    (
        "secrets+age-import:///k?DIR/plain.yaml",
        &[("HELM_SECRETS_KEY_LOCATION_PREFIX", "/secrets/")],
        1,
        "",
        "[helm-secrets] Key location '/k' is not allowed\n",
    ),
    (
        "secrets+age-import:///secrets/../k?DIR/plain.yaml",
        &[("HELM_SECRETS_KEY_LOCATION_PREFIX", "/secrets/")],
        1,
        "",
        "[helm-secrets] Key location '/secrets/../k' is not allowed\n",
    ),
    (
        "secrets+age-import:///k?DIR/plain.yaml",
        &[("HELM_SECRETS_ALLOW_AGE_IMPORT", "false")],
        1,
        "",
        "[helm-secrets] secrets+age-import:// is not allowed in this context!\n",
    ),
    (
        "secrets://?DIR/secrets.yaml",
        &[("HELM_SECRETS_VALUES_ALLOW_ABSOLUTE_PATH", "false")],
        1,
        "",
        "[helm-secrets] Values filepath 'DIR/secrets.yaml' is an absolute path. Absolute paths are not allowed.\n\
         [helm-secrets] File does not exist: DIR/secrets.yaml\n",
    ),
    (
        "secrets://DIR/link.yaml",
        &[("HELM_SECRETS_VALUES_ALLOW_SYMLINKS", "false")],
        1,
        "",
        "[helm-secrets] Values file 'DIR/link.yaml' is a symlink. Symlinks are not allowed.\n",
    ),
    (
        "secrets://DIR/x/../secrets.yaml",
        &[("HELM_SECRETS_VALUES_ALLOW_PATH_TRAVERSAL", "false")],
        1,
        "",
        "[helm-secrets] Values filepath 'DIR/x/../secrets.yaml' contains '..'. Path traversal is not allowed.\n",
    ),
    ("secrets://git+file:///etc/passwd", &[], 1, "", "[helm-secrets] git+file:// is not allowed inside of a reference"),
    ("secrets://?file:///etc/passwd", &[], 1, "", "[helm-secrets] file:// is not allowed inside of a reference"),
    (
        "secrets://sops://f",
        &[],
        1,
        "",
        "[helm-secrets] the scheme sops:// is not known any more\nhint: write secrets://",
    ),
    ("secrets://vals!DIR/reference.yaml", &[], 0, "k: foo/bar\n", ""),
    ("secrets://vals!DIR/reference.json", &[], 0, "{\"k\":\"foo/bar\"}\n", ""),
    ("secrets://DIR/reference.yaml", &[("HELM_SECRETS_BACKEND", "vals")], 0, "k: foo/bar\n", ""),
    ("secrets+literal://vals!ref+echo://foo/bar", &[], 0, "foo/bar", ""),
    ("secrets+literal://vals!plain", &[], 0, "plain", ""),
    (
        "secrets://vals!DIR/missing.yaml",
        &[],
        1,
        "",
        "vals error: expand file://DIR/plain.yaml#/none: no value found for key none\n\
         [helm-secrets] Error while decrypting file: DIR/missing.yaml\n",
    ),
    (
        "secrets://vals!DIR/missing.yaml",
        &[("HELM_SECRETS_BACKEND_ARGS", "-fail-on-missing-key-in-map=false")],
        0,
        "k: null\n",
        "",
    ),
    (
        "secrets://vals!DIR/reference.yaml",
        &[("HELM_SECRETS_BACKEND_ARGS", "-x")],
        1,
        "",
        "vals error: flag provided but",
    ),
    (
        "secrets+literal://vals!ref+file://DIR/plain.yaml#/none",
        &[],
        1,
        "",
        "vals error: expand file://DIR/plain.yaml#/none: no value found for key none\n\
         [helm-secrets] Unable to decrypt literal value\n",
    ),
    (
        "secrets+literal://vals!ref+exec://echo/hi",
        &[],
        1,
        "",
        "vals error: expand exec://echo/hi: running `echo` is not",
    ),
    (
        "secrets+literal://vals!ref+file://DIR/plain.yaml",
        &[("HELM_SECRETS_VALUES_ALLOW_ABSOLUTE_PATH", "false")],
        1,
        "",
        "vals error: expand file://DIR/plain.yaml: references with the scheme \"file\" are not allowed here",
    ),
    // A file of sops is never handed on as it is.
    ("secrets://vals!DIR/secrets.yaml", &[], 0, PLAIN, ""),
    (
        "secrets://vals!DIR/secrets.yaml",
        &[("HELM_SECRETS_ALLOWED_BACKENDS", "vals")],
        1,
        "",
        "[helm-secrets] secret backend 'sops' not allowed",
    ),
    ("secrets://vals!DIR/plain.yaml", &[], 0, PLAIN, ""),
];

#[test]
fn each_url_gives_its_bytes_or_its_words() {
    let folder = folder();
    write(folder.path(), "key.txt", &format!("# a comment\n{KEY}\n"));
    write(folder.path(), "evil.sh", "touch was-run\n");
    std::os::unix::fs::symlink(folder.path().join("secrets.yaml"), folder.path().join("link.yaml")).expect("a link");
    let place = std::fs::canonicalize(folder.path()).expect("the folder").display().to_string();
    write(folder.path(), "reference.yaml", "k: ref+echo://foo/bar\n");
    write(folder.path(), "reference.json", "{\"k\": \"ref+echo://foo/bar\"}\n");
    write(folder.path(), "missing.yaml", &format!("k: ref+file://{place}/plain.yaml#/none\n"));
    for (url, variables, code, out, err) in LINES {
        let ended = helm_secrets(&["downloader", "c", "k", "a", &url.replace("DIR", &place)], variables);
        assert_eq!((ended.code, ended.out.as_str()), (*code, *out), "{url}: {}", ended.err);
        let err = err.replace("DIR", &place);
        assert!(ended.err.starts_with(&err) && (*code == 1 || ended.err.is_empty()), "{url}: {}", ended.err);
    }
}

#[test]
fn the_key_of_a_url_is_needed_and_used() {
    let folder = folder();
    write(folder.path(), "key.txt", KEY);
    let url = |key: &str| format!("secrets+age-import://{}?{}", path(&folder, key), path(&folder, "secrets.yaml"));
    let home = folder.path().display().to_string();
    let run =
        |key: &str| helm_secrets(&["downloader", "c", "k", "a", &url(key)], &[("HOME", &home), ("SOPS_AGE_KEY", "")]);
    assert_eq!(run("key.txt"), Ended { code: 0, out: PLAIN.to_owned(), err: String::new() });
    let keyless = run("none.txt");
    assert_eq!((keyless.code, keyless.out.as_str()), (1, ""));
    assert!(keyless.err.starts_with("Failed to get the data key required"), "{}", keyless.err);
}

#[test]
fn a_page_of_the_web_is_decrypted() {
    let folder = folder();
    let encrypted = std::fs::read_to_string(folder.path().join("secrets.yaml")).expect("the file");
    let (server, address) = serve(encrypted);
    let url = format!("secrets://http://{address}/values.yaml");
    let ended = helm_secrets(&["downloader", "c", "k", "a", &url], &[]);
    assert_eq!((ended.code, ended.out.as_str()), (0, PLAIN), "{}", ended.err);
    server.join().expect("the server ends");
    let ended = helm_secrets(&["downloader", "c", "k", "a", &url], &[]);
    assert_eq!((ended.code, ended.out.as_str()), (1, ""));
    let told = format!(
        "[helm-secrets] Error while download url http://{address}/values.yaml\n[helm-secrets] File does not exist: \
         http://{address}/values.yaml\n"
    );
    assert!(ended.err.ends_with(&told), "{}", ended.err);
}

#[test]
fn a_redirect_to_another_host_is_followed_and_a_password_stays_with_its_own() {
    let folder = folder();
    let (server, address) = serve(PLAIN.to_owned());
    let (first, begin) = answer(format!(
        "HTTP/1.1 302 Found\r\nlocation: http://{address}/v.yaml\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    ));
    write(folder.path(), "netrc", "machine 127.0.0.1\n login u\n password p\n");
    let url = format!("secrets://http://{begin}/v.yaml");
    let ended = helm_secrets(&["downloader", "c", "k", "a", &url], &[("NETRC", &path(&folder, "netrc"))]);
    assert_eq!((ended.code, ended.out.as_str()), (0, PLAIN), "{}", ended.err);
    let asked = |server: std::thread::JoinHandle<String>| server.join().expect("the server ends").to_lowercase();
    assert!(asked(first).contains("authorization: basic dtpw"));
    assert!(!asked(server).contains("authorization"), "another port is another host");
}

#[test]
fn programs_that_variables_pin_are_run() {
    let folder = folder();
    let place = folder.path();
    let curl = script(place, "curl", "echo \"$*\"; case \"$*\" in *none*) echo u:p@h is away >&2; exit 22;; esac");
    let get = |url: &str, variables: &[(&str, &str)]| helm_secrets(&["downloader", "c", "k", "a", url], variables);
    let pinned = [("HELM_SECRETS_CURL_PATH", curl.as_str()), ("NETRC", "/n")];
    assert_eq!(get("secrets://https://h/x", &pinned).out, "-sSfL --netrc-file /n https://h/x\n");
    let away = get("secrets://https://u:p@h/none", &pinned);
    assert_eq!((away.code, away.out.as_str()), (1, ""));
    assert!(away.err.ends_with("download url https://h/none\n[helm-secrets] File does not exist: https://h/none\n"));
    assert_eq!(get("secrets://?https://h/none", &pinned), Ended { code: 0, out: String::new(), err: String::new() });
    let identity = base::encoding::Base64::Standard.encode(KEY.as_bytes());
    let kubectl = script(
        place,
        "kubectl",
        &format!(
            "[ \"$*\" = '--namespace n get secret --output json -- s' ] && echo '{{\"data\":{{\"k\":\"{identity}\"}}}}'"
        ),
    );
    let file = path(&folder, "secrets.yaml");
    for (key, code, out, err) in [
        ("n/s#k", 0, PLAIN, ""),
        ("n/s#other", 1, "", "[helm-secrets] Couldn't find key other in kubernetes secret n/s\n"),
        ("s#k", 1, "", "[helm-secrets] Couldn't get kubernetes secret s: kubectl failed: exit status 1"),
    ] {
        let url = format!("secrets+age-import-kubernetes://{key}?{file}");
        let ended = get(&url, &[("HELM_SECRETS_KUBECTL_PATH", &kubectl), ("SOPS_AGE_KEY", "")]);
        assert_eq!((ended.code, ended.out.as_str()), (code, out), "{key}: {}", ended.err);
        assert!(ended.err.starts_with(err), "{key}: {}", ended.err);
    }
}

/// Answers one request on loopback with a file.
fn serve(body: String) -> (std::thread::JoinHandle<String>, String) {
    answer(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()))
}

/// Answers one request on loopback, and tells what was asked.
fn answer(answer: String) -> (std::thread::JoinHandle<String>, String) {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
            request.push(byte[0]);
        }
        stream.write_all(answer.as_bytes()).expect("an answer");
        String::from_utf8_lossy(&request).into_owned()
    });
    (server, address)
}

#[test]
fn files_are_encrypted_and_decrypted() {
    let folder = folder();
    let file = path(&folder, "secrets.yaml");
    let decrypt = |words: &[&str]| helm_secrets(&[&["decrypt"], words].concat(), &[]);
    assert_eq!(decrypt(&[&file]), Ended { code: 0, out: PLAIN.to_owned(), err: String::new() });
    assert_eq!(helm_secrets(&["view", &file], &[]).out, PLAIN);
    let noop = helm_secrets(&["-b", "noop", "decrypt", "--terraform", &path(&folder, "plain.yaml")], &[]);
    let content = base::encoding::Base64::Standard.encode(PLAIN.as_bytes());
    assert_eq!((noop.code, noop.out), (0, format!("{{\"content_base64\":\"{content}\"}}")));
    assert_eq!(decrypt(&["-i", &file]), Ended { code: 0, out: String::new(), err: String::new() });
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), PLAIN);
    let again = decrypt(&[&file]);
    assert_eq!((again.code, again.err), (1, format!("[helm-secrets] File is not encrypted: {file}\n")));
    // The rule beside the file is found, wherever we are.
    write(folder.path(), ".sops.yaml", &format!("creation_rules: [{{age: {RECIPIENT}}}]\n"));
    let encrypted = helm_secrets(&["encrypt", &file], &[]);
    assert_eq!(encrypted.code, 0, "{}", encrypted.err);
    assert!(encrypted.out.starts_with("password: ENC["), "{}", encrypted.out);
    assert_eq!(helm_secrets(&["encrypt", "-i", &file], &[]).code, 0);
    let twice = helm_secrets(&["encrypt", "-i", &file], &[]);
    assert_eq!((twice.code, twice.err.as_str()), (1, "[helm-secrets] Already encrypted: secrets.yaml\n"));
    let none = path(&folder, "none.yaml");
    let missing = helm_secrets(&["encrypt", &none], &[]);
    assert_eq!((missing.code, missing.err), (1, format!("[helm-secrets] File does not exist: {none}\n")));
    let ended = helm_secrets(&["edit", &path(&folder, "no/f.yaml")], &[]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.starts_with("[helm-secrets] Directory does not exist: "), "{}", ended.err);
}

#[test]
fn what_cannot_be_decrypted_is_told_with_its_cause_and_its_name() {
    let folder = folder();
    let file = path(&folder, "secrets.yaml");
    let text = std::fs::read_to_string(&file).expect("the file");
    write(folder.path(), "secrets.yaml", &text.replacen("data:", "data:AAAA", 1));
    let ended = helm_secrets(&["decrypt", &file], &[]);
    assert_eq!((ended.code, ended.out.as_str()), (1, ""));
    assert!(ended.err.starts_with("Error decrypting tree: "), "{}", ended.err);
    assert!(ended.err.ends_with(&format!("[helm-secrets] Error while decrypting file: {file}\n")), "{}", ended.err);
}

#[test]
fn help_answers_with_the_words_that_people_look_for() {
    for (words, code, expected) in [
        (&[][..], 1, "Available Commands:"),
        (&["help"], 0, "Encrypt secrets"),
        (&["--help"], 0, "Decrypt secrets"),
        (&["-q", "-h"], 0, "Edit encrypted secrets"),
        (&["template"], 0, "helm secrets [ OPTIONS ] template"),
        (&["install", "--help"], 0, "helm secrets [ OPTIONS ] install"),
        (&["edit"], 1, "Error: secrets file required."),
        (&["decrypt", "-h"], 0, "helm secrets decrypt"),
        (&["edit", "-h"], 0, "-h\nEdit encrypted secrets"),
        (&["--version"], 0, "4."),
    ] {
        let ended = helm_secrets(words, &[]);
        assert_eq!((ended.code, ended.err.as_str()), (code, ""), "{words:?}");
        assert!(ended.out.contains(expected), "{words:?}: {}", ended.out);
    }
    assert_eq!(helm_secrets(&["dir"], &[("HELM_PLUGIN_DIR", "/p/helm-secrets")]).out, "/p/helm-secrets");
    for words in [&["-b"][..], &["--backend-args"], &["-b", "nope", "decrypt", "f"]] {
        let ended = helm_secrets(words, &[]);
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{words:?}");
        assert!(ended.err.starts_with("[helm-secrets] "), "{}", ended.err);
    }
}

#[test]
fn what_the_peer_once_had_is_told_with_what_is_written_instead() {
    for (words, expected) in [
        (&["enc", "f"][..], "`enc` is not part of helm-secrets any more\nhint: write `helm secrets encrypt`\n"),
        (&["dec"], "`dec` is not part of helm-secrets any more\nhint: write `helm secrets decrypt`\n"),
        (
            &["--driver", "vals", "template", "c"],
            "`--driver` is not part of helm-secrets any more\nhint: write --backend\n",
        ),
        (
            &["-q", "--driver-args=x"],
            "`--driver-args` is not part of helm-secrets any more\nhint: write --backend-args\n",
        ),
    ] {
        let ended = helm_secrets(words, &[]);
        assert_eq!((ended.code, ended.out.as_str(), ended.err), (1, "", format!("[helm-secrets] {expected}")));
    }
    let old = helm_secrets(&["--version"], &[("HELM_SECRETS_DRIVER", "vals")]);
    assert_eq!(old.code, 0);
    assert_eq!(old.err, "[helm-secrets] HELM_SECRETS_DRIVER is not read any more: set HELM_SECRETS_BACKEND\n");
}

#[test]
fn rendered_manifests_are_evaluated() {
    let render = |words: &[&str], input: &str, variables: &[(&str, &str)]| {
        crate::stage::run("helm-secrets", words, input.as_bytes(), variables)
    };
    let plain = "---\n# Source: c.yaml\nb:   1\n---\na: ref+echo://42\n";
    let ended = render(&["--backend", "sops", "post-renderer"], plain, &[]);
    let expected = "---\n# Source: c.yaml\nb:   1\n---\na: \"42\"\n";
    assert_eq!(ended, Ended { code: 0, out: expected.to_owned(), err: String::new() });
    let secret = "kind: Secret\ndata:\n  secret: cmVmK2VjaG86Ly80Mg==\n";
    assert_eq!(render(&["post-renderer"], secret, &[]).out, secret);
    let decoded = render(&["--evaluate-templates-decode-secrets", "post-renderer"], secret, &[]);
    assert_eq!(decoded.out, "kind: Secret\ndata:\n  secret: NDI=\n");
    let broken = render(&["post-renderer"], "a: 1\n---\na: ref+nope://x/y\n", &[]);
    assert_eq!((broken.code, broken.out.as_str()), (1, ""));
    assert_eq!(broken.err, "vals error: expand nope://x/y: no provider registered for scheme \"nope\"\n");
    let argo = render(&["post-renderer"], "a: ref+exec://echo/hi\n", &[("ARGOCD_APP_NAME", "a")]);
    assert_eq!((argo.code, argo.out.as_str()), (1, ""));
}
