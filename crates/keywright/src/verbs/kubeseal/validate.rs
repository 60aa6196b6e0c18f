//! Asking whether sealed values can be opened: the controller, or offline the keys of `--recovery-private-key`.
//! Nothing is told about the values. Specification: SS §9.9, §12.2.

use base::Fault;
use document::Branch;
use http::StatusCode;
use plan::sealed_secret::Opener;
use seal::KeySet;

use super::controller::Controller;
use super::{manifest, recover};

/// Asks the controller about each object.
///
/// # Errors
/// The first one that the controller cannot open, or that it does not answer about.
pub async fn ask(controller: &Controller, objects: &[Branch]) -> Result<(), Fault> {
    let port = controller.port().await?;
    let cannot = |fault: Fault| fault.within("cannot validate sealed secret");
    for object in objects {
        let answer = controller.ask(&port, "verify", manifest::to_json(object)?).await.map_err(cannot)?;
        match answer.status {
            status if status.is_success() => {}
            StatusCode::CONFLICT => return Err(refused(object)?),
            _ => return Err(cannot(controller.refusal(&port, &answer))),
        }
    }
    Ok(())
}

/// Opens each object with the keys at hand.
///
/// # Errors
/// The first one that they cannot open, with the reason.
pub fn offline(keys: &KeySet, objects: &[Branch]) -> Result<(), Fault> {
    for object in objects {
        let sealed = recover::typed(object)?;
        if let Err(fault) = plan::sealed_secret::verify(&sealed, &Opener::new(keys)) {
            return Err(fault.within(refused(object)?.to_string()));
        }
    }
    Ok(())
}

fn refused(object: &Branch) -> Result<Fault, Fault> {
    let metadata = manifest::mapping(object, "metadata")?;
    let name = metadata.map(|metadata| manifest::text(metadata, "name")).transpose()?.flatten().unwrap_or_default();
    Ok(Fault::wrong(format!("unable to decrypt sealed secret: {name}")))
}
