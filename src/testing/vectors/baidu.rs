//! Baidu's.

use super::{BuiltRequest, Vectors, credential, header, shared, signed_headers};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::provider::Outcome;
use crate::provider::baidu::{self, Baidu, SendSms};
use crate::provider::wire::{Class, CodeRow, Incoming, Wire};
use crate::secret::Secret;
use serde_json::Value;

pub(super) struct Suite;

impl Vectors for Suite {
    fn request(
        &self,
        operation: &str,
        credentials: &Value,
        params: &Value,
        stamp: &Stamp,
    ) -> Result<BuiltRequest, String> {
        if operation != "sendSms" {
            return Err(format!("no such operation: {operation}"));
        }
        let text = params.to_string();
        let body: SendSms<'_> = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        let key = Secret::new(credential(credentials, "secret_access_key")?);
        let account = Baidu::new(credential(credentials, "access_key_id")?, key);
        let host = account.endpoint().trim_start_matches("https://").to_owned();
        let token = credentials["client_token"].as_str();
        Ok(BuiltRequest::new(account.call(&host, token, baidu::json(&body), stamp), account.endpoint()))
    }

    fn signature(&self, vector: &Value) -> Result<(), String> {
        let given = header(vector, "authorization").ok_or("no Authorization")?;
        let date = header(vector, "x-bce-date").ok_or("no time")?;
        let names = given.split('/').nth(4).ok_or("no signed headers")?;
        let text = |name: &str| vector["expected"][name].as_str().unwrap_or_default();
        let credentials = &vector["input"]["credentials"];
        let (id, key) = (credential(credentials, "access_key_id")?, credential(credentials, "secret_access_key")?);
        let headers = signed_headers(vector, names)?;
        let got = baidu::authorization(&id, &key, date, text("path"), text("query"), &headers);
        if got == given { Ok(()) } else { Err(format!("{got}, wanted {given}")) }
    }

    fn class(&self, _: &str, answer: Incoming<'_>) -> Class {
        shared(&baidu::settled(answer))
    }

    fn outcomes(&self, answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
        baidu::settled(answer)
    }

    fn code(&self, code: &str) -> Option<&'static CodeRow> {
        baidu::code(code)
    }

    fn callback(&self, credentials: &Value, call: &HttpCall) -> (Result<Callback, InboundError>, Option<Value>) {
        let token = credentials["token"].as_str().unwrap_or_default();
        (Baidu::new("", Secret::new("")).push_token(Secret::new(token)).inbound(call), None)
    }
}
