//! Aliyun's.

use super::{BuiltRequest, Vectors, credential, text};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::provider::aliyun::{self, Aliyun};
use crate::provider::sign::{self, Acs3};
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
        let known = ["SendSms", "SendBatchSms", "QuerySendDetails", "QuerySendStatistics"];
        if !known.contains(&operation) {
            return Err(format!("no such operation: {operation}"));
        }
        let account = account(credentials)?;
        let params = params.as_object().ok_or("params are no object")?;
        let params: Vec<(&str, String)> =
            params.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.as_str(), text(v))).collect();
        let params: Vec<(&str, &str)> = params.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let host = account.endpoint().trim_start_matches("https://").to_owned();
        Ok(BuiltRequest::new(account.call(&host, operation, &params, stamp), account.endpoint()))
    }

    fn signature(&self, vector: &Value) -> Result<(), String> {
        signature(vector)
    }

    fn class(&self, operation: &str, answer: Incoming<'_>) -> Class {
        aliyun::class(operation, answer)
    }

    fn outcomes(&self, answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
        vec![(None, aliyun::class("SendSms", answer), aliyun::verdict(answer).outcome)]
    }

    fn code(&self, code: &str) -> Option<&'static CodeRow> {
        aliyun::code(code)
    }

    fn callback(&self, _: &Value, call: &HttpCall) -> (Result<Callback, InboundError>, Option<Value>) {
        let account = Aliyun::new("", Secret::new("")).callbacks(Door::at(Secret::new(&*call.path)));
        (account.inbound(call), None)
    }

    fn asker(&self) -> Option<Box<dyn Wire>> {
        Some(Box::new(Aliyun::new("", Secret::new(""))))
    }
}

fn account(credentials: &Value) -> Result<Aliyun, String> {
    let secret = Secret::new(credential(credentials, "access_key_secret")?);
    let account = Aliyun::new(credential(credentials, "access_key_id")?, secret);
    Ok(match credentials["security_token"].as_str() {
        Some(token) => account.security_token(Secret::new(token)),
        None => account,
    })
}

fn signature(vector: &Value) -> Result<(), String> {
    let (expected, signing) = (&vector["expected"], &vector["signing"]);
    let secret = credential(&vector["input"]["credentials"], "access_key_secret")?;
    let id = credential(&vector["input"]["credentials"], "access_key_id")?;
    let str_of = |v: &Value, k: &str| v[k].as_str().unwrap_or_default().to_owned();
    let (method, body) = (str_of(expected, "method"), str_of(expected, "body"));
    let mut pairs = sign::form_pairs(&str_of(expected, "query")).ok_or("the query is not readable")?;
    let wanted = str_of(signing, "signature");
    if str_of(signing, "algorithm") == "HMAC-SHA1" {
        pairs.retain(|(k, _)| k != "Signature");
        pairs.extend(sign::form_pairs(&body).ok_or("the body is not readable")?);
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let got = sign::rpc_signature(&method, &pairs, &secret);
        return if got == wanted { Ok(()) } else { Err(format!("RPC signature {got}, wanted {wanted}")) };
    }
    let sent = expected["headers"].as_object().ok_or("no headers")?;
    let header = |name: &str| sent.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).and_then(|(_, v)| v.as_str());
    let mut headers = Vec::new();
    for name in signing["signed_headers"].as_array().ok_or("no signed_headers")? {
        let name = name.as_str().unwrap_or_default();
        headers.push((name, header(name).ok_or(format!("header {name} is signed and missing"))?.trim()));
    }
    let pairs: Vec<_> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let (query, body_sha256) = (sign::canonical_query(&pairs), sign::sha256_hex(body.as_bytes()));
    let path = str_of(expected, "path");
    let acs3 = Acs3 { method: &method, path: &path, query: &query, headers: &headers, body_sha256: &body_sha256 };
    if acs3.signature(&secret) != wanted {
        return Err(format!("V3 signature {}, wanted {wanted}", acs3.signature(&secret)));
    }
    let authorization = acs3.authorization(&id, &secret);
    if header("authorization") != Some(&authorization) {
        return Err(format!("Authorization {authorization}"));
    }
    Ok(())
}
