//! The values of the language, as Go's reflection sees them: what a field, a variable or a function's answer is.
//! They may be secrets: no `Debug`, no `Display`; texts are wiped when the last holder lets go.
//! Maps are shared and can change (`set`); a map that would hold itself is refused, so nothing leaks.
//! Specification: ESO §8.1; VSO §9.4; SS §7.3.

use std::borrow::Cow;
use std::cell::{Ref, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use base::duration::GoDuration;
use base::{SecretBytes, SecretMap, SecretValue};

use crate::moment::{Moment, Month, Weekday};
use crate::version::Version;

/// A value of the language.
#[derive(Clone)]
#[non_exhaustive]
pub enum Value {
    /// No value at all: an absent key, `nil`. It prints as `<no value>`.
    Missing,
    /// Nothing inside something: JSON's null in a map or a list.
    Nil,
    /// A truth value.
    Bool(bool),
    /// A signed integer and its Go type.
    Int(IntType, i64),
    /// An unsigned integer and its Go type.
    Uint(UintType, u64),
    /// A 64-bit float.
    Float(f64),
    /// A text: any bytes, as Go's strings are.
    Text(Text),
    /// A number as it was written, Go's `json.Number`: to the language a text of its own type.
    Number(Text),
    /// Values in order.
    List(List),
    /// Named values.
    Map(Map),
    /// A moment with its time zone.
    Time(Moment),
    /// A span of time.
    Duration(GoDuration),
    /// A month.
    Month(Month),
    /// A day of the week.
    Weekday(Weekday),
    /// A parsed semantic version.
    Version(Rc<Version>),
    /// A Go struct: fields in order.
    Record(Rc<Record>),
}

/// Go's signed integer types, as far as a template meets them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum IntType {
    /// `int`: literals, `len`, `int`.
    Int,
    /// `int64`: arithmetic.
    Int64,
}

/// Go's unsigned integer types, as far as a template meets them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum UintType {
    /// `uint8`: a byte of an indexed text.
    Uint8,
    /// `uint64`: the parts of a version.
    Uint64,
}

/// A text as bytes, shared between its holders.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(Rc<SecretBytes>);

impl Text {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.expose()
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bytes().cmp(other.bytes())
    }
}

impl std::borrow::Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        self.bytes()
    }
}

impl<B: Into<SecretBytes>> From<B> for Text {
    fn from(bytes: B) -> Self {
        Self(Rc::new(bytes.into()))
    }
}

/// What a list or a map holds, as its Go type says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// `interface {}`.
    Any,
    /// `string`.
    Text,
    /// `int`.
    Int,
    /// `[]interface {}`.
    List,
}

impl Element {
    fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Text => "string",
            Self::Int => "int",
            Self::List => "[]interface {}",
        }
    }

    /// What an absent entry of a map, or of nothing, is.
    pub(crate) fn zero(self) -> Value {
        match self {
            Self::Any => Value::Nil,
            Self::Text => Value::text(""),
            Self::Int => Value::int(0),
            Self::List => Value::List(List::nil(Element::Any)),
        }
    }
}

/// Values in order; never changed once made.
#[derive(Clone)]
pub struct List(Rc<ListBody>);

struct ListBody {
    element: Element,
    is_nil: bool,
    items: Vec<Value>,
}

impl List {
    /// A list of Go's type `[]interface {}`.
    #[must_use]
    pub fn new(items: Vec<Value>) -> Self {
        Self::of(Element::Any, items)
    }

    pub(crate) fn of(element: Element, items: Vec<Value>) -> Self {
        Self(Rc::new(ListBody { element, is_nil: false, items }))
    }

    /// Go's nil slice: like an empty list, but `null` in JSON.
    pub(crate) fn nil(element: Element) -> Self {
        Self(Rc::new(ListBody { element, is_nil: true, items: Vec::new() }))
    }

    pub(crate) fn texts<T: Into<Text>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::of(Element::Text, items.into_iter().map(|item| Value::Text(item.into())).collect())
    }

    /// The values.
    #[must_use]
    pub fn items(&self) -> &[Value] {
        &self.0.items
    }

    pub(crate) fn element(&self) -> Element {
        self.0.element
    }

    pub(crate) fn is_nil(&self) -> bool {
        self.0.is_nil
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// Named values, sorted by name. Every clone is the same map.
#[derive(Clone)]
pub struct Map(Rc<MapBody>);

struct MapBody {
    element: Element,
    entries: RefCell<BTreeMap<Text, Value>>,
}

impl Map {
    /// A map of Go's type `map[string]interface {}`.
    #[must_use]
    pub fn new(entries: BTreeMap<Text, Value>) -> Self {
        Self::of(Element::Any, entries)
    }

    pub(crate) fn of(element: Element, entries: BTreeMap<Text, Value>) -> Self {
        Self(Rc::new(MapBody { element, entries: RefCell::new(entries) }))
    }

    pub(crate) fn entries(&self) -> Ref<'_, BTreeMap<Text, Value>> {
        self.0.entries.borrow()
    }

    pub(crate) fn value(&self, name: &[u8]) -> Option<Value> {
        self.entries().get(name).cloned()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries().len()
    }

    pub(crate) fn remove(&self, name: &[u8]) {
        self.0.entries.borrow_mut().remove(name);
    }

    pub(crate) fn element(&self) -> Element {
        self.0.element
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Sets an entry. `Err` where the value holds this map: Go would print such a map until its stack ends.
    pub(crate) fn insert(&self, name: Text, value: Value) -> Result<(), String> {
        if value.holds(self) {
            return Err("a dict cannot hold itself".to_owned());
        }
        self.0.entries.borrow_mut().insert(name, value);
        Ok(())
    }
}

/// A Go struct: fields in order.
pub struct Record {
    /// The Go type, as messages name it: `sprig.certificate`.
    pub type_name: &'static str,
    /// Names and values.
    pub fields: Vec<(&'static str, Value)>,
}

impl Record {
    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }
}

// A chain of a million lists inside one another must not be dropped by recursion.
impl Drop for ListBody {
    fn drop(&mut self) {
        bury(std::mem::take(&mut self.items));
    }
}

impl Drop for MapBody {
    fn drop(&mut self) {
        bury(std::mem::take(self.entries.get_mut()).into_values().collect());
    }
}

fn bury(mut values: Vec<Value>) {
    values.retain(|value| matches!(value, Value::List(_) | Value::Map(_)));
    while let Some(value) = values.pop() {
        match value {
            Value::List(List(body)) => {
                if let Ok(mut body) = Rc::try_unwrap(body) {
                    values.append(&mut body.items);
                }
            }
            Value::Map(Map(body)) => {
                if let Ok(mut body) = Rc::try_unwrap(body) {
                    values.extend(std::mem::take(body.entries.get_mut()).into_values());
                }
            }
            _ => {}
        }
    }
}

impl Value {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<Text>) -> Self {
        Self::Text(text.into())
    }

    /// An `int`.
    #[must_use]
    pub fn int(number: i64) -> Self {
        Self::Int(IntType::Int, number)
    }

    pub(crate) fn int64(number: i64) -> Self {
        Self::Int(IntType::Int64, number)
    }

    /// A length or an index, which always fits.
    pub(crate) fn count(number: usize) -> Self {
        Self::int(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// A `[]interface {}`.
    #[must_use]
    pub fn list(items: Vec<Value>) -> Self {
        Self::List(List::new(items))
    }

    /// A `map[string]interface {}`.
    #[must_use]
    pub fn map<N: Into<Text>>(entries: impl IntoIterator<Item = (N, Value)>) -> Self {
        Self::Map(Map::new(entries.into_iter().map(|(name, value)| (name.into(), value)).collect()))
    }

    /// A `map[string]string`, as the data of External Secrets and Sealed Secrets, labels and annotations are.
    #[must_use]
    pub fn texts<N: Into<Text>, V: Into<Text>>(entries: impl IntoIterator<Item = (N, V)>) -> Self {
        let entries = entries.into_iter().map(|(name, value)| (name.into(), Self::Text(value.into())));
        Self::Map(Map::of(Element::Text, entries.collect()))
    }

    /// The Go type, as `printf "%T"` and messages name it.
    pub(crate) fn type_name(&self) -> Cow<'static, str> {
        match self {
            Self::Missing => "<nil>".into(),
            Self::Nil => "interface {}".into(),
            Self::Bool(_) => "bool".into(),
            Self::Int(IntType::Int, _) => "int".into(),
            Self::Int(IntType::Int64, _) => "int64".into(),
            Self::Uint(UintType::Uint8, _) => "uint8".into(),
            Self::Uint(UintType::Uint64, _) => "uint64".into(),
            Self::Float(_) => "float64".into(),
            Self::Text(_) => "string".into(),
            Self::Number(_) => "json.Number".into(),
            Self::List(list) => format!("[]{}", list.element().name()).into(),
            Self::Map(map) => format!("map[string]{}", map.element().name()).into(),
            Self::Time(_) => "time.Time".into(),
            Self::Duration(_) => "time.Duration".into(),
            Self::Month(_) => "time.Month".into(),
            Self::Weekday(_) => "time.Weekday".into(),
            Self::Version(_) => "*semver.Version".into(),
            Self::Record(record) => record.type_name.into(),
        }
    }

    /// Go's reflect.Kind by name.
    pub(crate) fn kind_name(&self) -> Cow<'static, str> {
        match self {
            Self::Missing | Self::Nil => "invalid".into(),
            Self::Number(_) => "string".into(),
            Self::List(_) => "slice".into(),
            Self::Map(_) => "map".into(),
            Self::Time(_) | Self::Record(_) => "struct".into(),
            Self::Duration(_) => "int64".into(),
            Self::Month(_) | Self::Weekday(_) => "int".into(),
            Self::Version(_) => "ptr".into(),
            Self::Bool(_) | Self::Int(..) | Self::Uint(..) | Self::Float(_) | Self::Text(_) => self.type_name(),
        }
    }

    /// Go's truth: whatever is not empty, zero or nothing. A `json.Number` is a text, so `0` is true.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Missing | Self::Nil => false,
            Self::Bool(truth) => *truth,
            Self::Int(_, number) => *number != 0,
            Self::Uint(_, number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) | Self::Number(text) => !text.bytes().is_empty(),
            Self::List(list) => !list.items().is_empty(),
            Self::Map(map) => map.len() > 0,
            Self::Duration(duration) => duration.nanoseconds() != 0,
            Self::Month(_) | Self::Time(_) | Self::Version(_) | Self::Record(_) => true,
            Self::Weekday(day) => day.number() != 0,
        }
    }

    /// Whether there is nothing, in either form.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::Missing | Self::Nil)
    }

    /// Whether that map is this value, or anywhere inside.
    fn holds(&self, map: &Map) -> bool {
        // What is shared inside is looked at once: a list of a list twice, forty levels deep, has 2⁴⁰ paths.
        let mut seen = BTreeSet::new();
        let mut open = vec![self.clone()];
        while let Some(value) = open.pop() {
            match value {
                Self::Map(inner) if inner.is_same(map) => return true,
                Self::Map(inner) if seen.insert(Rc::as_ptr(&inner.0).addr()) => {
                    open.extend(inner.entries().values().filter(|inner| inner.is_container()).cloned());
                }
                Self::List(inner) if seen.insert(Rc::as_ptr(&inner.0).addr()) => {
                    open.extend(inner.items().iter().filter(|inner| inner.is_container()).cloned());
                }
                _ => {}
            }
        }
        false
    }

    fn is_container(&self) -> bool {
        matches!(self, Self::List(_) | Self::Map(_))
    }
}

impl From<&SecretMap> for Value {
    fn from(map: &SecretMap) -> Self {
        Self::texts(map.iter().map(|(name, value)| (name.as_str(), value.clone())))
    }
}

impl From<&SecretValue> for Value {
    fn from(value: &SecretValue) -> Self {
        match value {
            SecretValue::Null => Self::Nil,
            SecretValue::Bool(truth) => Self::Bool(*truth),
            SecretValue::Number(text) => Self::Number(Text::from(text.expose())),
            SecretValue::Text(text) => Self::text(text.expose()),
            SecretValue::Bytes(bytes) => Self::text(bytes.clone()),
            SecretValue::List(values) => Self::list(values.iter().map(Self::from).collect()),
            SecretValue::Map(entries) => {
                Self::map(entries.iter().map(|(name, value)| (name.as_str(), Self::from(value))))
            }
        }
    }
}
