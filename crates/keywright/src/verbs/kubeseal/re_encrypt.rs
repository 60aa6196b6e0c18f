//! Sealing again with the controller's newest key, done by the controller: no value comes here.
//! Specification: SS §9.10, §12.1.

use api::sealed_secret::names;
use base::Fault;
use document::{Branch, Node, Numbers, json};
use http::StatusCode;

use super::controller::{Answer, Controller};
use super::manifest;

/// Has each object sealed again.
///
/// # Errors
/// The first one that the controller cannot seal again.
pub async fn rotate(controller: &Controller, objects: &[Branch]) -> Result<Vec<Branch>, Fault> {
    let port = controller.port().await?;
    let cannot = |fault: Fault| fault.within("cannot re-encrypt secret");
    let mut rotated = Vec::with_capacity(objects.len());
    for object in objects {
        let answer = controller.ask(&port, "rotate", manifest::to_json(object)?).await.map_err(cannot)?;
        match answer.status {
            status if status.is_success() => rotated.push(read(&answer).map_err(cannot)?),
            StatusCode::CONFLICT => return Err(Fault::wrong("unable to rotate secret")),
            _ => return Err(cannot(controller.refusal(&port, &answer))),
        }
    }
    Ok(rotated)
}

/// The object of an answer, which names neither kind nor version.
fn read(answer: &Answer) -> Result<Branch, Fault> {
    let Node::Branch(mut object) = json::parse(&answer.body, Numbers::Verbatim)? else {
        return Err(Fault::unreachable("the controller answered no object"));
    };
    for (name, text) in [("kind", names::KIND), ("apiVersion", names::API_VERSION)] {
        if object.value(name).is_none() {
            object.push(name, Node::text(text));
        }
    }
    Ok(object)
}
