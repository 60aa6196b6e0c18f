use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn a_replaced_file_keeps_its_mode_and_its_links_point_to_the_new_content() {
    let folder = folder();
    let (file, link) = (folder.path().join("a"), folder.path().join("l"));
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    replace(&link, b"new").unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"new");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
}

#[test]
fn hard_links_stay_one_file() {
    let folder = folder();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    fs::write(&one, "old").unwrap();
    fs::hard_link(&one, &two).unwrap();
    replace(&one, b"new").unwrap();
    assert_eq!(fs::read(&two).unwrap(), b"new");
}

#[test]
fn a_file_that_somebody_changed_meanwhile_is_not_overwritten() {
    let folder = folder();
    let file = folder.path().join("a");
    fs::write(&file, "one").unwrap();
    let locked = Locked::open(&file).unwrap();
    fs::write(&file, "two").unwrap();
    let fault = locked.replace(b"three").unwrap_err();
    assert_eq!(fault.kind(), base::Kind::Conflict);
    assert_eq!(fs::read(&file).unwrap(), b"two");
}

#[test]
fn two_writers_lose_nothing() {
    let folder = folder();
    let file = folder.path().join("n");
    fs::write(&file, "0").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let locked = Locked::open(&file).unwrap();
                let count: u32 = std::str::from_utf8(&locked.before).unwrap().parse().unwrap();
                locked.replace((count + 1).to_string().as_bytes()).unwrap();
            });
        }
    });
    assert_eq!(fs::read(&file).unwrap(), b"8");
}

#[test]
fn a_missing_file_says_what_was_attempted() {
    let fault = read(Path::new("/nonexistent/x")).unwrap_err();
    assert_eq!(fault.kind(), base::Kind::NotFound);
    assert!(fault.chain().starts_with("cannot read `/nonexistent/x`: "), "{}", fault.chain());
}
