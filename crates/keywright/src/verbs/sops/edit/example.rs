//! What a new file holds when the editor opens it: something of everything that its format can hold.
//! Specification: SOPS §8.6 "New file".

use base::Fault;
use document::{Document, Format, ReadOptions};

/// The example of a format.
///
/// # Errors
/// None: each text is of its format, which a test shows.
pub fn document(format: Format) -> Result<Document, Fault> {
    document::read(text(format).as_bytes(), format, &ReadOptions::default())
}

fn text(format: Format) -> &'static str {
    match format {
        Format::Yaml => YAML,
        Format::Json => JSON,
        Format::Dotenv => DOTENV,
        Format::Ini => INI,
        Format::Binary => BINARY,
    }
}

const YAML: &str = "hello: Welcome to SOPS! Edit this file as you please!
example_key: example_value
# Example comment
example_array:
    - example_value1
    - example_value2
example_number: 1234.56789
example_booleans:
    - true
    - false
";

const JSON: &str = r#"{
	"hello": "Welcome to SOPS! Edit this file as you please!",
	"example_key": "example_value",
	"example_array": ["example_value1", "example_value2"],
	"example_number": 1234.56789,
	"example_booleans": [true, false]
}
"#;

const DOTENV: &str = r"# This is an example file.
hello=Welcome to SOPS! Edit this file as you please!
example_key=example_value
example_multiline=foo\nbar\nbaz
";

const INI: &str = "; This is an example file.
[Welcome!]
hello = Welcome to SOPS! Edit this file as you please!
example_key = example_value
";

const BINARY: &str = "Welcome to SOPS! Replace this text with what shall be encrypted.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_example_is_of_its_format() {
        for row in &document::format::TABLE {
            let document = document(row.format).expect("the example parses");
            assert_eq!(document.branches.len(), 1, "{}", row.name);
        }
    }
}
