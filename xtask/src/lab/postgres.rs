//! PostgreSQL for renewable leases: a throw-away server on loopback with the superuser `postgres`, whose password is `postgres`.
//! It refuses root, so there it runs as the user that its package made, in a folder that this user can reach.

use std::fs;
use std::path::{Path, PathBuf};

use super::server::{Ends, Server};
use crate::shell::{Program, find};

/// Initialises a data folder and starts the server.
pub fn start(lab: &Path, port: u16, ends: Ends) -> Result<(), String> {
    let programs = programs(Path::new("/usr/lib/postgresql")).ok_or("its programs are nowhere")?;
    let data = std::env::temp_dir().join(format!("keywright-lab-postgres-{}-{port}", std::process::id()));
    let failed = |error: std::io::Error| format!("cannot prepare `{}`: {error}", data.display());
    fs::create_dir_all(&data).map_err(failed)?;
    fs::write(lab.join("postgres.folder"), data.to_string_lossy().as_bytes()).map_err(failed)?;
    let password = data.with_extension("password");
    fs::write(&password, "postgres\n").map_err(failed)?;
    let user = is_root().then_some("postgres");
    if let Some(user) = user {
        Program::new("chown").args([user]).args([&data, &password]).text()?;
    }
    let flags = ["--auth=scram-sha-256", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"];
    let initialised = as_user(user, &programs.join("initdb"))
        .args(flags)
        .args(["--pwfile"])
        .args([&password, &data])
        .within(&data)
        .text();
    fs::remove_file(&password).map_err(failed)?;
    initialised?;
    let settings = ["listen_addresses=127.0.0.1", "fsync=off", "unix_socket_directories=", "max_connections=200"];
    let mut args = vec!["-D".to_owned(), data.to_string_lossy().into_owned(), "-p".to_owned(), port.to_string()];
    args.extend(settings.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]));
    Server { name: "postgres", program: programs.join("postgres"), args, signal: "INT", user }.start(lab, ends)
}

/// Removes the data of a lab that was stopped.
pub fn remove(lab: &Path) {
    if let Ok(folder) = fs::read_to_string(lab.join("postgres.folder")) {
        drop(fs::remove_dir_all(folder));
    }
}

/// The folder of `initdb` and `postgres`: the path's, else the newest version's.
pub fn programs(versions: &Path) -> Option<PathBuf> {
    if let (Some(_), Some(postgres)) = (find("initdb"), find("postgres")) {
        return postgres.parent().map(Path::to_owned);
    }
    let folders = fs::read_dir(versions).ok()?.flatten().map(|entry| entry.path().join("bin"));
    folders.filter(|folder| folder.join("initdb").is_file()).max()
}

fn as_user(user: Option<&str>, program: &Path) -> Program {
    match user {
        Some(user) => {
            let identity =
                [format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned(), "--".to_owned()];
            Program::new("setpriv").args(identity).args([program])
        }
        None => Program::new(program),
    }
}

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").expect("Linux has /proc")) == 0
}
