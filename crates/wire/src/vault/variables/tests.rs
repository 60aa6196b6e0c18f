//! What each variable does, whose counts first, and bad values.

use std::sync::Arc;
use std::time::Duration;

use base::{Fault, SecretBytes};

use crate::environment::Surroundings;
use crate::vault::variables::{Flavour, settings, value};

fn surroundings(variables: &[(&str, &str)]) -> Surroundings {
    crate::tls::install();
    let certified = rcgen::generate_simple_self_signed(["a.internal".to_owned()]).unwrap();
    let (pem, key) = (certified.cert.pem(), certified.signing_key.serialize_pem());
    Surroundings {
        environment: variables.iter().copied().collect(),
        read_file: Arc::new(move |path| match path {
            "/ca.pem" | "/cert.pem" => Ok(SecretBytes::from(pem.as_str())),
            "/key.pem" => Ok(SecretBytes::from(key.as_str())),
            "/bad.pem" => Ok(SecretBytes::from("canary")),
            _ => Err(Fault::not_found(format!("cannot read file `{path}`"))),
        }),
    }
}

#[test]
fn nothing_set_is_the_clients_default() {
    let settings = settings(&surroundings(&[]), Flavour::Vault).unwrap();
    assert_eq!((settings.address.as_str(), settings.namespace.as_str()), ("https://127.0.0.1:8200", ""));
    assert_eq!((settings.timeout, settings.retry.retries), (Duration::from_secs(60), 2));
    assert!(settings.follow_standby && settings.proxy.is_none() && settings.rate.is_none());
}

#[test]
fn every_variable_counts_and_openbao_falls_back() {
    let variables = [
        ("VAULT_ADDR", "http://vault"),
        ("BAO_ADDR", "http://bao"),
        ("VAULT_NAMESPACE", "team"),
        ("VAULT_CLIENT_TIMEOUT", "5"),
        ("BAO_CLIENT_TIMEOUT", "1m30s"),
        ("VAULT_MAX_RETRIES", "0"),
        ("VAULT_RATE_LIMIT", "10:2"),
        ("VAULT_PROXY_ADDR", "http://proxy:1"),
        ("VAULT_DISABLE_REDIRECTS", "true"),
        ("VAULT_CACERT", "/ca.pem"),
        ("VAULT_CLIENT_CERT", "/cert.pem"),
        ("VAULT_CLIENT_KEY", "/key.pem"),
        ("VAULT_TLS_SERVER_NAME", "vault.internal"),
        ("VAULT_SKIP_VERIFY", "1"),
    ];
    let around = surroundings(&variables);
    let vault = settings(&around, Flavour::Vault).unwrap();
    let bao = settings(&around, Flavour::OpenBao).unwrap();
    assert_eq!((vault.address.as_str(), bao.address.as_str()), ("http://vault", "http://bao"));
    assert_eq!((vault.timeout.as_secs(), bao.timeout.as_secs()), (5, 90));
    assert_eq!((bao.namespace.as_str(), bao.retry.retries), ("team", 0));
    assert!(!bao.follow_standby && bao.proxy.is_some() && bao.rate.is_some());
    assert!(vault.tls.has_authorities());
    assert_eq!(vault.tls.server_name(), Some("vault.internal"));
    assert_eq!(value(&around, Flavour::OpenBao, "ADDR"), Some(("BAO_ADDR".to_owned(), "http://bao")));
    let agent = surroundings(&[("VAULT_ADDR", "http://vault"), ("VAULT_AGENT_ADDR", "http://agent")]);
    assert_eq!(settings(&agent, Flavour::Vault).unwrap().address, "http://agent");
}

#[test]
fn a_value_that_cannot_be_is_told_with_its_variable() {
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[("VAULT_CLIENT_TIMEOUT", "soon")], "cannot use VAULT_CLIENT_TIMEOUT: `soon` is not a duration"),
        (&[("VAULT_CLIENT_TIMEOUT", "0")], "cannot use VAULT_CLIENT_TIMEOUT: `0` is not a duration"),
        (&[("VAULT_MAX_RETRIES", "-1")], "cannot use VAULT_MAX_RETRIES: `-1` is not a number"),
        (
            &[("VAULT_RATE_LIMIT", "x")],
            "cannot use VAULT_RATE_LIMIT: cannot use `x` as a rate limit: not `rate` or `rate:burst`",
        ),
        (&[("VAULT_CACERT", "/none")], "cannot use VAULT_CACERT: cannot read file `/none`"),
        (
            &[("VAULT_CACERT", "/bad.pem")],
            "cannot use VAULT_CACERT (`/bad.pem`): no valid certificates found in CA cert data",
        ),
        (&[("VAULT_CAPATH", "/certs")], "cannot use VAULT_CAPATH (`/certs`): folders of certificates are not read"),
        (&[("VAULT_CLIENT_CERT", "/cert.pem")], "both client cert and client key must be provided"),
    ];
    for (variables, expected) in cases {
        let fault = settings(&surroundings(variables), Flavour::Vault).err().unwrap();
        assert_eq!(fault.chain(), expected);
    }
}
