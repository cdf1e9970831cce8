//! Huawei Cloud as a function: both signatures, batchSendSms.

use super::{Call, Desk, Line, Order, PushedReply, PushedReport, Refusals, Reply, Row, Ruling, number, params};
use crate::clock::Timestamp;
use crate::inbound::HttpCall;
use crate::message::rendition::TemplateBinding;
use crate::provider::huawei::{self, Given, SdkHmac, Signing};
use crate::provider::sign;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// 15 minutes for AK/SK, a day for X-WSSE.
const SKEW_MS: i64 = 15 * 60 * 1000;
const WSSE_SKEW_MS: i64 = 24 * 3600 * 1000;

/// An application at Huawei Cloud and what is approved for it.
#[derive(Clone)]
pub struct FakeHuawei {
    /// The application's key.
    pub app_key: String,
    /// The application's secret.
    pub app_secret: String,
    /// The channel number of the signature.
    pub sender: String,
    /// The approved signature, without brackets.
    pub signature: String,
    /// Approved promotional templates: id, and text.
    pub templates: BTreeMap<String, String>,
    /// Key and secret that pushes are signed with; unsigned when there are none.
    pub push_key: Option<(String, String)>,
    /// How the provider of this account signs; the platform takes either.
    pub signing: Signing,
    /// When marketing is taken, in minutes of Beijing's day; at any time when `None`.
    pub hours: Option<(u16, u16)>,
}

impl Default for FakeHuawei {
    /// Key `testAppKey000001`, secret `testAppSecret000001`, channel `8820000000001`, signature 测试签名, template
    /// `0000000000000000000000000000000b`, pushes signed with `testPushAppKey000001` and `testPushAppSecret000001`.
    fn default() -> Self {
        Self {
            app_key: "testAppKey000001".into(),
            app_secret: "testAppSecret000001".into(),
            sender: "8820000000001".into(),
            signature: "测试签名".into(),
            templates: BTreeMap::from([(
                "0000000000000000000000000000000b".into(),
                "会员，新品8折。拒收请回复R".into(),
            )]),
            push_key: Some(("testPushAppKey000001".into(), "testPushAppSecret000001".into())),
            signing: Signing::AkSk,
            hours: Some((8 * 60, 22 * 60)),
        }
    }
}

super::account!(FakeHuawei);

impl super::Platform for FakeHuawei {
    fn name(&self) -> &'static str {
        "huawei"
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
        use crate::provider::{Door, huawei::Huawei, wire::Http};
        use crate::secret::Secret;
        let mut wire = Huawei::new(&self.app_key, Secret::new(&self.app_secret), &self.sender)
            .signing(self.signing)
            .callbacks(Door::at(Secret::new(super::CALLBACK_PATH)));
        if let Some((key, secret)) = &self.push_key {
            wire = wire.push_key(key, Secret::new(secret));
        }
        Ok(Arc::new(Http::new(wire, settings, clock)?))
    }

    fn report(&self, event: &PushedReport<'_>) -> Option<HttpCall> {
        let (to, at) = (format!("+86{}", event.message.number), dashed(event.now));
        let push = super::pushed_form(&[
            ("sequence", "1"),
            ("total", "1"),
            ("updateTime", &at),
            ("source", "2"),
            ("smsMsgId", &event.message.id),
            ("status", event.code),
            ("extend", &event.message.reference),
            ("to", &to),
        ]);
        Some(push)
    }

    fn reply(&self, event: &PushedReply<'_>) -> Option<HttpCall> {
        let (from, at) = (format!("+86{}", event.number), dashed(event.now));
        let id = format!("9692b5be-0000-4525-8e73-{:012}", event.serial);
        let push = super::pushed_form(&[
            ("from", &from),
            ("to", event.extension),
            ("body", event.text),
            ("smsMsgId", &id),
            ("createTime", &at),
        ]);
        Some(push)
    }

    fn seal(&self, push: HttpCall, host: &str, now: Timestamp) -> HttpCall {
        let Some((key, secret)) = &self.push_key else { return push };
        let (date, payload) = (huawei::compact(now), sign::sha256_hex(&push.body));
        let content_type = push.header("content-type").unwrap_or_default().to_owned();
        let headers = [("content-type", content_type.as_str()), ("host", host), ("x-sdk-date", &date)];
        let pairs = sign::form_pairs(&push.query).unwrap_or_default();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let query = sign::canonical_query(&pairs);
        let sdk =
            SdkHmac { method: &push.method, path: &push.path, query: &query, headers: &headers, payload: &payload };
        let authorization = sdk.authorization(key, secret, &date);
        push.with_header("host", host).with_header("x-sdk-date", date).with_header("authorization", authorization)
    }

    /// The body is not looked at.
    fn is_received(&self, _: &HttpCall, status: u16, _: &[u8]) -> bool {
        (200..300).contains(&status)
    }
}

fn dashed(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.millis() / 1000).unwrap_or_default().to_string()
}

struct Turn<'a> {
    desk: &'a Desk<'a>,
    account: &'a FakeHuawei,
}

/// A code that refuses the whole request.
struct Refused(String);

fn no(code: &str) -> Refused {
    Refused(code.to_owned())
}

impl Turn<'_> {
    fn handle(&self, call: &Call<'_>, now: Timestamp) -> Reply {
        if call.method != "POST" || call.path != "/sms/batchSendSms/v1" {
            return Reply { headers: vec![("content-type", "text/plain".into())], ..Reply::json(404, String::new()) };
        }
        self.answered(call, now).unwrap_or_else(|Refused(code)| {
            let status = match code.as_str() {
                "E000101" => 401,
                "E000620" => 403,
                _ => 400,
            };
            Reply::json(status, serde_json::json!({"code": code, "description": "refused"}).to_string())
        })
    }

    fn answered(&self, call: &Call<'_>, now: Timestamp) -> Result<Reply, Refused> {
        let given = call.header("authorization").ok_or_else(|| no("E000001"))?;
        if given.starts_with("WSSE ") {
            self.wsse(call, given, now)?
        } else {
            self.aksk(call, given, now)?
        }
        if call.header("content-type") != Some("application/x-www-form-urlencoded") {
            return Err(no("E000040"));
        }
        let params = params(call).ok_or_else(|| no("E000000"))?;
        self.act(&params, now)
    }

    fn wsse(&self, call: &Call<'_>, given: &str, now: Timestamp) -> Result<(), Refused> {
        if given != "WSSE realm=\"SDP\",profile=\"UsernameToken\",type=\"Appkey\"" {
            return Err(no("E000002"));
        }
        let token = call.header("x-wsse").ok_or_else(|| no("E000020"))?;
        let parts = token.strip_prefix("UsernameToken ").ok_or_else(|| no("E000021"))?;
        let parts: HashMap<&str, &str> =
            parts.split(',').filter_map(|p| p.split_once('=')).map(|(k, v)| (k, v.trim_matches('"'))).collect();
        let part = |name: &str, missing: &str| parts.get(name).copied().ok_or_else(|| no(missing));
        let (nonce, created) = (part("Nonce", "E000024")?, part("Created", "E000025")?);
        // The digest ends in the `=` of base64, which the split left at its end.
        let digest = part("PasswordDigest", "E000023")?;
        if part("Username", "E000022")? != self.account.app_key {
            return Err(no("E000102"));
        }
        if !(1..=128).contains(&nonce.len()) || !nonce.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(no("E000104"));
        }
        let at: Timestamp = created.parse().map_err(|_| no("E000110"))?;
        if (at.millis() - now.millis()).abs() > WSSE_SKEW_MS {
            return Err(no("E000110"));
        }
        let wanted = huawei::password_digest(nonce, created, &self.account.app_secret);
        if self.desk.checks_signature() && !sign::same(wanted.as_bytes(), digest.as_bytes()) {
            return Err(no("E000105"));
        }
        Ok(())
    }

    fn aksk(&self, call: &Call<'_>, given: &str, now: Timestamp) -> Result<(), Refused> {
        let given = Given::read(given).ok_or_else(|| no("E000101"))?;
        if given.access != self.account.app_key {
            return Err(no("E000102"));
        }
        let mut seen = HttpCall::new(call.method, call.path, call.query, call.body);
        seen.headers = call.headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        match huawei::signed_at(&seen, &given, &self.account.app_secret, call.header("x-sdk-content-sha256")) {
            Some(at) if (at.millis() - now.millis()).abs() > SKEW_MS => Err(no("E000110")),
            Some(_) => Ok(()),
            None if self.desk.checks_signature() => Err(no("E000101")),
            None => Ok(()),
        }
    }

    fn act(&self, params: &HashMap<String, String>, now: Timestamp) -> Result<Reply, Refused> {
        let needed = |name: &str| params.get(name).map(String::as_str).filter(|s| !s.is_empty());
        let (to, template) = (needed("to").ok_or_else(|| no("E000503"))?, needed("templateId"));
        let numbers: Vec<&str> = to.split(',').collect();
        let plain = |n: &&str| n.len() <= 21 && n.bytes().all(|b| b.is_ascii_digit() || b == b'+');
        if numbers.len() > 500 || !numbers.iter().all(plain) {
            return Err(no("E000503"));
        }
        let reference = params.get("extend").map(String::as_str).unwrap_or_default();
        let odd = reference.contains(['{', '}']) || reference.chars().count() > 128;
        if odd || params.contains_key("extend") && reference.is_empty() {
            return Err(no("E000503"));
        }
        if needed("from") != Some(&self.account.sender) {
            return Err(no("E200018"));
        }
        if needed("signature").is_some_and(|s| s != self.account.signature) {
            return Err(no("E200020"));
        }
        let template = template.ok_or_else(|| no("E000503"))?;
        let filed = self.account.templates.get(template).ok_or_else(|| no("E200030"))?;
        if params.contains_key("templateParas") {
            return Err(no("E200028"));
        }
        let text: Arc<str> = format!("【{}】{filed}", self.account.signature).into();
        let id = |i: usize| format!("2ea20735-0000-4376-afbf-{:012}_{}", self.desk.serial, i + 1).into();
        let line = |(i, n): (usize, &str)| Line { written: n.to_owned(), text: text.clone(), id: id(i) };
        if self.desk.is_closed(self.account.hours, now) {
            // "Cannot be sent": with which code stands in no page.
            return Err(no("E999998"));
        }
        // Of a number that comes again one is sent.
        let mut known = HashSet::new();
        let is_new = |line: &Line| number(&line.written).is_none_or(|n| known.insert(n));
        let (lines, again): (Vec<Line>, Vec<Line>) = numbers.into_iter().enumerate().map(line).partition(is_new);
        match self.desk.rule(Order { reference, template: Some(template), lines }, Refusals::Each("E200025"), now) {
            Ruling::Broken(reply) => Ok(reply),
            Ruling::Refused(code) => Err(Refused(code)),
            Ruling::Throttled => Err(no("E200015")),
            Ruling::UnknownCode => Err(no("E999999")),
            Ruling::Taken(mut rows, fault) => {
                let refused = |Line { written, text, id }| {
                    let number = number(&written).unwrap_or_default();
                    Row { number, written, text, id, refused: Some("E200041".into()) }
                };
                rows.extend(again.into_iter().map(refused));
                Ok(Reply { fault, ..self.rows(&rows, now) })
            }
        }
    }

    fn rows(&self, rows: &[Row], now: Timestamp) -> Reply {
        let row = |row: &Row| {
            serde_json::json!({
                "total": 1, "originTo": row.written, "createTime": dashed(now), "from": self.account.sender,
                "smsMsgId": &*row.id, "countryId": "CN", "status": row.refused.as_deref().unwrap_or("000000"),
            })
        };
        let taken = rows.is_empty() || rows.iter().any(|r| r.refused.is_none());
        let (status, code) = if taken { (200, "000000") } else { (400, "E000510") };
        let list: Vec<_> = rows.iter().map(row).collect();
        Reply::json(status, serde_json::json!({"result": list, "code": code, "description": "Success"}).to_string())
    }
}
