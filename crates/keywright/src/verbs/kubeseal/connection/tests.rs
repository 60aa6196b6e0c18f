use super::*;

fn folder_with(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("config"), config).expect("a file");
    folder
}

fn environment(folder: &tempfile::TempDir, more: &[(&str, &str)]) -> Environment {
    let path = folder.path().join("config").display().to_string();
    [("KUBECONFIG", path.as_str())].into_iter().chain(more.iter().copied()).collect()
}

const CONFIG: &str = r#"{"apiVersion":"v1","kind":"Config","current-context":"c",
    "contexts":[{"name":"c","context":{"cluster":"k","user":"u","namespace":"ctx"}},{"name":"bare","context":{"cluster":"k"}}],
    "clusters":[{"name":"k","cluster":{"server":"http://127.0.0.1:1"}}],"users":[{"name":"u","user":{"token":"t"}}]}"#;

#[test]
fn the_namespace_follows_from_flag_context_pod_or_is_the_default() {
    let pod = [("KUBERNETES_SERVICE_HOST", "127.0.0.1"), ("KUBERNETES_SERVICE_PORT", "1"), ("POD_NAMESPACE", "pod")];
    let none =
        "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable";
    for (config, flag, context, more, expected) in [
        (CONFIG, Some("flag"), None, &[][..], Ok("flag")),
        (CONFIG, None, None, &[], Ok("ctx")),
        (CONFIG, None, Some("bare"), &[], Ok("default")),
        (CONFIG, None, Some("bare"), &pod, Ok("pod")),
        ("{}", None, None, &pod, Ok("pod")),
        ("{}", None, None, &pod[..2], Err(none)),
        ("{}", None, None, &[], Err(none)),
        (
            CONFIG,
            None,
            Some("nope"),
            &[],
            Err(
                "invalid configuration: [context was not found for specified context: nope, cluster has no server defined]",
            ),
        ),
        (r#"{"clusters":[{"name":"k","cluster":{"server":"http://a"}}]}"#, None, None, &[], Err(none)),
        (
            r#"{"current-context":"gone","clusters":[{"name":"k"}]}"#,
            None,
            None,
            &[],
            Err(
                "invalid configuration: [context was not found for specified context: gone, cluster has no server defined]",
            ),
        ),
    ] {
        let folder = folder_with(config);
        let text = |text: Option<&str>| text.map(str::to_owned);
        let connection = Connection { namespace: text(flag), context: text(context), ..Connection::default() };
        let answer = connection.namespace(&environment(&folder, more)).map_err(|fault| fault.to_string());
        assert_eq!(answer.as_deref().map_err(String::as_str), expected);
    }
    let folder = folder_with("foo: [");
    let told = Connection::default().namespace(&environment(&folder, &[])).expect_err("no configuration").to_string();
    assert!(told.starts_with("error loading config file \""), "{told}");
    let connection = Connection { kubeconfig: Some("/nowhere/config".into()), ..Connection::default() };
    let told = connection.namespace(&environment(&folder, &[])).expect_err("no file").to_string();
    assert_eq!(told, "stat /nowhere/config: no such file or directory");
}

#[test]
fn flags_lie_over_the_configuration() {
    let folder = folder_with(CONFIG);
    let connection = Connection {
        server: Some("https://10.0.0.1:6443".into()),
        insecure_skip_tls_verify: true,
        tls_server_name: Some("api".into()),
        impersonate: Some("other".into()),
        impersonate_groups: vec!["g".into()],
        impersonate_uid: Some("7".into()),
        ..Connection::default()
    };
    let environment = environment(&folder, &[]);
    let mut config = connection.configuration(&environment).expect("a configuration");
    let options = connection.applied_to(&mut config, &environment).expect("it applies");
    assert_eq!((options.cluster.as_deref(), options.user.as_deref()), (Some("k"), Some("u")));
    let cluster = config.clusters[0].cluster.as_ref().expect("a cluster");
    assert_eq!(cluster.server.as_deref(), Some("https://10.0.0.1:6443"));
    assert_eq!((cluster.insecure_skip_tls_verify, cluster.tls_server_name.as_deref()), (Some(true), Some("api")));
    let user = config.auth_infos[0].auth_info.as_ref().expect("a user");
    assert_eq!(user.impersonate.as_deref(), Some("other"));
    assert_eq!((user.impersonate_uid.as_deref(), user.impersonate_groups.as_ref().map(Vec::len)), (Some("7"), Some(1)));
    assert!(user.token.is_some(), "what no flag names stays");
}

#[test]
fn flags_alone_make_a_configuration() {
    let folder = folder_with("{}");
    let connection =
        Connection { server: Some("http://127.0.0.1:1".into()), token: Some("t".into()), ..Connection::default() };
    let environment = environment(&folder, &[]);
    let mut config = connection.configuration(&environment).expect("an empty configuration");
    let options = connection.applied_to(&mut config, &environment).expect("it applies");
    assert_eq!(options.cluster.as_deref(), Some(BY_FLAG));
    assert_eq!(config.clusters.len(), 1);
    assert!(config.auth_infos[0].auth_info.as_ref().is_some_and(|user| user.token.is_some()));
}

#[test]
fn requests_end_unless_told_to_wait_for_ever() {
    let timeout = |text: Option<&str>| {
        let connection = Connection { request_timeout: text.map(str::to_owned), ..Connection::default() };
        connection.timeout().map_err(|fault| fault.to_string())
    };
    assert_eq!(timeout(None), Ok(Some(Duration::from_secs(30))));
    assert_eq!(timeout(Some("0")), Ok(None));
    assert_eq!(timeout(Some("5")), Ok(Some(Duration::from_secs(5))));
    assert_eq!(timeout(Some("2m")), Ok(Some(Duration::from_secs(120))));
    assert_eq!(timeout(Some("soon")), Err("Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)".to_owned()));
}

#[test]
fn what_leads_nowhere_or_means_two_things_is_refused() {
    let folder = folder_with(CONFIG);
    let some = |text: &str| Some(text.to_owned());
    let none = Connection::default;
    let nope = folder.path().join("nope").display().to_string();
    let read = |what: &str, of: &str| {
        format!("unable to read {what} {nope} for {of} due to open {nope}: no such file or directory")
    };
    for (connection, told) in [
        (Connection { cluster: some("zip"), ..none() }, "cluster \"zip\" does not exist".to_owned()),
        (Connection { user: some("zip"), ..none() }, "auth info \"zip\" does not exist".to_owned()),
        (Connection { context: some("zip"), ..none() }, "context \"zip\" does not exist".to_owned()),
        (
            Connection { username: some("me"), ..none() },
            "invalid configuration: more than one authentication method found for u; found [token basicAuth], only one is allowed".to_owned(),
        ),
        (
            Connection { impersonate_groups: vec!["g".into()], ..none() },
            "invalid configuration: requesting uid, groups or user-extra for u without impersonating a user".to_owned(),
        ),
        (
            Connection { insecure_skip_tls_verify: true, certificate_authority: some("x"), ..none() },
            "specifying a root certificates file with the insecure flag is not allowed".to_owned(),
        ),
        (
            Connection { client_certificate: some(&nope), client_key: some(&nope), ..none() },
            format!("invalid configuration: [{}, {}]", read("client-cert", "u"), read("client-key", "u")),
        ),
        (
            Connection { certificate_authority: some(&nope), ..none() },
            format!("invalid configuration: {}", read("certificate-authority", "k")),
        ),
    ] {
        let opened = crate::cluster::block_on(async { connection.open(&environment(&folder, &[])).await.map(drop) });
        assert_eq!(opened.map_err(|fault| fault.to_string()), Err(told));
    }
}

#[test]
fn a_server_without_a_scheme_is_asked_as_kubectl_asks_it() {
    let folder = folder_with(CONFIG);
    let some = |text: &str| Some(text.to_owned());
    let file = folder.path().join("config").display().to_string();
    let (plain, tls) = ("http://10.0.0.1:6443", "https://10.0.0.1:6443");
    for (connection, expected) in [
        (Connection::default(), plain),
        (Connection { insecure_skip_tls_verify: true, ..Connection::default() }, tls),
        (Connection { certificate_authority: some(&file), ..Connection::default() }, tls),
        // A client's own certificate says nothing about the server.
        (Connection { client_certificate: some(&file), client_key: some(&file), ..Connection::default() }, plain),
    ] {
        let connection = Connection { server: some("10.0.0.1:6443"), ..connection };
        let environment = environment(&folder, &[]);
        let mut config = connection.configuration(&environment).expect("a configuration");
        connection.applied_to(&mut config, &environment).expect("it applies");
        let cluster = config.clusters[0].cluster.as_ref().expect("a cluster");
        assert_eq!(cluster.server.as_deref(), Some(expected));
    }
}

#[test]
fn who_names_an_authority_wants_it_asked() {
    let config = CONFIG.replace("\"http://127.0.0.1:1\"", "\"https://127.0.0.1:1\",\"insecure-skip-tls-verify\":true");
    let both = config.replace("true}", "true,\"certificate-authority\":\"/ca\"}");
    let twice = "specifying a root certificates file with the insecure flag is not allowed";
    for (config, authority, is_insecure, expected) in [
        (&config, None, false, Ok((true, None))),
        (&config, Some("config"), false, Ok((false, Some("config")))),
        (&both, None, true, Ok((true, None))),
        (&both, None, false, Err(twice)),
        (&config, Some("config"), true, Err(twice)),
    ] {
        let folder = folder_with(config);
        let file = |name: &str| folder.path().join(name).display().to_string();
        let connection = Connection {
            certificate_authority: authority.map(file),
            insecure_skip_tls_verify: is_insecure,
            ..Connection::default()
        };
        let environment = environment(&folder, &[]);
        let mut config = connection.configuration(&environment).expect("a configuration");
        let told = connection.applied_to(&mut config, &environment).map_err(|fault| fault.to_string());
        let cluster = config.clusters[0].cluster.clone().unwrap_or_default();
        let found = told.map(|_| (cluster.insecure_skip_tls_verify == Some(true), cluster.certificate_authority));
        let expected = expected.map(|(is_insecure, name)| (is_insecure, name.map(file))).map_err(str::to_owned);
        assert_eq!(found, expected);
    }
}

#[test]
fn files_of_the_configuration_that_cannot_be_read_are_told_as_those_of_flags() {
    for (cluster, user, told) in [
        (
            r#""certificate-authority":"/no/ca""#,
            "",
            "unable to read certificate-authority /no/ca for k due to open /no/ca: no such file or directory",
        ),
        (
            "",
            r#""client-certificate":"/no/c","client-key":"/no/k""#,
            "[unable to read client-cert /no/c for u due to open /no/c: no such file or directory, unable to read client-key /no/k for u due to open /no/k: no such file or directory]",
        ),
    ] {
        let comma = if cluster.is_empty() { "" } else { "," };
        let folder = folder_with(&format!(
            r#"{{"current-context":"c","contexts":[{{"name":"c","context":{{"cluster":"k","user":"u"}}}}],
                "clusters":[{{"name":"k","cluster":{{"server":"https://127.0.0.1:1"{comma}{cluster}}}}}],"users":[{{"name":"u","user":{{{user}}}}}]}}"#
        ));
        let opened =
            crate::cluster::block_on(async { Connection::default().open(&environment(&folder, &[])).await.map(drop) });
        assert_eq!(opened.map_err(|fault| fault.to_string()), Err(format!("invalid configuration: {told}")));
    }
}
