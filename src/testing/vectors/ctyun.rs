//! CTYun's.

use super::{BuiltRequest, Vectors, credential, text};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::provider::ctyun::{self, Ctyun};
use crate::provider::wire::{Class, CodeRow, Incoming, Wire};
use crate::provider::{Outcome, sign};
use crate::secret::Secret;
use serde_json::Value;

pub(super) struct Suite;

/// The order of the documents, in which the fields are signed.
const FIELDS: [&str; 7] =
    ["action", "signName", "phoneNumber", "templateCode", "templateParam", "extendCode", "sessionId"];

impl Vectors for Suite {
    fn request(
        &self,
        operation: &str,
        credentials: &Value,
        params: &Value,
        stamp: &Stamp,
    ) -> Result<BuiltRequest, String> {
        if operation != "SendSms" {
            return Err(format!("no such operation: {operation}"));
        }
        let key = Secret::new(credential(credentials, "secret_key")?);
        let account = Ctyun::new(credential(credentials, "access_key")?, key);
        let word = |value: &Value| match value {
            Value::Array(list) => list.iter().map(text).collect::<Vec<_>>().join(","),
            other => text(other),
        };
        let fields: Vec<(&str, String)> =
            FIELDS.iter().filter(|n| !params[**n].is_null()).map(|n| (*n, word(&params[*n]))).collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        Ok(BuiltRequest::new(account.call(ctyun::object(&fields), stamp), account.endpoint()))
    }

    fn signature(&self, vector: &Value) -> Result<(), String> {
        let (expected, credentials) = (&vector["expected"], &vector["input"]["credentials"]);
        let header = |name: &str| {
            let sent = expected["headers"].as_object()?;
            sent.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).and_then(|(_, v)| v.as_str())
        };
        let (key, secret) = (credential(credentials, "access_key")?, credential(credentials, "secret_key")?);
        let id = header("ctyun-eop-request-id").ok_or("no request id")?;
        let date = header("eop-date").ok_or("no date")?;
        let pairs = sign::form_pairs(&text(&expected["query"])).ok_or("the query is not readable")?;
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let query = sign::canonical_query(&pairs);
        let got = ctyun::authorization(&key, &secret, id, date, &query, text(&expected["body"]).as_bytes());
        let wanted = header("eop-authorization").unwrap_or_default();
        if got == wanted { Ok(()) } else { Err(format!("Eop-Authorization {got}, wanted {wanted}")) }
    }

    fn class(&self, _: &str, answer: Incoming<'_>) -> Class {
        ctyun::class(answer)
    }

    fn outcomes(&self, answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
        vec![(None, ctyun::class(answer), ctyun::settled(answer))]
    }

    fn code(&self, code: &str) -> Option<&'static CodeRow> {
        ctyun::code(code)
    }

    fn callback(&self, _: &Value, call: &HttpCall) -> (Result<Callback, InboundError>, Option<Value>) {
        (Ctyun::new("", Secret::new("")).inbound(call), None)
    }
}
