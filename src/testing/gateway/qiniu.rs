//! Qiniu as a function: the token, message, message/single, messages.

use super::{Call, Desk, Line, Order, PushedReply, PushedReport, Refusals, Reply, Ruling, number, params};
use crate::clock::Timestamp;
use crate::inbound::HttpCall;
use crate::message::rendition::TemplateBinding;
use crate::provider::{qiniu, sign};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What this fake allows; the platform's own is in no page read.
const SKEW_MS: i64 = 15 * 60 * 1000;

/// A Qiniu account and what is approved for it.
#[derive(Clone)]
pub struct FakeQiniu {
    /// Access key.
    pub access_key: String,
    /// Secret key.
    pub secret_key: String,
    /// The signature that its templates are bound to, without brackets.
    pub signature: String,
    /// Approved templates: id, and text with `${name}` for variables.
    pub templates: BTreeMap<String, String>,
}

impl Default for FakeQiniu {
    /// Access key `FAKE-QINIU-AK-dev`, secret key `FAKE-QINIU-SK-dev`, signature 测试签名, templates
    /// `1000000000000000001` (with `${name}`) and `1000000000000000002`.
    fn default() -> Self {
        Self {
            access_key: "FAKE-QINIU-AK-dev".into(),
            secret_key: "FAKE-QINIU-SK-dev".into(),
            signature: "测试签名".into(),
            templates: super::filed(&[
                ("1000000000000000001", "会员${name}，新品8折。拒收请回复R"),
                ("1000000000000000002", "会员，新品8折。拒收请回复R"),
            ]),
        }
    }
}

super::account!(FakeQiniu);

impl super::Platform for FakeQiniu {
    fn name(&self) -> &'static str {
        "qiniu"
    }

    fn handle(&self, desk: &Desk<'_>, call: &Call<'_>, now: Timestamp) -> Reply {
        Turn { desk, account: self }.handle(call, now)
    }

    fn signatures(&self) -> Vec<String> {
        vec![self.signature.clone()]
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
        use crate::provider::{Door, qiniu::Qiniu, wire::Http};
        use crate::secret::Secret;
        let wire = Qiniu::new(&self.access_key, Secret::new(&self.secret_key))
            .callbacks(Door::at(Secret::new(super::CALLBACK_PATH)));
        Ok(Arc::new(Http::new(wire, settings, clock)?))
    }

    fn report(&self, event: &PushedReport<'_>) -> Option<HttpCall> {
        let mut item = json!({
            "mobile": event.message.number.to_string(), "message_id": event.serial.to_string(),
            "job_id": &*event.message.id, "seq": &*event.message.reference,
            "delivrd_at": event.now.millis() / 1000, "status": "DELIVRD",
        });
        if event.code != "DELIVRD" {
            item["status"] = "FAILED".into();
            item["error"] = event.code.into();
        }
        Some(super::pushed_json(&json!({ "items": [item] })))
    }

    fn reply(&self, event: &PushedReply<'_>) -> Option<HttpCall> {
        Some(super::pushed_json(&json!({"items": [{
            "mobile": event.number.to_string(), "content": event.text, "time": event.now.millis() / 1000,
            "dest_code": event.extension,
        }]})))
    }
}

struct Turn<'a> {
    desk: &'a Desk<'a>,
    account: &'a FakeQiniu,
}

/// A word and the HTTP status it comes with.
struct Refused(u16, String);

fn no(word: &str) -> Refused {
    Refused(400, word.to_owned())
}

impl Turn<'_> {
    fn handle(&self, call: &Call<'_>, now: Timestamp) -> Reply {
        let mut reply = self.answered(call, now).unwrap_or_else(|Refused(status, word)| {
            let id = format!("fake-{}", self.desk.serial);
            Reply::json(status, json!({"error": word, "message": word, "request_id": id}).to_string())
        });
        // The official client takes an answer without it for none.
        reply.headers.push(("x-reqid", format!("fake-{}", self.desk.serial)));
        reply
    }

    fn answered(&self, call: &Call<'_>, now: Timestamp) -> Result<Reply, Refused> {
        self.authentic(call, now)?;
        match (call.method, call.path) {
            ("GET", "/v1/messages") => self.messages(call),
            ("POST", "/v1/message" | "/v1/message/single") => {
                let sent: Map<String, Value> = serde_json::from_slice(call.body).map_err(|_| no("MalformedJSON"))?;
                self.act(&sent, call.path.ends_with("single"), now)
            }
            _ => Err(Refused(404, "NotFoundError".into())),
        }
    }

    fn authentic(&self, call: &Call<'_>, now: Timestamp) -> Result<(), Refused> {
        let bad = || Refused(401, "BadToken".into());
        let header = |name: &str| call.header(name).ok_or_else(bad);
        let date = header("x-qiniu-date")?;
        let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).map_err(|_| bad())?;
        let at = jiff::tz::Offset::UTC.to_timestamp(at).map_err(|_| bad())?;
        if (at.as_millisecond() - now.millis()).abs() > SKEW_MS {
            return Err(bad());
        }
        let body = std::str::from_utf8(call.body).map_err(|_| no("MalformedJSON"))?;
        let (host, typed) = (header("host")?, header("content-type")?);
        let text = qiniu::to_sign(call.method, call.path, call.query, host, typed, Some(date), body);
        let wanted = format!("Qiniu {}:{}", self.account.access_key, qiniu::token(&self.account.secret_key, &text));
        if self.desk.checks_signature() && !sign::same(wanted.as_bytes(), header("authorization")?.as_bytes()) {
            return Err(bad());
        }
        Ok(())
    }

    fn act(&self, sent: &Map<String, Value>, single: bool, now: Timestamp) -> Result<Reply, Refused> {
        let word = |name: &str| sent.get(name).and_then(Value::as_str).filter(|s| !s.is_empty());
        let numbers: Vec<&str> = match (single, sent.get("mobiles").and_then(Value::as_array)) {
            (true, _) => word("mobile").into_iter().collect(),
            (false, list) => list.into_iter().flatten().filter_map(Value::as_str).collect(),
        };
        if numbers.is_empty() {
            return Err(no("InvalidQueryValue"));
        }
        let template = word("template_id").ok_or_else(|| no("InvalidQueryValue"))?;
        let text: Arc<str> = self.text(template, sent.get("parameters"))?.into();
        let id: Arc<str> = format!("{:019}", 1_121_111_111_111_000_000 + self.desk.serial).into();
        let line = |n: &str| Line { written: n.to_owned(), text: text.clone(), id: id.clone() };
        let lines = numbers.into_iter().map(line).collect();
        let order = Order { reference: word("seq").unwrap_or_default(), template: Some(template), lines };
        match self.desk.rule(order, Refusals::Whole("InvalidQueryValue"), now) {
            Ruling::Broken(reply) => Ok(reply),
            Ruling::Refused(code) => Err(no(&code)),
            Ruling::Throttled => Err(Refused(429, "TooManyRequests".into())),
            Ruling::UnknownCode => Err(no("NeverListed")),
            Ruling::Taken(_, fault) => {
                let name = if single { "message_id" } else { "job_id" };
                Ok(Reply { fault, ..Reply::json(200, json!({ name: &*id }).to_string()) })
            }
        }
    }

    fn text(&self, template: &str, values: Option<&Value>) -> Result<String, Refused> {
        let filed = self.account.templates.get(template).ok_or_else(|| Refused(404, "NotFoundError".into()))?;
        let mut text = format!("【{}】", self.account.signature);
        let mut rest = filed.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or_else(|| no("InvalidQueryValue"))?;
            let value = values.and_then(|v| v[name].as_str()).ok_or_else(|| no("InvalidQueryValue"))?;
            text.push_str(before);
            text.push_str(value);
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }

    fn messages(&self, call: &Call<'_>) -> Result<Reply, Refused> {
        let params = params(call).ok_or_else(|| no("InvalidQueryValue"))?;
        let count = |name: &str, default: i64| {
            params.get(name).map_or(Ok(default), |s| s.parse::<i64>().map_err(|_| no("InvalidQueryValue")))
        };
        let phone = params.get("mobile").and_then(|n| number(n)).ok_or_else(|| no("InvalidQueryValue"))?;
        let (start, end) = (count("start", 0)?, count("end", i64::MAX)?);
        let (page, size) = (count("page", 1)?.max(1), count("page_size", 20)?.clamp(1, 200));
        let items: Vec<Value> = self
            .desk
            .gateway
            .messages_of(phone)
            .into_iter()
            .filter(|m| (start..=end).contains(&(m.at.millis() / 1000)))
            .skip(((page - 1) * size) as usize)
            .take(size as usize)
            .map(|m| {
                let at = m.at.millis() / 1000;
                json!({
                    "message_id": format!("{}-{phone}", m.id), "job_id": &*m.id, "mobile": phone.to_string(),
                    "content": &*m.text, "status": "success", "type": "marketing", "error": "", "count": 1,
                    "created_at": at, "delivrd_at": at,
                })
            })
            .collect();
        Ok(Reply::json(200, json!({"page": page, "page_size": size, "items": items}).to_string()))
    }
}
