//! Tencent Cloud as a function: TC3 signature, SendSms, the pulls of statuses and replies.

use super::{Call, Desk, Line, Order, PushedReply, PushedReport, Refusals, Reply, Row, Ruling, number};
use crate::clock::Timestamp;
use crate::inbound::HttpCall;
use crate::message::rendition::TemplateBinding;
use crate::provider::sign::{self, Scoped};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

const SKEW_MS: i64 = 5 * 60 * 1000;

/// An application of a Tencent Cloud account and what is approved for it.
#[derive(Clone)]
pub struct FakeTencent {
    /// Secret id of the API key.
    pub secret_id: String,
    /// Its secret key.
    pub secret_key: String,
    /// `SmsSdkAppId`.
    pub app_id: String,
    /// Approved signatures, without brackets.
    pub signatures: Vec<String>,
    /// Approved templates: id, and text with `{1}`, `{2}`, … for variables.
    pub templates: BTreeMap<String, String>,
    /// Whether its provider sends personal texts.
    pub variables: bool,
    /// How many statuses were pulled: each is told once. Clones share it.
    pub pulled: Arc<AtomicUsize>,
    /// Replies that wait for a pull: number and text. Clones share them.
    pub replies: Arc<Mutex<Vec<(u64, String)>>>,
    /// When marketing is taken, in minutes of Beijing's day; at any time when `None`.
    pub hours: Option<(u16, u16)>,
}

impl Default for FakeTencent {
    /// Key `testSecretId000001` and `testSecretKey000001`, application `1400000001`, signature 测试签名, templates
    /// `1000001` (with `{1}`) and `1000002`, no variables in marketing.
    fn default() -> Self {
        Self {
            secret_id: "testSecretId000001".into(),
            secret_key: "testSecretKey000001".into(),
            app_id: "1400000001".into(),
            signatures: vec!["测试签名".into()],
            templates: super::filed(&[
                ("1000001", "会员{1}，新品8折。拒收请回复R"),
                ("1000002", "会员，新品8折。拒收请回复R"),
            ]),
            variables: false,
            pulled: Arc::default(),
            replies: Arc::default(),
            hours: Some((8 * 60, 22 * 60)),
        }
    }
}

super::account!(FakeTencent);

impl super::Platform for FakeTencent {
    fn name(&self) -> &'static str {
        "tencent"
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
        use crate::provider::{Door, tencent::Tencent, wire::Http};
        use crate::secret::Secret;
        let wire = Tencent::new(&self.secret_id, Secret::new(&self.secret_key), &self.app_id)
            .variables(self.variables)
            .callbacks(Door::at(Secret::new(super::CALLBACK_PATH)));
        Ok(Arc::new(Http::new(wire, settings, clock)?))
    }

    fn report(&self, event: &PushedReport<'_>) -> Option<HttpCall> {
        let at = event.now.to_beijing();
        let status = if event.code == "DELIVRD" { "SUCCESS" } else { "FAIL" };
        Some(super::pushed_json(&json!([{
            "user_receive_time": at, "nationcode": "86", "mobile": event.message.number.to_string(),
            "report_status": status, "errmsg": event.code, "description": "", "sid": &*event.message.id,
        }])))
    }

    fn reply(&self, event: &PushedReply<'_>) -> Option<HttpCall> {
        Some(super::pushed_json(&json!({
            "extend": event.extension, "mobile": event.number.to_string(), "nationcode": "86",
            "sign": event.signature, "text": event.text, "time": event.now.millis() / 1000,
        })))
    }

    fn is_received(&self, _: &HttpCall, status: u16, answer: &[u8]) -> bool {
        super::answered_json(status, answer)["result"] == 0
    }
}

struct Turn<'a> {
    desk: &'a Desk<'a>,
    account: &'a FakeTencent,
}

/// A code that refuses the whole request.
struct Refused(String);

fn no(code: &str) -> Refused {
    Refused(code.to_owned())
}

impl Turn<'_> {
    fn handle(&self, call: &Call<'_>, now: Timestamp) -> Reply {
        self.answered(call, now)
            .unwrap_or_else(|Refused(code)| self.response(json!({"Error": {"Code": code, "Message": "refused"}})))
    }

    /// Every answer comes with HTTP 200.
    fn response(&self, mut body: Value) -> Reply {
        body["RequestId"] = format!("ed93f3cb-0000-473f-b9f3-{:012}", self.desk.serial).into();
        let mut reply = Reply::json(200, json!({ "Response": body }).to_string());
        // The official client looks for an error under this very media type only.
        reply.headers = vec![("content-type", "application/json".into())];
        reply
    }

    fn answered(&self, call: &Call<'_>, now: Timestamp) -> Result<Reply, Refused> {
        if call.method != "POST" || call.path != "/" {
            return Err(no("InvalidAction"));
        }
        self.authentic(call, now)?;
        let body: Value = serde_json::from_slice(call.body).map_err(|_| no("FailedOperation.JsonParseFail"))?;
        match text(&body, "SmsSdkAppId") {
            "" => return Err(no("MissingParameter")),
            app if app != self.account.app_id => return Err(no("UnauthorizedOperation.SmsSdkAppIdVerifyFail")),
            _ => {}
        }
        match call.header("x-tc-action") {
            Some("SendSms") => self.send(&body, now),
            Some("PullSmsSendStatusByPhoneNumber") => self.statuses_of(&body),
            Some("PullSmsSendStatus") => self.queue(&body),
            Some("PullSmsReplyStatus") => self.replies(&body, now),
            _ => Err(no("InvalidAction")),
        }
    }

    fn authentic(&self, call: &Call<'_>, now: Timestamp) -> Result<(), Refused> {
        let header = |name: &str| call.header(name).ok_or_else(|| no("MissingParameter"));
        if header("x-tc-version")? != "2021-01-11" {
            return Err(no("InvalidAction"));
        }
        header("x-tc-region")?;
        let time = header("x-tc-timestamp")?;
        let at = time.parse::<i64>().map_err(|_| no("AuthFailure.SignatureExpire"))?.saturating_mul(1000);
        if now.millis().abs_diff(at) > SKEW_MS as u64 {
            return Err(no("AuthFailure.SignatureExpire"));
        }
        let given = header("authorization")?;
        let id = given.split_once("Credential=").and_then(|(_, r)| r.split('/').next());
        if id != Some(&*self.account.secret_id) {
            return Err(no("AuthFailure.SecretIdNotFound"));
        }
        if self.desk.checks_signature() && !self.is_signed(call, time, at, given) {
            return Err(no("AuthFailure.SignatureFailure"));
        }
        Ok(())
    }

    /// Recomputes the signature from the bytes that came.
    fn is_signed(&self, call: &Call<'_>, time: &str, at: i64, given: &str) -> bool {
        let Some(headers) = super::signed_headers(call, given, &["content-type", "host"]) else {
            return false;
        };
        // Values are signed in lower case.
        let lower: Vec<(&str, String)> = headers.iter().map(|(n, v)| (*n, v.to_ascii_lowercase())).collect();
        let headers: Vec<(&str, &str)> = lower.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let day = sign::utc(Timestamp::from_millis(at), "%Y-%m-%d");
        let scoped = Scoped {
            algorithm: "TC3-HMAC-SHA256",
            prefix: "TC3",
            time,
            scope: &[&day, "sms", "tc3_request"],
            method: call.method,
            path: call.path,
            query: call.query,
            headers: &headers,
            body_sha256: &sign::sha256_hex(call.body),
        };
        let wanted = scoped.authorization(&self.account.secret_id, &self.account.secret_key);
        sign::same(wanted.as_bytes(), given.as_bytes())
    }

    fn send(&self, body: &Value, now: Timestamp) -> Result<Reply, Refused> {
        let numbers = strings(&body["PhoneNumberSet"]).ok_or_else(|| no("MissingParameter.EmptyPhoneNumberSet"))?;
        if numbers.is_empty() {
            return Err(no("MissingParameter.EmptyPhoneNumberSet"));
        }
        if numbers.len() > 200 {
            return Err(no("LimitExceeded.PhoneNumberCountLimit"));
        }
        let (template, signature) = (text(body, "TemplateId"), text(body, "SignName"));
        let filed = self.account.templates.get(template).ok_or_else(|| no("FailedOperation.TemplateIdNotExist"))?;
        if !self.account.signatures.iter().any(|s| s == signature) {
            return Err(no("FailedOperation.SignatureIncorrectOrUnapproved"));
        }
        let reference = text(body, "SessionContext");
        if reference.len() >= 512 {
            return Err(no("InvalidParameterValue"));
        }
        let values =
            if body["TemplateParamSet"].is_null() { Some(Vec::new()) } else { strings(&body["TemplateParamSet"]) };
        let values = values.ok_or_else(|| no("InvalidParameterValue.TemplateParameterFormatError"))?;
        let seen = self.filled(filed, &values)?;
        let seen: Arc<str> = format!("【{signature}】{seen}").into();
        if seen.chars().count() > 500 {
            return Err(no("InvalidParameterValue.ContentLengthLimit"));
        }
        let id = |i: usize| format!("5000:{:024}", self.desk.serial * 1000 + i as u64).into();
        let line = |(i, n): (usize, &str)| Line { written: n.to_owned(), text: seen.clone(), id: id(i) };
        let lines: Vec<Line> = numbers.into_iter().enumerate().map(line).collect();
        if self.desk.is_closed(self.account.hours, now) {
            let closed = "FailedOperation.MarketingSendTimeConstraint";
            let row = |Line { written, text, id }| {
                let number = number(&written).unwrap_or_default();
                sent(&Row { number, written, text, id, refused: Some(closed.into()) }, reference)
            };
            let rows: Vec<Value> = lines.into_iter().map(row).collect();
            return Ok(self.response(json!({ "SendStatusSet": rows })));
        }
        let order = Order { reference, template: Some(template), lines };
        match self.desk.rule(order, Refusals::Each("InvalidParameterValue.IncorrectPhoneNumber"), now) {
            Ruling::Broken(reply) => Ok(reply),
            Ruling::Refused(code) => Err(Refused(code)),
            Ruling::Throttled => Err(no("RequestLimitExceeded")),
            Ruling::UnknownCode => Err(no("FailedOperation.NeverListed")),
            Ruling::Taken(rows, fault) => {
                let rows: Vec<Value> = rows.iter().map(|r| sent(r, reference)).collect();
                Ok(Reply { fault, ..self.response(json!({ "SendStatusSet": rows })) })
            }
        }
    }

    /// The template's text; the count of values must fit.
    fn filled(&self, filed: &str, values: &[&str]) -> Result<String, Refused> {
        let mut text = filed.to_owned();
        for (i, value) in values.iter().enumerate() {
            let place = format!("{{{}}}", i + 1);
            if !filed.contains(&place) {
                return Err(no("FailedOperation.TemplateParamSetNotMatchApprovedTemplate"));
            }
            if value.contains("://") {
                return Err(no("InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"));
            }
            text = text.replace(&place, value);
        }
        let missing = filed.contains(&format!("{{{}}}", values.len() + 1));
        if missing { Err(no("FailedOperation.TemplateParamSetNotMatchApprovedTemplate")) } else { Ok(text) }
    }

    fn statuses_of(&self, body: &Value) -> Result<Reply, Refused> {
        let phone =
            number(text(body, "PhoneNumber")).ok_or_else(|| no("InvalidParameterValue.IncorrectPhoneNumber"))?;
        let time = |name: &str| body[name].as_i64().ok_or_else(|| no("MissingParameter"));
        let (begin, end) = (time("BeginTime")?, time("EndTime")?);
        let limit = page(body)?;
        let of_time = |m: &super::AcceptedMessage| (begin..=end).contains(&(m.at.millis() / 1000));
        let found = self.desk.gateway.messages_of(phone).into_iter().filter(of_time).take(limit);
        let rows: Vec<Value> = found.map(|m| status(&m)).collect();
        Ok(self.response(json!({ "PullSmsSendStatusSet": rows })))
    }

    /// What was replied and not told yet.
    fn replies(&self, body: &Value, now: Timestamp) -> Result<Reply, Refused> {
        let limit = page(body)?;
        let mut waiting = self.account.replies.lock().unwrap_or_else(PoisonError::into_inner);
        let told = limit.min(waiting.len());
        let rows: Vec<Value> = waiting.drain(..told).map(|reply| replied(reply, now)).collect();
        Ok(self.response(json!({ "PullSmsReplyStatusSet": rows })))
    }

    /// What was not told yet, as delivered; told once.
    fn queue(&self, body: &Value) -> Result<Reply, Refused> {
        let (all, limit) = (self.desk.gateway.accepted(), page(body)?);
        let from = self.account.pulled.fetch_add(limit, Ordering::AcqRel);
        let rows: Vec<Value> = all.iter().skip(from).take(limit).map(status).collect();
        self.account.pulled.fetch_sub(limit - rows.len(), Ordering::AcqRel);
        Ok(self.response(json!({ "PullSmsSendStatusSet": rows })))
    }
}

fn replied((number, said): (u64, String), now: Timestamp) -> Value {
    json!({
        "ExtendCode": "", "CountryCode": "86", "SubscriberNumber": number.to_string(),
        "PhoneNumber": format!("+86{number}"), "SignName": "", "ReplyContent": said,
        "ReplyTime": now.millis() / 1000,
    })
}

fn page(body: &Value) -> Result<usize, Refused> {
    let limit = body["Limit"].as_u64().filter(|l| (1..=100).contains(l)).ok_or_else(|| no("InvalidParameterValue"))?;
    Ok(limit as usize)
}

fn sent(row: &Row, reference: &str) -> Value {
    let code = row.refused.as_deref().unwrap_or("Ok");
    let taken = row.refused.is_none();
    let phone = if row.number == 0 { row.written.clone() } else { format!("+86{}", row.number) };
    json!({
        "SerialNo": if taken { &*row.id } else { "" }, "PhoneNumber": phone, "Fee": u8::from(taken),
        "SessionContext": reference, "Code": code, "Message": if taken { "send success" } else { "refused" },
        "IsoCode": "CN",
    })
}

fn status(m: &super::AcceptedMessage) -> Value {
    json!({
        "UserReceiveTime": m.at.millis() / 1000, "CountryCode": "86", "SubscriberNumber": m.number.to_string(),
        "PhoneNumber": format!("+86{}", m.number), "SerialNo": &*m.id, "ReportStatus": "SUCCESS",
        "Description": "DELIVRD", "SessionContext": &*m.reference,
    })
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_default()
}

/// A list of strings; `None` when it is none.
fn strings(list: &Value) -> Option<Vec<&str>> {
    list.as_array()?.iter().map(Value::as_str).collect()
}
