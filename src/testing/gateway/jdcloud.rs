//! JD Cloud as a function: both signatures, batchSend, reply.

use super::{Call, Desk, Line, Order, Refusals, Reply, Ruling};
use crate::clock::Timestamp;
use crate::message::rendition::TemplateBinding;
use crate::provider::jdcloud::Signing;
use crate::provider::sign::{self, Scoped};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How far a call's date may be off.
const SKEW_MS: u64 = 15 * 60 * 1000;

/// An application of a JD Cloud account and what is approved for it.
#[derive(Clone)]
pub struct FakeJdcloud {
    /// Access key id.
    pub key_id: String,
    /// Its secret.
    pub secret: String,
    /// The application.
    pub app_id: String,
    /// Approved signatures: id, and text without brackets.
    pub signatures: BTreeMap<String, String>,
    /// Approved templates: id, and text with `{1}`, `{2}`, … for values.
    pub templates: BTreeMap<String, String>,
    /// Which version its provider signs with; the account takes both.
    pub signing: Signing,
    /// Replies: number and text, all of today. Clones share them.
    pub replies: Arc<Mutex<Vec<(u64, String)>>>,
}

impl Default for FakeJdcloud {
    /// Key `FAKEJDAKDEV0000000000000000` and `FAKEJDSKDEV0000000000000000`, application `a`, signature `qm_fake0001`
    /// (测试签名), templates `mb_fake0001` (with `{1}`) and `mb_fake0002`, version 3.
    fn default() -> Self {
        Self {
            key_id: "FAKEJDAKDEV0000000000000000".into(),
            secret: "FAKEJDSKDEV0000000000000000".into(),
            app_id: "a".into(),
            signatures: super::filed(&[("qm_fake0001", "测试签名")]),
            templates: super::filed(&[
                ("mb_fake0001", "会员{1}，新品8折。拒收请回复R"),
                ("mb_fake0002", "会员，新品8折。拒收请回复R"),
            ]),
            signing: Signing::V3,
            replies: Arc::default(),
        }
    }
}

super::account!(FakeJdcloud);

impl super::Platform for FakeJdcloud {
    fn name(&self) -> &'static str {
        "jdcloud"
    }

    fn handle(&self, desk: &Desk<'_>, call: &Call<'_>, now: Timestamp) -> Reply {
        Turn { desk, account: self }.answered(call, now).unwrap_or_else(|Refused(code)| {
            let error = json!({"code": code, "status": "REFUSED", "message": "refused"});
            Reply::json(code, json!({"requestId": "fake", "error": error}).to_string())
        })
    }

    fn signatures(&self) -> Vec<String> {
        self.signatures.values().cloned().collect()
    }

    fn templates(&self) -> Vec<TemplateBinding> {
        super::bindings(&self.templates)
    }

    #[cfg(feature = "http")]
    fn provider(
        &self,
        settings: super::HttpSettings,
        clock: Arc<dyn crate::clock::Clock>,
    ) -> Result<Arc<dyn crate::provider::Provider>, super::SettingsError> {
        use crate::provider::{jdcloud::Jdcloud, wire::Http};
        use crate::secret::Secret;
        let wire = Jdcloud::new(&self.key_id, Secret::new(&self.secret), &self.app_id).signing(self.signing);
        let wire = self.signatures.iter().fold(wire, |wire, (id, text)| wire.signature(text, id));
        Ok(Arc::new(Http::new(wire, settings, clock)?))
    }
}

struct Turn<'a> {
    desk: &'a Desk<'a>,
    account: &'a FakeJdcloud,
}

/// The HTTP status and code of a refusal by the gateway.
struct Refused(u16);

/// A refusal by the service.
fn no(code: u16) -> Reply {
    let result = json!({"data": null, "status": false, "code": code, "message": "refused"});
    Reply::json(200, json!({"requestId": "fake", "result": result}).to_string())
}

fn told(data: &Value) -> Reply {
    let result = json!({"data": data, "status": true, "code": 200, "message": "成功"});
    Reply::json(200, json!({"requestId": "fake", "result": result}).to_string())
}

impl Turn<'_> {
    fn answered(&self, call: &Call<'_>, now: Timestamp) -> Result<Reply, Refused> {
        let operation = call.path.strip_prefix("/v1/regions/cn-north-1/").ok_or(Refused(404))?;
        self.authentic(call, now)?;
        let body: Value = serde_json::from_slice(call.body).map_err(|_| Refused(400))?;
        match (call.method, operation) {
            ("POST", "batchSend") => self.send(&body, now),
            ("POST", "reply") => Ok(self.replies(&body, now)),
            _ => Err(Refused(404)),
        }
    }

    fn authentic(&self, call: &Call<'_>, now: Timestamp) -> Result<(), Refused> {
        let header = |name: &str| call.header(name).ok_or(Refused(401));
        let (given, time, nonce) = (header("authorization")?, header("x-jdcloud-date")?, header("x-jdcloud-nonce")?);
        let at = super::compact_utc(time).ok_or(Refused(401))?;
        let signing = [Signing::V2, Signing::V3].into_iter().find(|s| given.starts_with(s.words()[0]));
        let [algorithm, prefix, terminator] = signing.ok_or(Refused(401))?.words();
        let headers = super::signed_headers(call, given, &["content-type", "host"]).ok_or(Refused(401))?;
        let scoped = Scoped {
            algorithm,
            prefix,
            time,
            scope: &[&time[..8], "cn-north-1", "sms", terminator],
            method: call.method,
            path: call.path,
            query: call.query,
            headers: &headers,
            body_sha256: &sign::sha256_hex(call.body),
        };
        let wanted = scoped.authorization(&self.account.key_id, &self.account.secret);
        let fits = sign::same(wanted.as_bytes(), given.as_bytes()) || !self.desk.checks_signature();
        let timely = now.millis().abs_diff(at.millis()) <= SKEW_MS;
        // Unconfirmed; a client that repeats one sends what it should not.
        if fits && timely && self.desk.gateway.fresh_nonce(nonce) { Ok(()) } else { Err(Refused(401)) }
    }

    fn send(&self, body: &Value, now: Timestamp) -> Result<Reply, Refused> {
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        let words = |name: &str| -> Vec<&str> {
            body[name].as_array().map_or_else(Vec::new, |all| all.iter().filter_map(Value::as_str).collect())
        };
        let (numbers, values) = (words("phoneList"), words("params"));
        let (Some(signature), Some(filed)) =
            (self.account.signatures.get(text("signId")), self.account.templates.get(text("templateId")))
        else {
            return Ok(no(400));
        };
        let fill = |t: String, (i, value): (usize, &&str)| t.replace(&format!("{{{}}}", i + 1), value);
        let seen = values.iter().enumerate().fold(filed.clone(), fill);
        if seen.contains('{') || numbers.is_empty() || numbers.len() > 100 {
            return Ok(no(400));
        }
        let seen: Arc<str> = format!("【{signature}】{seen}").into();
        let id: Arc<str> = format!("seq-fake-{}", self.desk.serial).into();
        let line = |n: &str| Line { written: n.to_owned(), text: seen.clone(), id: id.clone() };
        let lines = numbers.into_iter().map(line).collect();
        let order = Order { reference: "", template: Some(text("templateId")), lines };
        match self.desk.rule(order, Refusals::Whole("400"), now) {
            Ruling::Broken(reply) => Ok(reply),
            Ruling::Refused(code) => Ok(no(code.parse().unwrap_or(400))),
            Ruling::Throttled => Err(Refused(429)),
            Ruling::UnknownCode => Ok(no(999)),
            Ruling::Taken(_, fault) => Ok(Reply { fault, ..told(&json!({ "sequenceNumber": &*id })) }),
        }
    }

    /// Every reply of that day, each time.
    fn replies(&self, body: &Value, now: Timestamp) -> Reply {
        if body["appId"] != *self.account.app_id || body["dataDate"] != *now.to_beijing().get(..10).unwrap_or_default()
        {
            return told(&json!([]));
        }
        let waiting = self.account.replies.lock().unwrap_or_else(PoisonError::into_inner);
        let row = |(n, text): &(u64, String)| {
            json!({"appId": self.account.app_id, "signId": "qm_fake0001", "phoneNum": n.to_string(),
                "dataTime": now.to_beijing(), "content": text})
        };
        told(&waiting.iter().map(row).collect())
    }
}
