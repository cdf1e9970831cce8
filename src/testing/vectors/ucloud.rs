//! UCloud's.

use super::{BuiltRequest, Vectors, credential, text};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::provider::ucloud::{self, Ucloud};
use crate::provider::wire::{Class, CodeRow, Incoming, Wire};
use crate::provider::{Door, Outcome, sign};
use crate::secret::Secret;
use serde_json::Value;

pub(super) struct Suite;

/// The order of the documents, in which a task list is written.
const TASK: [&str; 3] = ["TemplateId", "SigContent", "Target"];
const TARGET: [&str; 4] = ["TemplateParams", "Phone", "ExtendCode", "UserId"];

impl Vectors for Suite {
    fn request(
        &self,
        operation: &str,
        credentials: &Value,
        params: &Value,
        stamp: &Stamp,
    ) -> Result<BuiltRequest, String> {
        if !["SendUSMSMessage", "SendBatchUSMSMessage", "GetUSMSSendReceipt"].contains(&operation) {
            return Err(format!("no such operation: {operation}"));
        }
        let key = Secret::new(credential(credentials, "private_key")?);
        let account = Ucloud::new(credential(credentials, "public_key")?, key);
        let account = match credentials["project_id"].as_str() {
            Some(project) => account.project(project),
            None => account,
        };
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in params.as_object().ok_or("params are no object")? {
            match (name.as_str(), value.as_array()) {
                ("TaskContentDecoded", Some(list)) => {
                    let tasks: Vec<String> = list.iter().map(|task| ordered(task, &TASK)).collect();
                    pairs.push(("TaskContent".into(), ucloud::encoded(&format!("[{}]", tasks.join(",")))));
                }
                (name, Some(list)) => {
                    pairs.extend(list.iter().enumerate().map(|(i, v)| (format!("{name}.{i}"), text(v))))
                }
                (_, None) => pairs.push((name.clone(), text(value))),
            }
        }
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        Ok(BuiltRequest::new(account.call(operation, &pairs, stamp), account.endpoint()))
    }

    fn signature(&self, vector: &Value) -> Result<(), String> {
        let key = credential(&vector["input"]["credentials"], "private_key")?;
        let pairs = sign::form_pairs(&text(&vector["expected"]["body"])).ok_or("the body is not readable")?;
        let wanted = pairs.iter().find(|(k, _)| k == "Signature").ok_or("no Signature")?;
        let signed: Vec<_> =
            pairs.iter().filter(|(k, _)| k != "Signature").map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let got = ucloud::signature(&signed, &key);
        if got == wanted.1 { Ok(()) } else { Err(format!("signature {got}, wanted {}", wanted.1)) }
    }

    fn class(&self, _: &str, answer: Incoming<'_>) -> Class {
        ucloud::class(answer)
    }

    fn outcomes(&self, answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
        ucloud::settled(answer)
    }

    fn code(&self, code: &str) -> Option<&'static CodeRow> {
        ucloud::code(code)
    }

    fn callback(&self, _: &Value, call: &HttpCall) -> (Result<Callback, InboundError>, Option<Value>) {
        let account = Ucloud::new("", Secret::new("")).callbacks(Door::at(Secret::new(&*call.path)));
        (account.inbound(call), None)
    }
}

/// An object's fields in this order, compact.
fn ordered(value: &Value, names: &[&str]) -> String {
    let field = |name: &&str| {
        let value = &value[*name];
        let written = match value.as_array().filter(|_| *name == "Target") {
            Some(list) => format!("[{}]", list.iter().map(|t| ordered(t, &TARGET)).collect::<Vec<_>>().join(",")),
            None => value.to_string(),
        };
        (!value.is_null()).then(|| format!("\"{name}\":{written}"))
    };
    format!("{{{}}}", names.iter().filter_map(field).collect::<Vec<_>>().join(","))
}
