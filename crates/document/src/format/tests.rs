//! The table of formats names each format once, and finds it again.

use super::*;
use crate::{EmitOptions, ReadOptions};

#[test]
fn the_table_stands_in_the_order_of_the_enum() {
    for (index, row) in TABLE.iter().enumerate() {
        assert_eq!(row.format as usize, index, "{}", row.name);
        assert_eq!(Format::from_name(row.name), Some(row.format));
        assert_eq!(row.format.name(), row.name);
    }
}

#[test]
fn a_file_name_means_a_format_by_its_end() {
    let cases = [
        ("a.yaml", Format::Yaml),
        ("a.yml", Format::Yaml),
        ("dir.json/a.json", Format::Json),
        (".env", Format::Dotenv),
        ("prod.env", Format::Dotenv),
        ("a.ini", Format::Ini),
        ("a.yaml.enc", Format::Binary),
        ("a.YAML", Format::Binary),
        ("", Format::Binary),
    ];
    for (name, format) in cases {
        assert_eq!(Format::of_file(name), format, "{name}");
    }
    assert_eq!(Format::from_name("toml"), None);
}

#[test]
fn only_binary_files_change_their_format_when_encrypted() {
    for row in &TABLE {
        let expected = if row.format == Format::Binary { Format::Json } else { row.format };
        assert_eq!(row.format.encrypted(), expected);
    }
}

#[test]
fn several_documents_fit_into_yaml_only() {
    let document = read(b"a: {b: 1}\n---\nc: {d: 2}\n", Format::Yaml, &ReadOptions::default()).expect("YAML");
    for row in &TABLE {
        let result = emit(&document, row.format, &EmitOptions::default());
        assert_eq!(result.is_ok(), row.format == Format::Yaml, "{}", row.name);
    }
}
