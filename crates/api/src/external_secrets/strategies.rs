//! The small choices of an entry: what is read, how keys are converted, how values are decoded.
//! What they do is `plan`'s. Specification: ESO §5.2, §6.4.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MetadataPolicy {
    #[default]
    None,
    Fetch,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConversionStrategy {
    #[default]
    Default,
    Unicode,
}

impl ConversionStrategy {
    /// The word in manifests and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "Default",
            Self::Unicode => "Unicode",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DecodingStrategy {
    Auto,
    Base64,
    Base64URL,
    #[default]
    None,
}

impl DecodingStrategy {
    /// The word in manifests and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "Auto",
            Self::Base64 => "Base64",
            Self::Base64URL => "Base64URL",
            Self::None => "None",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NullBytePolicy {
    #[default]
    Ignore,
    Fail,
}
