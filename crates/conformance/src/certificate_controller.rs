//! `external-secrets certcontroller` as a process: it elects itself, makes the webhook's certificate, has the API server trust it, is
//! ready once the webhook is served, and ends when it is asked to. What it does in detail is a scenario of the operator's.
//! Specification: ESO §6.14, §12.2.

use std::process::{Command, Stdio};

use serde_json::Value;
use testkit::process::{Running, free_address};

use crate::{LAB, PROGRAM, kubectl, variable};

/// What the chart installs. No object fits the configuration, so that it holds nothing up.
const MANIFESTS: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: certificates}
---
apiVersion: v1
kind: Secret
metadata: {name: hook, namespace: certificates, labels: {external-secrets.io/component: webhook}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: hook, namespace: certificates, labels: {kubernetes.io/service-name: hook}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.1], conditions: {ready: true}}]
ports: []
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: secretstore-validate, labels: {external-secrets.io/component: webhook}}
webhooks:
- name: validate.secretstore.external-secrets.io
  rules: [{apiGroups: [external-secrets.io], apiVersions: [v1], operations: [CREATE], resources: [secretstores], scope: Namespaced}]
  clientConfig: {service: {namespace: old, name: old, path: /validate-external-secrets-io-v1-secretstore}}
  admissionReviewVersions: [v1]
  sideEffects: None
  objectSelector: {matchLabels: {no: object}}
";

fn object(words: &[&str]) -> Value {
    let printed = kubectl(&[&["get", "--output=json"], words].concat(), "");
    serde_json::from_str(&printed).expect("kubectl prints JSON")
}

#[test]
fn the_built_program_looks_after_the_webhook() {
    kubectl(&["apply", "--server-side", "--filename=-"], MANIFESTS);
    let health = free_address();
    let mut command = Command::new(variable(PROGRAM));
    command.args(["external-secrets", "certcontroller", "--enable-leader-election", "--metrics-addr=127.0.0.1:0"]);
    command.args(["--service-name=hook", "--service-namespace=certificates"]);
    command.args(["--secret-name=hook", "--secret-namespace=certificates", "--crd-names=", "--loglevel=error"]);
    command.arg(format!("--healthz-addr={health}"));
    command.env("KUBECONFIG", variable(LAB)).env("POD_NAMESPACE", "certificates").stderr(Stdio::null());
    let mut running = Running::start(&mut command);
    running.until_ok(&health, "/healthz");
    // Who waits for the lease is ready, too, so it is the Secret that tells.
    let authority = running.until("the certificate", || {
        let secret = object(&["secret", "hook", "--namespace=certificates"]);
        secret["data"]["ca.crt"].as_str().map(str::to_owned)
    });
    running.until_ok(&health, "/readyz");
    let configuration = object(&["validatingwebhookconfiguration", "secretstore-validate"]);
    let client = &configuration["webhooks"][0]["clientConfig"];
    assert_eq!(client["caBundle"], authority);
    let service = (&client["service"]["namespace"], &client["service"]["name"], &client["service"]["path"]);
    let path = "/validate-external-secrets-io-v1-secretstore";
    assert_eq!(service, (&"certificates".into(), &"hook".into(), &path.into()));
    let holder = || {
        let lease = object(&["lease", "crd-certs-controller", "--namespace=certificates"]);
        lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
    };
    assert_ne!(holder(), "", "it leads");
    assert!(running.end().success());
    assert_eq!(holder(), "", "the lease is given back");
    kubectl(&["delete", "validatingwebhookconfiguration", "secretstore-validate"], "");
}
