//! Volcengine's.

use super::{BuiltRequest, Vectors, credential, header, signed_headers, signed_names};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::provider::sign::{self, Scoped};
use crate::provider::volcengine::{self, Details, SendSms, Volcengine};
use crate::provider::wire::{Class, CodeRow, Incoming, Wire};
use crate::provider::{Door, Outcome};
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
        let (version, body) = match operation {
            "SendSms" => ("2020-01-01", body::<SendSms>(params)?),
            "GetSmsSendDetails" => ("2021-01-11", body::<Details>(params)?),
            // Marketing templates take no variables: no provider of ours sends it, and its signature is checked alone.
            "SendBatchSms" => ("2021-01-01", serde_json::to_vec(params).map_err(|e| e.to_string())?),
            other => return Err(format!("no such operation: {other}")),
        };
        let key = Secret::new(credential(credentials, "secret_access_key")?);
        let account = Volcengine::new(credential(credentials, "access_key_id")?, key, "");
        let host = account.endpoint().trim_start_matches("https://").to_owned();
        Ok(BuiltRequest::new(account.call(&host, operation, version, body, stamp), account.endpoint()))
    }

    fn signature(&self, vector: &Value) -> Result<(), String> {
        let given = header(vector, "authorization").ok_or("no Authorization")?;
        let time = header(vector, "x-date").ok_or("no time")?;
        let text = |name: &str| vector["expected"][name].as_str().unwrap_or_default();
        let scoped = Scoped {
            algorithm: "HMAC-SHA256",
            prefix: "",
            time,
            scope: &[time.get(..8).unwrap_or_default(), "cn-north-1", "volcSMS", "request"],
            method: text("method"),
            path: text("path"),
            query: text("query"),
            headers: &signed_headers(vector, signed_names(given)?)?,
            body_sha256: &sign::sha256_hex(text("body").as_bytes()),
        };
        let credentials = &vector["input"]["credentials"];
        let (id, key) = (credential(credentials, "access_key_id")?, credential(credentials, "secret_access_key")?);
        let got = scoped.authorization(&id, &key);
        if got == given { Ok(()) } else { Err(format!("{got}, wanted {given}")) }
    }

    fn class(&self, _: &str, answer: Incoming<'_>) -> Class {
        volcengine::settled(answer).0
    }

    fn outcomes(&self, answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
        let (class, outcome) = volcengine::settled(answer);
        vec![(None, class, outcome)]
    }

    fn code(&self, code: &str) -> Option<&'static CodeRow> {
        volcengine::code(code)
    }

    fn callback(&self, _: &Value, call: &HttpCall) -> (Result<Callback, InboundError>, Option<Value>) {
        let account = Volcengine::new("", Secret::new(""), "").callbacks(Door::at(Secret::new(&*call.path)));
        (account.inbound(call), None)
    }

    fn asker(&self) -> Option<Box<dyn Wire>> {
        Some(Box::new(Volcengine::new("", Secret::new(""), "")))
    }
}

fn body<T: serde::Serialize + serde::de::DeserializeOwned>(params: &Value) -> Result<Vec<u8>, String> {
    serde_json::from_value::<T>(params.clone()).map(|b| volcengine::json(&b)).map_err(|e| e.to_string())
}
