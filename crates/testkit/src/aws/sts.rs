//! STS: AssumeRole, AssumeRoleWithWebIdentity, GetCallerIdentity; forms in, XML out. The keys that it hands out are known
//! to the other services until they expire. Specification: ESO §10.1, VALS §10.14.

use std::collections::BTreeMap;

use base::Timestamp;

use super::{ACCOUNT, State, Wrong};
use crate::http::{Answer, Asked};

/// A role that was assumed, as the request said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assumed {
    pub role: String,
    pub session: String,
    pub external_id: String,
    /// Session tags, by key.
    pub tags: BTreeMap<String, String>,
    /// The web identity's token, if there was one.
    pub web_identity: Option<String>,
    /// The access key that signed, if there was one.
    pub signed_by: Option<String>,
}

impl State {
    /// Answers what carries no target header: the query protocol.
    pub fn answer_form(&mut self, asked: &Asked) -> Answer {
        let mut form = asked.form();
        form.extend(asked.query.clone());
        let action = form.get("Action").cloned().unwrap_or_default();
        match self.ask_sts(asked, &action, &form) {
            Ok(result) => {
                let body = format!(
                    "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>{result}\
                     </{action}Result><ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId>\
                     </ResponseMetadata></{action}Response>"
                );
                Answer::new(200, "text/xml", body)
            }
            Err(wrong) => {
                let body = format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{}\
                     </Code><Message>{}</Message></Error><RequestId>00000000-0000-4000-8000-000000000000</RequestId>\
                     </ErrorResponse>",
                    wrong.kind, wrong.message
                );
                Answer::new(wrong.code, "text/xml", body)
            }
        }
    }

    fn ask_sts(&mut self, asked: &Asked, action: &str, form: &BTreeMap<String, String>) -> Result<String, Wrong> {
        match action {
            "AssumeRole" => {
                self.admit(asked, action).map_err(as_query)?;
                let signed_by = super::scope(asked).map(|(key, _)| key.to_owned());
                Ok(self.assume(form, None, signed_by))
            }
            "AssumeRoleWithWebIdentity" => {
                *self.calls.entry(action.to_owned()).or_default() += 1;
                if self.denied.iter().any(|denied| denied == action) {
                    return Err(denied("Not authorized to perform sts:AssumeRoleWithWebIdentity"));
                }
                let token = form.get("WebIdentityToken").filter(|token| token.split('.').count() == 3);
                let token = token.ok_or_else(|| Wrong {
                    code: 400,
                    kind: "InvalidIdentityToken",
                    message: "The ID Token provided is not a valid JWT.".to_owned(),
                })?;
                Ok(self.assume(form, Some(token.clone()), None))
            }
            "GetCallerIdentity" => {
                self.admit(asked, action).map_err(as_query)?;
                Ok(format!(
                    "<Arn>arn:aws:iam::{ACCOUNT}:user/testkit</Arn><UserId>AIDATESTKIT</UserId><Account>{ACCOUNT}</Account>"
                ))
            }
            other => {
                Err(Wrong::new("InvalidAction", format!("Could not find operation {other} for version 2011-06-15")))
            }
        }
    }

    fn assume(
        &mut self,
        form: &BTreeMap<String, String>,
        web_identity: Option<String>,
        signed_by: Option<String>,
    ) -> String {
        let text = |key: &str| form.get(key).cloned().unwrap_or_default();
        let (role, session) = (text("RoleArn"), text("RoleSessionName"));
        let tags = (1..)
            .map_while(|number| form.get(&format!("Tags.member.{number}.Key")).map(|key| (number, key.clone())))
            .map(|(number, key)| (key, text(&format!("Tags.member.{number}.Value"))));
        let assumed = Assumed {
            role: role.clone(),
            session: session.clone(),
            external_id: text("ExternalId"),
            tags: tags.collect(),
            web_identity,
            signed_by,
        };
        self.roles.push(assumed);
        let serial = self.next();
        let key = format!("ASIATESTKIT{serial:09}");
        let seconds = text("DurationSeconds").parse::<i64>().unwrap_or(3600);
        let ends: Timestamp = crate::vault::after(self.clock.now(), seconds);
        self.keys.insert(key.clone(), Some(ends));
        let name = role.rsplit('/').next().unwrap_or_default();
        format!(
            "<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>secret-{serial}</SecretAccessKey><SessionToken>\
             session-{serial}</SessionToken><Expiration>{ends}</Expiration></Credentials><AssumedRoleUser>\
             <AssumedRoleId>AROATESTKIT:{session}</AssumedRoleId><Arn>arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}\
             </Arn></AssumedRoleUser>"
        )
    }
}

fn denied(message: &str) -> Wrong {
    Wrong { code: 403, kind: "AccessDenied", message: message.to_owned() }
}

/// The query protocol has its own names for the same refusals.
fn as_query(wrong: Wrong) -> Wrong {
    let kind = match wrong.kind {
        "UnrecognizedClientException" => "InvalidClientTokenId",
        "ExpiredTokenException" => "ExpiredToken",
        "AccessDeniedException" => "AccessDenied",
        "MissingAuthenticationTokenException" => "MissingAuthenticationToken",
        other => other,
    };
    Wrong { code: 403, kind, ..wrong }
}
