//! Baidu Cloud as a function: bce-auth-v1, sendSms, one message for each `clientToken`.

use super::{Call, Desk, Line, Order, PushedReply, PushedReport, Refusals, Reply, Row, Ruling};
use crate::clock::Timestamp;
use crate::inbound::HttpCall;
use crate::message::rendition::TemplateBinding;
use crate::provider::baidu::{self, Bce, SendSms};
use crate::provider::sign;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How far a caller's clock may be ahead; the platform's own is in no page read.
const AHEAD_MS: i64 = 15 * 60 * 1000;

/// A Baidu Cloud account and what is approved for it.
#[derive(Clone)]
pub struct FakeBaidu {
    /// Access key id.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// What its pushes are signed with.
    pub push_token: String,
    /// Approved signatures: text without brackets, and id.
    pub signatures: BTreeMap<String, String>,
    /// Approved templates: id, and text with `${name}` for variables.
    pub templates: BTreeMap<String, String>,
}

impl Default for FakeBaidu {
    /// Key `testAccessKeyId000001` and `testSecretAccessKey000001`, push token `testToken000001`, signature 测试签名
    /// (`sms-signTest00000001`), templates `sms-tmpl-Test00000001` (with `${name}`) and `sms-tmpl-Test00000003`.
    fn default() -> Self {
        Self {
            access_key_id: "testAccessKeyId000001".into(),
            secret_access_key: "testSecretAccessKey000001".into(),
            push_token: "testToken000001".into(),
            signatures: super::filed(&[("测试签名", "sms-signTest00000001")]),
            templates: super::filed(&[
                ("sms-tmpl-Test00000001", "会员${name}，新品8折。拒收请回复R"),
                ("sms-tmpl-Test00000003", "会员，新品8折。拒收请回复R"),
            ]),
        }
    }
}

super::account!(FakeBaidu);

impl super::Platform for FakeBaidu {
    fn name(&self) -> &'static str {
        "baidu"
    }

    fn handle(&self, desk: &Desk<'_>, call: &Call<'_>, now: Timestamp) -> Reply {
        Turn { desk, account: self }.handle(call, now)
    }

    fn signatures(&self) -> Vec<String> {
        self.signatures.keys().cloned().collect()
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
        use crate::provider::{Door, baidu::Baidu, wire::Http};
        use crate::secret::Secret;
        let wire = Baidu::new(&self.access_key_id, Secret::new(&self.secret_access_key))
            .push_token(Secret::new(&self.push_token))
            .callbacks(Door::at(Secret::new(super::CALLBACK_PATH)));
        let wire = self.signatures.iter().fold(wire, |wire, (text, id)| wire.signature_id(text, id));
        Ok(Arc::new(Http::new(wire, settings, clock)?))
    }

    fn report(&self, event: &PushedReport<'_>) -> Option<HttpCall> {
        let (m, time) = (event.message, sign::utc(event.now, "%Y-%m-%dT%H:%M:%SZ"));
        let body = json!({
            "code": if event.code == "DELIVRD" { "0" } else { "2" }, "requestId": request_id(m.request),
            "messageId": &*m.id, "mobile": m.number.to_string(), "carrierCode": event.code, "custom": &*m.reference,
            "attemptCount": 1, "segmentCount": 1, "deliverTime": time, "requestTime": time,
        });
        Some(self.pushed(&body, event.serial, event.now))
    }

    fn reply(&self, event: &PushedReply<'_>) -> Option<HttpCall> {
        let body = json!({
            "mobile": event.number.to_string(), "content": event.text, "sign": event.signature,
            "receiveTime": sign::utc(event.now, "%Y-%m-%dT%H:%M:%SZ"), "userExtId": event.extension,
        });
        Some(self.pushed(&body, event.serial, event.now))
    }
}

impl FakeBaidu {
    /// A push, signed.
    fn pushed(&self, body: &Value, serial: u64, now: Timestamp) -> HttpCall {
        let call = super::pushed_json(body);
        let time = now.millis().to_string();
        let signature = baidu::push_signature(&self.push_token, &time, &call.body);
        call.with_header("requestId", format!("{serial:032}"))
            .with_header("timestamp", time)
            .with_header("signature", signature)
    }
}

fn request_id(serial: u64) -> String {
    format!("5e6dacd5-0000-4183-8255-{serial:012}")
}

struct Turn<'a> {
    desk: &'a Desk<'a>,
    account: &'a FakeBaidu,
}

/// A code that refuses the whole request, and the HTTP status it comes with.
struct Refused(u16, String);

/// A code of the service.
fn no(code: &str) -> Refused {
    Refused(200, code.to_owned())
}

impl Turn<'_> {
    fn handle(&self, call: &Call<'_>, now: Timestamp) -> Reply {
        self.answered(call, now).unwrap_or_else(|Refused(status, code)| {
            let mut body = json!({"requestId": request_id(self.desk.serial), "code": code, "message": "refused"});
            if status == 200 {
                body["data"] = json!([]);
            }
            Reply::json(status, body.to_string())
        })
    }

    fn answered(&self, call: &Call<'_>, now: Timestamp) -> Result<Reply, Refused> {
        if call.method != "POST" || call.path != baidu::PATH {
            return Err(Refused(400, "InvalidURI".into()));
        }
        self.authentic(call, now)?;
        let body = serde_json::from_slice(call.body).map_err(|_| Refused(400, "MalformedJSON".into()))?;
        self.send(call, &body, now)
    }

    fn authentic(&self, call: &Call<'_>, now: Timestamp) -> Result<(), Refused> {
        let bad = |status, code: &str| Refused(status, code.to_owned());
        let malformed = || bad(400, "InvalidHTTPAuthHeader");
        let given = call.header("authorization").ok_or_else(malformed)?;
        let ["bce-auth-v1", key_id, time, good_for, names, _] = given.split('/').collect::<Vec<_>>()[..] else {
            return Err(malformed());
        };
        if key_id != self.account.access_key_id {
            return Err(bad(403, "InvalidAccessKeyId"));
        }
        let at: Timestamp = time.parse().map_err(|_| malformed())?;
        let good_for_ms = good_for.parse::<i64>().map_err(|_| malformed())?.saturating_mul(1000);
        if !(-AHEAD_MS..=good_for_ms).contains(&(now.millis() - at.millis())) {
            return Err(bad(400, "RequestExpired"));
        }
        let names: Vec<&str> = names.split(';').collect();
        let headers: Option<Vec<(&str, &str)>> = names.iter().map(|n| call.header(n).map(|v| (*n, v))).collect();
        let headers = headers.filter(|_| names.is_sorted() && names.contains(&"host")).ok_or_else(malformed)?;
        let pairs = sign::form_pairs(call.query).ok_or_else(malformed)?;
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let query = sign::canonical_query(&pairs);
        let bce =
            Bce { key_id, time, good_for, method: call.method, path: call.path, query: &query, headers: &headers };
        let wanted = bce.authorization(&self.account.secret_access_key);
        if self.desk.checks_signature() && !sign::same(wanted.as_bytes(), given.as_bytes()) {
            return Err(bad(400, "SignatureDoesNotMatch"));
        }
        Ok(())
    }

    fn send(&self, call: &Call<'_>, body: &SendSms, now: Timestamp) -> Result<Reply, Refused> {
        let numbers: Vec<&str> = body.mobile.split(',').collect();
        if numbers.len() > 200 {
            return Err(no("4511"));
        }
        let signature = self.account.signatures.iter().find(|(_, id)| **id == body.signature_id);
        let (signature, _) = signature.ok_or_else(|| no("6006"))?;
        let filed = self.account.templates.get(&body.template).ok_or_else(|| no("4607"))?;
        let text: Arc<str> = format!("【{signature}】{}", seen(filed, &body.content_var)?).into();
        if text.chars().count() > 600 {
            return Err(no("4508"));
        }
        let token = super::params(call).and_then(|mut all| all.remove("clientToken")).unwrap_or_default();
        if !token.is_ascii() || token.len() > 64 {
            return Err(no("4501"));
        }
        let id = |n: &str| format!("e325ea68-0000-47ad-8844-{:012}_{n}", self.desk.serial).into();
        let line = |n: &str| Line { written: n.to_owned(), text: text.clone(), id: id(n) };
        let order = Order {
            reference: body.custom.as_deref().unwrap_or_default(),
            template: Some(&body.template),
            lines: numbers.into_iter().map(line).collect(),
        };
        let ruling = self.desk.rule_once(&token, call.body, order, Refusals::Each("4507"), now);
        match ruling.ok_or_else(|| Refused(403, "IdempotentParameterMismatch".into()))? {
            Ruling::Broken(reply) => Ok(reply),
            Ruling::Refused(code) if code.starts_with(|c: char| c.is_ascii_digit()) => Err(no(&code)),
            Ruling::Refused(code) => Err(Refused(400, code)),
            Ruling::Throttled => Err(Refused(429, "TooManyRequests".into())),
            Ruling::UnknownCode => Err(no("9999")),
            Ruling::Taken(rows, fault) => {
                let data: Vec<Value> = rows.iter().map(row).collect();
                let body = json!({
                    "requestId": request_id(self.desk.serial), "code": "1000", "message": "成功", "data": data,
                });
                Ok(Reply { fault, ..Reply::json(200, body.to_string()) })
            }
        }
    }
}

/// The template's text; the values must fit.
fn seen(filed: &str, values: &BTreeMap<String, String>) -> Result<String, Refused> {
    if values.values().any(|v| v.contains(['【', '】', '[', ']'])) {
        return Err(no("4608"));
    }
    let mut text = filed.to_owned();
    for (name, value) in values {
        let place = format!("${{{name}}}");
        if !filed.contains(&place) {
            return Err(no("4605"));
        }
        text = text.replace(&place, value);
    }
    let holes = filed.matches("${").count();
    if holes == values.len() { Ok(text) } else { Err(no("4605")) }
}

fn row(row: &Row) -> Value {
    match &row.refused {
        None => json!({"code": "1000", "message": "成功", "mobile": row.written, "messageId": &*row.id}),
        Some(code) => json!({"code": code, "message": "refused", "mobile": row.written}),
    }
}
