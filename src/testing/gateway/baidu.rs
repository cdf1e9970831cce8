//! Baidu as a function: bce-auth-v1, sendSms, one message for one clientToken.

use super::{Call, Desk, Line, Order, PushedReply, PushedReport, Refusals, Reply, Row, Ruling};
use crate::clock::Timestamp;
use crate::inbound::HttpCall;
use crate::message::rendition::TemplateBinding;
use crate::provider::{baidu, sign};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long a signature lives.
const EXPIRES_MS: u64 = 30 * 60 * 1000;

/// A Baidu Cloud account and what is approved for it.
#[derive(Clone)]
pub struct FakeBaidu {
    /// Access key id.
    pub key_id: String,
    /// Its secret.
    pub secret: String,
    /// Approved signatures: id, and text without brackets.
    pub signatures: BTreeMap<String, String>,
    /// Approved templates: id, and text with `{name}` for variables.
    pub templates: BTreeMap<String, String>,
    /// What signs pushes.
    pub push_token: String,
}

impl Default for FakeBaidu {
    /// Key `testAccessKeyId000001` and `testSecretAccessKey000001`, signature `sms-signTest00000001` (测试签名), templates
    /// `sms-tmpl-Test00000001` (with `{name}`) and `sms-tmpl-Test00000003`, push token `testToken000001`.
    fn default() -> Self {
        Self {
            key_id: "testAccessKeyId000001".into(),
            secret: "testSecretAccessKey000001".into(),
            signatures: super::filed(&[("sms-signTest00000001", "测试签名")]),
            templates: super::filed(&[
                ("sms-tmpl-Test00000001", "会员{name}，新品8折。拒收请回复R"),
                ("sms-tmpl-Test00000003", "会员，新品8折。拒收请回复R"),
            ]),
            push_token: "testToken000001".into(),
        }
    }
}

super::account!(FakeBaidu);

impl FakeBaidu {
    fn push(&self, body: &Value, now: Timestamp, serial: u64) -> HttpCall {
        let (body, time) = (body.to_string(), now.millis().to_string());
        let signature = baidu::push_signature(&self.push_token, &time, body.as_bytes());
        HttpCall::new("POST", super::CALLBACK_PATH, "", body)
            .with_header("content-type", "application/json")
            .with_header("requestId", format!("push-{serial:08}"))
            .with_header("timestamp", time)
            .with_header("signature", signature)
    }
}

impl super::Platform for FakeBaidu {
    fn name(&self) -> &'static str {
        "baidu"
    }

    fn handle(&self, desk: &Desk<'_>, call: &Call<'_>, now: Timestamp) -> Reply {
        Turn { desk, account: self }.handle(call, now)
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
        use crate::provider::{baidu::Baidu, wire::Http};
        use crate::secret::Secret;
        let wire = Baidu::new(&self.key_id, Secret::new(&self.secret)).push_token(Secret::new(&self.push_token));
        let wire = self.signatures.iter().fold(wire, |wire, (id, text)| wire.signature(text, id));
        Ok(Arc::new(Http::new(wire, settings, clock)?))
    }

    fn report(&self, event: &PushedReport<'_>) -> Option<HttpCall> {
        let (m, at) = (event.message, sign::utc(event.now, "%Y-%m-%dT%H:%M:%SZ"));
        let code = if event.code == "DELIVRD" { "0" } else { "2" };
        let body = json!({"code": code, "requestId": format!("send-{:08}", m.request), "messageId": &*m.id,
            "mobile": m.number.to_string(), "carrierCode": event.code, "custom": &*m.reference, "attemptCount": 1,
            "segmentCount": 1, "deliverTime": at, "requestTime": at});
        Some(self.push(&body, event.now, event.serial))
    }

    fn reply(&self, event: &PushedReply<'_>) -> Option<HttpCall> {
        let body = json!({"mobile": event.number.to_string(), "content": event.text, "sign": event.signature,
            "receiveTime": sign::utc(event.now, "%Y-%m-%dT%H:%M:%SZ"), "userExtId": event.extension});
        Some(self.push(&body, event.now, event.serial))
    }
}

struct Turn<'a> {
    desk: &'a Desk<'a>,
    account: &'a FakeBaidu,
}

/// A code that refuses the whole request, and its HTTP status.
struct Refused(u16, String);

fn no(code: &str) -> Refused {
    let status = match code {
        "AccessDenied" | "InvalidAccessKeyId" | "IdempotentParameterMismatch" => 403,
        word if word.starts_with(|c: char| c.is_ascii_digit()) => 200,
        _ => 400,
    };
    Refused(status, code.to_owned())
}

impl Turn<'_> {
    fn handle(&self, call: &Call<'_>, now: Timestamp) -> Reply {
        self.answered(call, now).unwrap_or_else(|Refused(status, code)| self.reply(status, &code, &json!([])))
    }

    fn reply(&self, status: u16, code: &str, rows: &Value) -> Reply {
        let id = format!("5e6dacd5-0000-4183-8255-{:012}", self.desk.serial);
        Reply::json(status, json!({"requestId": id, "code": code, "message": "", "data": rows}).to_string())
    }

    fn answered(&self, call: &Call<'_>, now: Timestamp) -> Result<Reply, Refused> {
        if call.method != "POST" || call.path != "/api/v3/sendSms" {
            return Err(no("InvalidURI"));
        }
        let query = sign::form_pairs(call.query).ok_or_else(|| no("InvalidHTTPRequest"))?;
        self.authentic(call, &query, now)?;
        let token = query.iter().find(|(n, _)| n == "clientToken").map_or("", |(_, v)| v.as_str());
        if token.len() > 64 || !token.is_ascii() {
            return Err(no("InvalidHTTPRequest"));
        }
        self.send(call, token, now)
    }

    fn authentic(&self, call: &Call<'_>, query: &[(String, String)], now: Timestamp) -> Result<(), Refused> {
        let given = call.header("authorization").ok_or_else(|| no("InvalidHTTPAuthHeader"))?;
        let parts: Vec<&str> = given.split('/').collect();
        let ["bce-auth-v1", id, date, "1800", names, _] = parts[..] else {
            return Err(no("InvalidHTTPAuthHeader"));
        };
        if id != self.account.key_id {
            return Err(no("InvalidAccessKeyId"));
        }
        let at: Timestamp = date.parse().map_err(|_| no("InvalidHTTPAuthHeader"))?;
        if now.millis().abs_diff(at.millis()) > EXPIRES_MS {
            return Err(no("RequestExpired"));
        }
        let headers: Option<Vec<(&str, &str)>> = names.split(';').map(|n| Some((n, call.header(n)?))).collect();
        let headers = headers.filter(|h| h.is_sorted() && h.iter().any(|(n, _)| *n == "host"));
        let headers = headers.ok_or_else(|| no("InvalidHTTPAuthHeader"))?;
        let pairs: Vec<(&str, &str)> = query.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let (id, secret) = (&self.account.key_id, &self.account.secret);
        let wanted = baidu::authorization(id, secret, date, call.path, &sign::canonical_query(&pairs), &headers);
        let fits = sign::same(wanted.as_bytes(), given.as_bytes());
        if fits || !self.desk.checks_signature() { Ok(()) } else { Err(no("SignatureDoesNotMatch")) }
    }

    fn send(&self, call: &Call<'_>, token: &str, now: Timestamp) -> Result<Reply, Refused> {
        let body: Value = serde_json::from_slice(call.body).map_err(|_| no("MalformedJSON"))?;
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        let signature = self.account.signatures.get(text("signatureId")).ok_or_else(|| no("6006"))?;
        let filed = self.account.templates.get(text("template")).ok_or_else(|| no("4607"))?;
        let values = body["contentVar"].as_object().ok_or_else(|| no("4605"))?;
        let mut seen = filed.clone();
        for (name, value) in values {
            let value = value.as_str().ok_or_else(|| no("4605"))?;
            if value.contains(['【', '】', '[', ']']) {
                return Err(no("4608"));
            }
            seen = seen.replace(&format!("{{{name}}}"), value);
        }
        if seen.contains('{') {
            return Err(no("4605"));
        }
        let seen: Arc<str> = format!("【{signature}】{seen}").into();
        let numbers: Vec<&str> = text("mobile").split(',').filter(|n| !n.is_empty()).collect();
        match numbers.len() {
            _ if seen.chars().count() > 600 => return Err(no("4508")),
            0 => return Err(no("4501")),
            1..=200 => {}
            _ => return Err(no("4511")),
        }
        let id = |n: &str| format!("e325ea68-0000-47ad-8844-{:012}_{n}", self.desk.serial).into();
        let line = |n: &str| Line { written: n.to_owned(), text: seen.clone(), id: id(n) };
        let lines = numbers.into_iter().map(line).collect();
        let order = Order { reference: text("custom"), template: Some(text("template")), lines };
        let ruling = self.desk.rule_once(token, call.body, order, Refusals::Each("4507"), now);
        match ruling.ok_or_else(|| no("IdempotentParameterMismatch"))? {
            Ruling::Broken(reply) => Ok(reply),
            Ruling::Refused(code) => Err(no(&code)),
            // No code of the list says "later": its gateway says that it failed before it took anything.
            Ruling::Throttled => Err(Refused(400, "InternalError".into())),
            Ruling::UnknownCode => Err(no("9999")),
            Ruling::Taken(rows, fault) => {
                let shown = rows.iter().map(sent).collect();
                Ok(Reply { fault, ..self.reply(200, "1000", &shown) })
            }
        }
    }
}

fn sent(row: &Row) -> Value {
    match &row.refused {
        Some(code) => json!({"code": code, "message": "refused", "mobile": row.written}),
        None => json!({"code": "1000", "message": "", "mobile": row.written, "messageId": &*row.id}),
    }
}
