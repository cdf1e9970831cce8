//! Cloud MAS's.

use super::{BuiltRequest, Vectors, credential, text};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::provider::cmcc_mas::{self, CmccMas};
use crate::provider::wire::{Class, CodeRow, Incoming, Wire};
use crate::provider::{Outcome, sign};
use crate::secret::Secret;
use serde_json::Value;

pub(super) struct Suite;

impl Vectors for Suite {
    fn request(&self, operation: &str, credentials: &Value, params: &Value, _: &Stamp) -> Result<BuiltRequest, String> {
        let content = match operation {
            "norsubmit" | "submit" => "content",
            "tmpsubmit" => "params",
            "report" | "deliver" => "",
            _ => return Err(format!("no such operation: {operation}")),
        };
        let key = Secret::new(credential(credentials, "secretKey")?);
        let account = CmccMas::new(credential(credentials, "ecName")?, credential(credentials, "apId")?, key);
        let value = |name: &str| match &params[name] {
            Value::Array(list) if name == "mobiles" => list.iter().map(text).collect::<Vec<_>>().join(","),
            Value::Object(own) => sign::json_object(own.iter().filter_map(|(n, t)| Some((n.as_str(), t.as_str()?)))),
            Value::Null => String::new(),
            other => text(other),
        };
        let names = ["templateId", "mobiles", content, "sign", "addSerial"];
        let names = names.iter().filter(|n| !content.is_empty() && (**n != "templateId" || content == "params"));
        let fields: Vec<(&str, String)> = names.map(|n| (*n, value(n))).collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        Ok(BuiltRequest::new(account.call(operation, &fields, !content.is_empty()), account.endpoint()))
    }

    fn class(&self, _: &str, answer: Incoming<'_>) -> Class {
        cmcc_mas::class(answer)
    }

    fn outcomes(&self, answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
        vec![(None, cmcc_mas::class(answer), cmcc_mas::verdict(answer).outcome)]
    }

    fn code(&self, code: &str) -> Option<&'static CodeRow> {
        cmcc_mas::code(code)
    }

    fn callback(&self, _: &Value, call: &HttpCall) -> (Result<Callback, InboundError>, Option<Value>) {
        (CmccMas::new("", "", Secret::new("")).inbound(call), None)
    }

    fn asker(&self) -> Option<Box<dyn Wire>> {
        Some(Box::new(CmccMas::new("", "", Secret::new(""))))
    }
}
