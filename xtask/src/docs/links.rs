//! Links inside the checkout lead to a file, and behind `#` to a heading of it.
//! Links to the web are not followed: a test asks nobody.

use std::path::{Component, Path, PathBuf};

use super::{Page, pages};

pub fn links(root: &Path) -> Result<(), String> {
    let pages = pages(root)?;
    let broken = broken(&pages, |path| root.join(path).exists());
    for told in &broken {
        println!("{told}");
    }
    let count: usize = pages.iter().map(|page| page.links.len()).sum();
    match broken.len() {
        0 => {
            println!("links: {count} links in {} pages, none broken", pages.len());
            Ok(())
        }
        broken => Err(format!("links: {broken} of {count} links are broken")),
    }
}

/// `path:line: what` for each broken link.
pub fn broken(pages: &[Page], exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let mut told = Vec::new();
    for page in pages {
        for (line, target) in &page.links {
            if let Some(what) = judge(page, target, pages, &exists) {
                told.push(format!("{}:{line}: {what}", page.path));
            }
        }
    }
    told
}

fn judge(page: &Page, target: &str, pages: &[Page], exists: &impl Fn(&Path) -> bool) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let there = if file.is_empty() { PathBuf::from(&page.path) } else { beside(&page.path, file) };
    if !exists(&there) {
        return Some(format!("`{target}` leads to no file"));
    }
    let target_page = pages.iter().find(|page| Path::new(&page.path) == there)?;
    let is_there = anchor.is_empty() || target_page.anchors.iter().any(|known| known == anchor);
    (!is_there).then(|| format!("`{target}` leads to no heading"))
}

/// A path relative to a page, without `..`.
fn beside(page: &str, file: &str) -> PathBuf {
    let mut path = Path::new(page).parent().unwrap_or(Path::new("")).to_owned();
    for part in Path::new(file).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path
}
