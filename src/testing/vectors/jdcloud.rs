//! JD Cloud's, of both versions of its signature.

use super::{BuiltRequest, Vectors, credential, header, signed_headers, signed_names};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::provider::Outcome;
use crate::provider::jdcloud::{self, Jdcloud, Signing};
use crate::provider::sign::{self, Scoped};
use crate::provider::wire::{Class, CodeRow, Incoming, Wire};
use crate::secret::Secret;
use serde_json::Value;

pub(super) struct Suite;

/// The order in which the SDKs write the fields; the last two of each are optional.
const FIELDS: [(&str, &[&str]); 3] = [
    ("batchSend", &["regionId", "templateId", "signId", "phoneList", "params"]),
    ("statusReport", &["regionId", "sequenceNumber", "phoneList"]),
    ("reply", &["regionId", "appId", "dataDate", "phoneList"]),
];

fn signing(words: &Value) -> Signing {
    if words["signature_version"] == "JDCLOUD2-HMAC-SHA256" { Signing::V2 } else { Signing::V3 }
}

impl Vectors for Suite {
    fn request(
        &self,
        operation: &str,
        credentials: &Value,
        params: &Value,
        stamp: &Stamp,
    ) -> Result<BuiltRequest, String> {
        let (_, names) = FIELDS.iter().find(|(name, _)| *name == operation).ok_or("no such operation")?;
        let fields: Vec<(&str, Value)> = names.iter().map(|name| (*name, params[name].clone())).collect();
        let key = Secret::new(credential(credentials, "secret_key")?);
        let account = Jdcloud::new(credential(credentials, "access_key")?, key, "").signing(signing(credentials));
        let host = account.endpoint().trim_start_matches("https://").to_owned();
        Ok(BuiltRequest::new(account.call(&host, operation, &fields, stamp), account.endpoint()))
    }

    fn signature(&self, vector: &Value) -> Result<(), String> {
        let given = header(vector, "authorization").ok_or("no Authorization")?;
        let time = header(vector, "x-jdcloud-date").ok_or("no time")?;
        let [algorithm, prefix, terminator] = signing(vector).words();
        let text = |name: &str| vector["expected"][name].as_str().unwrap_or_default();
        let scoped = Scoped {
            algorithm,
            prefix,
            time,
            scope: &[time.get(..8).unwrap_or_default(), "cn-north-1", "sms", terminator],
            method: text("method"),
            path: text("path"),
            query: text("query"),
            headers: &signed_headers(vector, signed_names(given)?)?,
            body_sha256: &sign::sha256_hex(text("body").as_bytes()),
        };
        let credentials = &vector["input"]["credentials"];
        let (id, key) = (credential(credentials, "access_key")?, credential(credentials, "secret_key")?);
        let got = scoped.authorization(&id, &key);
        if got == given { Ok(()) } else { Err(format!("{got}, wanted {given}")) }
    }

    fn class(&self, _: &str, answer: Incoming<'_>) -> Class {
        jdcloud::class(answer)
    }

    fn outcomes(&self, answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
        vec![(None, jdcloud::class(answer), jdcloud::verdict(answer).outcome)]
    }

    fn code(&self, code: &str) -> Option<&'static CodeRow> {
        jdcloud::code(code)
    }

    fn callback(&self, _: &Value, call: &HttpCall) -> (Result<Callback, InboundError>, Option<Value>) {
        (Jdcloud::new("", Secret::new(""), "").inbound(call), None)
    }

    fn asker(&self) -> Option<Box<dyn Wire>> {
        Some(Box::new(Jdcloud::new("", Secret::new(""), "")))
    }
}
