//! One request as the server's parts see it: whose, where and what.
//! Specification: VSO §17.2.

use serde_json::Value;

use crate::http::Asked;

/// One request to a path below `/v1/`, with its namespace in front.
pub struct Ask<'a> {
    pub asked: &'a Asked,
    pub namespace: String,
    /// Without the namespace.
    pub path: &'a str,
    pub body: Value,
}

impl Ask<'_> {
    pub fn method(&self) -> &str {
        match self.asked.method.as_str() {
            "GET" if self.asked.query.get("list").is_some_and(|list| list == "true") => "LIST",
            // POST and PUT are equal for writes.
            "POST" => "PUT",
            method => method,
        }
    }

    pub fn text(&self, key: &str) -> &str {
        self.body[key].as_str().unwrap_or_default()
    }

    /// The path with the namespace in front, as mounts are kept.
    pub fn full(&self) -> String {
        join(&self.namespace, self.path)
    }
}

pub fn join(namespace: &str, path: &str) -> String {
    if namespace.is_empty() { path.to_owned() } else { format!("{namespace}/{path}") }
}
