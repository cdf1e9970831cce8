//! Tencent's.

use super::{BuiltRequest, Vectors, credential, header, shared, signed_headers, signed_names};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::provider::sign::{self, Scoped};
use crate::provider::tencent::{self, PullNumber, PullQueue, SendSms, Tencent};
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
        let (action, body) = match operation {
            "SendSms" => ("SendSms", body::<SendSms>(params)?),
            "PullSmsReplyStatus" => ("PullSmsReplyStatus", body::<PullQueue>(params)?),
            "PullSmsSendStatus" => ("PullSmsSendStatus", body::<PullQueue>(params)?),
            "PullSmsSendStatusByPhoneNumber" => ("PullSmsSendStatusByPhoneNumber", body::<PullNumber>(params)?),
            other => return Err(format!("no such operation: {other}")),
        };
        let account = account(credentials)?;
        let host = account.endpoint().trim_start_matches("https://").to_owned();
        Ok(BuiltRequest::new(account.call(&host, action, body, stamp), account.endpoint()))
    }

    fn signature(&self, vector: &Value) -> Result<(), String> {
        let given = header(vector, "authorization").ok_or("no Authorization")?;
        let time = header(vector, "x-tc-timestamp").ok_or("no time")?;
        let at: i64 = time.parse().map_err(|_| "a time that is none")?;
        let day = sign::utc(crate::clock::Timestamp::from_millis(at * 1000), "%Y-%m-%d");
        let scoped = Scoped {
            algorithm: "TC3-HMAC-SHA256",
            prefix: "TC3",
            time,
            scope: &[&day, "sms", "tc3_request"],
            method: vector["expected"]["method"].as_str().unwrap_or_default(),
            path: vector["expected"]["path"].as_str().unwrap_or_default(),
            query: "",
            headers: &signed_headers(vector, signed_names(given)?)?,
            body_sha256: &sign::sha256_hex(vector["expected"]["body"].as_str().unwrap_or_default().as_bytes()),
        };
        let credentials = &vector["input"]["credentials"];
        let (id, key) = (credential(credentials, "secret_id")?, credential(credentials, "secret_key")?);
        let got = scoped.authorization(&id, &key);
        if got == given { Ok(()) } else { Err(format!("{got}, wanted {given}")) }
    }

    fn class(&self, _: &str, answer: Incoming<'_>) -> Class {
        shared(&tencent::settled(answer))
    }

    fn outcomes(&self, answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
        tencent::settled(answer)
    }

    fn code(&self, code: &str) -> Option<&'static CodeRow> {
        tencent::code(code)
    }

    fn callback(&self, _: &Value, call: &HttpCall) -> (Result<Callback, InboundError>, Option<Value>) {
        let account = Tencent::new("", Secret::new(""), "").callbacks(Door::at(Secret::new(&*call.path)));
        (account.inbound(call), None)
    }

    fn asker(&self) -> Option<Box<dyn Wire>> {
        Some(Box::new(Tencent::new("", Secret::new(""), "")))
    }
}

fn body<T: serde::Serialize + serde::de::DeserializeOwned>(params: &Value) -> Result<Vec<u8>, String> {
    serde_json::from_value::<T>(params.clone()).map(|b| tencent::json(&b)).map_err(|e| e.to_string())
}

fn account(credentials: &Value) -> Result<Tencent, String> {
    let key = Secret::new(credential(credentials, "secret_key")?);
    let mut account = Tencent::new(credential(credentials, "secret_id")?, key, "");
    if let Some(region) = credentials["region"].as_str() {
        account = account.region(region);
    }
    Ok(match credentials["token"].as_str() {
        Some(token) => account.security_token(Secret::new(token)),
        None => account,
    })
}
