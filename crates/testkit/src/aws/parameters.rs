//! Parameter Store: values and versions, trees, tags.
//! Specification: ESO §10.3, VALS §10.2.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ACCOUNT, Call, State, Wrong, page, seconds, tag_list, tag_map};

/// Pages of GetParametersByPath, GetParameterHistory and DescribeParameters.
const PATH_PAGE: usize = 10;
const PAGE: usize = 50;

/// One parameter with its history.
pub struct Parameter {
    kind: String,
    values: Vec<String>,
    pub tags: BTreeMap<String, String>,
    description: String,
    changed: Value,
}

impl Parameter {
    pub fn current(&self) -> &str {
        self.values.last().map_or("", String::as_str)
    }

    fn told(&self, name: &str, version: usize, region: &str) -> Value {
        let slash = if name.starts_with('/') { "" } else { "/" };
        json!({
            "Name": name, "Type": self.kind, "Value": self.values[version - 1], "Version": version,
            "ARN": format!("arn:aws:ssm:{region}:{ACCOUNT}:parameter{slash}{name}"), "DataType": "text",
            "LastModifiedDate": self.changed,
        })
    }
}

fn absent() -> Wrong {
    Wrong::new("ParameterNotFound", "")
}

impl State {
    pub fn put_parameter(&mut self, name: &str, value: &str) {
        let changed = seconds(self.clock.now());
        let fresh = || Parameter {
            kind: "SecureString".to_owned(),
            values: Vec::new(),
            tags: BTreeMap::new(),
            description: String::new(),
            changed: Value::Null,
        };
        let parameter = self.parameters.entry(name.to_owned()).or_insert_with(fresh);
        parameter.values.push(value.to_owned());
        parameter.changed = changed;
    }

    pub fn ask_parameters(&mut self, call: &Call) -> Result<Value, Wrong> {
        match call.operation.as_str() {
            "GetParameter" => self.read_parameter(call),
            "GetParametersByPath" => Ok(self.read_tree(call)),
            "GetParameterHistory" => self.history(call),
            "DescribeParameters" => Ok(self.describe(call)),
            "PutParameter" => self.write_parameter(call),
            "DeleteParameter" => self.parameters.remove(call.text("Name")).map(|_| json!({})).ok_or_else(absent),
            "AddTagsToResource" | "RemoveTagsFromResource" | "ListTagsForResource" => self.tag_parameter(call),
            other => Err(Wrong::new("UnknownOperationException", format!("{other} is not served here"))),
        }
    }

    fn read_parameter(&self, call: &Call) -> Result<Value, Wrong> {
        let asked = call.text("Name");
        let (name, version) = match asked.rsplit_once(':') {
            Some((name, version)) if !self.parameters.contains_key(asked) => (name, Some(version)),
            _ => (asked, None),
        };
        let parameter = self.parameters.get(name).ok_or_else(absent)?;
        let version = match version {
            None => parameter.values.len(),
            Some(text) => {
                text.parse().ok().filter(|at| (1..=parameter.values.len()).contains(at)).ok_or_else(|| {
                    let message = format!(
                        "Systems Manager could not find version {text} of {name}. Verify the version and try again."
                    );
                    Wrong::new("ParameterVersionNotFound", message)
                })?
            }
        };
        Ok(json!({ "Parameter": parameter.told(name, version, &call.region) }))
    }

    fn read_tree(&self, call: &Call) -> Value {
        let folder = format!("{}/", call.text("Path").trim_end_matches('/'));
        let is_deep = call.body["Recursive"] == true;
        let below = self.parameters.iter().filter_map(|(name, parameter)| {
            let rest = name.strip_prefix(&folder)?;
            (is_deep || !rest.contains('/')).then(|| parameter.told(name, parameter.values.len(), &call.region))
        });
        let size = call.body["MaxResults"].as_u64().and_then(|size| usize::try_from(size).ok());
        let (items, next) =
            page(&below.collect::<Vec<_>>(), call.text("NextToken"), size.unwrap_or(PATH_PAGE).min(PATH_PAGE));
        with_next(json!({ "Parameters": items }), next)
    }

    fn history(&self, call: &Call) -> Result<Value, Wrong> {
        let name = call.text("Name");
        let parameter = self.parameters.get(name).ok_or_else(absent)?;
        let all: Vec<Value> =
            (1..=parameter.values.len()).map(|version| parameter.told(name, version, &call.region)).collect();
        let (items, next) = page(&all, call.text("NextToken"), PAGE);
        Ok(with_next(json!({ "Parameters": items }), next))
    }

    fn describe(&self, call: &Call) -> Value {
        let filters = call.items("ParameterFilters");
        let fits =
            |(name, parameter): &(&String, &Parameter)| filters.iter().all(|filter| passes(filter, name, parameter));
        let of = |(name, parameter): (&String, &Parameter)| {
            json!({ "Name": name, "Type": parameter.kind, "Version": parameter.values.len(),
                    "Description": parameter.description, "LastModifiedDate": parameter.changed })
        };
        let all: Vec<Value> = self.parameters.iter().filter(fits).map(of).collect();
        let (items, next) = page(&all, call.text("NextToken"), PAGE);
        with_next(json!({ "Parameters": items }), next)
    }

    fn write_parameter(&mut self, call: &Call) -> Result<Value, Wrong> {
        let name = call.text("Name");
        let exists = self.parameters.contains_key(name);
        if exists && call.body["Overwrite"] != true {
            let message = "The parameter already exists. To overwrite this value, set the overwrite option in the request \
                           to true.";
            return Err(Wrong::new("ParameterAlreadyExists", message));
        }
        if exists && !call.items("Tags").is_empty() {
            let message = "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, \
                           please remove overwrite flag.";
            return Err(Wrong::new("ValidationException", message));
        }
        self.put_parameter(name, call.text("Value"));
        let parameter = self.parameters.get_mut(name).expect("it was put a moment ago");
        parameter.tags.extend(tag_map(call.items("Tags")));
        match call.text("Type") {
            "" if !exists => parameter.kind = "String".to_owned(),
            "" => {}
            kind => parameter.kind = kind.to_owned(),
        }
        parameter.description = call.text("Description").to_owned();
        Ok(json!({ "Version": parameter.values.len(), "Tier": "Standard" }))
    }

    fn tag_parameter(&mut self, call: &Call) -> Result<Value, Wrong> {
        let invalid = || Wrong::new("InvalidResourceId", "");
        let parameter = self.parameters.get_mut(call.text("ResourceId")).ok_or_else(invalid)?;
        match call.operation.as_str() {
            "AddTagsToResource" => parameter.tags.extend(tag_map(call.items("Tags"))),
            "RemoveTagsFromResource" => {
                let gone: Vec<&str> = call.items("TagKeys").iter().filter_map(Value::as_str).collect();
                parameter.tags.retain(|key, _| !gone.contains(&key.as_str()));
            }
            _ => return Ok(json!({ "TagList": tag_list(&parameter.tags) })),
        }
        Ok(json!({}))
    }
}

fn with_next(mut answer: Value, next: Option<String>) -> Value {
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    answer
}

/// `Name` (Equals, BeginsWith, Contains), `Path` (Recursive, OneLevel), `tag:KEY` (Equals).
fn passes(filter: &Value, name: &str, parameter: &Parameter) -> bool {
    let values: Vec<&str> = filter["Values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let option = filter["Option"].as_str().unwrap_or("Equals");
    let key = filter["Key"].as_str().unwrap_or_default();
    if let Some(tag) = key.strip_prefix("tag:") {
        return parameter.tags.get(tag).is_some_and(|found| values.is_empty() || values.contains(&found.as_str()));
    }
    let fits = |value: &&str| match (key, option) {
        ("Name", "BeginsWith") => name.starts_with(value),
        ("Name", "Contains") => name.contains(value),
        ("Name", _) => name == *value,
        ("Path", option) => {
            let rest = name.strip_prefix(&format!("{}/", value.trim_end_matches('/')));
            rest.is_some_and(|rest| option == "Recursive" || !rest.contains('/'))
        }
        _ => false,
    };
    values.iter().any(fits)
}
