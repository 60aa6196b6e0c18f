//! Configurations, as JSON where YAML's own syntax does not matter: the first rule that matches, its keys and options.

use document::{Format, ReadOptions};

use super::*;

fn rules(json: &str) -> Result<Rules, String> {
    let document = document::read(json.as_bytes(), Format::Json, &ReadOptions::default()).expect("JSON");
    Rules::read(&document).map_err(|fault| fault.chain())
}

fn recipe(json: &str, file: &str) -> Result<Option<Recipe>, String> {
    rules(json)?.recipe("/repo", file, Timestamp::UNIX_EPOCH).map_err(|fault| fault.chain())
}

/// Groups as `list=identity` texts.
fn keys(json: &str, file: &str) -> Result<Vec<Vec<String>>, String> {
    let groups = recipe(json, file)?.map(|recipe| recipe.groups).unwrap_or_default();
    let told = |key: &MasterKey| format!("{}={}", key.list(), key.identity());
    Ok(groups.iter().map(|group| group.keys.iter().map(told).collect()).collect())
}

#[test]
fn the_first_rule_that_matches_the_path_below_the_configuration_wins() {
    let rules = r#"{"creation_rules": [
        {"path_regex": "^prod/", "pgp": "A"},
        {"path_regex": "\\.yaml$", "pgp": "B"},
        {"path_regex": "^/elsewhere/", "pgp": "C"},
        {"path_regex": "", "pgp": "D"}
    ], "unheard": {"of": 1}}"#;
    let cases = [
        ("/repo/prod/x.yaml", "A"),
        ("/repo/x/prod/y.yaml", "B"),
        ("/elsewhere/x.json", "C"),
        ("/repository/prod/x.json", "D"),
        ("/repo/x.json", "D"),
    ];
    for (file, expected) in cases {
        assert_eq!(keys(rules, file), Ok(vec![vec![format!("pgp={expected}")]]), "{file}");
    }
}

#[test]
fn without_rules_there_is_no_configuration_and_without_a_match_an_error() {
    for none in ["{}", r#"{"creation_rules": null}"#, r#"{"stores": {"yaml": {"indent": 2}}}"#] {
        assert!(matches!(recipe(none, "/repo/x"), Ok(None)), "{none}");
    }
    for unmatched in [r#"{"creation_rules": []}"#, r#"{"creation_rules": [{"path_regex": "y$", "pgp": "A"}]}"#] {
        assert_eq!(recipe(unmatched, "/repo/x").err().as_deref(), Some("no matching creation rules found"));
    }
}

#[test]
fn flat_keys_are_texts_or_lists_in_the_order_of_their_types() {
    let json = r#"{"creation_rules": [{
        "hc_vault_transit_uri": "https://v/v1/t/keys/k",
        "azure_keyvault": ["https://v.vault.azure.net/keys/k/1"],
        "kms": "arn:aws:kms:us-east-1:1:key/k+arn:aws:iam::1:role/r, ,",
        "gcp_kms": ["projects/p"],
        "hckms": ["r:u"],
        "pgp": " A B, C ,",
        "age": ["age1x", "ssh-ed25519 AAAA me"],
        "aws_profile": "prod"
    }]}"#;
    assert_eq!(
        keys(json, "/repo/x"),
        Ok(vec![
            [
                "age=age1x",
                "age=ssh-ed25519 AAAA me",
                "pgp=AB",
                "pgp=C",
                "kms=arn:aws:kms:us-east-1:1:key/k+arn:aws:iam::1:role/r||prod",
                "gcp_kms=projects/p",
                "hckms=r:u",
                "azure_kv=https://v.vault.azure.net/keys/k/1",
                "hc_vault=https://v/v1/t/keys/k",
            ]
            .map(str::to_owned)
            .to_vec()
        ])
    );
}

#[test]
fn groups_merge_and_drop_what_is_there_twice() {
    let json = r#"{"creation_rules": [{
        "age": "age1ignored",
        "shamir_threshold": 2,
        "key_groups": [
            {
                "hc_vault": ["https://v/v1/t/keys/k"],
                "pgp": ["A"],
                "age": ["age1x", "age1x"],
                "kms": [{"arn": "K", "role": "R", "context": {"b": 2, "a": "1", "n": null}, "aws_profile": "p"}, {"arn": "K"}],
                "merge": [{"pgp": ["M", "A"]}, {"merge": [{"pgp": ["N"]}]}]
            },
            {
                "azure_keyvault": [{"vaultUrl": "https://v", "key": "k", "version": "1"}],
                "gcp_kms": [{"resource_id": "projects/p"}],
                "hckms": [{"key_id": "r:u"}]
            }
        ]
    }]}"#;
    assert_eq!(
        keys(json, "/repo/x"),
        Ok(vec![
            ["pgp=M", "pgp=A", "pgp=N", "age=age1x", "kms=K+R|a:1,b:2|p", "kms=K", "hc_vault=https://v/v1/t/keys/k"]
                .map(str::to_owned)
                .to_vec(),
            ["gcp_kms=projects/p", "hckms=r:u", "azure_kv=https://v/keys/k/1"].map(str::to_owned).to_vec(),
        ])
    );
    assert_eq!(recipe(json, "/repo/x").map(|recipe| recipe.map(|recipe| recipe.shamir_threshold)), Ok(Some(2)));
}

#[test]
fn options_go_into_the_metadata_of_new_files() {
    let json = r#"{"creation_rules": [{"pgp": "A", "encrypted_regex": "^data$", "mac_only_encrypted": true}]}"#;
    let recipe = recipe(json, "/repo/x").expect("reads").expect("matches");
    let metadata = recipe.clone().metadata(false);
    assert_eq!(metadata.selection, Selection::named("encrypted_regex", "^data$"));
    assert!(metadata.mac_only_encrypted);
    assert_eq!(metadata.groups[0].keys[0].created_at, "1970-01-01T00:00:00Z");
    assert_eq!(recipe.metadata(true).selection, None, "all of a binary file is encrypted");
}

#[test]
fn a_match_without_keys_has_one_empty_group() {
    for json in [r#"{"creation_rules": [{}]}"#, r#"{"creation_rules": [{"key_groups": []}]}"#] {
        assert_eq!(keys(json, "/repo/x"), Ok(vec![vec![]]));
    }
}

#[test]
fn stores_say_how_files_are_laid_out() {
    let json = r#"{"stores": {"yaml": {"indent": 2}, "json": {"indent": -1}, "dotenv": {}, "ini": null}}"#;
    let stores = rules(json).map(|rules| rules.stores);
    assert_eq!(stores, Ok(Stores { yaml: Some(2), json: Some(-1), json_binary: None }));
}

#[test]
fn wrong_types_are_told_when_the_file_is_read() {
    let cases = [
        (r#"{"creation_rules": "x"}"#, "`creation_rules` must be a list, but is of type string"),
        (r#"{"creation_rules": ["x"]}"#, "`creation_rules` must hold mappings, but holds a value of type string"),
        (r#"{"creation_rules": [{"path_regex": []}]}"#, "`path_regex` must be a text, but is of type []interface {}"),
        (
            r#"{"creation_rules": [{"shamir_threshold": "x"}]}"#,
            "`shamir_threshold` must be a whole number, but is of type string",
        ),
        (
            r#"{"creation_rules": [{"key_groups": [{"age": "x"}]}]}"#,
            "`age` of a key group must be a list of texts, but holds string",
        ),
        (r#"{"destination_rules": 1}"#, "`destination_rules` must be a list, but is of type int"),
        (r#"{"stores": {"yaml": {"indent": "x"}}}"#, "`indent` must be a whole number, but is of type string"),
        (r#"{"stores": []}"#, "`stores` must be a mapping, but is of type []interface {}"),
    ];
    for (json, expected) in cases {
        assert_eq!(rules(json).err(), Some(format!("Could not unmarshal config file: {expected}")));
    }
}

#[test]
fn wrong_keys_are_told_when_their_rule_matches() {
    let cases = [
        (
            r#""age": [1]"#,
            "invalid age key configuration: invalid age key configuration: expected string in list, got int",
        ),
        (
            r#""age": {"a": 1}"#,
            "invalid age key configuration: invalid age key configuration: expected string, []string, or nil, got map[string]interface {}",
        ),
        (r#""age": "nonsense""#, "failed to parse input, unknown recipient type: \"nonsense\""),
        (
            r#""pgp": "A", "encrypted_suffix": "a", "encrypted_regex": "b""#,
            "cannot use more than one of encrypted_suffix, unencrypted_suffix, encrypted_regex, unencrypted_regex, \
             encrypted_comment_regex, or unencrypted_comment_regex for the same rule",
        ),
    ];
    for (fields, expected) in cases {
        let json = format!(r#"{{"creation_rules": [{{"path_regex": "x$", {fields}}}, {{"pgp": "A"}}]}}"#);
        assert_eq!(recipe(&json, "/repo/x").err().as_deref(), Some(expected));
        assert!(recipe(&json, "/repo/other").is_ok(), "another rule is not affected");
    }
    let fault = recipe(r#"{"creation_rules": [{"path_regex": "(", "pgp": "A"}]}"#, "/repo/x").err().unwrap_or_default();
    assert!(fault.starts_with("can not compile regexp: "), "{fault}");
}

#[test]
fn flags_go_before_the_rule() {
    let json =
        r#"{"creation_rules": [{"path_regex": "x", "pgp": "A", "encrypted_regex": "^data$", "shamir_threshold": 2}]}"#;
    let rule = || recipe(json, "/repo/x").expect("reads");
    let select = |name: &str, text: &str| Selection::named(name, text).into_iter().collect::<Vec<_>>();
    let of = |flags: Flags| Recipe::of(flags, rule()).map_err(|fault| fault.to_string());

    let plain = of(Flags::default()).expect("agrees");
    assert!(Some(plain) == rule());

    let keys = vec![MasterKey::new(Lock::Age { recipient: "age1x".to_owned() }, Timestamp::UNIX_EPOCH)];
    let flags =
        Flags { keys, shamir_threshold: 3, selections: select("encrypted_regex", "^other$"), mac_only_encrypted: true };
    let both = of(flags).expect("agrees");
    assert_eq!(both.groups[0].keys[0].identity(), "age1x");
    assert_eq!((both.groups.len(), both.shamir_threshold, both.mac_only_encrypted), (1, 3, true));
    assert_eq!(both.selection, Selection::named("encrypted_regex", "^other$"));
    assert_eq!(both.rule.as_deref(), Some("x"));

    let other = of(Flags { selections: select("encrypted_suffix", "_x"), ..Flags::default() });
    assert_eq!(
        other.err().as_deref(),
        Some(
            "cannot use more than one of encrypted_suffix, unencrypted_suffix, encrypted_regex, unencrypted_regex, \
             encrypted_comment_regex, or unencrypted_comment_regex in the same file"
        )
    );
    assert!(Recipe::of(Flags::default(), None).is_ok_and(|recipe| recipe.groups.is_empty()));
}

#[test]
fn a_configuration_as_users_write_it() {
    let yaml = "# keys of the team
stores:
  yaml: {indent: 2}
keys:
  - &alice age1alice
  - &bob FBC7 B9E2
creation_rules:
  - path_regex: ^secrets/[^/]+\\.ya?ml$   # all of them
    encrypted_regex: ^(data|stringData)$
    key_groups:
      - age: [*alice]
        pgp:
          - *bob
  - age: >-
      age1carol,
      age1dave
";
    let document = document::read(yaml.as_bytes(), Format::Yaml, &ReadOptions::default()).expect("YAML");
    let rules = Rules::read(&document).expect("reads");
    assert_eq!(rules.stores.yaml, Some(2));
    let told = |file: &str| {
        let recipe = rules.recipe("/repo/", file, Timestamp::UNIX_EPOCH).expect("matches").expect("has rules");
        let keys: Vec<String> = recipe.groups.iter().flat_map(|group| &group.keys).map(MasterKey::identity).collect();
        (keys.join(" "), recipe.selection.map(|selection| selection.text().to_owned()))
    };
    let selection = Some("^(data|stringData)$".to_owned());
    assert_eq!(told("/repo/secrets/a.yml"), ("age1alice FBC7B9E2".to_owned(), selection));
    assert_eq!(told("/repo/secrets/b/a.yml"), ("age1carol age1dave".to_owned(), None));
}

#[test]
fn a_binary_file_has_neither_selection_nor_a_mac_of_its_own_kind() {
    let json = r#"{"creation_rules": [{"pgp": "A", "encrypted_regex": "x", "mac_only_encrypted": true}]}"#;
    let recipe = || recipe(json, "/repo/x").expect("reads").expect("a rule");
    let (text, binary) = (recipe().metadata(false), recipe().metadata(true));
    assert!(text.selection.is_some() && text.mac_only_encrypted);
    assert!(binary.selection.is_none() && !binary.mac_only_encrypted);
}
