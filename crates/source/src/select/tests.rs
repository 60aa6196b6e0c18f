use super::*;

const JSON: &[u8] = br#"{"user":"app","port":5432,"ratio":1.50,"on":true,"none":null,"a.b":"dotted","a":{"b":"nested","list":[1,2]},"t@g":"x"}"#;

fn text(value: Option<SecretValue>) -> Option<String> {
    value.map(|value| String::from_utf8_lossy(bytes(&value).expose()).into_owned())
}

#[test]
fn a_key_of_that_name_comes_before_a_path() {
    for (name, expected) in [
        ("user", Some("app")),
        ("port", Some("5432")),
        ("ratio", Some("1.50")),
        ("on", Some("true")),
        ("none", Some("")),
        ("a.b", Some("dotted")),
        ("a.list.1", Some("2")),
        ("a.list", Some("[1,2]")),
        ("a", Some(r#"{"b":"nested","list":[1,2]}"#)),
        ("t@g", Some("x")),
        ("missing", None),
        ("a.missing", None),
    ] {
        assert_eq!(text(property(JSON, name)).as_deref(), expected, "{name}");
    }
    assert!(property(b"no json", "x").is_none());
}

#[test]
fn entries_keep_their_own_bytes() {
    let map = entries(br#"{"b":"x\ny","n":1.50,"o":{ "k" : 1 }}"#).unwrap();
    let value = |key: &str| String::from_utf8_lossy(map.value(key).unwrap().expose()).into_owned();
    assert_eq!([value("b"), value("n"), value("o")], ["x\ny", "1.50", r#"{ "k" : 1 }"#]);
    let null = |map: Option<SecretMap>| map.unwrap().value("k").unwrap().expose().to_vec();
    let json = br#"{"k": null}"#;
    assert_eq!((null(entries(json)), null(fields(json))), (b"null".to_vec(), Vec::new()), "Vault's are empty");
    assert!(entries(b"[1]").is_none() && entries(b"x").is_none());
}

#[test]
fn a_secret_as_json_is_sorted_and_unescaped() {
    let data = [("b", "<&>"), ("a", "1")].into_iter().collect();
    assert_eq!(object_of(&data).unwrap().expose(), br#"{"a":"1","b":"<&>"}"#);
    assert!(object_of(&[("a", &b"\xff"[..])].into_iter().collect()).is_err());
}

#[test]
fn maps_become_go_json() {
    let map = SecretValue::Map(vec![
        ("b".into(), SecretValue::text("<x>")),
        ("a".into(), SecretValue::List(vec![SecretValue::Number("1.50".into()), SecretValue::Null])),
    ]);
    assert_eq!(text(Some(map)).as_deref(), Some("{\"a\":[1.50,null],\"b\":\"\\u003cx\\u003e\"}"));
}
