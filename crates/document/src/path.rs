//! Index paths, `["a"]["b"][0]`, as `--extract`, `set` and `unset` take them.
//! Not here: walking along them (`edit`). Specification: SOPS §8.5, §8.8.

use base::Fault;

/// A path from the root of a document to a value. The empty path is the document itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// The steps, outermost first.
    pub steps: Vec<Step>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into a mapping.
    Key(String),
    /// Into a list. Comments count, as they do for the peer; a negative number parses and is never found.
    Index(i64),
}

impl Path {
    /// Reads `["key"]`, `['key']` and `[0]`, one behind the other. Quotes are only stripped, there are no escapes;
    /// unlike the peer's, a quoted key may hold `[`.
    ///
    /// # Errors
    /// Where a component does not end with `]`, or is neither quoted nor an integer.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut steps = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let Some(inner) = rest.strip_prefix('[') else {
                let component = rest.split('[').next().unwrap_or(rest);
                return Err(Fault::wrong(format!("component {component} doesn't end with ]")));
            };
            let (step, behind) = component(inner)?;
            steps.push(step);
            rest = behind.trim_start();
        }
        Ok(Self { steps })
    }

    /// Whether this is the document itself.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// One component behind its `[`, and what follows its `]`.
fn component(inner: &str) -> Result<(Step, &str), Fault> {
    let quote = inner.chars().next().filter(|first| matches!(first, '"' | '\''));
    if let Some(quote) = quote {
        let (key, behind) = inner[1..].split_once(&format!("{quote}]")).ok_or_else(|| unclosed(inner))?;
        return Ok((Step::Key(key.to_owned()), behind));
    }
    let (number, behind) = inner.split_once(']').ok_or_else(|| unclosed(inner))?;
    let index = number.parse().map_err(|_| {
        Fault::wrong(format!("component {number} is neither quoted nor an integer"))
            .hint("write a key as [\"key\"] and a position in a list as [0]")
    })?;
    Ok((Step::Index(index), behind))
}

fn unclosed(component: &str) -> Fault {
    Fault::wrong(format!("component {component} doesn't end with ]"))
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.steps.iter().try_for_each(|step| match step {
            Step::Key(key) => write!(f, "[\"{key}\"]"),
            Step::Index(index) => write!(f, "[{index}]"),
        })
    }
}

#[cfg(test)]
mod tests;
