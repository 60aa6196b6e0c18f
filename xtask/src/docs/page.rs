//! A Markdown page as far as the checks need it: its headings, its links, and its fenced blocks.
//! Not a parser of Markdown: links with a title, reference links and HTML are not used in this house.

/// One page.
pub struct Page {
    /// From the root of the checkout.
    pub path: String,
    /// What a link may name behind `#`.
    pub anchors: Vec<String>,
    /// Line and target of every link.
    pub links: Vec<(usize, String)>,
    pub blocks: Vec<Block>,
}

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// The words behind the fence: `sh test`.
    pub words: String,
    /// The line of its first line of text.
    pub line: usize,
    pub text: String,
}

impl Page {
    pub fn new(path: &str, text: &str) -> Self {
        let mut page = Self { path: path.to_owned(), anchors: Vec::new(), links: Vec::new(), blocks: Vec::new() };
        let mut open: Option<(String, Block)> = None;
        for (at, line) in text.lines().enumerate() {
            let number = at + 1;
            match (&mut open, fence(line)) {
                (Some((mark, block)), end) => {
                    if end.is_some_and(|(ticks, words)| words.is_empty() && ticks.len() >= mark.len()) {
                        page.blocks.extend(open.take().map(|(_, block)| block));
                    } else {
                        block.text.push_str(line);
                        block.text.push('\n');
                    }
                }
                (None, Some((mark, words))) => {
                    let block = Block { words: words.to_owned(), line: number + 1, text: String::new() };
                    open = Some((mark.to_owned(), block));
                }
                (None, None) => page.prose(number, line),
            }
        }
        page
    }

    fn prose(&mut self, number: usize, line: &str) {
        if line.starts_with('#') {
            let anchor = anchor(line.trim_start_matches('#').trim());
            let same = self.anchors.iter().filter(|known| **known == anchor).count();
            self.anchors.push(if same == 0 { anchor } else { format!("{anchor}-{same}") });
        }
        // Inline code shows links without meaning them: every second part between backticks is code.
        for part in line.split('`').step_by(2) {
            for rest in part.split("](").skip(1) {
                let target = rest.split(')').next().unwrap_or_default();
                self.links.push((number, target.to_owned()));
            }
        }
        // A link whose text is code: [`x`](y).
        for rest in line.split("`](").skip(1) {
            let target = rest.split(')').next().unwrap_or_default().to_owned();
            if !self.links.contains(&(number, target.clone())) {
                self.links.push((number, target));
            }
        }
    }
}

/// The backticks that open or close a block, and the words behind them.
fn fence(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let ticks = line.len() - line.trim_start_matches('`').len();
    (ticks >= 3).then(|| (&line[..ticks], line[ticks..].trim()))
}

/// As GitHub makes it of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}
