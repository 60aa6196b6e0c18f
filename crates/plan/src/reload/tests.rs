use std::collections::BTreeMap;

use api::reload::ResourceKind::{ConfigMap, Secret, SecretProviderClass};
use base::duration::GoDuration;
use serde_json::{Value, json};

use super::pause::Pause;
use super::rate::Limit;
use super::workload::{Marker, Times};
use super::*;
use crate::Write;

const HASH: &str = "40a4a8b97a438eafc2e54768f96e1d4895cf4a0c";

fn now() -> Timestamp {
    Timestamp::from_second(1_754_900_000).expect("a test's own timestamp")
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn container(name: &str) -> Container {
    Container { name: name.into(), ..Container::default() }
}

/// A Deployment `web` with containers `app` and `side`.
fn workload() -> Workload {
    Workload {
        kind: Kind::Deployment,
        namespace: "prod".into(),
        name: "web".into(),
        uid: "uid-1".into(),
        resource_version: "1".into(),
        annotations: BTreeMap::new(),
        template_annotations: BTreeMap::new(),
        containers: vec![container("app"), container("side")],
        init_containers: vec![container("init")],
        volumes: Vec::new(),
        is_paused: false,
        is_history: false,
        is_deleting: false,
        times: Times::default(),
    }
}

fn with_reference(mut workload: Workload) -> Workload {
    workload.containers[0].uses.push((ConfigMap, "conf".into()));
    workload
}

fn change(kind: ResourceKind, name: &str) -> Change {
    Change {
        kind,
        namespace: "prod".into(),
        name: name.into(),
        is_ignored: false,
        is_match: false,
        happened: Happened::Data(HASH.into()),
    }
}

fn cause(kind: ResourceKind, name: &str) -> Cause {
    Cause { kind, name: name.into(), happened: Happened::Data(HASH.into()), is_named: false, seen: now() }
}

/// What a write would send: method, media and body.
fn sent(write: &Write) -> String {
    match write {
        Write::Patch { media, body, manager, .. } => format!("{manager} {media:?} {body}"),
        _ => String::from("no patch"),
    }
}

/// The matrix of RL §8.4: workload annotations, resource says match, auto-reload-all, reacts with / without a reference.
#[test]
fn precedence_and_conflicts() {
    const AUTO: &str = "reloader.stakater.com/auto";
    const TYPED: &str = "configmap.reloader.stakater.com/auto";
    const OTHER: &str = "secret.reloader.stakater.com/auto";
    const NAMED: &str = "configmap.reloader.stakater.com/reload";
    const SEARCH: &str = "reloader.stakater.com/search";
    type Case<'a> = (&'a [(&'a str, &'a str)], bool, &'a [bool], bool, bool);
    let cases: &[Case<'_>] = &[
        (&[], false, &[false], false, false),
        (&[], false, &[true], true, false),
        (&[(AUTO, "true")], false, &[false, true], true, false),
        (&[(AUTO, "false")], false, &[false, true], false, false),
        (&[(AUTO, "garbage")], false, &[true], false, false),
        (&[(TYPED, "true")], false, &[false, true], true, false),
        (&[(OTHER, "true")], false, &[false], false, false),
        (&[(OTHER, "true")], false, &[true], true, false),
        (&[(TYPED, "false")], false, &[true], false, false),
        (&[(AUTO, "true"), (TYPED, "false")], false, &[false, true], true, false),
        (&[(AUTO, "false"), (TYPED, "true")], false, &[false, true], true, false),
        (&[(NAMED, "conf")], false, &[false, true], true, true),
        (&[(NAMED, "a, co.*")], false, &[false], true, true),
        (&[(NAMED, "conf"), (AUTO, "false")], false, &[false, true], true, true),
        (&[(NAMED, "other")], false, &[false], false, false),
        (&[(NAMED, "other")], false, &[true], true, false),
        (&[(NAMED, "other"), (AUTO, "true")], false, &[false, true], true, false),
        (&[(SEARCH, "true")], true, &[false, true], true, false),
        (&[(SEARCH, "true")], false, &[false], false, false),
        (&[(SEARCH, "true")], false, &[true], true, false),
        (&[(SEARCH, "true"), (AUTO, "true")], false, &[false, true], true, false),
        (&[(SEARCH, "true"), (AUTO, "false")], true, &[false, true], true, false),
        (&[(SEARCH, "True")], true, &[false], false, false),
    ];
    for (annotations, is_match, alls, referenced, unreferenced) in cases {
        for all in *alls {
            let options = Options { auto_reload_all: *all, ..Options::default() };
            let change = Change { is_match: *is_match, ..change(ConfigMap, "conf") };
            let plain = Workload { annotations: map(annotations), ..workload() };
            let reacts = |workload: &Workload| rules::verdict(&change, workload, &options).hit.is_some();
            assert_eq!(reacts(&with_reference(plain.clone())), *referenced, "{annotations:?} all={all} referenced");
            assert_eq!(reacts(&plain), *unreferenced, "{annotations:?} all={all} unreferenced");
            let ignored = Change { is_ignored: true, ..change.clone() };
            assert!(rules::verdict(&ignored, &with_reference(plain.clone()), &options).hit.is_none());
            let mut excluded = with_reference(plain);
            excluded.annotations.insert("configmaps.exclude.reloader.stakater.com/reload".into(), "x, conf".into());
            assert!(rules::verdict(&change, &excluded, &options).hit.is_none());
        }
    }
}

#[test]
fn metadata_wins_over_the_template_as_a_block() {
    let options = Options::default();
    let both = Workload {
        annotations: map(&[("secret.reloader.stakater.com/reload", "db")]),
        template_annotations: map(&[("reloader.stakater.com/auto", "true")]),
        ..with_reference(workload())
    };
    assert!(rules::verdict(&change(ConfigMap, "conf"), &both, &options).hit.is_some(), "through the template");
    let mut referenced = both;
    referenced.containers[0].uses.push((Secret, "other".into()));
    assert!(rules::verdict(&change(Secret, "other"), &referenced, &options).hit.is_none(), "metadata only");
    assert!(rules::verdict(&change(Secret, "db"), &referenced, &options).hit.is_some());
}

#[test]
fn a_bad_pattern_is_skipped_and_told() {
    let list = map(&[("configmap.reloader.stakater.com/reload", "*, [, conf")]);
    let verdict =
        rules::verdict(&change(ConfigMap, "conf"), &Workload { annotations: list, ..workload() }, &Options::default());
    assert!(verdict.hit.is_some());
    assert_eq!(verdict.notices.len(), 2);
    assert!(verdict.notices[0].sentence.contains("use `.*`"), "{:?}", verdict.notices);
}

#[test]
fn a_switch_in_a_named_list_is_told() {
    let list = map(&[("configmap.reloader.stakater.com/reload", "true")]);
    let workload = Workload { annotations: list, ..workload() };
    let verdict = rules::verdict(&change(ConfigMap, "conf"), &workload, &Options::default());
    assert!(verdict.hit.is_none() && verdict.notices.len() == 1);
    assert_eq!(verdict.notices[0].unless_there.as_deref(), Some("true"));
    assert!(rules::verdict(&change(ConfigMap, "true"), &workload, &Options::default()).hit.is_some());
}

#[test]
fn ignored_kinds_and_history_jobs_do_not_react() {
    let auto = map(&[("reloader.stakater.com/auto", "true")]);
    let job = Workload { kind: Kind::Job, annotations: auto.clone(), ..with_reference(workload()) };
    let reacts = |workload: &Workload, options: &Options| {
        rules::verdict(&change(ConfigMap, "conf"), workload, options).hit.is_some()
    };
    assert!(reacts(&job, &Options::default()));
    assert!(!reacts(&job, &Options { ignored: [Kind::Job].into(), ..Options::default() }));
    let history = Workload { is_history: true, ..job.clone() };
    assert!(reacts(&history, &Options::default()), "annotated on the Job itself");
    let inherited = Workload { annotations: BTreeMap::new(), template_annotations: auto, ..history };
    assert!(!reacts(&inherited, &Options::default()));
}

#[test]
fn references_name_the_target_container() {
    let volume = |kind, name: &str| Volume { name: "v".into(), uses: vec![(kind, name.into())] };
    for kind in [ConfigMap, Secret] {
        for (place, expected) in [(0, Some(0)), (1, Some(1))] {
            let mut by_env = workload();
            by_env.containers[place].uses.push((kind, "x".into()));
            assert_eq!(by_env.referencing(kind, "x"), expected);
            assert_eq!(by_env.referencing(kind, "y"), None);
            let mut by_volume = workload();
            by_volume.volumes.push(volume(kind, "x"));
            assert_eq!(by_volume.referencing(kind, "x"), None, "declared, mounted nowhere");
            by_volume.containers[place].mounts.push("v".into());
            assert_eq!(by_volume.referencing(kind, "x"), expected);
        }
        let mut init = workload();
        init.init_containers[0].uses.push((kind, "x".into()));
        assert_eq!(init.referencing(kind, "x"), Some(0));
        init.containers.clear();
        assert_eq!(init.referencing(kind, "x"), None, "no regular container");
    }
    let mut csi = workload();
    csi.containers[1].uses.push((SecretProviderClass, "vault-db".into()));
    assert_eq!(csi.referencing(SecretProviderClass, "vault-db"), None, "only volumes count");
    csi.volumes.push(volume(SecretProviderClass, "vault-db"));
    csi.containers[1].mounts.push("v".into());
    assert_eq!(csi.referencing(SecretProviderClass, "vault-db"), Some(1));
}

#[test]
fn a_workload_without_containers_is_skipped() {
    for annotations in
        [&[("configmap.reloader.stakater.com/reload", "conf")][..], &[("reloader.stakater.com/auto", "true")], &[]]
    {
        let mut bare = Workload { annotations: map(annotations), ..with_reference(workload()) };
        let options = Options { auto_reload_all: true, ..Options::default() };
        let reacts = |bare: &Workload| rules::verdict(&change(ConfigMap, "conf"), bare, &options).hit.is_some();
        assert!(reacts(&bare), "{annotations:?}");
        bare.containers.clear();
        bare.init_containers[0].uses.push((ConfigMap, "conf".into()));
        assert!(!reacts(&bare), "{annotations:?}");
    }
}

#[test]
fn a_second_volume_that_is_the_mounted_one_counts() {
    let mut twice = workload();
    for name in ["one", "two"] {
        twice.volumes.push(Volume { name: name.into(), uses: vec![(Secret, "x".into())] });
    }
    twice.containers[1].mounts.push("two".into());
    assert_eq!(twice.referencing(Secret, "x"), Some(1));
}

#[test]
fn variables_are_named_as_the_peer_names_them() {
    for (kind, name, expected) in [
        (Secret, "db-creds", "STAKATER_DB_CREDS_SECRET"),
        (ConfigMap, "my-app-config", "STAKATER_MY_APP_CONFIG_CONFIGMAP"),
        (Secret, "x.509-ca", "STAKATER_X_509_CA_SECRET"),
        (ConfigMap, "a--b", "STAKATER_A_B_CONFIGMAP"),
        (ConfigMap, "a.-b", "STAKATER_A_B_CONFIGMAP"),
        (Secret, "1st", "STAKATER_1ST_SECRET"),
        (SecretProviderClass, "vault-db", "STAKATER_VAULT_DB_SECRETPROVIDERCLASS"),
    ] {
        assert_eq!(strategy::variable(&cause(kind, name)), expected);
    }
}

fn edits(workload: &Workload, causes: &[Cause], options: &Options) -> Vec<String> {
    strategy::edits(workload, causes, options, now()).iter().map(|edit| sent(&edit.write)).collect()
}

#[test]
fn a_variable_is_set_replaced_or_left_and_removed_byte_for_byte() {
    let options = Options::default();
    let mut uses = workload();
    uses.containers[0].uses.push((Secret, "db-creds".into()));
    let cause = cause(Secret, "db-creds");
    let set = format!(
        r#"Reloader Strategic {{"spec":{{"template":{{"spec":{{"containers":[{{"name":"app","env":[{{"name":"STAKATER_DB_CREDS_SECRET","value":"{HASH}"}}]}}]}}}}}}}}"#
    );
    assert_eq!(edits(&uses, std::slice::from_ref(&cause), &options), std::slice::from_ref(&set));
    let marker = |hash: &str| Marker { variable: "STAKATER_DB_CREDS_SECRET".into(), hash: hash.into(), place: 3 };
    uses.containers[0].markers = vec![marker("old")];
    assert_eq!(edits(&uses, std::slice::from_ref(&cause), &options), [set]);
    uses.containers[0].markers = vec![marker(HASH)];
    assert!(edits(&uses, std::slice::from_ref(&cause), &options).is_empty());
    let gone = Cause { happened: Happened::Deleted, ..cause };
    assert_eq!(
        edits(&uses, std::slice::from_ref(&gone), &options),
        [concat!(
            r#"Reloader Json [{"op":"test","path":"/spec/template/spec/containers/0/env/3/name","value":"STAKATER_DB_CREDS_SECRET"},"#,
            r#"{"op":"remove","path":"/spec/template/spec/containers/0/env/3"}]"#
        )]
    );
    uses.containers[0].markers.clear();
    assert!(edits(&uses, &[gone], &options).is_empty(), "never injected");
}

#[test]
fn causes_of_one_container_are_one_write() {
    let mut uses = workload();
    uses.containers[0].uses = vec![(Secret, "a".into()), (ConfigMap, "b".into())];
    let edits = strategy::edits(&uses, &[cause(Secret, "a"), cause(ConfigMap, "b")], &Options::default(), now());
    assert_eq!((edits.len(), edits[0].causes.len()), (1, 2));
}

/// RL §11.4: no strategic merge on custom resources; each place is tested before it is written.
#[test]
fn a_rollout_gets_the_same_edit_by_place() {
    let options = Options::default();
    let mut rollout = Workload { kind: Kind::Rollout, ..workload() };
    rollout.containers[0].uses = vec![(Secret, "a".into())];
    rollout.containers[1].uses = vec![(ConfigMap, "b".into())];
    let causes = [cause(ConfigMap, "b"), cause(Secret, "a")];
    let entry = |name: &str| json!({ "name": name, "value": HASH });
    let body = |steps: Value| [format!("Reloader Json {steps}")];
    let (first, second) = ("/spec/template/spec/containers/0", "/spec/template/spec/containers/1");
    assert_eq!(
        edits(&rollout, &causes, &options),
        body(json!([
            {"op": "test", "path": "/metadata/resourceVersion", "value": "1"},
            {"op": "test", "path": format!("{first}/name"), "value": "app"},
            {"op": "add", "path": format!("{first}/env"), "value": [entry("STAKATER_A_SECRET")]},
            {"op": "test", "path": format!("{second}/name"), "value": "side"},
            {"op": "add", "path": format!("{second}/env"), "value": [entry("STAKATER_B_CONFIGMAP")]},
        ]))
    );
    rollout.containers.iter_mut().for_each(|container| container.has_env = true);
    rollout.containers[1].markers =
        vec![Marker { variable: "STAKATER_B_CONFIGMAP".into(), hash: "old".into(), place: 2 }];
    assert_eq!(
        edits(&rollout, &causes, &options),
        body(json!([
            {"op": "test", "path": format!("{first}/name"), "value": "app"},
            {"op": "add", "path": format!("{first}/env/-"), "value": entry("STAKATER_A_SECRET")},
            {"op": "test", "path": format!("{second}/name"), "value": "side"},
            {"op": "test", "path": format!("{second}/env/2/name"), "value": "STAKATER_B_CONFIGMAP"},
            {"op": "replace", "path": format!("{second}/env/2"), "value": entry("STAKATER_B_CONFIGMAP")},
        ]))
    );
    rollout.containers.clear();
    let named = Cause { is_named: true, ..cause(Secret, "a") };
    assert!(edits(&rollout, &[named], &options).is_empty(), "its template stands elsewhere (workloadRef)");
}

/// RL §17, §20.3: marks of both strategies may stand side by side after a switch.
#[test]
fn what_was_missed_is_told_by_marks_that_can_still_be_true() {
    let (secret, map_cause) = (cause(Secret, "db"), cause(ConfigMap, "conf"));
    let variable = |hash: &str| Marker { variable: "STAKATER_CONF_CONFIGMAP".into(), hash: hash.into(), place: 0 };
    let last = |cause: &Cause| {
        let marker = strategy::last_reloaded_from(cause, "prod", "app", now());
        map(&[("reloader.stakater.com/last-reloaded-from", &marker)])
    };
    let mut both = with_reference(workload());
    let missed = |workload: &Workload, by: Strategy| strategy::has_missed(workload, &map_cause, by);
    assert!(!missed(&both, Strategy::EnvVars) && !missed(&both, Strategy::Annotations), "no mark is no reason");
    both.containers[0].markers = vec![variable("old")];
    assert!(missed(&both, Strategy::EnvVars) && missed(&both, Strategy::Annotations));
    both.template_annotations = last(&map_cause);
    assert!(!missed(&both, Strategy::EnvVars) && !missed(&both, Strategy::Annotations), "one that fits is enough");
    both.template_annotations = last(&secret);
    assert!(missed(&both, Strategy::EnvVars));
    assert!(!missed(&both, Strategy::Annotations), "the variable is a leftover, the annotation another resource's");
}

/// RL §14: the process before us may have ended among the workloads of one change.
#[test]
fn who_was_left_out_is_told_by_those_who_were_rolled() {
    let at = |seconds: i64| now().saturating_add(jiff::SignedDuration::from_secs(seconds)).ok();
    let times = |created: i64, rolled: Option<i64>, edited: i64| Times {
        created: at(created),
        rolled: rolled.and_then(at),
        edited: at(edited),
    };
    let cause = cause(ConfigMap, "conf");
    let by = Strategy::EnvVars;
    let mut rolled = Workload { times: times(-60, Some(-5), -60), ..with_reference(workload()) };
    rolled.containers[0].markers =
        vec![Marker { variable: "STAKATER_CONF_CONFIGMAP".into(), hash: HASH.into(), place: 0 }];
    let lately = |workload: &Workload, later: i64| {
        strategy::rolled_lately([workload], &cause, by, at(later).expect("it is a time"))
    };
    assert_eq!(lately(&rolled, 0), at(-5));
    assert_eq!(lately(&rolled, 3600), None, "long ago");
    let by_hand = Workload { times: times(-60, None, -60), ..rolled.clone() };
    assert_eq!(lately(&by_hand, 0), None, "a mark that was not written by Reloader");
    let since = at(-5).expect("it is a time");
    let out = |workload: &Workload| strategy::was_left_out(workload, &cause, by, since);
    let idle = Workload { times: times(-60, None, -60), ..with_reference(workload()) };
    assert!(out(&idle));
    assert!(!out(&rolled));
    assert!(!out(&Workload { times: times(-5, None, -5), ..idle.clone() }), "it may be younger than the change");
    assert!(!out(&Workload { times: times(-60, None, -1), ..idle.clone() }), "somebody has written it since");
    assert!(!out(&Workload { kind: Kind::CronJob, ..idle.clone() }));
    assert!(!out(&Workload { times: times(-60, Some(-30), -60), ..idle }), "it was rolled for something else");
}

#[test]
fn the_annotation_is_written_byte_for_byte_and_once_a_state() {
    let options = Options { strategy: Strategy::Annotations, ..Options::default() };
    let mut uses = workload();
    uses.containers[0].uses.push((Secret, "db-creds".into()));
    let cause = cause(Secret, "db-creds");
    let marker = format!(
        r#"{{"type":"SECRET","name":"db-creds","namespace":"prod","hash":"{HASH}","containerRefs":["app"],"observedAt":1754900000}}"#
    );
    assert_eq!(strategy::last_reloaded_from(&cause, "prod", "app", now()), marker);
    let body =
        json!({"spec":{"template":{"metadata":{"annotations":{"reloader.stakater.com/last-reloaded-from":marker}}}}});
    assert_eq!(edits(&uses, std::slice::from_ref(&cause), &options), [format!("Reloader Strategic {body}")]);
    for standing in [marker, format!(r#"{{"kind":"secret","name":"db-creds","hash":"{HASH}"}}"#)] {
        uses.template_annotations = map(&[("reloader.stakater.com/last-reloaded-from", &standing)]);
        assert!(edits(&uses, std::slice::from_ref(&cause), &options).is_empty(), "{standing}");
    }
    let gone = Cause { happened: Happened::Deleted, ..cause };
    assert!(edits(&uses, &[gone], &options)[0].contains("aae45badef99284e4dae01d6046154ea9d99532f"));
}

#[test]
fn a_rollout_may_be_restarted_instead() {
    let mut rollout = Workload { kind: Kind::Rollout, ..workload() };
    rollout.containers[0].uses.push((Secret, "x".into()));
    rollout.annotations = map(&[("reloader.stakater.com/rollout-strategy", "restart")]);
    assert_eq!(
        edits(&rollout, &[cause(Secret, "x")], &Options::default()),
        [r#"Reloader Merge {"spec": {"restartAt": "2025-08-11T08:13:20Z"}}"#]
    );
}

#[test]
fn a_pause_is_begun_kept_and_ended_whoever_restarted_meanwhile() {
    let options = Options::default();
    let describe =
        |workload: &Workload, needed: bool, at: Timestamp| match pause::pause(workload, needed, &options, at).0 {
            Pause::None => "none".to_owned(),
            Pause::Begin(write, until) => format!("begin {} until {until}", sent(&write)),
            Pause::Until(until) => format!("until {until}"),
            Pause::Resume(write) => format!("resume {}", sent(&write)),
        };
    let period = ("deployment.reloader.stakater.com/pause-period", "1m");
    let paused_at = ("deployment.reloader.stakater.com/paused-at", "2025-08-11T08:13:20Z");
    let running = Workload { annotations: map(&[period]), ..workload() };
    assert_eq!(describe(&running, false, now()), "none");
    assert_eq!(
        describe(&running, true, now()),
        concat!(
            r#"begin Reloader Strategic {"metadata":{"annotations":{"deployment.reloader.stakater.com/paused-at":"2025-08-11T08:13:20Z"}},"spec":{"paused":true}}"#,
            " until 2025-08-11T08:14:20Z"
        )
    );
    let paused = Workload { annotations: map(&[period, paused_at]), is_paused: true, ..workload() };
    assert_eq!(describe(&paused, true, now()), "until 2025-08-11T08:14:20Z");
    let resume = r#"resume Reloader Strategic {"metadata":{"annotations":{"deployment.reloader.stakater.com/paused-at":null}},"spec":{"paused":false}}"#;
    let later = now().saturating_add(jiff::SignedDuration::from_secs(60)).unwrap();
    assert_eq!(describe(&paused, false, later), resume);
    let unreadable = map(&[period, ("deployment.reloader.stakater.com/paused-at", "yesterday")]);
    assert_eq!(describe(&Workload { annotations: unreadable, ..paused.clone() }, true, now()), resume);
    let by_user = Workload { annotations: map(&[period]), is_paused: true, ..workload() };
    assert_eq!(describe(&by_user, true, now()), "none");
    let withdrawn = Workload { annotations: map(&[paused_at]), ..paused };
    assert_eq!(describe(&withdrawn, false, now()), resume);
    for bad in ["5d", "abc"] {
        let odd = Workload { annotations: map(&[(period.0, bad)]), ..workload() };
        let (pause, notice) = pause::pause(&odd, true, &options, now());
        assert!(matches!(pause, Pause::None) && notice.is_some(), "{bad}");
    }
    let set = Workload { kind: Kind::StatefulSet, annotations: map(&[period]), ..workload() };
    assert!(pause::pause(&set, true, &options, now()).1.is_some());
}

fn created(write: &Write) -> (Value, bool) {
    match write {
        Write::CreateObject { object, dry_run, .. } => (object.expose().clone(), *dry_run),
        _ => (Value::Null, false),
    }
}

#[test]
fn a_cron_job_gets_an_extra_job_that_carries_the_mark() {
    let mut workload = Workload { kind: Kind::CronJob, ..workload() };
    workload.containers[0].uses.push((Secret, "x".into()));
    let object = json!({"spec": {"suspend": true, "jobTemplate": {
        "metadata": {"labels": {"l": "1"}, "annotations": {"a": "2"}},
        "spec": {"template": {"spec": {"containers": [{"name": "app"}]}}}}}});
    let again = jobs::again(&workload, &object, &[cause(Secret, "x")], &Options::default(), now()).unwrap();
    let (job, dry) = created(&again.writes[0]);
    assert!(!dry && again.writes.len() == 1 && again.causes.len() == 1);
    assert_eq!(
        job,
        json!({"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"generateName": "web-", "namespace": "prod", "labels": {"l": "1"},
                "annotations": {"cronjob.kubernetes.io/instantiate": "manual", "a": "2"},
                "ownerReferences": [{"apiVersion": "batch/v1", "kind": "CronJob", "name": "web", "uid": "uid-1",
                    "controller": true, "blockOwnerDeletion": true}]},
            "spec": {"template": {"spec": {"containers": [
                {"name": "app", "env": [{"name": "STAKATER_X_SECRET", "value": HASH}]}]}}}})
    );
}

#[test]
fn a_job_is_asked_deleted_and_made_again_without_what_the_server_set() {
    let mut workload = Workload { kind: Kind::Job, ..workload() };
    workload.containers[0].uses.push((Secret, "x".into()));
    let object = json!({"metadata": {"name": "web", "namespace": "prod", "uid": "uid-1", "resourceVersion": "5",
            "creationTimestamp": "t", "labels": {"keep": "1", "job-name": "web"}},
        "spec": {"selector": {"matchLabels": {}}, "template": {
            "metadata": {"labels": {"controller-uid": "u", "batch.kubernetes.io/controller-uid": "u", "job-name": "web",
                "batch.kubernetes.io/job-name": "web", "keep": "1"}},
            "spec": {"containers": [{"name": "app", "env": [{"name": "STAKATER_X_SECRET", "value": "old"}]}]}}},
        "status": {"succeeded": 1}});
    let again = jobs::again(&workload, &object, &[cause(Secret, "x")], &Options::default(), now()).unwrap();
    let [ask, delete, create] = &again.writes[..] else { panic!("three writes") };
    let (question, dry) = created(ask);
    assert!(dry && question["metadata"]["name"] == "web-dry-run");
    assert!(matches!(delete, Write::Delete { uid: Some(uid), background: true, .. } if uid == "uid-1"));
    let (job, dry) = created(create);
    assert!(!dry);
    assert_eq!(
        job,
        json!({"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "web", "namespace": "prod", "labels": {"keep": "1"}},
            "spec": {"template": {"metadata": {"labels": {"keep": "1"}}, "spec": {"containers": [
                {"name": "app", "env": [{"name": "STAKATER_X_SECRET", "value": HASH}]}]}}}})
    );
    // A selector that was chosen by hand is kept, and a long name makes room for the question.
    let name = format!("{}-{}", "a".repeat(54), "b".repeat(8));
    let workload = Workload { name: name.clone(), ..workload };
    let mut object = object;
    object["metadata"]["name"] = json!(name);
    object["spec"]["manualSelector"] = json!(true);
    let again = jobs::again(&workload, &object, &[cause(Secret, "x")], &Options::default(), now()).unwrap();
    assert_eq!(created(&again.writes[0]).0["metadata"]["name"], format!("{}-dry-run", "a".repeat(54)));
    assert_eq!(created(&again.writes[2]).0["spec"]["selector"], json!({"matchLabels": {}}));
}

#[test]
fn what_was_probably_not_meant_is_told() {
    type Case<'a> = (&'a [(&'a str, &'a str)], bool, Option<&'a str>);
    let cases: &[Case<'_>] = &[
        (&[("reloader.stakater.com/auto", "yes")], false, Some("neither true nor false")),
        (&[("reloader.stakater.com/auto", "0")], false, None),
        (&[("configmap.reloader.stakater.com/auto", "on")], false, Some("neither true nor false")),
        (&[("secret.reloader.stakater.com/auto", "on")], false, None),
        (&[("reloader.stakater.com/search", "True")], false, Some("only `true` switches it on")),
        (&[("configmap.reloader.stakater.com/reload", "conf|x")], true, Some("in brackets")),
        (&[("configmap.reloader.stakater.com/reload", "(conf|x)")], true, None),
        (&[("configmap.reloader.stakater.com/reload", "prod/conf, ,")], false, None),
        (&[("configmap.reloader.stakater.com/reload", "co**nf")], false, Some("no valid regular expression")),
        (&[("configmap.reloader.stakater.com/reload", "c[*+]?o+?n.*f")], true, None),
        (&[("reloader.stakater.com/rollout-strategy", "restart")], false, Some("works on Rollouts only")),
    ];
    for (annotations, reacts, told) in cases {
        let workload = Workload { annotations: map(annotations), ..with_reference(workload()) };
        let verdict = rules::verdict(&change(ConfigMap, "conf"), &workload, &Options::default());
        assert_eq!(verdict.hit.is_some(), *reacts, "{annotations:?}");
        match told {
            Some(part) => {
                assert!(verdict.notices.len() == 1 && verdict.notices[0].sentence.contains(part), "{verdict:?}");
            }
            None => assert!(verdict.notices.is_empty(), "{verdict:?}"),
        }
    }
    for (value, marked, told) in
        [("true", true, false), ("True", false, true), ("no", false, false), ("", false, false)]
    {
        let (is_marked, notice) = rules::is_marked(&map(&[("k", value)]), "k");
        assert_eq!((is_marked, notice.is_some()), (marked, told), "{value}");
    }
}

#[test]
fn an_alert_is_written_as_its_sink_takes_it() {
    use super::alert::{Sink, message};
    let text = message(&cause(Secret, "db"), "prod", "web", Kind::Deployment, "eu-1");
    let plain = "eu-1 : Reloader detected changes in *db* of type *SECRET* in namespace *prod*. Hence reloaded *web* of type *Deployment* in namespace *prod*";
    assert_eq!(text, plain);
    for (word, media, body) in [
        (
            " Slack ",
            "application/json",
            json!({"attachments": [{"author_name": "Reloader", "color": "good", "text": plain}]}).to_string(),
        ),
        ("teams", "application/json", json!({"text": plain}).to_string()),
        ("GCHAT", "application/json", json!({"text": plain}).to_string()),
        ("webhook", "text/plain", plain.replace('*', "")),
        ("", "text/plain", plain.replace('*', "")),
    ] {
        assert_eq!(Sink::named(word).body(&text), (media, body), "{word}");
    }
    let accepts = |sink: Sink| [200, 202, 302, 404].map(|status| sink.accepts(status));
    assert_eq!(accepts(Sink::Slack), [true, true, false, false]);
    assert_eq!(accepts(Sink::Teams), [true, true, false, false]);
}

#[test]
fn what_flaps_restarts_less_and_less_often() {
    let limit = Limit { burst: 3, interval: GoDuration::from_seconds(30) };
    let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).expect("a moment");
    let mut used = None;
    let mut restarts = Vec::new();
    // Asked every second: three at once, then one each half minute.
    for second in 0..100 {
        match limit.wait(used, at(second)) {
            None => {
                used = Some(limit.use_one(used, at(second)));
                restarts.push(second);
            }
            Some(until) => assert!(until > at(second) && until <= at(second + 30), "{second}"),
        }
    }
    assert_eq!(restarts, [0, 1, 2, 30, 60, 90]);
    assert!(
        !used.is_some_and(|used| limit.is_over(used, at(100))) && used.is_some_and(|used| limit.is_over(used, at(180)))
    );
    assert_eq!(limit.wait(used, at(180)), None);
    assert_eq!(limit.wait(used, at(-86_400)), None, "a clock that was set back holds nobody up");
    let unlimited = Limit { burst: 0, ..limit };
    assert_eq!(unlimited.wait(used, at(91)), None);
}
