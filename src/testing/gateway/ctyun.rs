//! CTYun as a function: the EOP signature, SendSms. It pushes nothing, since the form of its pushes is not known.

use super::{Call, Desk, Line, Order, Refusals, Reply, Ruling};
use crate::clock::Timestamp;
use crate::message::rendition::TemplateBinding;
use crate::provider::{ctyun, sign};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What this fake allows; the platform's own is in no page read.
const SKEW_MS: i64 = 15 * 60 * 1000;

/// A CTYun account and what is approved for it.
#[derive(Clone)]
pub struct FakeCtyun {
    /// Access key.
    pub access_key: String,
    /// Secret key.
    pub secret_key: String,
    /// Approved signatures, without brackets.
    pub signatures: Vec<String>,
    /// Approved templates: code, and text with `${name}` for variables.
    pub templates: BTreeMap<String, String>,
}

impl Default for FakeCtyun {
    /// Access key `fake0ctyun0ak0dev`, secret key `fake0ctyun0sk0dev`, signature 测试签名, templates `SMS00000000001`
    /// (with `${name}`) and `SMS00000000002`.
    fn default() -> Self {
        let template = |code: &str, text: &str| (code.to_owned(), text.to_owned());
        Self {
            access_key: "fake0ctyun0ak0dev".into(),
            secret_key: "fake0ctyun0sk0dev".into(),
            signatures: vec!["测试签名".into()],
            templates: BTreeMap::from([
                template("SMS00000000001", "会员${name}，新品8折。拒收请回复R"),
                template("SMS00000000002", "会员，新品8折。拒收请回复R"),
            ]),
        }
    }
}

impl std::fmt::Debug for FakeCtyun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeCtyun")
    }
}

impl From<FakeCtyun> for super::Account {
    fn from(account: FakeCtyun) -> Self {
        Self(Arc::new(account))
    }
}

impl super::Platform for FakeCtyun {
    fn name(&self) -> &'static str {
        "ctyun"
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
        use crate::provider::{ctyun::Ctyun, wire::Http};
        use crate::secret::Secret;
        let wire = Ctyun::new(&self.access_key, Secret::new(&self.secret_key));
        Ok(Arc::new(Http::new(wire, settings, clock)?))
    }
}

struct Turn<'a> {
    desk: &'a Desk<'a>,
    account: &'a FakeCtyun,
}

/// A code and the HTTP status it comes with. The codes of a business refusal are this fake's own: the vendor's list was
/// not found.
struct Refused(u16, String);

fn no(code: &str) -> Refused {
    Refused(200, code.to_owned())
}

impl Turn<'_> {
    fn handle(&self, call: &Call<'_>, now: Timestamp) -> Reply {
        let id = format!("fake-request-{}", self.desk.serial);
        self.answered(call, now, &id).unwrap_or_else(|Refused(status, code)| {
            Reply::json(status, json!({"code": code, "message": "refused", "requestId": id}).to_string())
        })
    }

    fn answered(&self, call: &Call<'_>, now: Timestamp, id: &str) -> Result<Reply, Refused> {
        if (call.method, call.path) != ("POST", "/sms/api/v1") {
            return Err(Refused(404, "NOT_FOUND".into()));
        }
        self.authentic(call, now)?;
        let sent: Map<String, Value> = serde_json::from_slice(call.body).map_err(|_| no("FAIL_BODY"))?;
        let word = |name: &str| sent.get(name).and_then(Value::as_str).filter(|s| !s.is_empty());
        let needed = |name: &str| word(name).ok_or_else(|| no("FAIL_FIELD"));
        if needed("action")? != "SendSms" {
            return Err(no("FAIL_ACTION"));
        }
        let numbers: Vec<&str> = needed("phoneNumber")?.split(',').collect();
        if numbers.len() > 200 || word("extendCode").is_some_and(|e| e.len() > 6) {
            return Err(no("FAIL_LIMIT"));
        }
        let template = needed("templateCode")?;
        let text: Arc<str> = self.text(needed("signName")?, template, word("templateParam"))?.into();
        let line = |n: &str| Line { written: n.to_owned(), text: text.clone(), id: id.into() };
        let lines = numbers.into_iter().map(line).collect();
        let order = Order { reference: word("sessionId").unwrap_or_default(), template: Some(template), lines };
        match self.desk.rule(order, Refusals::Whole("FAIL_NUMBER"), now) {
            Ruling::Broken(reply) => Ok(reply),
            Ruling::Refused(code) => Err(no(&code)),
            Ruling::Throttled => Err(Refused(429, "FAIL_RATE".into())),
            Ruling::UnknownCode => Err(no("FAIL_OTHER")),
            Ruling::Taken(_, fault) => {
                let body = json!({"code": "OK", "message": "success", "requestId": id});
                Ok(Reply { fault, ..Reply::json(200, body.to_string()) })
            }
        }
    }

    fn authentic(&self, call: &Call<'_>, now: Timestamp) -> Result<(), Refused> {
        let bad = || Refused(401, "FAIL_AUTH".into());
        let header = |name: &str| call.header(name).ok_or_else(bad);
        let (id, date) = (header("ctyun-eop-request-id")?, header("eop-date")?);
        let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).map_err(|_| bad())?;
        if (Timestamp::from_civil(at).millis() - now.millis()).abs() > SKEW_MS {
            return Err(bad());
        }
        let account = self.account;
        let wanted = ctyun::authorization(&account.access_key, &account.secret_key, id, date, call.query, call.body);
        let given = header("eop-authorization")?;
        if self.desk.checks_signature() && !sign::same(wanted.as_bytes(), given.as_bytes()) {
            return Err(bad());
        }
        if self.desk.gateway.fresh_nonce(id) { Ok(()) } else { Err(bad()) }
    }

    fn text(&self, signature: &str, template: &str, values: Option<&str>) -> Result<String, Refused> {
        if !self.account.signatures.iter().any(|s| s == signature) {
            return Err(no("FAIL_SIGNATURE"));
        }
        let filed = self.account.templates.get(template).ok_or_else(|| no("FAIL_TEMPLATE"))?;
        let values: Value = serde_json::from_str(values.unwrap_or("{}")).map_err(|_| no("FAIL_PARAM"))?;
        let mut text = format!("【{signature}】");
        let mut rest = filed.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or_else(|| no("FAIL_TEMPLATE"))?;
            text.push_str(before);
            text.push_str(values[name].as_str().ok_or_else(|| no("FAIL_PARAM"))?);
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }
}
