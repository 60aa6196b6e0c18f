//! pflag's lists: the value of one flag is one line of comma-separated fields, and a field in double quotes may hold commas,
//! line breaks and, twice, quotes. Error texts are Go's `encoding/csv`'s, since the CSV crates forgive what it does not.
//! Not here: lists that are split at commas and no more. Specification: SS §9.2.

/// The fields of the first line that is not empty; none of an empty text.
///
/// # Errors
/// A quote stands where none may, in Go's words.
pub fn split(text: &str) -> Result<Vec<String>, String> {
    let mut rest = Rest { text, at: 0 };
    while rest.skip("\n") || rest.skip("\r\n") {}
    let mut fields = Vec::new();
    while rest.at < text.len() || !fields.is_empty() {
        fields.push(if rest.skip("\"") { rest.quoted()? } else { rest.plain()? });
        if !rest.skip(",") {
            break;
        }
    }
    Ok(fields)
}

struct Rest<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Rest<'a> {
    fn left(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip(&mut self, word: &str) -> bool {
        let is_next = self.left().starts_with(word);
        self.at += if is_next { word.len() } else { 0 };
        is_next
    }

    fn is_at_end(&self) -> bool {
        let left = self.left();
        left.is_empty() || left.starts_with([',', '\n']) || left.starts_with("\r\n")
    }

    /// A field without quotes, up to the next comma or the end of the line.
    fn plain(&mut self) -> Result<String, String> {
        let start = self.at;
        while !self.is_at_end() {
            let next = self.left().chars().next().map_or(1, char::len_utf8);
            if self.left().starts_with('"') {
                return Err(self.told(self.at, "bare \" in non-quoted-field"));
            }
            self.at += next;
        }
        Ok(self.text[start..self.at].to_owned())
    }

    /// A field behind its first quote.
    fn quoted(&mut self) -> Result<String, String> {
        const MISPLACED: &str = "extraneous or missing \" in quoted-field";
        let mut field = String::new();
        loop {
            let Some(length) = self.left().find('"') else {
                return Err(self.told(self.text.len(), MISPLACED));
            };
            field.push_str(&self.left()[..length].replace("\r\n", "\n"));
            self.at += length + 1;
            if self.skip("\"") {
                field.push('"');
            } else if self.is_at_end() {
                return Ok(field);
            } else {
                return Err(self.told(self.at - 1, MISPLACED));
            }
        }
    }

    /// Where the byte stands, counted from one, and what is wrong there.
    fn told(&self, at: usize, what: &str) -> String {
        let before = &self.text[..at];
        let line = before.matches('\n').count() + 1;
        let column = at - before.rfind('\n').map_or(0, |end| end + 1) + 1;
        format!("parse error on line {line}, column {column}: {what}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_go_reads_them() {
        for (text, fields) in [
            ("", &[][..]),
            ("a", &["a"]),
            ("a,b", &["a", "b"]),
            ("a,", &["a", ""]),
            (",a", &["", "a"]),
            ("\"a,b\"", &["a,b"]),
            ("\"k=a,b\",c", &["k=a,b", "c"]),
            ("\"a\"\"b\"", &["a\"b"]),
            ("\"\"", &[""]),
            ("\"a\nb\"", &["a\nb"]),
            ("\"a\r\nb\"", &["a\nb"]),
            ("a\nb", &["a"]),
            ("\n\r\na", &["a"]),
            (" a , b", &[" a ", " b"]),
            ("a\\,b", &["a\\", "b"]),
            ("ä,ö", &["ä", "ö"]),
        ] {
            assert_eq!(split(text).as_deref(), Ok(&fields.iter().map(ToString::to_string).collect::<Vec<_>>()[..]));
        }
    }

    #[test]
    fn misplaced_quotes_are_told_with_their_place() {
        let (bare, misplaced) = ("bare \" in non-quoted-field", "extraneous or missing \" in quoted-field");
        for (text, place, what) in [
            ("k=\"a,b\"", "line 1, column 3", bare),
            ("pl\"ain", "line 1, column 3", bare),
            ("\"plain", "line 1, column 7", misplaced),
            ("\"plain\" ", "line 1, column 7", misplaced),
            ("\"plain\"x,y", "line 1, column 7", misplaced),
        ] {
            assert_eq!(split(text), Err(format!("parse error on {place}: {what}")), "{text}");
        }
    }
}
