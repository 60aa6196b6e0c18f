//! AWS through a real client: values, pages, refusals, roles.

use reqwest::Method;
use serde_json::{Value, json};

use super::{ACCESS_KEY, Aws};
use crate::clock;
use crate::tests::{ask, client};

fn signed(key: &str) -> String {
    format!("AWS4-HMAC-SHA256 Credential={key}/20260102/eu-west-1/any/aws4_request, SignedHeaders=host, Signature=00")
}

async fn call(aws: &Aws, target: &str, body: Value) -> (u16, Value) {
    let by = signed(ACCESS_KEY);
    let target = match target {
        ssm if ssm.contains("Parameter") || ssm.ends_with("Resource") && body.get("ResourceId").is_some() => {
            format!("AmazonSSM.{ssm}")
        }
        other => format!("secretsmanager.{other}"),
    };
    ask(Method::POST, &aws.url(), &[("x-amz-target", &target), ("authorization", &by)], &body).await
}

#[tokio::test]
async fn secrets_have_versions_tags_and_an_end() {
    let aws = Aws::start().await;
    let absent = call(&aws, "GetSecretValue", json!({ "SecretId": "db" })).await;
    assert_eq!((absent.0, &absent.1["__type"]), (400, &json!("ResourceNotFoundException")));
    let tags = json!([{ "Key": "managed-by", "Value": "external-secrets" }]);
    let wish = json!({ "Name": "db", "SecretString": "one", "Tags": tags, "ClientRequestToken": "t1" });
    let (_, made) = call(&aws, "CreateSecret", wish.clone()).await;
    assert_eq!(made["ARN"], "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf");
    assert_eq!(call(&aws, "CreateSecret", wish).await.1["__type"], "ResourceExistsException");
    call(&aws, "PutSecretValue", json!({ "SecretId": made["ARN"], "SecretString": "two" })).await;
    for (more, text) in
        [(json!({}), "two"), (json!({ "VersionStage": "AWSPREVIOUS" }), "one"), (json!({ "VersionId": "t1" }), "one")]
    {
        let mut body = more;
        body["SecretId"] = json!("db");
        assert_eq!(call(&aws, "GetSecretValue", body).await.1["SecretString"], text);
    }
    let none = call(&aws, "GetSecretValue", json!({ "SecretId": "db", "VersionStage": "NONE" })).await;
    assert_eq!(none.1["__type"], "ResourceNotFoundException");
    assert_eq!(call(&aws, "DescribeSecret", json!({ "SecretId": "db" })).await.1["Tags"], tags);
    call(&aws, "TagResource", json!({ "SecretId": "db", "Tags": [{ "Key": "a", "Value": "b" }] })).await;
    assert_eq!(aws.secret_tags("db").len(), 2);
    call(&aws, "DeleteSecret", json!({ "SecretId": "db", "RecoveryWindowInDays": 7 })).await;
    let marked = call(&aws, "GetSecretValue", json!({ "SecretId": "db" })).await;
    assert_eq!(marked.1["__type"], "InvalidRequestException");
    assert!(marked.1["message"].as_str().is_some_and(|text| text.contains("was marked for deletion")));
    assert_eq!(aws.count("GetSecretValue"), 6);
}

#[tokio::test]
async fn secrets_are_listed_filtered_and_read_in_batches() {
    let aws = Aws::start().await;
    for number in 0..25 {
        aws.put_secret(&format!("app/{number:02}"), "x");
    }
    aws.put_secret("other", "y");
    let filter = json!([{ "Key": "name", "Values": ["app/"] }]);
    let (_, first) = call(&aws, "ListSecrets", json!({ "Filters": filter })).await;
    let (_, second) = call(&aws, "ListSecrets", json!({ "Filters": filter, "NextToken": first["NextToken"] })).await;
    let length = |list: &Value| list.as_array().map(Vec::len);
    assert_eq!(
        (length(&first["SecretList"]), length(&second["SecretList"]), second.get("NextToken")),
        (Some(20), Some(5), None)
    );
    let (_, batch) = call(&aws, "BatchGetSecretValue", json!({ "SecretIdList": ["other", "none"] })).await;
    assert_eq!(
        (&batch["SecretValues"][0]["SecretString"], &batch["Errors"][0]["SecretId"]),
        (&json!("y"), &json!("none"))
    );
    assert_eq!(aws.secret("other").as_deref(), Some("y"));
}

#[tokio::test]
async fn parameters_have_versions_trees_and_tags() {
    let aws = Aws::start().await;
    for (name, value) in [("/a/b", "1"), ("/a/b", "2"), ("/a/c/d", "3"), ("/ab", "4")] {
        aws.put_parameter(name, value);
    }
    let read = |name: &str| json!({ "Name": name, "WithDecryption": true });
    let (_, now) = call(&aws, "GetParameter", read("/a/b")).await;
    assert_eq!((&now["Parameter"]["Value"], &now["Parameter"]["Version"]), (&json!("2"), &json!(2)));
    assert_eq!(call(&aws, "GetParameter", read("/a/b:1")).await.1["Parameter"]["Value"], "1");
    assert_eq!(call(&aws, "GetParameter", read("/a/b:9")).await.1["__type"], "ParameterVersionNotFound");
    assert_eq!(call(&aws, "GetParameter", read("/none")).await.1["__type"], "ParameterNotFound");
    for (deep, expected) in [(false, vec!["/a/b"]), (true, vec!["/a/b", "/a/c/d"])] {
        let (_, tree) = call(&aws, "GetParametersByPath", json!({ "Path": "/a", "Recursive": deep })).await;
        let names: Vec<&str> =
            tree["Parameters"].as_array().into_iter().flatten().filter_map(|one| one["Name"].as_str()).collect();
        assert_eq!(names, expected);
    }
    let (_, history) = call(&aws, "GetParameterHistory", read("/a/b")).await;
    assert_eq!(history["Parameters"].as_array().map(Vec::len), Some(2));
    let again = call(&aws, "PutParameter", json!({ "Name": "/a/b", "Value": "x" })).await;
    assert_eq!(again.1["__type"], "ParameterAlreadyExists");
    call(&aws, "AddTagsToResource", json!({ "ResourceId": "/ab", "Tags": [{ "Key": "k", "Value": "v" }] })).await;
    let filters = json!([{ "Key": "tag:k", "Values": ["v"] }]);
    let (_, found) = call(&aws, "DescribeParameters", json!({ "ParameterFilters": filters })).await;
    assert_eq!(found["Parameters"][0]["Name"], "/ab");
    assert_eq!(aws.parameter("/a/b").as_deref(), Some("2"));
}

#[tokio::test]
async fn keys_are_known_denied_or_expired_and_roles_are_told() {
    let clock = clock::frozen("2026-01-02T03:04:05Z");
    let aws = Aws::with_clock(clock.clone()).await;
    aws.put_secret("db", "x");
    let read = |by: String| {
        let url = aws.url();
        async move {
            let headers = [("x-amz-target", "secretsmanager.GetSecretValue"), ("authorization", by.as_str())];
            ask(Method::POST, &url, &headers, &json!({ "SecretId": "db" })).await
        }
    };
    assert_eq!(read(String::new()).await.1["__type"], "MissingAuthenticationTokenException");
    assert_eq!(read(signed("AKIAOTHER")).await.1["__type"], "UnrecognizedClientException");
    aws.deny("GetSecretValue");
    assert_eq!(read(signed(ACCESS_KEY)).await.1["__type"], "AccessDeniedException");
    aws.allow_all();
    let form = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Freader&RoleSessionName=s\
                &ExternalId=e&Tags.member.1.Key=k&Tags.member.1.Value=v&DurationSeconds=900";
    let by = signed(ACCESS_KEY);
    let sent = client().post(aws.url()).header("authorization", by).body(form).send().await.expect("an answer");
    let told = sent.text().await.expect("XML");
    let key = told.split("<AccessKeyId>").nth(1).and_then(|rest| rest.split('<').next()).expect("a key").to_owned();
    assert!(told.contains("<Expiration>2026-01-02T03:19:05Z</Expiration>"), "{told}");
    assert_eq!(read(signed(&key)).await.0, 200);
    let assumed = aws.assumed().pop().expect("a role");
    assert_eq!((assumed.role.as_str(), assumed.external_id.as_str()), ("arn:aws:iam::1:role/reader", "e"));
    assert_eq!((assumed.tags["k"].as_str(), assumed.signed_by.as_deref()), ("v", Some(ACCESS_KEY)));
    clock.advance(jiff::SignedDuration::from_secs(901));
    assert_eq!(read(signed(&key)).await.1["__type"], "ExpiredTokenException");
    let web = "Action=AssumeRoleWithWebIdentity&RoleArn=r&RoleSessionName=s&WebIdentityToken=";
    let refused = client().post(aws.url()).body(format!("{web}no")).send().await.expect("an answer");
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.expect("XML").contains("<Code>InvalidIdentityToken</Code>"));
    let taken = client().post(aws.url()).body(format!("{web}a.b.c")).send().await.expect("an answer");
    assert_eq!(taken.status(), 200);
    assert_eq!(aws.assumed()[1].web_identity.as_deref(), Some("a.b.c"));
    assert_eq!((aws.count("AssumeRole"), aws.count("AssumeRoleWithWebIdentity")), (1, 2));
}
