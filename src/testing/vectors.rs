//! What the conformance suite drives: the providers' own pure functions, by names and JSON.
//!
//! Every function gives `None` for a provider that this crate does not have.

use crate::clock::{Stamp, Timestamp};
use crate::inbound::{Callback, HttpCall, Inbound, InboundError};
use crate::provider::Outcome;
use crate::provider::aliyun::{self, Aliyun};
use crate::provider::sign::{self, Acs3};
use crate::provider::wire::{Class, Incoming, Outgoing, Wire};
use crate::provider::yunpian::{self, Yunpian};
use crate::secret::Secret;
use serde_json::{Value, json};

/// A request as it would leave.
#[derive(Clone, Debug)]
pub struct BuiltRequest {
    /// `GET` or `POST`.
    pub method: String,
    /// `https`.
    pub scheme: String,
    /// The authority.
    pub host: String,
    /// The path, encoded.
    pub path: String,
    /// The query, encoded.
    pub query: String,
    /// Lower-case names and values, `host` among them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl BuiltRequest {
    fn new(out: Outgoing, endpoint: &str) -> Self {
        let (scheme, host) = endpoint.split_once("://").unwrap_or(("", endpoint));
        let mut headers: Vec<(String, String)> =
            out.headers.into_iter().map(|(n, v)| (n.to_owned(), v.into_owned())).collect();
        headers.push(("host".into(), host.to_owned()));
        Self {
            method: out.method.as_str().into(),
            scheme: scheme.into(),
            host: host.into(),
            path: out.path.into_owned(),
            query: out.query,
            headers,
            body: out.body,
        }
    }
}

/// A callback as it was read.
#[derive(Clone, Debug)]
pub struct SeenCallback {
    /// Its events: `kind` (`reply` or `report`) and the fields of the event, times in RFC 3339.
    pub events: Vec<Value>,
    /// The platform's own fields, where they are signed.
    pub decoded: Option<Value>,
    /// The answer's body.
    pub reply: String,
    /// The answer's status.
    pub status: u16,
}

/// Builds the request of any operation from the platform's own parameters.
pub fn provider_request(
    provider: &str,
    operation: &str,
    credentials: &Value,
    params: &Value,
    at: Timestamp,
    nonce: &str,
) -> Option<Result<BuiltRequest, String>> {
    match provider {
        "aliyun" => Some(aliyun_request(operation, credentials, params, at, nonce)),
        "yunpian" => Some(yunpian_request(operation, credentials, params)),
        _ => None,
    }
}

fn text(v: &Value) -> String {
    v.as_str().map_or_else(|| v.to_string(), str::to_owned)
}

fn credential(credentials: &Value, name: &str) -> Result<String, String> {
    credentials[name].as_str().map(str::to_owned).ok_or(format!("no credential {name}"))
}

fn aliyun_account(credentials: &Value) -> Result<Aliyun, String> {
    let secret = Secret::new(credential(credentials, "access_key_secret")?);
    let account = Aliyun::new(credential(credentials, "access_key_id")?, secret);
    Ok(match credentials["security_token"].as_str() {
        Some(token) => account.security_token(Secret::new(token)),
        None => account,
    })
}

fn aliyun_request(
    operation: &str,
    credentials: &Value,
    params: &Value,
    at: Timestamp,
    nonce: &str,
) -> Result<BuiltRequest, String> {
    let known = ["SendSms", "SendBatchSms", "QuerySendDetails", "QuerySendStatistics"];
    if !known.contains(&operation) {
        return Err(format!("no such operation: {operation}"));
    }
    let account = aliyun_account(credentials)?;
    let params = params.as_object().ok_or("params are no object")?;
    let params: Vec<(&str, String)> =
        params.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.as_str(), text(v))).collect();
    let params: Vec<(&str, &str)> = params.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let host = account.endpoint().trim_start_matches("https://").to_owned();
    let stamp = Stamp { at, nonce: nonce.to_owned() };
    Ok(BuiltRequest::new(account.call(&host, operation, &params, &stamp), account.endpoint()))
}

fn yunpian_request(operation: &str, credentials: &Value, params: &Value) -> Result<BuiltRequest, String> {
    let known = [
        "single_send",
        "batch_send",
        "multi_send",
        "tpl_single_send",
        "tpl_batch_send",
        "pull_status",
        "pull_reply",
        "get_reply",
        "get_record",
        "get_black_word",
        "count",
    ];
    if !known.contains(&operation) {
        return Err(format!("no such operation: {operation}"));
    }
    let account = Yunpian::new(Secret::new(credential(credentials, "apikey")?));
    let mut pairs: Vec<(&str, String)> = Vec::new();
    for (name, value) in params.as_object().ok_or("params are no object")? {
        let texts = || value.as_array().map(|a| a.iter().map(text).collect::<Vec<_>>());
        match (name.as_str(), texts()) {
            ("text", Some(texts)) => pairs.push(("text", yunpian::multi_text(texts.iter().map(String::as_str)))),
            ("vars", _) => {
                let vars = value.as_object().ok_or("vars are no object")?;
                let vars: Vec<_> = vars.iter().map(|(k, v)| (k.clone(), text(v))).collect();
                pairs.push(("tpl_value", yunpian::tpl_value(&vars)));
            }
            (name, Some(list)) => pairs.push((name, list.join(","))),
            (name, None) if !value.is_null() => pairs.push((name, text(value))),
            _ => {}
        }
    }
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (*k, v.as_str())).collect();
    Ok(BuiltRequest::new(account.call(operation, &pairs), account.endpoint()))
}

/// Checks a signer alone: the bytes of `vector` (as captured) must give its signature and `Authorization`.
///
/// `Some(Ok(()))` also for vectors that carry no signature.
pub fn provider_signature(provider: &str, vector: &Value) -> Option<Result<(), String>> {
    match provider {
        "aliyun" => Some(aliyun_signature(vector)),
        "yunpian" => Some(Ok(())),
        _ => None,
    }
}

fn aliyun_signature(vector: &Value) -> Result<(), String> {
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

/// What an answer means. `operation` is the platform's, or the kind of body where vectors name that.
pub fn provider_response(provider: &str, operation: &str, status: u16, body: &[u8]) -> Option<Class> {
    let answer = Incoming { status, body };
    match provider {
        "aliyun" => Some(aliyun::class(operation, answer)),
        "yunpian" => Some(yunpian::class(answer)),
        _ => None,
    }
}

/// What an answer to a send proves: one entry for all (no number), or one per row.
pub fn provider_outcomes(provider: &str, status: u16, body: &[u8]) -> Option<Vec<(Option<String>, Class, Outcome)>> {
    let answer = Incoming { status, body };
    match provider {
        "aliyun" => Some(vec![(None, aliyun::class("SendSms", answer), aliyun::settled(answer))]),
        "yunpian" => Some(match yunpian::settled(answer) {
            Some(outcome) => vec![(None, yunpian::class(answer), outcome)],
            None => yunpian::settled_rows(answer).into_iter().map(|(n, c, o)| (Some(n), c, o)).collect(),
        }),
        _ => None,
    }
}

/// What a code means and proves; the inner `None` when it is not listed.
pub fn provider_code(provider: &str, code: &str) -> Option<Option<(Class, Outcome)>> {
    let row = match provider {
        "aliyun" => aliyun::code(code),
        "yunpian" => code.parse().ok().and_then(yunpian::code),
        _ => return None,
    };
    Some(row.map(|r| (r.class, r.outcome)))
}

/// Reads a callback as a provider with these credentials would, its secret path being right.
pub fn provider_callback(
    provider: &str,
    credentials: &Value,
    body: &[u8],
) -> Option<Result<SeenCallback, InboundError>> {
    let call = HttpCall {
        method: "POST".into(),
        path: "/callback".into(),
        query: String::new(),
        headers: vec![("content-type".into(), "application/x-www-form-urlencoded;charset=utf-8".into())],
        body: body.to_vec(),
    };
    let path = Secret::new("/callback");
    match provider {
        "aliyun" => {
            let account = Aliyun::new("", Secret::new("")).callback_path(path);
            Some(account.inbound(&call).map(|c| seen(c, None)))
        }
        "yunpian" => {
            let apikey = credentials["apikey"].as_str().unwrap_or_default();
            let account = Yunpian::new(Secret::new(apikey)).callback_path(path);
            let decoded = || {
                let json = yunpian::pushed_json(body).ok()?;
                yunpian::signed_reply(&json, apikey).ok().map(Value::Object)
            };
            Some(account.inbound(&call).map(|c| seen(c, decoded())))
        }
        _ => None,
    }
}

fn seen(callback: Callback, decoded: Option<Value>) -> SeenCallback {
    let event = |e: &Inbound| match e {
        Inbound::Reply(r) => json!({
            "kind": "reply", "phone": r.phone.national(), "text": r.text, "extension": r.extension,
            "signature": r.signature, "at": r.at, "event_id": r.event_id,
        }),
        Inbound::Report(r) => json!({
            "kind": "report", "phone": r.phone.national(), "code": r.code, "delivered": r.delivered,
            "provider_id": r.provider_id, "reference": r.reference.map(|r| r.to_string()), "at": r.at,
            "event_id": r.event_id,
        }),
    };
    SeenCallback {
        events: callback.events.iter().map(event).collect(),
        decoded,
        reply: callback.answer.body.to_owned(),
        status: callback.answer.status,
    }
}
