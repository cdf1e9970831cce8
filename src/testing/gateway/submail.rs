//! SUBMAIL as a function: the six sends, sms/log, service/timestamp; all ways of signing.

use super::{Call, Desk, Line, Order, PushedReply, PushedReport, Refusals, Reply, Row, Ruling, params};
use crate::clock::Timestamp;
use crate::inbound::HttpCall;
use crate::message::rendition::TemplateBinding;
use crate::provider::sign;
use crate::provider::submail::{self, Signing};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// How old a signed call may be, in seconds.
const SKEW: i64 = 6;

/// A SUBMAIL application and what is approved for it.
#[derive(Clone)]
pub struct FakeSubmail {
    /// The application's id.
    pub appid: String,
    /// Its key.
    pub appkey: String,
    /// The key of its SUBHOOK.
    pub subhook_key: String,
    /// Approved signatures, without brackets.
    pub signatures: Vec<String>,
    /// Approved templates: id, and text with `@var(name)` for values, signature in front.
    pub templates: BTreeMap<String, String>,
    /// Whether its provider sends templates; the application answers both.
    pub by_template: bool,
    /// How its provider signs; the application takes all ways.
    pub signing: Signing,
    /// Whether rows of the log hold text and tag, beyond what is documented.
    pub log_says_more: bool,
}

impl Default for FakeSubmail {
    /// Application `10000`, key `fake0submail0appkey0dev`, hook's key `fake0subhook0key0dev`, signature 测试签名, templates
    /// `FaKe01` (with `@var(name)`) and `FaKe02`, free text, unsigned, the log as documented.
    fn default() -> Self {
        Self {
            appid: "10000".into(),
            appkey: "fake0submail0appkey0dev".into(),
            subhook_key: "fake0subhook0key0dev".into(),
            signatures: vec!["测试签名".into()],
            templates: super::filed(&[
                ("FaKe01", "【测试签名】会员@var(name)，新品8折。拒收请回复R"),
                ("FaKe02", "【测试签名】会员，新品8折。拒收请回复R"),
            ]),
            by_template: false,
            signing: Signing::Normal,
            log_says_more: false,
        }
    }
}

super::account!(FakeSubmail);

impl FakeSubmail {
    fn push(&self, fields: &[(&str, &str)], now: Timestamp, serial: u64) -> HttpCall {
        let token = sign::md5_hex(format!("token{serial}").as_bytes());
        let signature = sign::md5_hex(format!("{token}{}", self.subhook_key).as_bytes());
        let timestamp = (now.millis() / 1000).to_string();
        let proof =
            [("app", self.appid.as_str()), ("timestamp", &timestamp), ("token", &token), ("signature", &signature)];
        super::pushed_form(&[fields, &proof].concat())
    }
}

impl super::Platform for FakeSubmail {
    fn name(&self) -> &'static str {
        "submail"
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
        use crate::provider::{Door, submail::Submail, wire::Http};
        use crate::secret::Secret;
        let wire = Submail::new(&self.appid, Secret::new(&self.appkey))
            .signing(self.signing)
            .subhook_key(Secret::new(&self.subhook_key))
            .callbacks(Door::at(Secret::new(super::CALLBACK_PATH)));
        let wire = if self.by_template { wire.templates() } else { wire };
        Ok(Arc::new(Http::new(wire, settings, clock)?))
    }

    fn report(&self, event: &PushedReport<'_>) -> Option<HttpCall> {
        let m = event.message;
        let number = m.number.to_string();
        let mut fields = vec![
            ("events", if event.code == "DELIVRD" { "delivered" } else { "dropped" }),
            ("address", &number),
            ("send_id", &m.id),
            ("tag", &m.reference),
        ];
        if event.code != "DELIVRD" {
            fields.push(("report", event.code));
        }
        Some(self.push(&fields, event.now, event.serial))
    }

    fn reply(&self, event: &PushedReply<'_>) -> Option<HttpCall> {
        let number = event.number.to_string();
        let fields = [("events", "mo"), ("address", number.as_str()), ("content", event.text)];
        Some(self.push(&fields, event.now, event.serial))
    }
}

struct Turn<'a> {
    desk: &'a Desk<'a>,
    account: &'a FakeSubmail,
}

/// A code that refuses the whole request.
struct Refused(String);

fn no(code: &str) -> Refused {
    Refused(code.to_owned())
}

type Params = HashMap<String, String>;

/// Numbers as written, and what each is to see.
type Wanted = Vec<(String, Arc<str>)>;

/// In what form an answer is given.
#[derive(Clone, Copy)]
enum Shape {
    One,
    Batch,
    List,
}

impl Turn<'_> {
    fn handle(&self, call: &Call<'_>, now: Timestamp) -> Reply {
        self.answered(call, now).unwrap_or_else(|Refused(code)| {
            Reply::json(400, json!({"status": "error", "code": code, "msg": "refused"}).to_string())
        })
    }

    fn answered(&self, call: &Call<'_>, now: Timestamp) -> Result<Reply, Refused> {
        if (call.method, call.path) == ("GET", "/service/timestamp") {
            return Ok(Reply::json(200, json!({"timestamp": now.millis() / 1000}).to_string()));
        }
        let params = params(call).filter(|_| call.method == "POST").ok_or_else(|| no("305"))?;
        self.authentic(&params, now)?;
        let text = |name: &str| params.get(name).map(String::as_str).unwrap_or_default();
        let (shape, template, wanted) = match call.path.strip_prefix("/sms/").unwrap_or_default() {
            "send" => (Shape::One, None, self.same(&params, text("content").to_owned(), 1)?),
            "batchsend" => (Shape::Batch, None, self.same(&params, text("content").to_owned(), 10_000)?),
            "xsend" => (Shape::One, Some(text("project")), self.same(&params, self.filed(&params)?, 1)?),
            "batchxsend" => (Shape::Batch, Some(text("project")), self.same(&params, self.filed(&params)?, 10_000)?),
            "multisend" => (Shape::List, None, self.own(&params, text("content"), 50)?),
            "multixsend" => {
                let filed = self.account.templates.get(text("project")).ok_or_else(|| no("306"))?;
                (Shape::List, Some(text("project")), self.own(&params, filed, 200)?)
            }
            "log" => return Ok(self.log(&params)),
            _ => return Err(no("119")),
        };
        self.act(shape, text("tag"), template, wanted, now)
    }

    fn authentic(&self, params: &Params, now: Timestamp) -> Result<(), Refused> {
        let text = |name: &str| params.get(name).map(String::as_str).unwrap_or_default();
        if text("appid") != self.account.appid {
            return Err(no("101"));
        }
        let (signing, wrong) = match text("sign_type") {
            "" | "normal" => (Signing::Normal, "109"),
            "md5" => (Signing::Md5, "108"),
            "sha1" => (Signing::Sha1, "108"),
            _ => return Err(no("107")),
        };
        if signing != Signing::Normal {
            let at: i64 = text("timestamp").parse().map_err(|_| no("151"))?;
            if (now.millis() / 1000 - at).abs() > SKEW {
                return Err(no("152"));
            }
        }
        let fields: Vec<(&str, &str)> = params.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let expected = submail::signature(signing, &self.account.appid, &self.account.appkey, &fields);
        let fits = sign::same(expected.as_bytes(), text("signature").as_bytes());
        if fits || !self.desk.checks_signature() { Ok(()) } else { Err(no(wrong)) }
    }

    /// A template's text with the values of `vars`.
    fn filed(&self, params: &Params) -> Result<String, Refused> {
        let filed = params.get("project").and_then(|p| self.account.templates.get(p)).ok_or_else(|| no("306"))?;
        let vars = params.get("vars").map_or(Ok(BTreeMap::new()), |v| serde_json::from_str(v));
        filled(filed, &vars.map_err(|_| no("307"))?)
    }

    fn same(&self, params: &Params, text: String, most: usize) -> Result<Wanted, Refused> {
        let text: Arc<str> = self.approved(text)?.into();
        let numbers: Vec<&str> =
            params.get("to").filter(|s| !s.is_empty()).ok_or_else(|| no("251"))?.split(',').collect();
        if numbers.len() > most {
            return Err(no("251"));
        }
        Ok(numbers.into_iter().map(|n| (n.to_owned(), text.clone())).collect())
    }

    fn own(&self, params: &Params, pattern: &str, most: usize) -> Result<Wanted, Refused> {
        #[derive(serde::Deserialize)]
        struct One {
            to: String,
            vars: BTreeMap<String, String>,
        }
        let all: Vec<One> = params.get("multi").and_then(|m| serde_json::from_str(m).ok()).ok_or_else(|| no("410"))?;
        if all.is_empty() || all.len() > most {
            return Err(no("410"));
        }
        all.into_iter().map(|one| Ok((one.to, self.approved(filled(pattern, &one.vars)?)?.into()))).collect()
    }

    /// A text of the documented length under an approved signature.
    fn approved(&self, text: String) -> Result<String, Refused> {
        let signature = text.strip_prefix('【').and_then(|rest| rest.split_once('】')).map(|(s, _)| s);
        match signature {
            _ if text.chars().count() > 1000 => Err(no("404")),
            Some(s) if self.account.signatures.iter().any(|known| known == s) => Ok(text),
            Some(_) => Err(no("116")),
            None => Err(no("411")),
        }
    }

    fn act(
        &self,
        shape: Shape,
        tag: &str,
        template: Option<&str>,
        wanted: Wanted,
        now: Timestamp,
    ) -> Result<Reply, Refused> {
        if tag.chars().count() > 32 {
            return Err(no("305"));
        }
        let id = |i: usize| sign::md5_hex(format!("{}-{i}", self.desk.serial).as_bytes()).into();
        let line = |(i, (written, text))| Line { written, text, id: id(i) };
        let lines = wanted.into_iter().enumerate().map(line).collect();
        let refusals = if matches!(shape, Shape::One) { Refusals::Whole("251") } else { Refusals::Each("251") };
        match self.desk.rule(Order { reference: tag, template, lines }, refusals, now) {
            Ruling::Broken(reply) => Ok(reply),
            Ruling::Refused(code) => Err(Refused(code)),
            Ruling::Throttled => Err(no("901")),
            Ruling::UnknownCode => Err(no("999")),
            Ruling::Taken(rows, fault) => Ok(Reply { fault, ..answer(shape, &rows) }),
        }
    }

    fn log(&self, params: &Params) -> Reply {
        let number = |name: &str, default: i64| params.get(name).and_then(|v| v.parse().ok()).unwrap_or(default);
        let (start, end) = (number("start_date", 0), number("end_date", i64::MAX));
        let (rows, offset) = (number("rows", 50).clamp(1, 1000) as usize, number("offset", 0).max(0) as usize);
        let all: Vec<Value> = super::number(params.get("to").map(String::as_str).unwrap_or_default())
            .map_or_else(Vec::new, |n| self.desk.gateway.messages_of(n))
            .into_iter()
            .filter(|m| (start..=end).contains(&(m.at.millis() / 1000)))
            .map(|m| {
                let at = m.at.millis() / 1000;
                let mut row = json!({"sendID": &*m.id, "to": m.number.to_string(), "appid": self.account.appid, "fee": 1,
                    "status": "delivered", "report_state": "DELIVRD", "send_at": at, "sent_at": at, "report_at": at});
                if self.account.log_says_more {
                    row["content"] = (*m.text).into();
                    row["tag"] = (*m.reference).into();
                }
                row
            })
            .collect();
        let page: Vec<&Value> = all.iter().skip(offset).take(rows).collect();
        let body = json!({"status": "success", "start_date": start, "end_date": end, "total": all.len(), "offset": offset,
            "results": page.len(), "data": page});
        Reply::json(200, body.to_string())
    }
}

/// Fills every variable; one without a value is a bad call.
fn filled(pattern: &str, vars: &BTreeMap<String, String>) -> Result<String, Refused> {
    let (mut text, mut rest) = (String::new(), pattern);
    while let Some((before, after)) = rest.split_once("@var(") {
        let (name, after) = after.split_once(')').ok_or_else(|| no("309"))?;
        text.push_str(before);
        text.push_str(vars.get(name).ok_or_else(|| no("309"))?);
        rest = after;
    }
    Ok(text + rest)
}

/// Rows of refused numbers do not name them, as in the vendor's samples.
fn answer(shape: Shape, rows: &[Row]) -> Reply {
    let one = |row: &Row| match &row.refused {
        // A number in lists, a word elsewhere.
        Some(code) if matches!(shape, Shape::List) => {
            json!({"status": "error", "code": code.parse::<i64>().unwrap_or_default(), "msg": "refused"})
        }
        Some(code) => json!({"status": "error", "code": code, "msg": "refused"}),
        None if matches!(shape, Shape::One) => {
            json!({"status": "success", "send_id": &*row.id, "fee": 1, "sms_credits": "21129"})
        }
        None => json!({"status": "success", "to": row.written, "send_id": &*row.id, "fee": 1}),
    };
    let all: Vec<Value> = rows.iter().map(one).collect();
    let body = match (shape, all.first()) {
        (Shape::One, Some(only)) => only.clone(),
        (Shape::List, _) => Value::from(all),
        (Shape::One | Shape::Batch, _) => {
            json!({"status": "success", "batchlist": "fakebatch", "total_fee": rows.len(), "responses": all})
        }
    };
    Reply::json(200, body.to_string())
}
