//! NetEase's.

use super::{BuiltRequest, Vectors, credential, text};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::provider::netease::{self, Netease};
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
        if !["sendtemplate.action", "querystatus.action"].contains(&operation) {
            return Err(format!("no such operation: {operation}"));
        }
        let secret = Secret::new(credential(credentials, "app_secret")?);
        let account = Netease::new(credential(credentials, "app_key")?, secret);
        let params = params.as_object().ok_or("params are no object")?;
        let pairs: Vec<(&str, String)> = params.iter().map(|(k, v)| (k.as_str(), text(v))).collect();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (*k, v.as_str())).collect();
        Ok(BuiltRequest::new(account.call(operation, &pairs, stamp), account.endpoint()))
    }

    fn class(&self, _: &str, answer: Incoming<'_>) -> Class {
        netease::class(answer)
    }

    fn outcomes(&self, answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
        vec![(None, netease::class(answer), netease::settled(answer))]
    }

    fn code(&self, code: &str) -> Option<&'static CodeRow> {
        code.parse().ok().and_then(netease::code)
    }

    fn callback(&self, credentials: &Value, call: &HttpCall) -> (Result<Callback, InboundError>, Option<Value>) {
        let account =
            |secret: &str| Netease::new("", Secret::new(secret)).callbacks(Door::at(Secret::new(&*call.path)));
        match credentials["app_secret"].as_str() {
            Some(secret) => (account(secret).inbound(call), None),
            // A sample of a body alone: its headers are written here, so that the body is what is read.
            None if call.header("checksum").is_none() => {
                let (md5, time) = (sign::md5_hex(&call.body), "1764000000000");
                let signed = netease::checksum("sample", &md5, time);
                let call = call.clone().with_header("CurTime", time).with_header("MD5", md5);
                (account("sample").inbound(&call.with_header("CheckSum", signed)), None)
            }
            None => (Err(InboundError::Forged), None),
        }
    }
}
