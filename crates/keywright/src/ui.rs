//! The only door to the terminal: data to stdout, everything else to stderr. Colour never carries meaning alone.
//! Tests capture both streams and give stdin as bytes.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};

use base::{Fault, limit};

/// The streams of one run.
pub struct Ui {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    input: Box<dyn Read + Send>,
    /// Whether each stream is a terminal.
    pub terminal: Terminal,
    is_pipe_broken: bool,
}

/// Which streams a person sits at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminal {
    /// stdin.
    pub input: bool,
    /// stdout.
    pub output: bool,
    /// stderr.
    pub error: bool,
}

impl Ui {
    /// The streams of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        let terminal = Terminal {
            input: io::stdin().is_terminal(),
            output: io::stdout().is_terminal(),
            error: io::stderr().is_terminal(),
        };
        // std's stdin reads ahead, and a program that we start next may want what is there.
        let input: Box<dyn Read + Send> = match io::stdin().as_fd().try_clone_to_owned() {
            Ok(descriptor) => Box::new(File::from(descriptor)),
            Err(_) => Box::new(io::empty()),
        };
        Self { out: Box::new(io::stdout()), err: Box::new(io::stderr()), input, terminal, is_pipe_broken: false }
    }

    /// Streams for a test: stdin from bytes, the others captured.
    #[must_use]
    pub fn captured(input: &[u8]) -> (Self, Captured, Captured) {
        let (out, err) = (Captured::default(), Captured::default());
        let ui = Self {
            out: Box::new(out.clone()),
            err: Box::new(err.clone()),
            input: Box::new(io::Cursor::new(input.to_vec())),
            terminal: Terminal::default(),
            is_pipe_broken: false,
        };
        (ui, out, err)
    }

    /// Data: the answer that was asked for.
    ///
    /// # Errors
    /// stdout is closed or full.
    pub fn data(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let written = self.out.write_all(bytes).and_then(|()| self.out.flush());
        written.map_err(|error| {
            self.is_pipe_broken = error.kind() == io::ErrorKind::BrokenPipe;
            Fault::unreachable("cannot write to stdout").because(error)
        })
    }

    /// Whether the reader of stdout has left, as `head` does: it wants no more, and no complaint either.
    #[must_use]
    pub fn is_pipe_broken(&self) -> bool {
        self.is_pipe_broken
    }

    /// A sentence for the person, on stderr.
    pub fn note(&mut self, text: &str) {
        // A closed stderr must not stop the work.
        let _ = writeln!(self.err, "{text}");
    }

    /// A warning, on stderr.
    pub fn warn(&mut self, text: &str) {
        self.note(&format!("warning: {text}"));
    }

    /// Advice, on a line of its own.
    pub fn hint(&mut self, text: &str) {
        self.note(&format!("hint: {text}"));
    }

    /// A question, on stdout as the peers ask, and the line that answers it; `None` at the end of stdin.
    pub fn ask(&mut self, question: &str) -> Option<String> {
        // Whoever closed stdout sees no question, and can still answer.
        let _ = self.out.write_all(question.as_bytes()).and_then(|()| self.out.flush());
        self.read_line()
    }

    /// A line of stdin without its end; `None` at the end of stdin. Nothing behind the line is taken, since a program that
    /// runs next may want it.
    pub fn read_line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let mut byte = [0];
        while line.len() < LINE_BYTES {
            match self.input.read(&mut byte) {
                Ok(1) if byte[0] == b'\n' => return Some(text(&line)),
                Ok(1) => line.push(byte[0]),
                _ => break,
            }
        }
        (!line.is_empty()).then(|| text(&line))
    }

    /// All of stdin, up to the limit of a file.
    ///
    /// # Errors
    /// stdin cannot be read, or holds more than a file may.
    pub fn read_input(&mut self) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        let read = (&mut self.input).take(limit::FILE_BYTES + 1).read_to_end(&mut bytes);
        let count = read.map_err(|error| Fault::unreachable("cannot read stdin").because(error))?;
        if count as u64 > limit::FILE_BYTES {
            return Err(Fault::wrong(format!("stdin holds more than {} bytes", limit::FILE_BYTES)));
        }
        Ok(bytes)
    }
}

/// The longest line that answers a question.
const LINE_BYTES: usize = 4096;

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end_matches('\r').to_owned()
}

/// What a captured stream received.
#[derive(Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// The bytes so far.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().map(|bytes| bytes.clone()).unwrap_or_default()
    }

    /// The text so far.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = self.0.lock().map_err(|_| io::Error::other("a writer panicked"))?;
        all.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
