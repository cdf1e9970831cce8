//! Volcengine as a function: HMAC-SHA256 signature, SendSms, GetSmsSendDetails.

use super::{Call, Desk, Line, Order, PushedReply, PushedReport, Refusals, Reply, Ruling};
use crate::clock::Timestamp;
use crate::inbound::HttpCall;
use crate::message::rendition::TemplateBinding;
use crate::provider::sign::{self, Scoped};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long a signature lives.
const SKEW_MS: u64 = 15 * 60 * 1000;

/// A message group of a Volcengine account and what is approved for it.
#[derive(Clone)]
pub struct FakeVolcengine {
    /// Access key id.
    pub key_id: String,
    /// Its secret.
    pub secret: String,
    /// The message group (`SmsAccount`).
    pub group: String,
    /// Approved signatures, without brackets.
    pub signatures: Vec<String>,
    /// Approved templates: id, and text with `${name}` for variables.
    pub templates: BTreeMap<String, String>,
}

impl Default for FakeVolcengine {
    /// Key `testAccessKeyId000001` and `testSecretAccessKey000001`, group `7000000a`, signature 测试签名, templates
    /// `ST_00000001` (with `${name}`) and `ST_00000002`.
    fn default() -> Self {
        Self {
            key_id: "testAccessKeyId000001".into(),
            secret: "testSecretAccessKey000001".into(),
            group: "7000000a".into(),
            signatures: vec!["测试签名".into()],
            templates: super::filed(&[
                ("ST_00000001", "会员${name}，新品8折。拒收请回复R"),
                ("ST_00000002", "会员，新品8折。拒收请回复R"),
            ]),
        }
    }
}

super::account!(FakeVolcengine);

impl super::Platform for FakeVolcengine {
    fn name(&self) -> &'static str {
        "volcengine"
    }

    fn handle(&self, desk: &Desk<'_>, call: &Call<'_>, now: Timestamp) -> Reply {
        Turn { desk, account: self }.handle(call, now)
    }

    fn signatures(&self) -> Vec<String> {
        self.signatures.clone()
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
        use crate::provider::{Door, volcengine::Volcengine, wire::Http};
        use crate::secret::Secret;
        let wire = Volcengine::new(&self.key_id, Secret::new(&self.secret), &self.group)
            .callbacks(Door::at(Secret::new(super::CALLBACK_PATH)));
        Ok(Arc::new(Http::new(wire, settings, clock)?))
    }

    fn report(&self, event: &PushedReport<'_>) -> Option<HttpCall> {
        let (m, at) = (event.message, event.now.millis());
        let status = if event.code == "DELIVRD" { "0" } else { event.code };
        Some(super::pushed_json(&json!([{
            "account": "2000000001", "sub_account": self.group, "signature": "测试签名", "mobile": m.number.to_string(),
            "channel_type": "CN_MKT", "service_id": "1069000000000001", "send_time": m.at.millis(), "recv_time": at,
            "template_id": "ST_00000002", "ext": &*m.reference, "message_id": &*m.id, "status_code": status,
            "description": event.code, "msg_count": 1, "mccmnc": "", "iso_code": "CN",
        }])))
    }

    fn reply(&self, event: &PushedReply<'_>) -> Option<HttpCall> {
        Some(super::pushed_json(&json!([{
            "account": "2000000001", "sub_account": self.group, "signature": event.signature, "content": event.text,
            "mobile": event.number.to_string(), "channel_type": "CN_MKT", "service_id": "1069000000000001",
            "recv_time": event.now.millis(), "ext": "",
        }])))
    }
}

struct Turn<'a> {
    desk: &'a Desk<'a>,
    account: &'a FakeVolcengine,
}

/// A code that refuses the whole request, and its HTTP status.
struct Refused(u16, String);

fn no(code: &str) -> Refused {
    Refused(if code.contains(':') { 200 } else { 400 }, code.to_owned())
}

impl Turn<'_> {
    fn handle(&self, call: &Call<'_>, now: Timestamp) -> Reply {
        self.answered(call, now).unwrap_or_else(|Refused(status, code)| {
            let body =
                json!({"ResponseMetadata": self.metadata(json!({"Error": {"Code": code, "Message": "refused"}}))});
            Reply::json(status, body.to_string())
        })
    }

    fn metadata(&self, mut more: Value) -> Value {
        more["RequestId"] = format!("2026030110000001013105700{:08}", self.desk.serial).into();
        more["Service"] = "volcSMS".into();
        more["Region"] = "cn-north-1".into();
        more
    }

    fn result(&self, result: &Value) -> Reply {
        let body = json!({"ResponseMetadata": self.metadata(json!({})), "Result": result});
        Reply::json(200, body.to_string())
    }

    fn answered(&self, call: &Call<'_>, now: Timestamp) -> Result<Reply, Refused> {
        if call.method != "POST" || call.path != "/" {
            return Err(no("InvalidActionOrVersion"));
        }
        let query = sign::form_pairs(call.query).ok_or_else(|| no("MissingParameter"))?;
        self.authentic(call, &query, now)?;
        let body: Value = serde_json::from_slice(call.body).map_err(|_| no("RE:0009"))?;
        let word = |name: &str| query.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
        match (word("Action"), word("Version")) {
            ("SendSms", "2020-01-01") => self.send(&body, now),
            ("GetSmsSendDetails", "2021-01-11") => self.details(&body),
            _ => Err(no("InvalidActionOrVersion")),
        }
    }

    fn authentic(&self, call: &Call<'_>, query: &[(String, String)], now: Timestamp) -> Result<(), Refused> {
        let given = call.header("authorization").ok_or_else(|| no("MissingAuthenticationToken"))?;
        let id = given.split_once("Credential=").and_then(|(_, r)| r.split('/').next());
        if id != Some(&*self.account.key_id) {
            return Err(no("InvalidAccessKey"));
        }
        let time = call.header("x-date").ok_or_else(|| no("MissingRequestInfo"))?;
        let at = super::compact_utc(time).ok_or_else(|| no("InvalidTimestamp"))?;
        if now.millis().abs_diff(at.millis()) > SKEW_MS {
            return Err(no("InvalidTimestamp"));
        }
        if self.desk.checks_signature() && !self.is_signed(call, query, time, given) {
            return Err(Refused(401, "SignatureDoesNotMatch".into()));
        }
        Ok(())
    }

    /// Recomputes the signature from the bytes that came.
    fn is_signed(&self, call: &Call<'_>, query: &[(String, String)], time: &str, given: &str) -> bool {
        let body_sha256 = sign::sha256_hex(call.body);
        let Some(headers) = super::signed_headers(call, given, &["x-date"]) else {
            return false;
        };
        if call.header("x-content-sha256").is_some_and(|told| told != body_sha256) {
            return false;
        }
        let pairs: Vec<(&str, &str)> = query.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let scoped = Scoped {
            algorithm: "HMAC-SHA256",
            prefix: "",
            time,
            scope: &[time.get(..8).unwrap_or_default(), "cn-north-1", "volcSMS", "request"],
            method: call.method,
            path: call.path,
            query: &sign::canonical_query(&pairs),
            headers: &headers,
            body_sha256: &body_sha256,
        };
        let wanted = scoped.authorization(&self.account.key_id, &self.account.secret);
        sign::same(wanted.as_bytes(), given.as_bytes())
    }

    fn send(&self, body: &Value, now: Timestamp) -> Result<Reply, Refused> {
        if text(body, "SmsAccount") != self.account.group {
            return Err(no("RE:0003"));
        }
        let (template, signature) = (text(body, "TemplateID"), text(body, "Sign"));
        if !self.account.signatures.iter().any(|s| s == signature) {
            return Err(no("RE:0004"));
        }
        let filed = self.account.templates.get(template).ok_or_else(|| no("RE:0005"))?;
        let values: BTreeMap<String, String> = match body["TemplateParam"].as_str() {
            Some(json) => serde_json::from_str(json).map_err(|_| no("RE:0009"))?,
            None => BTreeMap::new(),
        };
        let seen = values.iter().fold(filed.clone(), |t, (name, value)| t.replace(&format!("${{{name}}}"), value));
        let numbers: Vec<&str> = text(body, "PhoneNumbers").split(',').filter(|n| !n.is_empty()).collect();
        if seen.contains("${") || numbers.is_empty() || numbers.len() > 200 {
            return Err(no("RE:0009"));
        }
        let seen: Arc<str> = format!("【{signature}】{seen}").into();
        let id = |i: usize| format!("bde1b10d-0000-460f-abcd-{:012}", self.desk.serial * 1000 + i as u64).into();
        let line = |(i, n): (usize, &str)| Line { written: n.to_owned(), text: seen.clone(), id: id(i) };
        let lines = numbers.into_iter().enumerate().map(line).collect();
        let order = Order { reference: text(body, "Tag"), template: Some(template), lines };
        match self.desk.rule(order, Refusals::Whole("RE:0006"), now) {
            Ruling::Broken(reply) => Ok(reply),
            Ruling::Refused(code) => Err(no(&code)),
            Ruling::Throttled => Err(no("FlowLimitExceeded")),
            Ruling::UnknownCode => Err(no("RE:9999")),
            Ruling::Taken(rows, fault) => {
                let ids: Vec<&str> = rows.iter().map(|r| &*r.id).collect();
                Ok(Reply { fault, ..self.result(&json!({ "MessageID": ids })) })
            }
        }
    }

    /// The records of a number on one day of Beijing, newest last; the number is masked and the tag is not told.
    fn details(&self, body: &Value) -> Result<Reply, Refused> {
        if text(body, "subAccount") != self.account.group {
            return Err(no("RE:0003"));
        }
        let number = super::number(text(body, "phoneNumber")).ok_or_else(|| no("RE:0006"))?;
        let (id, day) = (text(body, "messageId"), text(body, "sendDate"));
        let page = |name: &str| body[name].as_u64().filter(|n| *n > 0).ok_or_else(|| no("RE:0009"));
        let (index, size) = (page("pageIndex")? as usize, page("pageSize")? as usize);
        let mut all = self.desk.gateway.messages_of(number);
        all.retain(|m| (id.is_empty() || *m.id == *id) && m.at.civil().strftime("%Y%m%d").to_string() == day);
        let row = |m: &super::AcceptedMessage| {
            let written = m.number.to_string();
            let (signature, content) = m.text.trim_start_matches('【').split_once('】').unwrap_or_default();
            json!({"status": 3, "errorCode": "0", "errorMessage": "发送成功", "signature": signature, "content": content,
                "phoneNumber": format!("{}****{}", &written[..3], &written[7..]), "channelType": "CN_MKT",
                "messageId": &*m.id, "msgCount": 1, "sendTime": m.at.millis(), "receiptTime": m.at.millis()})
        };
        let rows: Vec<Value> = all.iter().skip((index - 1).saturating_mul(size)).take(size).map(row).collect();
        let result = json!({"account": "2000000001", "subAccount": self.account.group, "total": all.len(),
            "sendDetailsResults": rows});
        Ok(self.result(&result))
    }
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_default()
}
