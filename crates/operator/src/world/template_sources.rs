//! The ConfigMaps and Secrets that a template names in `templateFrom`, read as they stand: nothing watches them, so a change is
//! seen at the next refresh. What is rendered from them is `plan/external_secret/templates`'. Specification: ESO §6.8, §8.3.

use std::collections::BTreeMap;

use api::external_secrets::template::{ExternalSecretTemplate, TemplateObject};
use base::{Fault, SecretMap};
use plan::Address;
use plan::external_secret::Sources;
use plan::write::Resource;
use serde::Deserialize;

use crate::World;
use crate::effects::write::read_secret;

/// Of a ConfigMap, what templates are read from.
#[derive(Deserialize)]
struct ConfigMap {
    #[serde(default)]
    data: BTreeMap<String, String>,
}

impl World {
    /// Everything that the template's `templateFrom` names and that exists, each object read once.
    ///
    /// # Errors
    /// The API server is away or refuses.
    pub async fn template_sources(
        &self,
        namespace: &str,
        template: Option<&ExternalSecretTemplate>,
    ) -> Result<Sources, Fault> {
        let mut sources = Sources::default();
        for object in template.into_iter().flat_map(ExternalSecretTemplate::objects) {
            match object {
                TemplateObject::ConfigMap(name) if !sources.config_maps.contains_key(name) => {
                    let at = Address::new(Resource::new("", "v1", "ConfigMap", "configmaps"), namespace, name);
                    if let Some(ConfigMap { data }) = self.cluster().read_as(&at).await? {
                        sources.config_maps.insert(name.to_owned(), data.into_iter().collect::<SecretMap>());
                    }
                }
                TemplateObject::Secret(name) if !sources.secrets.contains_key(name) => {
                    let read = read_secret(self.cluster(), &Address::secret(namespace, name)).await;
                    if let Some(present) = read? {
                        sources.secrets.insert(name.to_owned(), present.data);
                    }
                }
                TemplateObject::ConfigMap(_) | TemplateObject::Secret(_) => {}
            }
        }
        Ok(sources)
    }
}
