//! Baidu's.

use super::{BuiltRequest, Vectors, credential, header, shared, signed_headers};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::provider::baidu::{self, Baidu, Bce, SendSms};
use crate::provider::wire::{Class, CodeRow, Incoming, Wire};
use crate::provider::{Door, Outcome, sign};
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
        let body: SendSms = serde_json::from_value(params.clone()).map_err(|e| e.to_string())?;
        let key = Secret::new(credential(credentials, "secret_access_key")?);
        let account = Baidu::new(credential(credentials, "access_key_id")?, key);
        let host = account.endpoint().trim_start_matches("https://");
        let out = account.call(host, credentials["client_token"].as_str(), &body, stamp);
        Ok(BuiltRequest::new(out, account.endpoint()))
    }

    fn signature(&self, vector: &Value) -> Result<(), String> {
        let given = header(vector, "authorization").ok_or("no Authorization")?;
        let [_, key_id, time, good_for, names, _] = given.split('/').collect::<Vec<_>>()[..] else {
            return Err("an Authorization of other parts".into());
        };
        let expected = |name: &str| vector["expected"][name].as_str().unwrap_or_default();
        let pairs = sign::form_pairs(expected("query")).ok_or("a query that is none")?;
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let bce = Bce {
            key_id,
            time,
            good_for,
            method: expected("method"),
            path: expected("path"),
            query: &sign::canonical_query(&pairs),
            headers: &signed_headers(vector, names)?,
        };
        let got = bce.authorization(&credential(&vector["input"]["credentials"], "secret_access_key")?);
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
        let account = Baidu::new("", Secret::new("")).callbacks(Door::at(Secret::new(&*call.path)));
        let account = match credentials["token"].as_str() {
            Some(token) => account.push_token(Secret::new(token)),
            None => account,
        };
        (account.inbound(call), None)
    }
}
