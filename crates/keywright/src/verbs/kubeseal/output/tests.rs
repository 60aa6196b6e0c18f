use document::{Dialect, ReadOptions};

use super::*;

fn object(text: &str) -> Branch {
    let options = ReadOptions { dialect: Dialect::Go2, ..ReadOptions::default() };
    match yaml::read_values(text.as_bytes(), &options).expect("a test's own object").remove(0) {
        Node::Branch(branch) => branch,
        _ => panic!("a test's own object is a mapping"),
    }
}

const SEALED: &str = r#"
status: {}
spec:
  encryptedData: {z: AgBy, a: "true"}
  template:
    data: {hidden: null, k: "line\nline\n"}
    immutable: true
    type: T
    metadata:
      creationTimestamp: null
      labels: {b: "5", a: <&>}
      name: x
apiVersion: bitnami.com/v1alpha1
metadata:
  creationTimestamp: null
  ownerReferences: [{uid: u, kind: K, name: o, apiVersion: v1, controller: true}]
  annotations: {trailing: "blank "}
  namespace: demo
  name: x
kind: SealedSecret
"#;

#[test]
fn json_has_the_order_of_the_apis_types() {
    let text = Syntax::Json
        .render(vec![object(SEALED), object("kind: X\nspec: {template: {metadata: {}}, encryptedData: {}}")]);
    insta::assert_snapshot!(String::from_utf8(text.expect("it renders")).expect("UTF-8"));
}

#[test]
fn yaml_is_sorted_and_each_document_has_its_dashes() {
    let text = Syntax::Yaml
        .render(vec![object(SEALED), object("kind: X\nspec: {template: {metadata: {}}, encryptedData: {}}")]);
    insta::assert_snapshot!(String::from_utf8(text.expect("it renders")).expect("UTF-8"));
}

#[test]
fn a_texts_syntax_is_seen_by_its_first_sign() {
    for (text, syntax) in [(" \n{\"a\": 1}", Syntax::Json), ("---\na: 1", Syntax::Yaml), ("", Syntax::Yaml)] {
        assert_eq!(Syntax::of_text(text.as_bytes()), syntax);
    }
}
