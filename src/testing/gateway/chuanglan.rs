//! Chuanglan as a function: v1 send, variable, pulls, balance; v2 templates with their signature.

use super::{Call, Desk, Line, Order, PushedReply, PushedReport, Refusals, Reply, Ruling, number};
use crate::clock::Timestamp;
use crate::inbound::HttpCall;
use crate::message::rendition::TemplateBinding;
use crate::provider::{chuanglan, sign};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

const VARIABLE: &str = "{$var}";
/// The account's own port, in front of an extension.
const PORT: &str = "1069000000";

/// A Chuanglan account and what is approved for it.
#[derive(Clone)]
pub struct FakeChuanglan {
    /// The API account.
    pub account: String,
    /// Its password.
    pub password: String,
    /// Approved signatures, without brackets.
    pub signatures: Vec<String>,
    /// Approved templates of v2: id, and text with `{param1}` for values.
    pub templates: BTreeMap<String, String>,
    /// Whether its provider sends templates; the account answers both.
    pub by_template: bool,
    /// The pair that pushes carry.
    pub receiver: (String, String),
    /// How many of the messages taken were reported on by pull. Clones share it.
    pub reported: Arc<AtomicUsize>,
    /// Replies that wait for a pull: number and text. Clones share them.
    pub replies: Arc<Mutex<Vec<(u64, String)>>>,
}

impl Default for FakeChuanglan {
    /// Account `N0000000_FAKEdev`, password `FakePassdev1`, signature 测试签名, templates `1000000001` (with `{param1}`) and
    /// `1000000002`, free text, pushes for `admin` with `12345`.
    fn default() -> Self {
        Self {
            account: "N0000000_FAKEdev".into(),
            password: "FakePassdev1".into(),
            signatures: vec!["测试签名".into()],
            templates: super::filed(&[
                ("1000000001", "会员{param1}，新品8折。拒收请回复R"),
                ("1000000002", "会员，新品8折。拒收请回复R"),
            ]),
            by_template: false,
            receiver: ("admin".into(), "12345".into()),
            reported: Arc::default(),
            replies: Arc::default(),
        }
    }
}

super::account!(FakeChuanglan);

fn minute(at: Timestamp) -> String {
    at.civil().strftime("%y%m%d%H%M").to_string()
}

fn second(at: Timestamp) -> String {
    at.civil().strftime("%y%m%d%H%M%S").to_string()
}

impl FakeChuanglan {
    fn push(&self, fields: &[(&str, &str)]) -> HttpCall {
        let pair = [("receiver", self.receiver.0.as_str()), ("pswd", &self.receiver.1)];
        HttpCall::new("GET", super::CALLBACK_PATH, sign::form(&[&pair[..], fields].concat()), "")
    }
}

impl super::Platform for FakeChuanglan {
    fn name(&self) -> &'static str {
        "chuanglan"
    }

    fn handle(&self, desk: &Desk<'_>, call: &Call<'_>, now: Timestamp) -> Reply {
        Turn { desk, account: self }.handle(call, now)
    }

    fn signatures(&self) -> Vec<String> {
        self.signatures.clone()
    }

    fn templates(&self) -> Vec<TemplateBinding> {
        if self.by_template { super::bindings(&self.templates) } else { Vec::new() }
    }

    #[cfg(feature = "http")]
    fn provider(
        &self,
        settings: super::HttpSettings,
        clock: Arc<dyn crate::clock::Clock>,
    ) -> Result<Arc<dyn crate::provider::Provider>, super::SettingsError> {
        use crate::provider::{Door, chuanglan::Chuanglan, wire::Http};
        use crate::secret::Secret;
        let wire = Chuanglan::new(&self.account, Secret::new(&self.password))
            .receiver(Secret::new(&self.receiver.0), Secret::new(&self.receiver.1))
            .callbacks(Door::at(Secret::new(super::CALLBACK_PATH)));
        let wire = if self.by_template { wire.templates() } else { wire };
        Ok(Arc::new(Http::new(wire, settings, clock)?))
    }

    fn report(&self, event: &PushedReport<'_>) -> Option<HttpCall> {
        let m = event.message;
        Some(self.push(&[
            ("msgid", &m.id),
            ("reportTime", &minute(event.now)),
            ("mobile", &m.number.to_string()),
            ("notifyTime", &second(event.now)),
            ("uid", &m.reference),
            ("length", "1"),
            ("status", event.code),
            ("statusDesc", event.code),
        ]))
    }

    fn reply(&self, event: &PushedReply<'_>) -> Option<HttpCall> {
        Some(self.push(&[
            ("moTime", &minute(event.now)),
            ("mobile", &event.number.to_string()),
            ("msg", event.text),
            ("destcode", &format!("{PORT}{}", event.extension)),
            ("spCode", PORT),
            ("notifyTime", &second(event.now)),
            ("isems", "0"),
            ("emshead", ""),
        ]))
    }

    /// What a reply is to be answered with is not documented; it is taken as a report.
    fn is_received(&self, _: &HttpCall, status: u16, answer: &[u8]) -> bool {
        super::answered_json(status, answer)["clcode"] == "000000"
    }
}

struct Turn<'a> {
    desk: &'a Desk<'a>,
    account: &'a FakeChuanglan,
}

/// A code that refuses the whole request.
struct Refused(String);

fn no(code: &str) -> Refused {
    Refused(code.to_owned())
}

/// What the two versions of the interface say.
struct Words {
    ok: &'static str,
    account: &'static str,
    password: &'static str,
    later: &'static str,
}

const V1: Words = Words { ok: "0", account: "101", password: "102", later: "103" };
/// No code for "later" is known of v2.
const V2: Words = Words { ok: "000000", account: "101200", password: "101200", later: "109999" };

/// A pull that is refused.
fn failed() -> Reply {
    Reply::json(200, json!({"ret": 1, "error": "账号和密码不能为空"}).to_string())
}

impl Turn<'_> {
    fn handle(&self, call: &Call<'_>, now: Timestamp) -> Reply {
        self.answered(call, now).unwrap_or_else(|Refused(code)| {
            Reply::json(200, json!({"code": code, "msgId": "", "time": second(now), "errorMsg": "refused"}).to_string())
        })
    }

    fn answered(&self, call: &Call<'_>, now: Timestamp) -> Result<Reply, Refused> {
        let is_json =
            call.header("content-type").is_some_and(|t| t.to_ascii_lowercase().starts_with("application/json"));
        let body: Value = serde_json::from_slice(call.body).map_err(|_| no("129"))?;
        if call.method != "POST" || !is_json {
            return Err(no("129"));
        }
        match call.path {
            "/msg/sms/v2/tpl/send" => {
                self.knows(&body, &V2)?;
                self.is_signed(call, &body)?;
                self.by_template(&body, now)
            }
            "/msg/pull/report" | "/msg/pull/mo" => {
                if self.knows(&body, &V1).and_then(|()| self.is_open(&body)).is_err() {
                    return Ok(failed());
                }
                let count = text(&body, "count").parse().ok().filter(|n| (1..=100).contains(n)).unwrap_or(20);
                Ok(if call.path.ends_with("mo") { self.replies(count, now) } else { self.reports(count, now) })
            }
            path => {
                self.knows(&body, &V1)?;
                self.is_open(&body)?;
                match path {
                    "/msg/v1/send/json" | "/msg/send/json" => self.same_text(&body, now),
                    "/msg/variable/json" => self.own_values(&body, now),
                    "/msg/balance/json" => Ok(Reply::json(200, json!({"code": "0", "balance": "100"}).to_string())),
                    _ => Err(no("118")),
                }
            }
        }
    }

    fn knows(&self, body: &Value, words: &Words) -> Result<(), Refused> {
        if text(body, "account") == self.account.account { Ok(()) } else { Err(no(words.account)) }
    }

    fn is_open(&self, body: &Value) -> Result<(), Refused> {
        let fits = sign::same(text(body, "password").as_bytes(), self.account.password.as_bytes());
        if fits || !self.desk.checks_signature() { Ok(()) } else { Err(no(V1.password)) }
    }

    fn is_signed(&self, call: &Call<'_>, body: &Value) -> Result<(), Refused> {
        let (timestamp, nonce) = (text(body, "timestamp"), text(body, "nonce"));
        let expected = chuanglan::signature(&self.account.password, timestamp, nonce);
        let given = call.header("x-qa-hmac-signature").unwrap_or_default();
        let fits = nonce.len() == 32 && sign::same(given.as_bytes(), expected.as_bytes());
        if fits || !self.desk.checks_signature() { Ok(()) } else { Err(no(V2.password)) }
    }

    fn same_text(&self, body: &Value, now: Timestamp) -> Result<Reply, Refused> {
        let seen: Arc<str> = self.approved(text(body, "msg"))?.into();
        let numbers: Vec<&str> = needed(body, "phone")?.split(',').collect();
        if numbers.len() > 1000 {
            return Err(no("108"));
        }
        let rows = numbers.into_iter().map(|n| (n.to_owned(), seen.clone())).collect();
        self.act(body, None, rows, (Refusals::Whole("107"), &V1), now)
    }

    /// Groups that do not have as many values as the text has variables are dropped without a word.
    fn own_values(&self, body: &Value, now: Timestamp) -> Result<Reply, Refused> {
        let pattern = self.approved(text(body, "msg"))?;
        let parts: Vec<&str> = pattern.split(VARIABLE).collect();
        let groups: Vec<&str> = needed(body, "params")?.split(';').collect();
        if groups.len() > 1000 || parts.len() > 21 {
            return Err(no("114"));
        }
        let filled = |group: &&str| {
            let (number, values) = group.split_once(',')?;
            let values: Vec<&str> = values.split(',').collect();
            let whole = values.iter().zip(&parts[1..]).fold(parts[0].to_owned(), |t, (v, p)| t + v + p);
            (values.len() + 1 == parts.len()).then(|| (number.to_owned(), whole.into()))
        };
        self.act(body, None, groups.iter().filter_map(filled).collect(), (Refusals::Each("107"), &V1), now)
    }

    fn by_template(&self, body: &Value, now: Timestamp) -> Result<Reply, Refused> {
        let template = text(body, "templateId");
        let filed = self.account.templates.get(template).ok_or_else(|| no("109998"))?;
        let numbers: Vec<&str> = needed(body, "phoneNumbers")?.split(',').collect();
        let values: Vec<BTreeMap<String, String>> = match body["templateParamJson"].as_str() {
            Some(json) => serde_json::from_str(json).map_err(|_| no("109998"))?,
            None => vec![BTreeMap::new()],
        };
        let [values] = &values[..] else { return Err(no("109998")) };
        let seen = values.iter().fold(filed.clone(), |t, (name, value)| t.replace(&format!("{{{name}}}"), value));
        let seen: Arc<str> = self.approved(&format!("{}{seen}", text(body, "signature")))?.into();
        if numbers.len() > 1000 || seen.contains('{') {
            return Err(no("109998"));
        }
        let rows = numbers.into_iter().map(|n| (n.to_owned(), seen.clone())).collect();
        self.act(body, Some(template), rows, (Refusals::Each("107"), &V2), now)
    }

    /// A text of the documented length under an approved signature.
    fn approved<'t>(&self, text: &'t str) -> Result<&'t str, Refused> {
        if text.chars().count() > 536 {
            return Err(no("106"));
        }
        let signature = text.strip_prefix('【').and_then(|rest| rest.split_once('】')).map(|(s, _)| s);
        let known = signature.is_some_and(|s| self.account.signatures.iter().any(|known| known == s));
        if known { Ok(text) } else { Err(no("116")) }
    }

    fn act(
        &self,
        body: &Value,
        template: Option<&str>,
        rows: Vec<(String, Arc<str>)>,
        (refusals, words): (Refusals<'_>, &Words),
        now: Timestamp,
    ) -> Result<Reply, Refused> {
        let extend = text(body, "extend");
        if extend.len() > 3 || !extend.bytes().all(|b| b.is_ascii_digit()) {
            return Err(no("113"));
        }
        let id: Arc<str> = format!("1704101{:010}", self.desk.serial).into();
        let lines: Vec<Line> = rows.into_iter().map(|(written, text)| Line { written, text, id: id.clone() }).collect();
        let counted = matches!(refusals, Refusals::Each(_));
        match self.desk.rule(Order { reference: text(body, "uid"), template, lines }, refusals, now) {
            Ruling::Broken(reply) => Ok(reply),
            Ruling::Refused(code) => Err(Refused(code)),
            Ruling::Throttled => Err(no(words.later)),
            Ruling::UnknownCode => Err(no("999")),
            Ruling::Taken(rows, fault) => {
                let failed = rows.iter().filter(|r| r.refused.is_some()).count();
                let mut answer = json!({"code": words.ok, "msgId": &*id, "time": second(now), "errorMsg": ""});
                if counted {
                    answer["failNum"] = failed.to_string().into();
                    answer["successNum"] = (rows.len() - failed).to_string().into();
                }
                Ok(Reply { fault, ..Reply::json(200, answer.to_string()) })
            }
        }
    }

    /// Everyone's handset took it; told once.
    fn reports(&self, most: usize, now: Timestamp) -> Reply {
        let taken = self.desk.gateway.accepted();
        let from = self.account.reported.load(Ordering::Acquire).min(taken.len());
        let to = (from + most).min(taken.len());
        self.account.reported.store(to, Ordering::Release);
        let row = |m: &super::AcceptedMessage| {
            json!({"uid": &*m.reference, "reportTime": minute(now), "notifyTime": second(now), "status": "DELIVRD",
                "msgId": &*m.id, "statusDesc": "短信发送成功", "mobile": m.number.to_string()})
        };
        let rows: Vec<Value> = taken[from..to].iter().map(row).collect();
        Reply::json(200, json!({"ret": 0, "result": rows}).to_string())
    }

    fn replies(&self, most: usize, now: Timestamp) -> Reply {
        let mut waiting = self.account.replies.lock().unwrap_or_else(PoisonError::into_inner);
        let told = most.min(waiting.len());
        let row = |(n, text): (u64, String)| {
            json!({"spCode": PORT, "moTime": minute(now), "messageContent": text, "destCode": PORT,
                "mobile": n.to_string()})
        };
        let rows: Vec<Value> =
            waiting.drain(..told).filter(|(n, _)| number(&n.to_string()).is_some()).map(row).collect();
        Reply::json(200, json!({"ret": 0, "result": rows}).to_string())
    }
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_default()
}

fn needed<'a>(body: &'a Value, name: &str) -> Result<&'a str, Refused> {
    Some(text(body, name)).filter(|s| !s.is_empty()).ok_or_else(|| no("130"))
}
