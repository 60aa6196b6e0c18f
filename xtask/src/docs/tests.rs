use std::path::Path;

use super::guides::{follow, missing_line};
use super::links::broken;
use super::page::{Block, Page};

#[test]
fn a_page_has_headings_links_and_blocks() {
    let text = "# One page: a *test*\nsee [a](b.md#c), `[no](link)` and [`d`](../e)\n\n```sh test\n# not a heading\nls\n```\n## Two\n## Two\n";
    let page = Page::new("docs/a.md", text);
    assert_eq!(page.anchors, ["one-page-a-test", "two", "two-1"]);
    assert_eq!(page.links, [(2, "b.md#c".to_owned()), (2, "../e".to_owned())]);
    let block = Block { words: "sh test".to_owned(), line: 5, text: "# not a heading\nls\n".to_owned() };
    assert_eq!(page.blocks, [block]);
}

#[test]
fn broken_links_are_told_with_their_line() {
    let there = Page::new("docs/there.md", "# Here\n");
    let check = |link: &str, expected: &[&str]| {
        let page = Page::new("docs/guides/a.md", &format!("\n[x]({link})\n# Own\n"));
        let known =
            |path: &Path| ["docs/there.md", "docs/guides/a.md", "LICENSE"].iter().any(|known| path == Path::new(known));
        assert_eq!(broken(&[page, Page::new(&there.path, "# Here\n")], known), expected, "{link}");
    };
    for good in ["../there.md", "../there.md#here", "#own", "../../LICENSE", "https://a.b/c"] {
        check(good, &[]);
    }
    check("gone.md", &["docs/guides/a.md:2: `gone.md` leads to no file"]);
    check("../there.md#gone", &["docs/guides/a.md:2: `../there.md#gone` leads to no heading"]);
    check("#gone", &["docs/guides/a.md:2: `#gone` leads to no heading"]);
}

#[test]
fn a_guide_is_typed_in_one_shell() {
    let check = |text: &str, expected: &str| {
        let told = follow(&Page::new("guide.md", text), Path::new("/bin/true"), &[]);
        let told = told.err().unwrap_or_default();
        assert!(if expected.is_empty() { told.is_empty() } else { told.contains(expected) }, "{text}\n{told}");
    };
    check(
        "```sh test\nmkdir a; cd a; X=1\n```\n```sh test\necho \"$(basename \"$PWD\")$X\"\n```\n```text test\na1\n```\n",
        "",
    );
    check(
        "```sh test\ntrue\n```\n\n```sh test\necho so; false\n```\n",
        "guide.md:6: this block ended with exit status: 1\n    so",
    );
    check("```sh test\necho one; echo two; echo three\n```\n```text test\none\n…\nthree\n```\n", "");
    check("```sh test\necho two; echo one\n```\n```text test\none\ntwo\n```\n", "guide.md:5: not printed: `two`");
    check("```sh\nfalse\n```\n", "");
    check("```sh test\nkeywright\nsleep 60 &\n```\n", "");
}

#[test]
fn lines_are_expected_in_order() {
    assert_eq!(missing_line("a\n\nb\n", "a\nx\nb  \n"), None);
    assert_eq!(missing_line("b\na\n", "a\nb\n"), Some("a"));
}
