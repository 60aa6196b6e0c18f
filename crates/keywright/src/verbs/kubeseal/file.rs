//! Files as kubeseal speaks of them: in the words of Go's errors, which scripts look for. Specification: SS §9.5, §9.7.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use base::{Fault, Kind, limit};

/// All bytes of a file, up to the limit of one.
///
/// # Errors
/// `open X: no such file or directory`, and the like.
pub fn open(path: &Path) -> Result<Vec<u8>, Fault> {
    let file = File::open(path).map_err(|error| told("open", path, &error))?;
    let mut bytes = Vec::new();
    let count = file.take(limit::FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| told("read", path, &error))?;
    if count as u64 > limit::FILE_BYTES {
        return Err(Fault::wrong(format!("`{}` holds more than {} bytes", path.display(), limit::FILE_BYTES)));
    }
    Ok(bytes)
}

fn told(verb: &str, path: &Path, error: &io::Error) -> Fault {
    let (kind, said) = match error.kind() {
        io::ErrorKind::NotFound => (Kind::NotFound, "no such file or directory".to_owned()),
        io::ErrorKind::PermissionDenied => (Kind::Denied, "permission denied".to_owned()),
        io::ErrorKind::IsADirectory => (Kind::Wrong, "is a directory".to_owned()),
        _ => (Kind::Unreachable, error.to_string()),
    };
    Fault::new(kind, format!("{verb} {}: {said}", path.display()))
}
