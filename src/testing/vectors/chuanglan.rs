//! Chuanglan's.

use super::{BuiltRequest, Vectors, credential, header, text};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::provider::chuanglan::{self, Chuanglan};
use crate::provider::sign;
use crate::provider::wire::{Class, CodeRow, Incoming, Wire};
use crate::provider::{Door, Outcome};
use crate::secret::Secret;
use serde_json::Value;

pub(super) struct Suite;

const TEMPLATE: &str = "/msg/sms/v2/tpl/send";
const PATHS: [&str; 6] = [
    "/msg/v1/send/json",
    "/msg/send/json",
    "/msg/variable/json",
    "/msg/pull/report",
    "/msg/pull/mo",
    "/msg/balance/json",
];

impl Vectors for Suite {
    fn request(
        &self,
        operation: &str,
        credentials: &Value,
        params: &Value,
        stamp: &Stamp,
    ) -> Result<BuiltRequest, String> {
        let account =
            Chuanglan::new(credential(credentials, "account")?, Secret::new(credential(credentials, "password")?));
        let params = params.as_object().ok_or("params are no object")?;
        let mut fields: Vec<(&str, String)> = params.iter().map(|(k, v)| carried(k, v)).collect();
        if operation == TEMPLATE {
            if !params.contains_key("report") {
                fields.push(("report", "true".into()));
            }
            let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
            let account = account.templates();
            return Ok(BuiltRequest::new(account.template_call(&fields, stamp), account.endpoint()));
        }
        let path = PATHS.iter().find(|p| **p == operation).ok_or(format!("no such operation: {operation}"))?;
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        Ok(BuiltRequest::new(account.call(path, &fields), account.endpoint()))
    }

    fn signature(&self, vector: &Value) -> Result<(), String> {
        let Some(wanted) = header(vector, "x-qa-hmac-signature") else {
            return Ok(());
        };
        let word = |name: &str| vector["expected"]["body_json"][name].as_str().unwrap_or_default();
        let password = credential(&vector["input"]["credentials"], "password")?;
        let got = chuanglan::signature(&password, word("timestamp"), word("nonce"));
        if got == wanted { Ok(()) } else { Err(format!("signature {got}, wanted {wanted}")) }
    }

    fn class(&self, _: &str, answer: Incoming<'_>) -> Class {
        chuanglan::class(answer)
    }

    fn outcomes(&self, answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
        let outcome = if answer.status >= 500 { Outcome::Unknown } else { chuanglan::verdict(answer, None).outcome };
        vec![(None, chuanglan::class(answer), outcome)]
    }

    fn code(&self, code: &str) -> Option<&'static CodeRow> {
        chuanglan::code(code)
    }

    fn callback(&self, credentials: &Value, call: &HttpCall) -> (Result<Callback, InboundError>, Option<Value>) {
        let mut account = Chuanglan::new("", Secret::new("")).callbacks(Door::at(Secret::new(&*call.path)));
        if let (Some(name), Some(pswd)) = (credentials["receiver"].as_str(), credentials["pswd"].as_str()) {
            account = account.receiver(Secret::new(name), Secret::new(pswd));
        }
        (account.inbound(call), None)
    }

    fn asker(&self) -> Option<Box<dyn Wire>> {
        Some(Box::new(Chuanglan::new("", Secret::new(""))))
    }
}

/// A parameter as it travels: numbers joined, a template's values as JSON of strings.
fn carried<'a>(name: &'a str, value: &Value) -> (&'a str, String) {
    match (name, value) {
        ("templateParam", Value::Array(people)) => {
            let words = |person: &Value| {
                let fields: Vec<_> = person.as_object().into_iter().flatten().map(|(k, v)| (k, text(v))).collect();
                sign::json_object(fields.iter().map(|(k, v)| (k.as_str(), v.as_str())))
            };
            ("templateParamJson", format!("[{}]", people.iter().map(words).collect::<Vec<_>>().join(",")))
        }
        (_, Value::Array(list)) => (name, list.iter().map(text).collect::<Vec<_>>().join(",")),
        (_, other) => (name, text(other)),
    }
}
