//! Montnets as a function: send_single, send_batch, send_multi, get_rpt, get_mo, get_balance.

use super::{Call, Desk, Line, Order, PushedReply, PushedReport, Refusals, Reply, Ruling, number};
use crate::clock::Timestamp;
use crate::inbound::HttpCall;
use crate::message::rendition::TemplateBinding;
use crate::provider::sign;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How far a request's time may be off.
const SKEW_MS: i64 = 60 * 60 * 1000;

/// A Montnets account and what is approved for it.
#[derive(Clone)]
pub struct FakeMontnets {
    /// The account's name.
    pub userid: String,
    /// Its password.
    pub password: String,
    /// Approved signatures, without brackets.
    pub signatures: Vec<String>,
    /// How many of the messages taken `get_rpt` has reported on.
    pub reported: Arc<AtomicUsize>,
    /// Replies that wait for `get_mo`: number and text.
    pub replies: Arc<Mutex<Vec<(u64, String)>>>,
}

impl Default for FakeMontnets {
    /// Name `J10003`, password `111111`, signature 测试签名.
    fn default() -> Self {
        Self {
            userid: "J10003".into(),
            password: "111111".into(),
            signatures: vec!["测试签名".into()],
            reported: Arc::default(),
            replies: Arc::default(),
        }
    }
}

super::account!(FakeMontnets);

impl FakeMontnets {
    fn digest(&self, timestamp: &str) -> String {
        sign::md5_hex(format!("{}00000000{}{timestamp}", self.userid, self.password).as_bytes())
    }

    fn push(&self, cmd: &str, rows: (&str, Value), now: Timestamp, serial: u64) -> HttpCall {
        let timestamp = now.civil().strftime("%m%d%H%M%S").to_string();
        let (pwd, seqid, list) = (self.digest(&timestamp), serial.to_string(), rows.1.to_string());
        super::pushed_form(&[
            ("userid", &self.userid),
            ("pwd", &pwd),
            ("timestamp", &timestamp),
            ("cmd", cmd),
            ("seqid", &seqid),
            (rows.0, &list),
        ])
    }
}

/// A report row as the platform writes it.
fn report_row(id: &str, reference: &str, number: u64, code: &str, now: Timestamp) -> Value {
    let at = now.to_beijing();
    json!({
        "msgid": id.parse::<i64>().unwrap_or_default(), "custid": reference, "pknum": 1, "pktotal": 1,
        "mobile": number.to_string(), "countrycode": 86, "spno": "1000457890006", "exno": "", "stime": at, "rtime": at,
        "status": i32::from(code != "DELIVRD"), "errcode": code, "errdesc": "", "exdata": "", "smstype": "0", "rpttype": "1",
    })
}

impl super::Platform for FakeMontnets {
    fn name(&self) -> &'static str {
        "montnets"
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
        use crate::provider::{Door, montnets::Montnets, wire::Http};
        use crate::secret::Secret;
        let wire = Montnets::new("https://127.0.0.1", &self.userid, Secret::new(&self.password))
            .callbacks(Door::at(Secret::new(super::CALLBACK_PATH)));
        Ok(Arc::new(Http::new(wire, settings, clock)?))
    }

    fn report(&self, event: &PushedReport<'_>) -> Option<HttpCall> {
        let m = event.message;
        let row = report_row(&m.id, &m.reference, m.number, event.code, event.now);
        // A push of its own for each report, so the message's number serves as its serial.
        Some(self.push("RPT_REQ", ("rpts", json!([row])), event.now, m.request))
    }

    fn reply(&self, event: &PushedReply<'_>) -> Option<HttpCall> {
        let row = reply_row(event.number, event.text, event.extension, event.serial, event.now);
        Some(self.push("MO_REQ", ("mos", json!([row])), event.now, event.serial))
    }

    /// The answer names the command and repeats its number.
    fn is_received(&self, push: &HttpCall, status: u16, answer: &[u8]) -> bool {
        let answer = super::answered_json(status, answer);
        let pushed = std::str::from_utf8(&push.body).ok().and_then(sign::form_pairs).unwrap_or_default();
        let pushed = |name: &str| pushed.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
        let told = |name: &str| answer[name].as_str().map_or_else(|| answer[name].to_string(), str::to_owned);
        answer["result"] == 0
            && told("cmd") == pushed("cmd").replace("_REQ", "_RESP")
            && told("seqid") == pushed("seqid")
    }
}

fn reply_row(number: u64, text: &str, extension: &str, serial: u64, now: Timestamp) -> Value {
    let at = now.to_beijing();
    json!({
        "msgid": serial, "mobile": number.to_string(), "countrycode": 86, "pknum": 1, "pktotal": 1,
        "spno": format!("1000457890006{extension}"), "exno": extension, "rtime": at, "content": sign::form_value(text),
    })
}

struct Turn<'a> {
    desk: &'a Desk<'a>,
    account: &'a FakeMontnets,
}

/// A code that refuses the whole request, as samples write it.
struct Refused(i64);

impl Turn<'_> {
    fn handle(&self, call: &Call<'_>, now: Timestamp) -> Reply {
        self.answered(call, now).unwrap_or_else(|Refused(code)| {
            Reply::json(200, json!({"result": code, "desc": "", "msgid": 0, "custid": ""}).to_string())
        })
    }

    fn answered(&self, call: &Call<'_>, now: Timestamp) -> Result<Reply, Refused> {
        let is_json =
            call.header("content-type").is_some_and(|t| t.to_ascii_lowercase().starts_with("application/json"));
        if call.method != "POST" || !is_json {
            return Err(Refused(-100_252));
        }
        let body: Value = serde_json::from_slice(call.body).map_err(|_| Refused(-100_252))?;
        self.authentic(&body, now)?;
        match call.path.strip_prefix("/sms/v2/std/") {
            Some("send_single") => self.same_text(&body, 1, now),
            Some("send_batch") => self.same_text(&body, 1000, now),
            Some("send_multi") => self.own_texts(&body, now),
            Some("get_rpt") => Ok(self.reports(size(&body, 500)?, now)),
            Some("get_mo") => Ok(self.replies(size(&body, 200)?, now)),
            Some("get_balance") => {
                Ok(Reply::json(200, json!({"result": 0, "chargetype": 0, "balance": 100, "money": "0"}).to_string()))
            }
            _ => Err(Refused(-100_060)),
        }
    }

    fn authentic(&self, body: &Value, now: Timestamp) -> Result<(), Refused> {
        let field = |name: &str| body[name].as_str().ok_or(Refused(-100_001));
        let timestamp = field("timestamp")?;
        let named = field("userid")? == self.account.userid;
        let signed = sign::same(field("pwd")?.as_bytes(), self.account.digest(timestamp).as_bytes());
        if !named || self.desk.checks_signature() && !signed {
            return Err(Refused(-100_001));
        }
        let within = (-1..=1).any(|hours| {
            let at = Timestamp::from_millis(now.millis() + hours * SKEW_MS).civil();
            // The hour is enough: an hour to either side is allowed.
            timestamp.len() == 10 && timestamp.starts_with(&at.strftime("%m%d%H").to_string())
        });
        if within { Ok(()) } else { Err(Refused(-100_001)) }
    }

    fn same_text(&self, body: &Value, most: usize, now: Timestamp) -> Result<Reply, Refused> {
        let text = self.text(body)?;
        let numbers: Vec<&str> = body["mobile"].as_str().unwrap_or_default().split(',').collect();
        if numbers.len() > most {
            return Err(Refused(-100_014));
        }
        let rows = numbers.into_iter().map(|n| (n.to_owned(), text.clone())).collect();
        self.act(custid(body)?, rows, now)
    }

    fn own_texts(&self, body: &Value, now: Timestamp) -> Result<Reply, Refused> {
        let rows = body["multimt"].as_array().filter(|r| !r.is_empty()).ok_or(Refused(-100_252))?;
        if rows.len() > 500 {
            return Err(Refused(-100_014));
        }
        let custid = custid(&rows[0])?;
        let one = |row: &Value| Ok((row["mobile"].as_str().unwrap_or_default().to_owned(), self.text(row)?));
        self.act(custid, rows.iter().map(one).collect::<Result<_, _>>()?, now)
    }

    /// The text of a row, decoded and approved.
    fn text(&self, row: &Value) -> Result<Arc<str>, Refused> {
        let text = row["content"].as_str().and_then(sign::form_decode).ok_or(Refused(-100_252))?;
        if text.chars().count() > 1000 {
            return Err(Refused(-100_011));
        }
        let exno = row["exno"].as_str().unwrap_or_default();
        let svrtype = row["svrtype"].as_str().unwrap_or_default();
        if exno.len() > 6
            || svrtype.len() > 32
            || !(exno.to_owned() + svrtype).bytes().all(|b| b.is_ascii_alphanumeric())
        {
            return Err(Refused(-100_060));
        }
        let signature = text.strip_prefix('【').and_then(|rest| rest.split_once('】')).map(|(s, _)| s);
        if signature.is_some_and(|s| self.account.signatures.iter().any(|known| known == s)) {
            Ok(text.into())
        } else {
            Err(Refused(-100_058))
        }
    }

    fn act(&self, custid: &str, rows: Vec<(String, Arc<str>)>, now: Timestamp) -> Result<Reply, Refused> {
        // Negative, as the platform's own ids often are.
        let first = i64::MIN + (self.desk.serial as i64) * 10_000;
        // Numbers that are none are taken, and would be reported on as failed.
        let numbered = rows.into_iter().enumerate().filter(|(_, (written, _))| number(written).is_some());
        let line = |(i, (written, text))| Line { written, text, id: (first + i as i64).to_string().into() };
        let lines: Vec<Line> = numbered.map(line).collect();
        if lines.is_empty() {
            return Err(Refused(-100_012));
        }
        let order = Order { reference: custid, template: None, lines };
        match self.desk.rule(order, Refusals::Whole("-100012"), now) {
            Ruling::Broken(reply) => Ok(reply),
            Ruling::Refused(code) => Err(Refused(-code.parse::<i64>().unwrap_or(100_999).abs())),
            Ruling::Throttled => Err(Refused(-100_056)),
            Ruling::UnknownCode => Err(Refused(-199_999)),
            Ruling::Taken(_, fault) => {
                let body = json!({"result": 0, "desc": "%e6%88%90%e5%8a%9f", "msgid": first, "custid": custid});
                Ok(Reply { fault, ..Reply::json(200, body.to_string()) })
            }
        }
    }

    /// Everyone's handset took it; told once.
    fn reports(&self, most: usize, now: Timestamp) -> Reply {
        let taken = self.desk.gateway.accepted();
        let from = self.account.reported.load(Ordering::Acquire).min(taken.len());
        let to = (from + most).min(taken.len());
        self.account.reported.store(to, Ordering::Release);
        let rows: Vec<Value> =
            taken[from..to].iter().map(|m| report_row(&m.id, &m.reference, m.number, "DELIVRD", now)).collect();
        let rows = if rows.is_empty() { json!("") } else { json!(rows) };
        Reply::json(200, json!({"result": 0, "desc": "success", "rpts": rows}).to_string())
    }

    fn replies(&self, most: usize, now: Timestamp) -> Reply {
        let mut waiting = self.account.replies.lock().unwrap_or_else(PoisonError::into_inner);
        let told = most.min(waiting.len());
        let serial = self.desk.serial * 1000;
        let row = |(i, (n, text)): (usize, (u64, String))| reply_row(n, &text, "", serial + i as u64, now);
        let rows: Vec<Value> = waiting.drain(..told).enumerate().map(row).collect();
        Reply::json(200, json!({"result": 0, "desc": "success", "mos": rows}).to_string())
    }
}

fn custid(row: &Value) -> Result<&str, Refused> {
    let custid = row["custid"].as_str().unwrap_or_default();
    let fits = custid.len() <= 64 && custid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fits { Ok(custid) } else { Err(Refused(-100_004)) }
}

fn size(body: &Value, most: u64) -> Result<usize, Refused> {
    match body["retsize"].as_u64() {
        Some(n) if (1..=most).contains(&n) => Ok(n as usize),
        _ => Err(Refused(-100_252)),
    }
}
