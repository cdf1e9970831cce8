//! Yunpian as a function: single_send, batch_send, multi_send, get_record.

use super::{Call, Gateway, Order, Reply, Step, Wanted, broken, fault_of, number, params};
use crate::clock::Timestamp;
use crate::provider::sign;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

pub(super) struct Platform<'a> {
    pub(super) gateway: &'a Gateway,
    /// Which request, counted from 1: ids are made of it.
    pub(super) serial: u64,
    pub(super) apikey: &'a str,
    pub(super) signatures: &'a [String],
    pub(super) uid: bool,
}

/// A code that refuses the whole request.
struct Refused(i64);

/// One row of an answer: a number as written, a code, an id.
#[derive(Clone)]
struct Row {
    mobile: String,
    code: i64,
    sid: u64,
}

impl Platform<'_> {
    pub(super) fn handle(&self, call: &Call<'_>, now: Timestamp) -> Reply {
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
            Some(key) if sign::same(key.as_bytes(), self.apikey.as_bytes()) => {}
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
        let step = self.gateway.next_step();
        match &step {
            Step::Refuse(code) => return Err(Refused(code.parse().unwrap_or(-50))),
            Step::Throttle => return Err(Refused(-5)),
            Step::Redirect(_) => return Ok(broken(&step).unwrap_or_else(|| Reply::json(307, String::new()))),
            _ => {}
        }
        let mut messages = Vec::with_capacity(wanted.len());
        let mut rows = Vec::with_capacity(wanted.len());
        let picky = self.gateway.refuses_numbers();
        for (i, (mobile, text)) in wanted.into_iter().enumerate() {
            let sid = self.serial * 1000 + i as u64 + 1;
            let parsed = number(&mobile);
            let code = match (parsed, &step) {
                (None, _) => 2,
                (Some(_), Step::Partial { every, code }) if i % every.max(&1) == 0 => *code,
                (Some(n), _) if picky => self.gateway.refusal_of(n).map_or(0, |c| c.parse().unwrap_or(10)),
                (Some(_), _) => 0,
            };
            if let (0, Some(number)) = (code, parsed) {
                messages.push(Wanted { number, text, id: sid.to_string().into() });
            }
            rows.push(Row { mobile, code, sid: if code == 0 { sid } else { 0 } });
        }
        let echoed = if self.uid { reference } else { "" };
        self.gateway.take(&Order { serial: self.serial, reference: echoed, template: None, messages: &messages }, now);
        if step == Step::UnknownCode {
            return Err(Refused(-9999));
        }
        let mut reply = broken(&step).unwrap_or_else(|| answer(path, rows, &step));
        reply.fault = fault_of(&step);
        Ok(reply)
    }

    fn signed(&self, text: &str) -> Result<(), Refused> {
        let rest = text.strip_prefix('【').ok_or(Refused(15))?;
        let (signature, body) = rest.split_once('】').ok_or(Refused(16))?;
        if body.contains(['【', '】']) {
            return Err(Refused(16));
        }
        if self.signatures.iter().any(|s| s == signature) { Ok(()) } else { Err(Refused(15)) }
    }

    fn records(&self, params: &HashMap<String, String>) -> Result<Reply, Refused> {
        let time = |name: &str| Timestamp::parse_beijing(needed(params, name)?).map_err(|_| Refused(2));
        let (start, end) = (time("start_time")?, time("end_time")?);
        let phone = number(needed(params, "mobile")?).ok_or(Refused(2))?;
        let count =
            |name: &str, default: usize| params.get(name).map_or(Ok(default), |s| s.parse().map_err(|_| Refused(2)));
        let (page, size) = (count("page_num", 1)?.max(1), count("page_size", 20)?.min(100));
        let items: Vec<_> = self
            .gateway
            .messages_of(phone)
            .into_iter()
            .filter(|m| m.at >= start && m.at <= end)
            .skip((page - 1) * size)
            .take(size)
            .map(|m| {
                let at = m.at.civil().strftime("%Y-%m-%d %H:%M:%S").to_string();
                let uid = (!m.reference.is_empty()).then_some(&*m.reference);
                serde_json::json!({
                    "sid": &*m.id, "mobile": phone.to_string(), "send_time": at, "text": &*m.text, "send_status": "SUCCESS",
                    "report_status": "UNKNOWN", "fee": 1, "user_receive_time": null, "error_msg": "", "uid": uid,
                })
            })
            .collect();
        Ok(Reply::json(200, serde_json::Value::from(items).to_string()))
    }
}

fn answer(path: &str, mut rows: Vec<Row>, step: &Step) -> Reply {
    if let (true, Some(only)) = (path.contains("single"), rows.first()) {
        let mut body = String::new();
        only.write(&mut body);
        return Reply::json(if only.code == 0 { 200 } else { 400 }, body);
    }
    let taken = rows.iter().filter(|r| r.code == 0).count();
    match step {
        Step::DuplicateRows => rows.extend_from_within(..),
        Step::Unnamed => {
            let mut at = 0;
            rows.retain(|_| {
                at += 1;
                at % 2 == 0
            });
        }
        _ => {}
    }
    // Written by hand: a thousand rows are the usual answer, and a bench must not wait for its mock.
    let fee = taken as f64 * 0.05;
    let mut body = String::with_capacity(rows.len() * 110 + 80);
    let _ = write!(body, "{{\"total_count\":{taken},\"total_fee\":\"{fee:.4}\",\"unit\":\"RMB\",\"data\":[");
    for (i, row) in rows.iter().enumerate() {
        if i > 0 {
            body.push(',');
        }
        row.write(&mut body);
    }
    body.push_str("]}");
    Reply::json(200, body)
}

impl Row {
    fn write(&self, out: &mut String) {
        let (msg, count, fee) = if self.code == 0 { ("发送成功", 1, "0.05") } else { ("refused", 0, "0.0") };
        let (code, sid) = (self.code, self.sid);
        // The caller's own spelling, which may hold anything.
        let plain = self.mobile.bytes().all(|b| b.is_ascii_digit());
        let mobile: Cow<'_, str> =
            if plain { (&*self.mobile).into() } else { serde_json::Value::from(&*self.mobile).to_string().into() };
        let quote = if plain { "\"" } else { "" };
        let _ = write!(
            out,
            "{{\"code\":{code},\"msg\":\"{msg}\",\"count\":{count},\"fee\":{fee},\"unit\":\"RMB\",\
             \"mobile\":{quote}{mobile}{quote},\"sid\":{sid}}}"
        );
    }
}

fn needed<'a>(params: &'a HashMap<String, String>, name: &str) -> Result<&'a str, Refused> {
    params.get(name).map(String::as_str).filter(|s| !s.is_empty()).ok_or(Refused(1))
}

fn numbers(params: &HashMap<String, String>) -> Result<Vec<&str>, Refused> {
    let numbers: Vec<&str> = needed(params, "mobile")?.split(',').collect();
    if numbers.len() > 1000 { Err(Refused(2)) } else { Ok(numbers) }
}
