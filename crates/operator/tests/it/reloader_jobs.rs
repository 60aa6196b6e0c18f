//! CronJobs and Jobs: an extra Job, a Job made again and never lost. Specification: RL §11.2, §11.3, §20.5.

use std::time::Duration;

use operator::reloader::Settings;
use sandbox::{Fate, Trouble};
use serde_json::{Value, json};
use testkit::scenario::Named;

use crate::reloader::{auto, config_map, env, marked, standing, start, start_watching, told, workload};
use crate::stage::Stage;

async fn jobs(stage: &Stage) -> Vec<Value> {
    stage.list("batch/v1", "Job").await.expect("the cluster answers")
}

const JOB: Named<'_> = Named { api_version: "batch/v1", kind: "Job", name: "once" };

#[tokio::test]
async fn a_cron_job_gets_one_more_job_for_a_change() {
    let mut stage = Stage::new("reloader", "a-cron-job").await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    start(&mut stage, Settings::default()).await;
    let mut tick = workload("CronJob", "tick", auto());
    tick["spec"]["suspend"] = json!(true);
    tick["spec"]["jobTemplate"]["metadata"]["annotations"] = json!({"own": "1"});
    stage.apply(tick).await;
    stage.apply(config_map("2")).await;
    told(&stage, "Updated 'tick' of type 'CronJob'").await;
    let made = jobs(&stage).await;
    assert_eq!(made.len(), 1);
    let (job, cron_job) = (&made[0], standing(&stage, "CronJob", "tick").await);
    let meta = &job["metadata"];
    assert!(meta["name"].as_str().is_some_and(|name| name.starts_with("tick-") && name.len() > 5), "{meta}");
    assert_eq!(meta["labels"]["made"], "by-cron");
    assert_eq!(
        (&meta["annotations"]["cronjob.kubernetes.io/instantiate"], &meta["annotations"]["own"]),
        (&json!("manual"), &json!("1"))
    );
    assert_eq!(
        meta["ownerReferences"],
        json!([{"apiVersion": "batch/v1", "kind": "CronJob", "name": "tick",
        "uid": cron_job["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true}])
    );
    let hash = plan::reload::hash::of_config_map([("a", "2")].into_iter(), std::iter::empty());
    assert_eq!(env(job), json!([{"name": "STAKATER_CONF_CONFIGMAP", "value": hash}]));
    assert_eq!(cron_job["metadata"]["generation"], json!(1), "the CronJob itself is not touched");
    // Neither a restart nor a label makes another.
    stage.stop().await;
    start(&mut stage, Settings::default()).await;
    stage.patch(&config_map("2"), json!({"metadata": {"labels": {"x": "y"}}})).await;
    assert_eq!(jobs(&stage).await.len(), 1);
}

#[tokio::test]
async fn a_job_is_made_again_with_its_name_and_its_mark() {
    let mut stage = Stage::new("reloader", "a-job").await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    start_watching(&mut stage, Settings::default()).await;
    let mut once = workload("Job", "once", auto());
    once["metadata"]["labels"] = json!({"own": "1"});
    stage.apply(once).await;
    let before = standing(&stage, "Job", "once").await;
    stage.apply(config_map("2")).await;
    let mark = marked(&stage, "Job", "once", "STAKATER_CONF_CONFIGMAP", None).await;
    let after = standing(&stage, "Job", "once").await;
    assert_ne!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(
        (&after["metadata"]["labels"]["own"], &after["metadata"]["annotations"]["reloader.stakater.com/auto"]),
        (&json!("1"), &json!("true"))
    );
    // The mark stands: a restart does nothing.
    stage.stop().await;
    start_watching(&mut stage, Settings::default()).await;
    let again = standing(&stage, "Job", "once").await;
    assert_eq!(again["metadata"]["uid"], after["metadata"]["uid"]);
    stage.apply(config_map("3")).await;
    marked(&stage, "Job", "once", "STAKATER_CONF_CONFIGMAP", Some(&mark)).await;
}

/// Under the peer's role, which lets Jobs be listed and not watched; what an ended Job of a CronJob remembers is not run again.
#[tokio::test]
async fn a_job_is_made_again_without_a_watch_and_history_rests() {
    let mut stage = Stage::new("reloader", "a-job-without-a-watch").await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    start(&mut stage, Settings::default()).await;
    stage.apply(workload("Job", "once", auto())).await;
    stage.apply(config_map("2")).await;
    let first = marked(&stage, "Job", "once", "STAKATER_CONF_CONFIGMAP", None).await;
    stage.apply(config_map("3")).await;
    marked(&stage, "Job", "once", "STAKATER_CONF_CONFIGMAP", Some(&first)).await;
    assert_eq!(jobs(&stage).await.len(), 1);
}

/// The peer loses a Job that it cannot create again; here the question is asked first, and a failure afterwards is made good.
#[tokio::test]
async fn no_job_is_lost() {
    for (watched, name) in [(true, "no-job-is-lost"), (false, "no-job-is-lost-without-a-watch")] {
        let mut stage = Stage::in_memory("reloader", name).await;
        stage.create(&config_map("1")).await.expect("the sandbox takes it");
        if watched {
            start_watching(&mut stage, Settings::default()).await;
        } else {
            start(&mut stage, Settings::default()).await;
        }
        stage.apply(workload("Job", "once", auto())).await;
        let uid = standing(&stage, "Job", "once").await["metadata"]["uid"].clone();
        let sandbox = stage.sandbox().expect("it runs in memory").clone();
        // Nothing may be created: nothing is deleted.
        let struck = sandbox.trouble(Trouble::on("create", "jobs", Fate::Forbidden));
        stage.apply(config_map("2")).await;
        told(&stage, "Update for 'once' of type 'Job'").await;
        assert_eq!(standing(&stage, "Job", "once").await["metadata"]["uid"], uid);
        struck.end();
        let mark = marked(&stage, "Job", "once", "STAKATER_CONF_CONFIGMAP", None).await;
        // The question is answered, and then nothing may be created for a while: it is made as soon as it can be.
        sandbox.recorder().clear();
        sandbox.trouble(Trouble::on("delete", "jobs", Fate::Late(Duration::from_millis(1500))).times(1));
        stage.replace(&config_map("3")).await.expect("the sandbox takes it");
        while sandbox.recorder().count("create", "jobs") == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let struck = sandbox.trouble(Trouble::on("create", "jobs", Fate::Away).times(2));
        let again = stage.eventually(JOB, |job| env(job)[0]["value"].as_str().is_some_and(|value| value != mark)).await;
        assert_ne!(again["metadata"]["uid"], uid);
        assert_eq!(struck.hits(), 2, "{name}");
    }
}
