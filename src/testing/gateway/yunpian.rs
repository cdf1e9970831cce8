//! Yunpian as a function: single_send, batch_send, multi_send, get_record, pull_status, pull_reply.

use super::{Call, Desk, Line, Order, PushedReply, PushedReport, Refusals, Reply, Row, Ruling, number, params};
use crate::clock::Timestamp;
use crate::inbound::HttpCall;
use crate::message::rendition::TemplateBinding;
use crate::provider::sign;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A Yunpian account and what is approved for it.
#[derive(Clone)]
pub struct FakeYunpian {
    /// The apikey.
    pub apikey: String,
    /// Approved signatures, without brackets.
    pub signatures: Vec<String>,
    /// Whether `uid` is opened.
    pub uid: bool,
    /// How many of the messages taken were reported on by pull. Clones share it.
    pub reported: Arc<AtomicUsize>,
    /// Replies that wait for a pull: number and text. Clones share them.
    pub replies: Arc<Mutex<Vec<(u64, String)>>>,
}

impl Default for FakeYunpian {
    /// Apikey `FAKE0000yunpian0000apikey000dev`, signature 测试签名, `uid` opened.
    fn default() -> Self {
        Self {
            apikey: "FAKE0000yunpian0000apikey000dev".into(),
            signatures: vec!["测试签名".into()],
            uid: true,
            reported: Arc::default(),
            replies: Arc::default(),
        }
    }
}

super::account!(FakeYunpian);

impl super::Platform for FakeYunpian {
    fn name(&self) -> &'static str {
        "yunpian"
    }

    fn handle(&self, desk: &Desk<'_>, call: &Call<'_>, now: Timestamp) -> Reply {
        Turn { desk, account: self }.handle(call, now)
    }

    fn signatures(&self) -> Vec<String> {
        self.signatures.clone()
    }

    fn templates(&self) -> Vec<TemplateBinding> {
        Vec::new()
    }

    #[cfg(feature = "http")]
    fn provider(
        &self,
        settings: super::HttpSettings,
        clock: Arc<dyn crate::clock::Clock>,
    ) -> Result<Arc<dyn crate::provider::Provider>, super::SettingsError> {
        use crate::provider::{Door, wire::Http, yunpian::Yunpian};
        use crate::secret::Secret;
        let wire = Yunpian::new(Secret::new(&self.apikey))
            .uid(self.uid)
            .callbacks(Door::at(Secret::new(super::CALLBACK_PATH)));
        Ok(Arc::new(Http::new(wire, settings, clock)?))
    }

    fn report(&self, event: &PushedReport<'_>) -> Option<HttpCall> {
        let at = event.now.to_beijing();
        let status = if event.code == "DELIVRD" { "SUCCESS" } else { "FAIL" };
        let rows = serde_json::json!([{
            "sid": event.message.id.parse::<u64>().ok(), "uid": &*event.message.reference, "user_receive_time": at,
            "error_msg": event.code, "mobile": event.message.number.to_string(), "report_status": status,
        }]);
        Some(super::pushed_form(&[("sms_status", &rows.to_string())]))
    }

    fn reply(&self, event: &PushedReply<'_>) -> Option<HttpCall> {
        let at = event.now.to_beijing();
        let (id, mobile) = (event.serial.to_string(), event.number.to_string());
        let fields = [
            ("base_extend", ""),
            ("extend", event.extension),
            ("id", &id),
            ("mobile", &mobile),
            ("reply_time", &at),
            ("text", event.text),
        ];
        // Values in the order of their names, joined with the key (domestic_push_reply).
        let joined: Vec<&str> = fields.iter().map(|(_, v)| *v).chain([self.apikey.as_str()]).collect();
        let mut row: serde_json::Map<_, _> = fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).into())).collect();
        row.insert("_sign".into(), sign::md5_hex(joined.join(",").as_bytes()).into());
        Some(super::pushed_form(&[("sms_reply", &serde_json::Value::from(row).to_string())]))
    }

    fn is_received(&self, _: &HttpCall, status: u16, answer: &[u8]) -> bool {
        status == 200 && matches!(answer.trim_ascii(), b"SUCCESS" | b"0")
    }
}

struct Turn<'a> {
    desk: &'a Desk<'a>,
    account: &'a FakeYunpian,
}

/// A code that refuses the whole request.
struct Refused(i64);

impl Turn<'_> {
    fn handle(&self, call: &Call<'_>, now: Timestamp) -> Reply {
        self.answered(call, now).unwrap_or_else(|Refused(code)| {
            let status = if matches!(code, -53..=-50) { 500 } else { 400 };
            let body =
                serde_json::json!({"http_status_code": status, "code": code, "msg": "refused", "detail": "refused"});
            Reply::json(status, body.to_string())
        })
    }

    fn answered(&self, call: &Call<'_>, now: Timestamp) -> Result<Reply, Refused> {
        if call.method != "POST" {
            return Err(Refused(11));
        }
        let params = params(call).ok_or(Refused(14))?;
        match params.get("apikey") {
            Some(key) if sign::same(key.as_bytes(), self.account.apikey.as_bytes()) => {}
            Some(_) => return Err(Refused(-1)),
            None => return Err(Refused(1)),
        }
        match call.path {
            "/v2/sms/single_send.json" | "/v2/sms/batch_send.json" => {
                let text: Arc<str> = needed(&params, "text")?.into();
                let numbers = numbers(&params)?;
                if call.path.contains("single") && numbers.len() != 1 {
                    return Err(Refused(2));
                }
                let wanted = numbers.into_iter().map(|n| (n.to_owned(), text.clone())).collect();
                self.act(call.path, &params, wanted, now)
            }
            "/v2/sms/multi_send.json" => {
                let numbers = numbers(&params)?;
                let texts: Vec<&str> = needed(&params, "text")?.split(',').collect();
                if texts.len() != numbers.len() {
                    return Err(Refused(25));
                }
                let texts: Option<Vec<String>> = texts.into_iter().map(sign::form_decode).collect();
                let pairs =
                    numbers.into_iter().map(str::to_owned).zip(texts.ok_or(Refused(14))?.into_iter().map(Arc::from));
                self.act(call.path, &params, pairs.collect(), now)
            }
            "/v2/sms/get_record.json" => self.records(&params),
            "/v2/sms/pull_status.json" => Ok(self.reports(&params, now)),
            "/v2/sms/pull_reply.json" => Ok(self.replies(&params, now)),
            _ => Err(Refused(12)),
        }
    }

    fn act(
        &self,
        path: &str,
        params: &HashMap<String, String>,
        wanted: Vec<(String, Arc<str>)>,
        now: Timestamp,
    ) -> Result<Reply, Refused> {
        let reference = params.get("uid").map(String::as_str).unwrap_or_default();
        if reference.chars().count() > 256 {
            return Err(Refused(2));
        }
        let mut last: Option<&Arc<str>> = None;
        for (_, text) in &wanted {
            if !last.is_some_and(|l| Arc::ptr_eq(l, text)) {
                self.signed(text)?;
            }
            last = Some(text);
        }
        let id = |i: usize| (self.desk.serial * 1000 + i as u64 + 1).to_string().into();
        let line = |(i, (written, text)): (usize, (String, Arc<str>))| Line { written, text, id: id(i) };
        let lines = wanted.into_iter().enumerate().map(line).collect();
        let reference = if self.account.uid { reference } else { "" };
        match self.desk.rule(Order { reference, template: None, lines }, Refusals::Each("2"), now) {
            Ruling::Broken(reply) => Ok(reply),
            Ruling::Refused(code) => Err(Refused(code.parse().unwrap_or(-50))),
            Ruling::Throttled => Err(Refused(-5)),
            Ruling::UnknownCode => Err(Refused(-9999)),
            Ruling::Taken(rows, fault) => Ok(Reply { fault, ..answer(path, &rows) }),
        }
    }

    fn signed(&self, text: &str) -> Result<(), Refused> {
        let rest = text.strip_prefix('【').ok_or(Refused(15))?;
        let (signature, body) = rest.split_once('】').ok_or(Refused(16))?;
        if body.contains(['【', '】']) {
            return Err(Refused(16));
        }
        if self.account.signatures.iter().any(|s| s == signature) { Ok(()) } else { Err(Refused(15)) }
    }

    fn records(&self, params: &HashMap<String, String>) -> Result<Reply, Refused> {
        let time = |name: &str| Timestamp::parse_beijing(needed(params, name)?).map_err(|_| Refused(2));
        let (start, end) = (time("start_time")?, time("end_time")?);
        let phone = number(needed(params, "mobile")?).ok_or(Refused(2))?;
        let count =
            |name: &str, default: usize| params.get(name).map_or(Ok(default), |s| s.parse().map_err(|_| Refused(2)));
        let (page, size) = (count("page_num", 1)?.max(1), count("page_size", 20)?.min(100));
        let items: Vec<_> = self
            .desk
            .gateway
            .messages_of(phone)
            .into_iter()
            .filter(|m| m.at >= start && m.at <= end)
            .skip((page - 1) * size)
            .take(size)
            .map(|m| {
                let at = m.at.to_beijing();
                let uid = (!m.reference.is_empty()).then_some(&*m.reference);
                serde_json::json!({
                    "sid": &*m.id, "mobile": phone.to_string(), "send_time": at, "text": &*m.text, "send_status": "SUCCESS",
                    "report_status": "UNKNOWN", "fee": 1, "user_receive_time": null, "error_msg": "", "uid": uid,
                })
            })
            .collect();
        Ok(Reply::json(200, serde_json::Value::from(items).to_string()))
    }

    /// Everyone's handset took it; told once.
    fn reports(&self, params: &HashMap<String, String>, now: Timestamp) -> Reply {
        let taken = self.desk.gateway.accepted();
        let from = self.account.reported.load(Ordering::Acquire).min(taken.len());
        let to = (from + page_size(params)).min(taken.len());
        self.account.reported.store(to, Ordering::Release);
        let row = |m: &super::AcceptedMessage| {
            let uid = (!m.reference.is_empty()).then_some(&*m.reference);
            serde_json::json!({"sid": m.id.parse::<u64>().ok(), "uid": uid, "user_receive_time": now.to_beijing(),
                "error_msg": "DELIVRD", "mobile": m.number.to_string(), "report_status": "SUCCESS"})
        };
        let rows: Vec<_> = taken[from..to].iter().map(row).collect();
        Reply::json(200, serde_json::Value::from(rows).to_string())
    }

    fn replies(&self, params: &HashMap<String, String>, now: Timestamp) -> Reply {
        let mut waiting = self.account.replies.lock().unwrap_or_else(PoisonError::into_inner);
        let told = page_size(params).min(waiting.len());
        let row = |(n, text): (u64, String)| {
            serde_json::json!({"mobile": n.to_string(), "reply_time": now.to_beijing(), "text": text, "extend": "",
                "base_extend": ""})
        };
        let rows: Vec<_> = waiting.drain(..told).map(row).collect();
        Reply::json(200, serde_json::Value::from(rows).to_string())
    }
}

/// Rows of a pull.
fn page_size(params: &HashMap<String, String>) -> usize {
    params.get("page_size").and_then(|s| s.parse().ok()).filter(|n| (1..=100).contains(n)).unwrap_or(20)
}

fn answer(path: &str, rows: &[Row]) -> Reply {
    if let (true, Some(only)) = (path.contains("single"), rows.first()) {
        let mut body = String::new();
        write_row(&mut body, only);
        return Reply::json(if only.refused.is_none() { 200 } else { 400 }, body);
    }
    let taken = rows.iter().filter(|r| r.refused.is_none()).count();
    // Written by hand: a thousand rows are the usual answer, and a bench must not wait for its mock.
    let fee = taken as f64 * 0.05;
    let mut body = String::with_capacity(rows.len() * 110 + 80);
    let _ = write!(body, "{{\"total_count\":{taken},\"total_fee\":\"{fee:.4}\",\"unit\":\"RMB\",\"data\":[");
    for (i, row) in rows.iter().enumerate() {
        if i > 0 {
            body.push(',');
        }
        write_row(&mut body, row);
    }
    body.push_str("]}");
    Reply::json(200, body)
}

fn write_row(out: &mut String, row: &Row) {
    let code: i64 = row.refused.as_ref().map_or(0, |c| c.parse().unwrap_or(10));
    let (msg, count, fee) = if code == 0 { ("发送成功", 1, "0.05") } else { ("refused", 0, "0.0") };
    let sid = if code == 0 { &*row.id } else { "0" };
    // The caller's own spelling, which may hold anything.
    let plain = row.written.bytes().all(|b| b.is_ascii_digit());
    let mobile: Cow<'_, str> =
        if plain { (&*row.written).into() } else { serde_json::Value::from(&*row.written).to_string().into() };
    let quote = if plain { "\"" } else { "" };
    let _ = write!(
        out,
        "{{\"code\":{code},\"msg\":\"{msg}\",\"count\":{count},\"fee\":{fee},\"unit\":\"RMB\",\
         \"mobile\":{quote}{mobile}{quote},\"sid\":{sid}}}"
    );
}

fn needed<'a>(params: &'a HashMap<String, String>, name: &str) -> Result<&'a str, Refused> {
    params.get(name).map(String::as_str).filter(|s| !s.is_empty()).ok_or(Refused(1))
}

fn numbers(params: &HashMap<String, String>) -> Result<Vec<&str>, Refused> {
    let numbers: Vec<&str> = needed(params, "mobile")?.split(',').collect();
    if numbers.len() > 1000 { Err(Refused(2)) } else { Ok(numbers) }
}
