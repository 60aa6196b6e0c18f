//! The table of formats: their names, file extensions, reader and emitter; everything else about formats is read off it.
//! Not here: when a binary file is in its encrypted form, which is JSON ([`Format::encrypted`] says so to `sops`).
//! Specification: SOPS §4.13–§4.17, §8.1.

use base::Fault;

use crate::{Document, EmitOptions, Node, ReadOptions, binary, dotenv, ini, json, yaml};

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// YAML, several documents in a file.
    Yaml,
    /// One JSON object.
    Json,
    /// `KEY=value` lines.
    Dotenv,
    /// Sections of keys.
    Ini,
    /// Anything: the whole file is the value of the key `data`.
    Binary,
}

/// One line of the table.
pub struct Row {
    /// The format that this line describes.
    pub format: Format,
    /// Its name on command lines.
    pub name: &'static str,
    /// The ends of file names that mean it.
    pub suffixes: &'static [&'static str],
    read: fn(&[u8], &ReadOptions) -> Result<Document, Fault>,
    emit: fn(&Document, &EmitOptions) -> Result<Vec<u8>, Fault>,
    emit_value: fn(&Node, &EmitOptions) -> Result<Vec<u8>, Fault>,
}

/// All formats, in the order of the enum.
pub const TABLE: [Row; 5] = [
    Row {
        format: Format::Yaml,
        name: "yaml",
        suffixes: &[".yaml", ".yml"],
        read: yaml::read,
        emit: yaml::emit,
        emit_value: yaml::emit_value,
    },
    Row {
        format: Format::Json,
        name: "json",
        suffixes: &[".json"],
        read: json::read,
        emit: json::emit,
        emit_value: json::emit_value,
    },
    Row {
        format: Format::Dotenv,
        name: "dotenv",
        suffixes: &[".env"],
        read: dotenv::read,
        emit: dotenv::emit,
        emit_value: dotenv::emit_value,
    },
    Row {
        format: Format::Ini,
        name: "ini",
        suffixes: &[".ini"],
        read: ini::read,
        emit: ini::emit,
        emit_value: ini::emit_value,
    },
    Row {
        format: Format::Binary,
        name: "binary",
        suffixes: &[],
        read: binary::read,
        emit: binary::emit,
        emit_value: binary::emit_value,
    },
];

impl Format {
    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Its name on command lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The format of that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.name == name).map(|row| row.format)
    }

    /// The format that a file's name means; a name without a known end is binary.
    #[must_use]
    pub fn of_file(name: &str) -> Self {
        let row = TABLE.iter().find(|row| row.suffixes.iter().any(|suffix| name.ends_with(suffix)));
        row.map_or(Self::Binary, |row| row.format)
    }

    /// The format in which an encrypted file of this format is written: binary files become JSON (SOPS §4.15).
    #[must_use]
    pub fn encrypted(self) -> Self {
        match self {
            Self::Binary => Self::Json,
            other => other,
        }
    }
}

/// Reads a file.
///
/// # Errors
/// Where the bytes are not of that format; the message names the line and shows no value.
pub fn read(bytes: &[u8], format: Format, options: &ReadOptions) -> Result<Document, Fault> {
    (format.row().read)(bytes, options)
}

/// Writes a file.
///
/// # Errors
/// Where the format cannot hold the document: a mapping in a dotenv file, a second document in JSON.
pub fn emit(document: &Document, format: Format, options: &EmitOptions) -> Result<Vec<u8>, Fault> {
    (format.row().emit)(document, options)
}

/// Writes one value in the form that `--extract` prints: a text as it is, a mapping as a file of the format,
/// anything else in the format's own way (SOPS §8.5).
///
/// # Errors
/// Where the format has no form for such a value.
pub fn emit_value(node: &Node, format: Format, options: &EmitOptions) -> Result<Vec<u8>, Fault> {
    (format.row().emit_value)(node, options)
}

#[cfg(test)]
mod tests;
