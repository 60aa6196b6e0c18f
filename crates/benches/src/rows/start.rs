//! The row of the start: how soon all watches have begun, and what stands in memory – alone, and beside 5,000 foreign Secrets.
//! At rest means a second and a half without a request. Specification: issue 9 §1.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::audit::{Request, milliseconds};
use crate::figure::{Figure, Report};
use crate::lab::Lab;
use crate::one_process::median;
use crate::running::Running;

const FOREIGN: usize = 5_000;

pub async fn measure(lab: &Lab, report: &mut Report) -> Result<(), String> {
    report.begin("`operator`: start → every watch begun, at rest");
    let (mut times, mut memory, mut writes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..5 {
        let start = watched(lab, &["operator", "--listen-addr", "127.0.0.1:0"]).await?;
        times.push(start.milliseconds);
        memory.push(start.running.resident_megabytes());
        writes = start.writes;
    }
    let time = Figure::new("start to the last watch", median(times), "ms").goal(100.0).peer(209.0);
    report.tell(&time.floor(connected(lab).await?, "ms for one connection with TLS and one answer"));
    report.tell(&Figure::new("resident at rest", median(memory), "MB").goal(30.0).peer(145.0));
    report.tell(&Figure::new("writes, leases not counted", writes as f64, "").goal(0.0).floor(0.0, "nothing is due"));

    report.begin("with 5,000 foreign Secrets of 1 KB");
    let namespace = lab.namespace("foreign").await;
    let value = "eHh4".repeat(256);
    let foreign = |n: usize| {
        let name = format!("foreign-{n}");
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": {"value": value}})
    };
    let all: Vec<Value> = (0..FOREIGN).map(foreign).collect();
    lab.all(&all, Some(&namespace)).await?;
    for (what, words, goal, peer) in [
        ("resident, all features", ["operator", "--listen-addr", "127.0.0.1:0"].as_slice(), 60.0, 187.0),
        ("resident, `reloader` alone", ["reloader"].as_slice(), 30.0, 56.0),
    ] {
        let start = watched(lab, words).await?;
        report.tell(&Figure::new(what, start.running.resident_megabytes(), "MB").goal(goal).peer(peer));
        report.tell(&Figure::new("writes, leases not counted", start.writes as f64, "").goal(0.0));
    }
    // Not one by one: what is thrown away would be told to the next rows' watches for seconds.
    lab.kubectl(&["delete", "secret", "--all", "--namespace", &namespace, "--wait=false"], b"")?;
    Ok(())
}

struct Start {
    running: Running,
    milliseconds: f64,
    writes: usize,
}

async fn watched(lab: &Lab, words: &[&str]) -> Result<Start, String> {
    let mut audit = lab.audit()?;
    let running = lab.started(words).await?;
    let begun = audit.of(&lab.user, |request| request.verb == "watch")?;
    let last = begun.iter().map(|request| request.done).max().ok_or("it began no watch")?;
    // What is given back to the system is given back after the first lists.
    sleep(Duration::from_secs(2)).await;
    let writes = audit.work(&lab.user)?.iter().filter(|request| Request::is_write(request)).count();
    Ok(Start { milliseconds: milliseconds(running.started, last), running, writes })
}

/// What a program needs for its first answer from this server, whatever it does: TLS, a token's check, a small read.
async fn connected(lab: &Lab) -> Result<f64, String> {
    let mut times = Vec::new();
    for _ in 0..9 {
        let config = lab.config().await?;
        let begun = tokio::time::Instant::now();
        let client = kube::Client::try_from(config).map_err(|error| format!("cannot make a client: {error}"))?;
        client.apiserver_version().await.map_err(|error| format!("cannot reach the API server: {error}"))?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(times))
}
