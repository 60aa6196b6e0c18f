//! Modes that ask the controller, through an API server that is a table of answers.

use serde_json::{Value, json};
use testkit::Server;
use testkit::http::{Answer, Misbehaviour};
use tokio::runtime::Runtime;

use super::{Ended, folder, key, kubeseal, path, read, write};

const SERVICE: &str = "/api/v1/namespaces/kube-system/services/sealed-secrets-controller";
const PROXY: &str = "/api/v1/namespaces/kube-system/services/http:sealed-secrets-controller:http/proxy/v1";
const SEALED: &str = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: x}\n\
                      spec: {encryptedData: {a: AgBy}}\n";

/// An API server with a controller behind it, and a kubeconfig that leads there.
struct Lab {
    server: Server,
    folder: tempfile::TempDir,
    _runtime: Runtime,
}

impl Lab {
    fn new() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let server = runtime.block_on(Server::start(|asked| {
            let path = asked.path.as_str();
            match path.strip_prefix(PROXY).unwrap_or(path) {
                SERVICE => Answer::json(200, &json!({"spec": {"ports": [{"name": "http"}, {"name": "x"}]}})),
                "/cert.pem" => Answer::new(200, "application/x-pem-file", key().certificate.pem().to_owned()),
                "/verify" => Answer::empty(200),
                "/rotate" => rotated(asked.json()),
                _ => Answer::json(404, &json!({"kind": "Status", "message": "services \"other\" not found"})),
            }
        }));
        let folder = folder();
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": {"server": server.url()}}],
            "users": [{"name": "u", "user": {"token": "t"}}]});
        write(folder.path(), "config", &config.to_string());
        Self { server, folder, _runtime: runtime }
    }

    fn kubeseal(&self, words: &[&str], input: &str) -> Ended {
        let config = path(&self.folder, "config");
        kubeseal(words, input.as_bytes(), &[("KUBECONFIG", &config)])
    }
}

/// As the controller answers: the object without kind and version.
fn rotated(mut object: Value) -> Answer {
    object["spec"]["encryptedData"]["a"] = "rotated".into();
    let fields = object.as_object_mut().expect("an object");
    fields.remove("kind");
    fields.remove("apiVersion");
    Answer::json(200, &object)
}

#[test]
fn the_certificate_comes_through_the_service_proxy() {
    let lab = Lab::new();
    let ended = lab.kubeseal(&["--fetch-cert"], "");
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (0, key().certificate.pem(), ""));
    let asked = lab.server.requests();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].header("accept"), "application/x-pem-file, */*");
    assert!(asked[1].header("user-agent").starts_with("keywright/"), "the audit log shall say who asked");
    assert_eq!(asked[1].header("authorization"), "", "the token is not for everybody on the way");
    let ended = lab.kubeseal(&["-o", "yaml"], "metadata: {name: a}\nstringData: {a: b}\n");
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out.contains("  namespace: default\n"), "the configuration's namespace is used");
}

#[test]
fn who_wonders_where_the_token_went_is_told() {
    let lab = Lab::new();
    let refused = json!({"kind": "Status", "message": "services \"x\" is forbidden"});
    lab.server.misbehave("GET", PROXY, 1, Misbehaviour::Say(Answer::json(403, &refused)));
    let ended = lab.kubeseal(&["--fetch-cert"], "");
    let told = "error: cannot fetch certificate: services \"x\" is forbidden\nhint: tokens and passwords are never sent over plain http\n";
    assert_eq!((ended.code, ended.err.as_str()), (1, told));
}

#[test]
fn a_service_that_is_not_there_is_told_with_the_flags_that_name_it() {
    let lab = Lab::new();
    let ended = lab.kubeseal(&["--fetch-cert", "--controller-name", "other"], "");
    let advice = "Please, use the flag --controller-name and --controller-namespace to set up the name and namespace of the sealed secrets controller";
    let told = format!("error: cannot get sealed secret service: services \"other\" not found.\n{advice}\n");
    assert_eq!((ended.code, ended.err), (1, told));
    lab.server.misbehave("GET", PROXY, 1, Misbehaviour::Say(Answer::new(503, "text/plain", "no endpoints\n")));
    let ended = lab.kubeseal(&["--fetch-cert"], "");
    assert_eq!(
        ended.err,
        "error: cannot fetch certificate: the server is currently unable to handle the request (get services http:sealed-secrets-controller:http)\nhint: no endpoints\n"
    );
}

#[test]
fn an_api_server_that_does_not_reach_the_controller_is_not_waited_for() {
    let lab = Lab::new();
    lab.server.misbehave("GET", PROXY, 1, Misbehaviour::Hang);
    let ended = lab.kubeseal(&["--fetch-cert", "--request-timeout", "300ms"], "");
    assert_eq!(ended.code, 1);
    let told = format!("error: cannot fetch certificate: Get \"{}{PROXY}/cert.pem\": no answer in ", lab.server.url());
    assert!(ended.err.starts_with(&told), "{}", ended.err);
    assert!(ended.err.contains("--cert FILE|URL"), "{}", ended.err);
}

#[test]
fn validation_says_nothing_or_which_object_cannot_be_opened() {
    let lab = Lab::new();
    let ended = lab.kubeseal(&["--validate"], SEALED);
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (0, "", ""));
    let sent = lab.server.requests().last().expect("a request").json();
    assert_eq!(sent["spec"]["encryptedData"]["a"], "AgBy");
    assert_eq!(sent["kind"], "SealedSecret");
    for (answer, told) in [
        (Answer::empty(409), "error: unable to decrypt sealed secret: a\n"),
        (
            Answer::new(404, "text/plain", "404 page not found\n"),
            "error: cannot validate sealed secret: the server could not find the requested resource (post services http:sealed-secrets-controller:http)\nhint: 404 page not found\n",
        ),
        (
            Answer::empty(500),
            "error: cannot validate sealed secret: an error on the server (\"\") has prevented the request from succeeding (post services http:sealed-secrets-controller:http)\n",
        ),
    ] {
        lab.server.misbehave("POST", PROXY, 1, Misbehaviour::Say(answer));
        let ended = lab.kubeseal(&["--validate"], SEALED);
        assert_eq!((ended.code, ended.err.as_str()), (1, told));
    }
    let ended = lab.kubeseal(&["--validate", "--controller-name", "other"], SEALED);
    assert!(
        ended.err.starts_with("error: cannot get sealed secret service: services \"other\" not found"),
        "{}",
        ended.err
    );
    let before = lab.server.requests().len();
    assert_eq!(lab.kubeseal(&["--validate"], &format!("{SEALED}---\n{SEALED}")).code, 0);
    assert_eq!(lab.server.requests().len() - before, 3, "the Service is looked up once");
    let busy = Answer::new(429, "text/plain", "limit exceeded\n").with_header("retry-after", "0");
    lab.server.misbehave("POST", PROXY, 3, Misbehaviour::Say(busy));
    assert_eq!(lab.kubeseal(&["--validate"], SEALED).code, 0, "a controller that is busy is asked again");
}

#[test]
fn re_encryption_prints_the_answer_or_replaces_the_file() {
    let lab = Lab::new();
    let ended = lab.kubeseal(&["--re-encrypt", "-o", "yaml"], SEALED);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let expected = "---\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: a\n  namespace: x\n\
                    spec:\n  encryptedData:\n    a: rotated\n";
    assert_eq!(ended.out, expected);
    write(lab.folder.path(), "s.yaml", SEALED);
    let file = path(&lab.folder, "s.yaml");
    let ended = lab.kubeseal(&["--rotate", "-f", &file], "");
    let told = "Flag --rotate has been deprecated, please use --re-encrypt instead\n";
    assert_eq!((ended.code, ended.out.as_str()), (0, told), "{}", ended.err);
    assert_eq!(read(lab.folder.path(), "s.yaml"), expected);
    lab.server.misbehave("POST", PROXY, 1, Misbehaviour::Say(Answer::empty(409)));
    let ended = lab.kubeseal(&["--re-encrypt", "-f", &file], "");
    assert_eq!((ended.code, ended.err.as_str()), (1, "error: unable to rotate secret\n"));
    assert_eq!(read(lab.folder.path(), "s.yaml"), expected, "after an error the file is as it was");
}

#[test]
fn a_certificate_can_come_from_a_url() {
    let lab = Lab::new();
    let url = format!("{}{PROXY}/cert.pem", lab.server.url());
    let ended = kubeseal(&["--fetch-cert", "--cert", &url], b"", &[]);
    assert_eq!((ended.code, ended.out.as_str()), (0, key().certificate.pem()), "{}", ended.err);
    let wrong = format!("{}/nowhere", lab.server.url());
    let ended = kubeseal(&["--fetch-cert", "--cert", &wrong], b"", &[]);
    assert_eq!(ended.err, format!("error: cannot fetch \"{wrong}\": 404 Not Found\n"));
}
