//! SUBMAIL's.

use super::{BuiltRequest, Vectors, credential, text};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::provider::submail::{self, Hook, Signing, Submail};
use crate::provider::wire::{Class, CodeRow, Incoming, Wire};
use crate::provider::{Door, Outcome};
use crate::secret::Secret;
use serde_json::Value;

pub(super) struct Suite;

fn signing(of: &Value) -> Result<Signing, String> {
    match of["sign_type"].as_str() {
        None | Some("normal") => Ok(Signing::Normal),
        Some("md5") => Ok(Signing::Md5),
        Some("sha1") => Ok(Signing::Sha1),
        Some(other) => Err(format!("no such sign_type: {other}")),
    }
}

impl Vectors for Suite {
    fn request(
        &self,
        operation: &str,
        credentials: &Value,
        params: &Value,
        stamp: &Stamp,
    ) -> Result<BuiltRequest, String> {
        let known = [
            "sms/send",
            "sms/batchsend",
            "sms/multisend",
            "sms/xsend",
            "sms/batchxsend",
            "sms/multixsend",
            "sms/log",
            "sms/mo",
            "sms/reports",
            "balance/sms",
        ];
        if !known.contains(&operation) {
            return Err(format!("no such operation: {operation}"));
        }
        let account = Submail::new(credential(credentials, "appid")?, Secret::new(credential(credentials, "appkey")?))
            .signing(signing(credentials)?)
            .sign_version_2(credentials["sign_version"] == "2");
        let carried = |(name, value): (&String, &Value)| match (name.as_str(), value) {
            ("to", Value::Array(list)) => list.iter().map(text).collect::<Vec<_>>().join(","),
            (_, other) => text(other),
        };
        let params = params.as_object().ok_or("params are no object")?;
        let fields: Vec<(&str, String)> = params.iter().map(|(k, v)| (k.as_str(), carried((k, v)))).collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        Ok(BuiltRequest::new(account.call(operation, &fields, stamp), account.endpoint()))
    }

    fn signature(&self, vector: &Value) -> Result<(), String> {
        let form = vector["expected"]["body_form"].as_object().ok_or("no form")?;
        let fields: Vec<(&str, &str)> = form.iter().filter_map(|(k, v)| Some((k.as_str(), v.as_str()?))).collect();
        let credentials = &vector["input"]["credentials"];
        let (appid, appkey) = (credential(credentials, "appid")?, credential(credentials, "appkey")?);
        let got = submail::signature(signing(&vector["expected"]["body_form"])?, &appid, &appkey, &fields);
        let wanted = form["signature"].as_str().unwrap_or_default();
        if got == wanted { Ok(()) } else { Err(format!("signature {got}, wanted {wanted}")) }
    }

    fn class(&self, _: &str, answer: Incoming<'_>) -> Class {
        submail::class(answer)
    }

    fn outcomes(&self, answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
        submail::settled(answer)
    }

    fn code(&self, code: &str) -> Option<&'static CodeRow> {
        submail::code(code)
    }

    fn callback(&self, credentials: &Value, call: &HttpCall) -> (Result<Callback, InboundError>, Option<Value>) {
        let mut account = Submail::new("", Secret::new("")).callbacks(Door::at(Secret::new(&*call.path)));
        if let Some(key) = credentials["subhook_key"].as_str() {
            account = account.subhook_key(Secret::new(key));
        }
        let fields = Hook::read(&call.body).map(Hook::fields).unwrap_or_default();
        let decoded = fields.into_iter().map(|(k, v)| (k, v.into())).collect();
        (account.inbound(call), Some(Value::Object(decoded)))
    }
}
