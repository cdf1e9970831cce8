//! What the conformance suite drives: the providers' own pure functions, by names and JSON.
//!
//! Every function gives `None` for a provider that this crate does not have. One file here, its `mod` and one line of
//! `ALL` make a provider's vectors run.

mod aliyun;
mod baidu;
mod chuanglan;
mod cmcc_mas;
mod ctyun;
mod huawei;
mod jdcloud;
mod luosimao;
mod montnets;
mod netease;
mod qiniu;
mod ronglian;
mod submail;
mod tencent;
mod ucloud;
mod volcengine;
mod yunpian;

use crate::clock::{Stamp, Timestamp};
use crate::inbound::{Callback, HttpCall, Inbound, InboundError, Pull};
use crate::provider::wire::{Class, CodeRow, Incoming, Outgoing, Step, Wire};
use crate::provider::{Asked, Outcome, PullError};
use serde_json::{Value, json};

/// What a provider's vectors are run against.
trait Vectors: Sync {
    /// Builds the request of an operation from the platform's own parameters, at the documented address.
    fn request(
        &self,
        operation: &str,
        credentials: &Value,
        params: &Value,
        stamp: &Stamp,
    ) -> Result<BuiltRequest, String>;

    /// Checks a signer alone over a vector's own bytes; `Ok` for vectors that carry no signature.
    fn signature(&self, vector: &Value) -> Result<(), String> {
        let _ = vector;
        Ok(())
    }

    /// What an answer means. `operation` is the platform's, or the kind of body where vectors name that.
    fn class(&self, operation: &str, answer: Incoming<'_>) -> Class;

    /// What an answer to a send proves: one entry for all (no number), or one per row.
    fn outcomes(&self, answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)>;

    /// The row of a code, in the spelling of the vectors.
    fn code(&self, code: &str) -> Option<&'static CodeRow>;

    /// Reads a callback as a provider with these credentials would, whose door is at the call's path. `decoded` is what
    /// was signed, where vectors ask for it.
    fn callback(&self, credentials: &Value, call: &HttpCall) -> (Result<Callback, InboundError>, Option<Value>);

    /// Who reads pulled pages and the answers to questions; `None` where nobody of ours asks the platform.
    fn asker(&self) -> Option<Box<dyn Wire>> {
        None
    }
}

/// Every provider with vectors.
const ALL: &[(&str, &dyn Vectors)] = &[
    ("aliyun", &aliyun::Suite),
    ("baidu", &baidu::Suite),
    ("chuanglan", &chuanglan::Suite),
    ("cmcc_mas", &cmcc_mas::Suite),
    ("ctyun", &ctyun::Suite),
    ("huawei", &huawei::Suite),
    ("jdcloud", &jdcloud::Suite),
    ("luosimao", &luosimao::Suite),
    ("montnets", &montnets::Suite),
    ("netease", &netease::Suite),
    ("qiniu", &qiniu::Suite),
    ("ronglian", &ronglian::Suite),
    ("submail", &submail::Suite),
    ("tencent", &tencent::Suite),
    ("ucloud", &ucloud::Suite),
    ("volcengine", &volcengine::Suite),
    ("yunpian", &yunpian::Suite),
];

fn of(provider: &str) -> Option<&'static dyn Vectors> {
    ALL.iter().find(|(name, _)| *name == provider).map(|(_, v)| *v)
}

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

/// What a vector says of its scheme beside its input.
const SCHEME: [&str; 3] = ["signature_version", "sign_type", "sign_version"];

/// The credentials, and beside them what else a scheme signs with: region, token of the call, version of the signature.
pub fn credentials(vector: &Value) -> Value {
    let mut all = vector["input"]["credentials"].as_object().cloned().unwrap_or_default();
    let input = vector["input"].as_object().into_iter().flatten();
    let version = vector.as_object().into_iter().flatten().filter(|(name, _)| SCHEME.contains(&name.as_str()));
    for (name, value) in input.chain(version).filter(|(_, v)| v.is_string() || v.is_number()) {
        all.entry(name.clone()).or_insert_with(|| value.clone());
    }
    Value::Object(all)
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
    let stamp = Stamp { at, nonce: nonce.to_owned() };
    Some(of(provider)?.request(operation, credentials, params, &stamp))
}

/// Checks a signer alone: the bytes of `vector` (as captured) must give its signature and `Authorization`.
///
/// `Some(Ok(()))` also for vectors that carry no signature.
pub fn provider_signature(provider: &str, vector: &Value) -> Option<Result<(), String>> {
    Some(of(provider)?.signature(vector))
}

/// What an answer means. `operation` is the platform's, or the kind of body where vectors name that.
pub fn provider_response(provider: &str, operation: &str, status: u16, body: &[u8]) -> Option<Class> {
    Some(of(provider)?.class(operation, Incoming { status, body }))
}

/// What an answer to a send proves: one entry for all (no number), or one per row.
pub fn provider_outcomes(provider: &str, status: u16, body: &[u8]) -> Option<Vec<(Option<String>, Class, Outcome)>> {
    let answer = Incoming { status, body };
    let mut outcomes = of(provider)?.outcomes(answer);
    if !answer.is_spoken() {
        // As `wire::settle`, which asks no provider about these.
        outcomes.iter_mut().for_each(|(.., outcome)| *outcome = Outcome::Unknown);
    }
    Some(outcomes)
}

/// What a code means and proves; the inner `None` when it is not listed.
pub fn provider_code(provider: &str, code: &str) -> Option<Option<(Class, Outcome)>> {
    Some(of(provider)?.code(code).map(|row| (row.class, row.outcome)))
}

/// Reads a callback as a provider with these credentials would, whose secret path is the call's.
pub fn provider_callback(
    provider: &str,
    credentials: &Value,
    call: &HttpCall,
) -> Option<Result<SeenCallback, InboundError>> {
    let (read, decoded) = of(provider)?.callback(credentials, call);
    Some(read.map(|callback| seen(callback, decoded)))
}

/// The events of a pulled page that came at `at`, in the form of [`SeenCallback::events`].
pub fn provider_pulled(
    provider: &str,
    what: Pull,
    status: u16,
    body: &[u8],
    at: Timestamp,
) -> Option<Result<Vec<Value>, PullError>> {
    let read = of(provider)?.asker()?.pulled(what, Incoming { status, body }, at);
    Some(read.map(|page| page.events.iter().map(event).collect()))
}

/// What an answer to a question says.
pub fn provider_found(provider: &str, asked: &Asked<'_>, status: u16, body: &[u8]) -> Option<Step> {
    Some(of(provider)?.asker()?.found(asked, 0, Incoming { status, body }))
}

/// A value as a parameter's text.
fn text(v: &Value) -> String {
    v.as_str().map_or_else(|| v.to_string(), str::to_owned)
}

fn credential(credentials: &Value, name: &str) -> Result<String, String> {
    credentials[name].as_str().map(str::to_owned).ok_or(format!("no credential {name}"))
}

/// What one answer is in all: the class that all rows share, else [`Class::Partial`].
fn shared(outcomes: &[(Option<String>, Class, Outcome)]) -> Class {
    match outcomes {
        [] => Class::Unknown,
        [(_, first, _), rest @ ..] if rest.iter().all(|(_, class, _)| class == first) => *first,
        _ => Class::Partial,
    }
}

/// A header of a captured request, compared without case.
fn header<'a>(vector: &'a Value, name: &str) -> Option<&'a str> {
    let headers = vector["expected"]["headers"].as_object()?;
    headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).and_then(|(_, v)| v.as_str())
}

/// The names and values of the headers that a captured `Authorization` says are signed. A host that was left out is the
/// request's own.
fn signed_headers<'a>(vector: &'a Value, names: &'a str) -> Result<Vec<(&'a str, &'a str)>, String> {
    names
        .split(';')
        .map(|name| {
            let host = || (name == "host").then(|| vector["expected"]["host"].as_str()).flatten();
            let value = header(vector, name).or_else(host).ok_or(format!("header {name} is signed and missing"))?;
            Ok((name, value.trim()))
        })
        .collect()
}

/// The names in a captured `Authorization`, between `SignedHeaders=` and the next comma.
fn signed_names(authorization: &str) -> Result<&str, String> {
    let (_, rest) = authorization.split_once("SignedHeaders=").ok_or("no SignedHeaders")?;
    Ok(rest.split(',').next().unwrap_or(rest))
}

fn event(event: &Inbound) -> Value {
    match event {
        Inbound::Reply(r) => json!({
            "kind": "reply", "phone": r.phone.national(), "text": r.text, "extension": r.extension,
            "signature": r.signature, "at": r.at, "event_id": r.event_id,
        }),
        Inbound::Report(r) => json!({
            "kind": "report", "phone": r.phone.national(), "code": r.code, "delivered": r.delivered,
            "provider_id": r.provider_id, "reference": r.reference.map(|r| r.to_string()), "at": r.at,
            "event_id": r.event_id,
        }),
    }
}

fn seen(callback: Callback, decoded: Option<Value>) -> SeenCallback {
    SeenCallback {
        events: callback.events.iter().map(event).collect(),
        decoded,
        reply: callback.answer.body.into_owned(),
        status: callback.answer.status,
    }
}
