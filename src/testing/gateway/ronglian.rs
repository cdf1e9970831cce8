//! Ronglian as a function: TemplateSMS.

use super::{Call, Desk, Line, Order, Refusals, Reply, Ruling};
use crate::clock::Timestamp;
use crate::message::rendition::TemplateBinding;
use crate::provider::ronglian::{TemplateSms, signature};
use crate::provider::sign;
use base64::Engine as _;
use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// A time counts so long.
const VALID_MS: i64 = 24 * 60 * 60 * 1000;

/// A Ronglian application and what is approved for it.
#[derive(Clone)]
pub struct FakeRonglian {
    /// The account's sid.
    pub account_sid: String,
    /// The account's token.
    pub auth_token: String,
    /// The application.
    pub app_id: String,
    /// Signatures of the templates, without brackets.
    pub signatures: Vec<String>,
    /// Approved templates: code, and text with its 【signature】 and `{1}` for variables.
    pub templates: BTreeMap<String, String>,
}

impl Default for FakeRonglian {
    /// Sid `fake0account0sid0dev`, token `fake0auth0token0dev`, application `fake0app0id0dev`, signature 测试签名,
    /// templates `1000001` (with `{1}`) and `1000003`.
    fn default() -> Self {
        let template = |code: &str, text: &str| (code.to_owned(), text.to_owned());
        Self {
            account_sid: "fake0account0sid0dev".into(),
            auth_token: "fake0auth0token0dev".into(),
            app_id: "fake0app0id0dev".into(),
            signatures: vec!["测试签名".into()],
            templates: BTreeMap::from([
                template("1000001", "【测试签名】会员{1}，新品8折。拒收请回复R"),
                template("1000003", "【测试签名】会员，新品8折。拒收请回复R"),
            ]),
        }
    }
}

impl std::fmt::Debug for FakeRonglian {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeRonglian")
    }
}

impl From<FakeRonglian> for super::Account {
    fn from(account: FakeRonglian) -> Self {
        Self(Arc::new(account))
    }
}

impl super::Platform for FakeRonglian {
    fn name(&self) -> &'static str {
        "ronglian"
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
        use crate::provider::{ronglian::Ronglian, wire::Http};
        use crate::secret::Secret;
        let wire = Ronglian::new(&self.account_sid, Secret::new(&self.auth_token), &self.app_id);
        Ok(Arc::new(Http::new(wire, settings, clock)?))
    }
}

struct Turn<'a> {
    desk: &'a Desk<'a>,
    account: &'a FakeRonglian,
}

/// A code that refuses the whole request.
struct Refused(String);

fn refused(code: &str) -> Refused {
    Refused(code.to_owned())
}

impl Turn<'_> {
    fn handle(&self, call: &Call<'_>, now: Timestamp) -> Reply {
        self.answered(call, now).unwrap_or_else(|Refused(code)| {
            Reply::json(200, json!({"statusCode": code, "statusMsg": "拒绝"}).to_string())
        })
    }

    fn answered(&self, call: &Call<'_>, now: Timestamp) -> Result<Reply, Refused> {
        let path = format!("/2013-12-26/Accounts/{}/SMS/TemplateSMS", self.account.account_sid);
        if call.method != "POST" {
            return Err(refused("111100"));
        }
        if call.path != path {
            return Err(refused("111102"));
        }
        self.authentic(call, now)?;
        let body: TemplateSms = serde_json::from_slice(call.body).map_err(|_| refused("160031"))?;
        self.send(&body, now)
    }

    fn authentic(&self, call: &Call<'_>, now: Timestamp) -> Result<(), Refused> {
        let given = call.header("authorization").ok_or_else(|| refused("111101"))?;
        let plain = base64::engine::general_purpose::STANDARD.decode(given).map_err(|_| refused("111103"))?;
        let plain = String::from_utf8(plain).map_err(|_| refused("111103"))?;
        let (sid, time) = plain.split_once(':').ok_or_else(|| refused("111103"))?;
        if sid != self.account.account_sid {
            return Err(refused("111104"));
        }
        let sig = call.query.strip_prefix("sig=").ok_or_else(|| refused("111108"))?;
        let expected = signature(sid, &self.account.auth_token, time);
        if self.desk.checks_signature() && !sign::same(expected.as_bytes(), sig.as_bytes()) {
            return Err(refused("111109"));
        }
        let at = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", time).map_err(|_| refused("111105"))?;
        let off = Timestamp::from_civil(at).millis() - now.millis();
        if off.abs() > VALID_MS { Err(refused("111106")) } else { Ok(()) }
    }

    fn send(&self, body: &TemplateSms, now: Timestamp) -> Result<Reply, Refused> {
        if body.app_id != self.account.app_id {
            return Err(refused("160043"));
        }
        let numbers: Vec<&str> = body.to.split(',').collect();
        if numbers.len() > 200 {
            return Err(refused("160048"));
        }
        if numbers.iter().collect::<HashSet<_>>().len() < numbers.len() {
            return Err(refused("160045"));
        }
        if body.req_id.as_ref().is_some_and(|id| id.len() > 64) {
            return Err(refused("160055"));
        }
        let filed = self.account.templates.get(&body.template_id).ok_or_else(|| refused("160032"))?;
        let text: Arc<str> = written(filed, &body.datas)?.into();
        let id: Arc<str> = format!("ff8080813c373cab013c94b0{:08x}", self.desk.serial).into();
        let line = |n: &str| Line { written: n.to_owned(), text: text.clone(), id: id.clone() };
        let lines = numbers.into_iter().map(line).collect();
        let reference = body.req_id.as_deref().unwrap_or_default();
        let order = Order { reference, template: Some(&body.template_id), lines };
        match self.desk.rule(order, Refusals::Whole("160042"), now) {
            Ruling::Broken(reply) => Ok(reply),
            Ruling::Refused(code) => Err(Refused(code)),
            Ruling::Throttled => Err(refused("111111")),
            Ruling::UnknownCode => Err(refused("199999")),
            Ruling::Taken(_, fault) => {
                let at = now.civil().strftime("%Y%m%d%H%M%S").to_string();
                let taken = json!({"dateCreated": at, "smsMessageSid": &*id});
                let body = json!({"statusCode": "000000", "templateSMS": taken});
                Ok(Reply { fault, ..Reply::json(200, body.to_string()) })
            }
        }
    }
}

/// The filed text with its variables filled.
fn written(filed: &str, datas: &[String]) -> Result<String, Refused> {
    let (mut text, mut rest) = (String::new(), filed);
    while let Some((before, after)) = rest.split_once('{') {
        let (n, after) = after.split_once('}').ok_or_else(|| refused("160032"))?;
        let at: usize = n.parse().map_err(|_| refused("160032"))?;
        text.push_str(before);
        text.push_str(at.checked_sub(1).and_then(|i| datas.get(i)).ok_or_else(|| refused("160036"))?);
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}
