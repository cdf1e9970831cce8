//! Qiniu's. The SDK's own methods escape what is not ASCII; a single message was built as it is.

use super::{BuiltRequest, Vectors, credential, text};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::provider::qiniu::{self, Qiniu};
use crate::provider::wire::{Class, CodeRow, Incoming, Wire};
use crate::provider::{Door, Outcome, sign};
use crate::secret::Secret;
use serde_json::Value;

pub(super) struct Suite;

/// The order in which the SDK writes the fields.
const FIELDS: [&str; 6] = ["signature_id", "template_id", "mobiles", "mobile", "parameters", "seq"];

impl Vectors for Suite {
    fn request(
        &self,
        operation: &str,
        credentials: &Value,
        params: &Value,
        stamp: &Stamp,
    ) -> Result<BuiltRequest, String> {
        let key = Secret::new(credential(credentials, "secret_key")?);
        let account = Qiniu::new(credential(credentials, "access_key")?, key);
        let (query, body) = match operation {
            "message" | "message/single" => (String::new(), body(params, operation == "message")),
            "messages" => {
                let params = params.as_object().ok_or("params are no object")?;
                let pairs: Vec<(&str, String)> = params.iter().map(|(k, v)| (k.as_str(), text(v))).collect();
                let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (*k, v.as_str())).collect();
                (sign::form(&pairs), String::new())
            }
            other => return Err(format!("no such operation: {other}")),
        };
        let host = account.endpoint().trim_start_matches("https://").to_owned();
        Ok(BuiltRequest::new(account.call(&host, operation, query, body, stamp), account.endpoint()))
    }

    fn signature(&self, vector: &Value) -> Result<(), String> {
        let (expected, credentials) = (&vector["expected"], &vector["input"]["credentials"]);
        let word = |name: &str| text(&expected[name]);
        let header = |name: &str| expected["headers"][name].as_str();
        let typed = header("Content-Type").unwrap_or_default();
        let date = header("X-Qiniu-Date");
        let signed =
            qiniu::to_sign(&word("method"), &word("path"), &word("query"), &word("host"), typed, date, &word("body"));
        let key = credential(credentials, "access_key")?;
        let got = format!("Qiniu {key}:{}", qiniu::token(&credential(credentials, "secret_key")?, &signed));
        let wanted = header("Authorization").unwrap_or_default();
        if got == wanted { Ok(()) } else { Err(format!("Authorization {got}, wanted {wanted}")) }
    }

    fn class(&self, _: &str, answer: Incoming<'_>) -> Class {
        qiniu::class(answer)
    }

    fn outcomes(&self, answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
        vec![(None, qiniu::class(answer), qiniu::verdict(answer).outcome)]
    }

    fn code(&self, code: &str) -> Option<&'static CodeRow> {
        qiniu::code(code)
    }

    fn callback(&self, _: &Value, call: &HttpCall) -> (Result<Callback, InboundError>, Option<Value>) {
        let account = Qiniu::new("", Secret::new("")).callbacks(Door::at(Secret::new(&*call.path)));
        (account.inbound(call), None)
    }

    fn asker(&self) -> Option<Box<dyn Wire>> {
        Some(Box::new(Qiniu::new("", Secret::new(""))))
    }
}

fn body(params: &Value, ascii: bool) -> String {
    let fields = FIELDS.iter().filter(|n| !params[**n].is_null());
    let fields: Vec<_> = fields.map(|n| ((*n).to_owned(), written(&params[*n], ascii))).collect();
    qiniu::object(&fields)
}

fn written(value: &Value, ascii: bool) -> String {
    match value {
        Value::String(s) => qiniu::quoted(s, ascii),
        Value::Array(list) => {
            format!("[{}]", list.iter().map(|v| written(v, ascii)).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let fields: Vec<_> = map.iter().map(|(k, v)| (k.clone(), written(v, ascii))).collect();
            qiniu::object(&fields)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}
