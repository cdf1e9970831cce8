//! Luosimao's.

use super::{BuiltRequest, Vectors, credential, text};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::provider::Outcome;
use crate::provider::luosimao::{self, Luosimao};
use crate::provider::wire::{Class, CodeRow, Incoming, Wire};
use crate::secret::Secret;
use serde_json::Value;

pub(super) struct Suite;

impl Vectors for Suite {
    fn request(&self, operation: &str, credentials: &Value, params: &Value, _: &Stamp) -> Result<BuiltRequest, String> {
        if !["send.json", "send_batch.json", "status.json"].contains(&operation) {
            return Err(format!("no such operation: {operation}"));
        }
        let account = Luosimao::new(Secret::new(credential(credentials, "api_key")?));
        let params = params.as_object().ok_or("params are no object")?;
        let list = |v: &Value| v.as_array().map(|a| a.iter().map(text).collect::<Vec<_>>().join(","));
        let pairs: Vec<(&str, String)> =
            params.iter().map(|(k, v)| (k.as_str(), list(v).unwrap_or_else(|| text(v)))).collect();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (*k, v.as_str())).collect();
        Ok(BuiltRequest::new(account.call(operation, &pairs), account.endpoint()))
    }

    fn class(&self, operation: &str, answer: Incoming<'_>) -> Class {
        luosimao::class(operation, answer)
    }

    fn outcomes(&self, answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
        let outcome = if answer.status >= 500 { Outcome::Unknown } else { luosimao::verdict(answer).outcome };
        vec![(None, luosimao::class("", answer), outcome)]
    }

    fn code(&self, code: &str) -> Option<&'static CodeRow> {
        luosimao::code(code)
    }

    fn callback(&self, _: &Value, call: &HttpCall) -> (Result<Callback, InboundError>, Option<Value>) {
        (Luosimao::new(Secret::new("")).inbound(call), None)
    }
}
