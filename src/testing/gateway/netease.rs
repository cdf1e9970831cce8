//! NetEase Yunxin as a function: sendtemplate.action, querystatus.action.

use super::{Call, Desk, Line, Order, PushedReply, PushedReport, Refusals, Reply, Ruling, params};
use crate::clock::Timestamp;
use crate::inbound::HttpCall;
use crate::message::rendition::TemplateBinding;
use crate::provider::netease::checksum;
use crate::provider::sign;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// How far a request's time may be off.
const SKEW_MS: i64 = 5 * 60 * 1000;

/// A NetEase Yunxin application and what is approved for it.
#[derive(Clone)]
pub struct FakeNetease {
    /// AppKey.
    pub app_key: String,
    /// AppSecret.
    pub app_secret: String,
    /// Signatures of the templates, without brackets.
    pub signatures: Vec<String>,
    /// Approved templates: code, and text with its 【signature】 and `#{name}` for variables.
    pub templates: BTreeMap<String, String>,
}

impl Default for FakeNetease {
    /// AppKey `fake0netease0appkey0dev`, AppSecret `fake0secretdev`, signature 测试签名, templates `19000001` (with
    /// `#{name}`) and `3000002`.
    fn default() -> Self {
        let template = |code: &str, text: &str| (code.to_owned(), text.to_owned());
        Self {
            app_key: "fake0netease0appkey0dev".into(),
            app_secret: "fake0secretdev".into(),
            signatures: vec!["测试签名".into()],
            templates: BTreeMap::from([
                template("19000001", "【测试签名】会员#{name}，新品8折。拒收请回复R"),
                template("3000002", "【测试签名】会员，新品8折。拒收请回复R"),
            ]),
        }
    }
}

impl std::fmt::Debug for FakeNetease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeNetease")
    }
}

impl From<FakeNetease> for super::Account {
    fn from(account: FakeNetease) -> Self {
        Self(Arc::new(account))
    }
}

impl FakeNetease {
    /// A copy, signed.
    fn push(&self, kind: &str, row: Value, now: Timestamp) -> HttpCall {
        let call = super::pushed_json(&json!({ "eventType": kind, "objects": [row] }));
        let (md5, time) = (sign::md5_hex(&call.body), now.millis().to_string());
        let signed = checksum(&self.app_secret, &md5, &time);
        call.with_header("CurTime", time).with_header("MD5", md5).with_header("CheckSum", signed)
    }
}

impl super::Platform for FakeNetease {
    fn name(&self) -> &'static str {
        "netease"
    }

    fn handle(&self, desk: &Desk<'_>, call: &Call<'_>, now: Timestamp) -> Reply {
        Turn { desk, account: self }.handle(call, now)
    }

    fn signatures(&self) -> Vec<String> {
        self.signatures.clone()
    }

    fn templates(&self) -> Vec<TemplateBinding> {
        let binding = |(code, filed): (&String, &String)| TemplateBinding { code: code.clone(), filed: filed.clone() };
        self.templates.iter().map(binding).collect()
    }

    #[cfg(feature = "http")]
    fn provider(
        &self,
        settings: super::HttpSettings,
        clock: Arc<dyn crate::clock::Clock>,
    ) -> Result<Arc<dyn crate::provider::Provider>, super::SettingsError> {
        use crate::provider::{Door, netease::Netease, wire::Http};
        use crate::secret::Secret;
        let wire = Netease::new(&self.app_key, Secret::new(&self.app_secret))
            .callbacks(Door::at(Secret::new(super::CALLBACK_PATH)));
        Ok(Arc::new(Http::new(wire, settings, clock)?))
    }

    fn report(&self, event: &PushedReport<'_>) -> Option<HttpCall> {
        let at = event.now.civil().strftime("%Y-%m-%d %H:%M:%S").to_string();
        let row = json!({
            "mobile": event.message.number.to_string(), "sendid": &*event.message.id, "result": event.code,
            "sendTime": at, "reportTime": at, "spliced": "1", "templateId": event.message.template.as_deref(),
        });
        Some(self.push("11", row, event.now))
    }

    fn reply(&self, event: &PushedReply<'_>) -> Option<HttpCall> {
        let at = event.now.civil().strftime("%Y-%m-%d %H:%M:%S").to_string();
        let row = json!({ "mobile": event.number.to_string(), "content": event.text, "receiveTime": at });
        Some(self.push("12", row, event.now))
    }
}

struct Turn<'a> {
    desk: &'a Desk<'a>,
    account: &'a FakeNetease,
}

/// A code and its word.
struct Refused(i64, &'static str);

impl Turn<'_> {
    fn handle(&self, call: &Call<'_>, now: Timestamp) -> Reply {
        self.answered(call, now)
            .unwrap_or_else(|Refused(code, msg)| Reply::json(200, json!({"code": code, "msg": msg}).to_string()))
    }

    fn answered(&self, call: &Call<'_>, now: Timestamp) -> Result<Reply, Refused> {
        if call.method != "POST" {
            return Err(Refused(400, "method"));
        }
        self.authentic(call, now)?;
        let params = params(call).ok_or(Refused(414, "parameter"))?;
        match call.path {
            "/sms/sendtemplate.action" => self.send(&params, now),
            "/sms/querystatus.action" => self.status(&params),
            _ => Err(Refused(404, "no such operation")),
        }
    }

    fn authentic(&self, call: &Call<'_>, now: Timestamp) -> Result<(), Refused> {
        let bad = || Refused(414, "bad http header");
        let header = |name: &str| call.header(name).ok_or_else(bad);
        let (nonce, time) = (header("nonce")?, header("curtime")?);
        let at: i64 = time.parse().map_err(|_| bad())?;
        if header("appkey")? != self.account.app_key || nonce.is_empty() || nonce.chars().count() > 128 {
            return Err(bad());
        }
        let expected = checksum(&self.account.app_secret, nonce, time);
        let given = header("checksum")?;
        if self.desk.checks_signature() && !sign::same(expected.as_bytes(), given.as_bytes()) {
            return Err(bad());
        }
        let skew = at.saturating_mul(1000).saturating_sub(now.millis());
        if skew.saturating_abs() > SKEW_MS { Err(bad()) } else { Ok(()) }
    }

    fn send(&self, params: &HashMap<String, String>, now: Timestamp) -> Result<Reply, Refused> {
        let needed = |name: &str| params.get(name).filter(|s| !s.is_empty()).ok_or(Refused(414, "parameter"));
        let numbers: Vec<String> =
            serde_json::from_str(needed("mobiles")?).map_err(|_| Refused(414, "mobiles is no JSON array"))?;
        if numbers.is_empty() || numbers.len() > 100 {
            return Err(Refused(414, "more than 100 numbers"));
        }
        let code = needed("templateid")?;
        let filed = self.account.templates.get(code).ok_or(Refused(404, "template not exist"))?;
        let values = params.get("paramMap").map_or("{}", String::as_str);
        let values: BTreeMap<String, String> =
            serde_json::from_str(values).map_err(|_| Refused(414, "paramMap is no JSON object"))?;
        let text: Arc<str> = written(filed, &values)?.into();
        let id: Arc<str> = (1_000_000_000_000 + self.desk.serial).to_string().into();
        let line = |written| Line { written, text: text.clone(), id: id.clone() };
        let lines = numbers.into_iter().map(line).collect();
        let order = Order { reference: "", template: Some(code), lines };
        match self.desk.rule(order, Refusals::Whole("414"), now) {
            Ruling::Broken(reply) => Ok(reply),
            Ruling::Refused(code) => Err(Refused(code.parse().unwrap_or(500), "refused")),
            Ruling::Throttled => Err(Refused(416, "frequency control")),
            Ruling::UnknownCode => Err(Refused(9_999, "never listed")),
            Ruling::Taken(_, fault) => {
                let body = json!({"code": 200, "msg": "sendid", "obj": id.parse::<u64>().ok()});
                Ok(Reply { fault, ..Reply::json(200, body.to_string()) })
            }
        }
    }

    fn status(&self, params: &HashMap<String, String>) -> Result<Reply, Refused> {
        let id = params.get("sendid").ok_or(Refused(414, "parameter"))?;
        let taken = self.desk.gateway.accepted();
        let rows: Vec<Value> = taken
            .iter()
            .filter(|m| *m.id == **id)
            .map(|m| json!({"status": 1, "mobile": m.number.to_string(), "updatetime": m.at.millis()}))
            .collect();
        Ok(Reply::json(200, json!({"code": 200, "obj": rows}).to_string()))
    }
}

/// The filed text with its variables filled.
fn written(filed: &str, values: &BTreeMap<String, String>) -> Result<String, Refused> {
    let (mut text, mut rest) = (String::new(), filed);
    while let Some((before, after)) = rest.split_once("#{") {
        let (name, after) = after.split_once('}').ok_or(Refused(404, "template"))?;
        text.push_str(before);
        text.push_str(values.get(name).ok_or(Refused(414, "a variable has no value"))?);
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}
