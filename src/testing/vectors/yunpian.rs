//! Yunpian's.

use super::{BuiltRequest, Vectors, credential, text};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::provider::wire::{Class, CodeRow, Incoming, Wire};
use crate::provider::yunpian::{self, Yunpian};
use crate::provider::{Door, Outcome};
use crate::secret::Secret;
use serde_json::Value;

pub(super) struct Suite;

impl Vectors for Suite {
    fn request(&self, operation: &str, credentials: &Value, params: &Value, _: &Stamp) -> Result<BuiltRequest, String> {
        let known = [
            "single_send",
            "batch_send",
            "multi_send",
            "tpl_single_send",
            "tpl_batch_send",
            "pull_status",
            "pull_reply",
            "get_reply",
            "get_record",
            "get_black_word",
            "count",
        ];
        if !known.contains(&operation) {
            return Err(format!("no such operation: {operation}"));
        }
        let account = Yunpian::new(Secret::new(credential(credentials, "apikey")?));
        let mut pairs: Vec<(&str, String)> = Vec::new();
        for (name, value) in params.as_object().ok_or("params are no object")? {
            let texts = || value.as_array().map(|a| a.iter().map(text).collect::<Vec<_>>());
            match (name.as_str(), texts()) {
                ("text", Some(texts)) => pairs.push(("text", yunpian::multi_text(texts.iter().map(String::as_str)))),
                ("vars", _) => {
                    let vars = value.as_object().ok_or("vars are no object")?;
                    let vars: Vec<_> = vars.iter().map(|(k, v)| (k.clone(), text(v))).collect();
                    pairs.push(("tpl_value", yunpian::tpl_value(&vars)));
                }
                (name, Some(list)) => pairs.push((name, list.join(","))),
                (name, None) if !value.is_null() => pairs.push((name, text(value))),
                _ => {}
            }
        }
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (*k, v.as_str())).collect();
        Ok(BuiltRequest::new(account.call(operation, &pairs), account.endpoint()))
    }

    fn class(&self, _: &str, answer: Incoming<'_>) -> Class {
        yunpian::class(answer)
    }

    fn outcomes(&self, answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
        match yunpian::settled(answer) {
            Some(outcome) => vec![(None, yunpian::class(answer), outcome)],
            None => yunpian::settled_rows(answer).into_iter().map(|(n, c, o)| (Some(n), c, o)).collect(),
        }
    }

    fn code(&self, code: &str) -> Option<&'static CodeRow> {
        code.parse().ok().and_then(yunpian::code)
    }

    fn callback(&self, credentials: &Value, call: &HttpCall) -> (Result<Callback, InboundError>, Option<Value>) {
        let apikey = credentials["apikey"].as_str().unwrap_or_default();
        let account = Yunpian::new(Secret::new(apikey)).callbacks(Door::at(Secret::new(&*call.path)));
        let json = yunpian::pushed_json(&call.body).ok();
        let decoded = json.and_then(|json| yunpian::signed_reply(&json, apikey).ok().map(Value::Object));
        (account.inbound(call), decoded)
    }
}
