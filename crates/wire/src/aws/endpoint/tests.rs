//! Which address counts.

use base::Kind;

use crate::aws::endpoint::{ACM, ECR, Endpoints, KMS, S3, SECRETS_MANAGER, STS, Service};
use crate::environment::Environment;

fn url(variables: &[(&str, &str)], service: Service, region: &str) -> String {
    let environment: Environment = variables.iter().copied().collect();
    Endpoints::of(&environment).unwrap().url(service, region).unwrap().to_string()
}

#[test]
fn the_region_and_its_partition_give_the_address() {
    let cases = [
        (SECRETS_MANAGER, "eu-central-1", "https://secretsmanager.eu-central-1.amazonaws.com/"),
        (STS, "us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com/"),
        (KMS, "cn-north-1", "https://kms.cn-north-1.amazonaws.com.cn/"),
        (ECR, "us-east-1", "https://api.ecr.us-east-1.amazonaws.com/"),
        (ACM, "us-iso-east-1", "https://acm.us-iso-east-1.c2s.ic.gov/"),
        (ACM, "eusc-de-east-1", "https://acm.eusc-de-east-1.amazonaws.eu/"),
    ];
    for (service, region, expected) in cases {
        assert_eq!(url(&[], service, region), expected);
    }
    for region in ["", "eu west", "evil.example/", "a@b"] {
        let fault = Endpoints::default().url(STS, region).err().unwrap();
        assert_eq!((fault.kind(), fault.to_string()), (Kind::Wrong, format!("region not found: {region}")));
    }
}

#[test]
fn variables_count_from_the_special_to_the_general() {
    let all = ("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let own = ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:2");
    let legacy = ("AWS_SECRETSMANAGER_ENDPOINT", "http://127.0.0.1:3");
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[all], "http://127.0.0.1:1/"),
        (&[all, own], "http://127.0.0.1:2/"),
        (&[all, own, legacy], "http://127.0.0.1:2/"),
        (&[all, legacy], "http://127.0.0.1:3/"),
        (&[all, ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")], "https://secretsmanager.r.amazonaws.com/"),
    ];
    for (variables, expected) in cases {
        assert_eq!(url(variables, SECRETS_MANAGER, "r"), expected, "{variables:?}");
    }
    assert_eq!(url(&[all, own], S3, "r"), "http://127.0.0.1:1/");
    assert_eq!(url(&[own], S3, "r"), "https://s3.r.amazonaws.com/");
    let bad: Environment = [("AWS_STS_ENDPOINT", "127.0.0.1:3")].into_iter().collect();
    let fault = Endpoints::of(&bad).err().unwrap();
    assert_eq!(
        fault.to_string(),
        "cannot use AWS_STS_ENDPOINT as an address of AWS: `127.0.0.1:3` is no http or https URL"
    );
}

#[test]
fn settings_count_before_what_surrounds_them() {
    let mine = || Endpoints::default().with(STS, "http://mine").unwrap();
    let around = || Endpoints::default().with(STS, "http://theirs").unwrap().with(KMS, "http://kms").unwrap();
    let merged = mine().or(around().with_all("http://all").unwrap());
    for (service, expected) in [(STS, "http://mine/"), (KMS, "http://kms/"), (S3, "http://all/")] {
        assert_eq!(merged.url(service, "r").unwrap().as_str(), expected);
        assert!(merged.is_set(service));
    }
    let merged = mine().with_all("http://all").unwrap().or(around());
    assert_eq!(merged.url(KMS, "r").unwrap().as_str(), "http://all/");
    assert!(!mine().is_set(KMS));
}
