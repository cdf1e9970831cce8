//! Huawei Cloud's. A vector without a nonce is signed by AK/SK, one with a nonce by X-WSSE.

use super::{BuiltRequest, Vectors, credential, text};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::provider::huawei::{self, Given, Huawei, SdkHmac, Signing};
use crate::provider::wire::{Class, CodeRow, Incoming, Wire};
use crate::provider::{Door, Outcome, sign};
use crate::secret::Secret;
use serde_json::Value;

pub(super) struct Suite;

/// The order of the documents, in which the fields are signed.
const FORM: [&str; 7] = ["from", "to", "templateId", "templateParas", "statusCallback", "signature", "extend"];
const JSON: [&str; 4] = ["from", "statusCallback", "extend", "smsContent"];
const CONTENT: [&str; 4] = ["to", "templateId", "templateParas", "signature"];

impl Vectors for Suite {
    fn request(
        &self,
        operation: &str,
        credentials: &Value,
        params: &Value,
        stamp: &Stamp,
    ) -> Result<BuiltRequest, String> {
        let secret = Secret::new(credential(credentials, "app_secret")?);
        let signing = if stamp.nonce.is_empty() { Signing::AkSk } else { Signing::Wsse };
        let account = Huawei::new(credential(credentials, "app_key")?, secret, "").signing(signing);
        let body = match operation {
            "batchSendSms" => {
                let pairs: Vec<(&str, String)> =
                    FORM.iter().filter(|n| !params[**n].is_null()).map(|n| (*n, text(&params[*n]))).collect();
                let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (*k, v.as_str())).collect();
                sign::form(&pairs)
            }
            "batchSendDiffSms" => ordered(params, &JSON),
            other => return Err(format!("no such operation: {other}")),
        };
        let host = account.endpoint().trim_start_matches("https://").to_owned();
        Ok(BuiltRequest::new(account.call(&host, operation, body.into_bytes(), stamp), account.endpoint()))
    }

    fn signature(&self, vector: &Value) -> Result<(), String> {
        signature(vector)
    }

    fn class(&self, _: &str, answer: Incoming<'_>) -> Class {
        huawei::class(answer)
    }

    fn outcomes(&self, answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
        huawei::settled(answer)
    }

    fn code(&self, code: &str) -> Option<&'static CodeRow> {
        huawei::code(code)
    }

    fn callback(&self, credentials: &Value, call: &HttpCall) -> (Result<Callback, InboundError>, Option<Value>) {
        let account = Huawei::new("", Secret::new(""), "").callbacks(Door::at(Secret::new(&*call.path)));
        let account = match (credentials["push_ak"].as_str(), credentials["push_sk"].as_str()) {
            (Some(key), Some(secret)) => account.push_key(key, Secret::new(secret)),
            _ => account,
        };
        (account.inbound(call), None)
    }
}

/// An object's fields in this order, compact; the contents of a batch in theirs.
fn ordered(value: &Value, names: &[&str]) -> String {
    let field = |name: &&str| {
        let value = &value[*name];
        let written = match value.as_array().filter(|_| *name == "smsContent") {
            Some(list) => {
                format!("[{}]", list.iter().map(|one| ordered(one, &CONTENT)).collect::<Vec<_>>().join(","))
            }
            None => value.to_string(),
        };
        (!value.is_null()).then(|| format!("\"{name}\":{written}"))
    };
    format!("{{{}}}", names.iter().filter_map(field).collect::<Vec<_>>().join(","))
}

fn signature(vector: &Value) -> Result<(), String> {
    let (expected, signing, input) = (&vector["expected"], &vector["signing"], &vector["input"]);
    let secret = credential(&input["credentials"], "app_secret")?;
    let wanted = signing["signature"].as_str().unwrap_or_default();
    let equal = |got: &str, wanted: &str| if got == wanted { Ok(()) } else { Err(format!("{got}, wanted {wanted}")) };
    if signing["algorithm"] == "WSSE-UsernameToken" {
        let created = input["timestamp"].as_str().unwrap_or_default();
        return equal(&huawei::password_digest(&text(&input["nonce"]), created, &secret), wanted);
    }
    let sent = expected["headers"].as_object().ok_or("no headers")?;
    let header = |name: &str| sent.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).and_then(|(_, v)| v.as_str());
    let mut headers = Vec::new();
    for name in signing["signed_headers"].as_array().ok_or("no signed_headers")? {
        let name = name.as_str().unwrap_or_default();
        headers.push((name, header(name).ok_or(format!("header {name} is signed and missing"))?.trim()));
    }
    let pairs = sign::form_pairs(&text(&expected["query"])).ok_or("the query is not readable")?;
    let pairs: Vec<_> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let hash = sign::sha256_hex(text(&expected["body"]).as_bytes());
    let payload = header("x-sdk-content-sha256").unwrap_or(&hash);
    let (method, path, query) = (text(&expected["method"]), text(&expected["path"]), sign::canonical_query(&pairs));
    let sdk = SdkHmac { method: &method, path: &path, query: &query, headers: &headers, payload };
    let date = header("x-sdk-date").ok_or("no date")?;
    equal(&sdk.signature(&secret, date), wanted)?;
    let authorization = header("authorization").ok_or("no Authorization")?;
    let access = Given::read(authorization).ok_or("Authorization is not readable")?.access;
    equal(&sdk.authorization(access, &secret, date), authorization)
}
