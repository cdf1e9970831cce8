//! Ronglian's. Bodies of the official SDK differ from ours in spaces and in the escapes of Chinese; neither is signed.

use super::{BuiltRequest, Vectors, credential, text};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::provider::Outcome;
use crate::provider::ronglian::{self, Ronglian, TemplateSms};
use crate::provider::wire::{Class, CodeRow, Incoming, Wire};
use crate::secret::Secret;
use serde_json::{Value, json};

pub(super) struct Suite;

impl Vectors for Suite {
    fn request(
        &self,
        operation: &str,
        credentials: &Value,
        params: &Value,
        stamp: &Stamp,
    ) -> Result<BuiltRequest, String> {
        if operation != "TemplateSMS" {
            return Err(format!("no such operation: {operation}"));
        }
        let token = Secret::new(credential(credentials, "auth_token")?);
        let app_id = credential(credentials, "app_id")?;
        let account = Ronglian::new(credential(credentials, "account_sid")?, token, app_id.as_str());
        let mut params = params.clone();
        if let Some(numbers) = params["to"].as_array() {
            params["to"] = numbers.iter().map(text).collect::<Vec<_>>().join(",").into();
        }
        params["appId"] = json!(app_id);
        let body: TemplateSms = serde_json::from_value(params).map_err(|e| e.to_string())?;
        Ok(BuiltRequest::new(account.call(ronglian::json(&body), stamp), account.endpoint()))
    }

    fn class(&self, _: &str, answer: Incoming<'_>) -> Class {
        ronglian::class(answer)
    }

    fn outcomes(&self, answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
        vec![(None, ronglian::class(answer), ronglian::settled(answer))]
    }

    fn code(&self, code: &str) -> Option<&'static CodeRow> {
        ronglian::code(code)
    }

    fn callback(&self, _: &Value, call: &HttpCall) -> (Result<Callback, InboundError>, Option<Value>) {
        (Ronglian::new("", Secret::new(""), "").inbound(call), None)
    }
}
