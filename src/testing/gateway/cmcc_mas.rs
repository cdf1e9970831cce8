//! China Mobile's cloud MAS as a function: norsubmit, submit, report, deliver.

use super::{Call, Desk, Line, Order, Refusals, Reply, Ruling};
use crate::clock::Timestamp;
use crate::message::rendition::TemplateBinding;
use crate::provider::sign;
use base64::Engine as _;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A cloud MAS account and what is approved for it.
#[derive(Clone)]
pub struct FakeCmccMas {
    /// The enterprise's name.
    pub ec_name: String,
    /// The interface account.
    pub ap_id: String,
    /// Its secret key.
    pub secret_key: String,
    /// Approved signatures, without brackets, and their codes.
    pub signatures: BTreeMap<String, String>,
    /// How many reports were pulled: each is told once. Clones share it.
    pub pulled: Arc<AtomicUsize>,
    /// Replies that wait for a pull: number and text. Clones share them.
    pub replies: Arc<Mutex<Vec<(u64, String)>>>,
}

impl Default for FakeCmccMas {
    /// 测试科技有限公司, `fakeapdev`, key `FakeSecret!dev`, signature 测试签名 with the code `FAKEsign01`.
    fn default() -> Self {
        Self {
            ec_name: "测试科技有限公司".into(),
            ap_id: "fakeapdev".into(),
            secret_key: "FakeSecret!dev".into(),
            signatures: BTreeMap::from([("测试签名".into(), "FAKEsign01".into())]),
            pulled: Arc::default(),
            replies: Arc::default(),
        }
    }
}

super::account!(FakeCmccMas);

impl super::Platform for FakeCmccMas {
    fn name(&self) -> &'static str {
        "cmcc_mas"
    }

    fn handle(&self, desk: &Desk<'_>, call: &Call<'_>, now: Timestamp) -> Reply {
        self.answered(desk, call, now).unwrap_or_else(|Refused(code)| {
            Reply::json(200, json!({"msgGroup": "", "rspcod": code, "success": false}).to_string())
        })
    }

    fn signatures(&self) -> Vec<String> {
        self.signatures.keys().cloned().collect()
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
        use crate::provider::{cmcc_mas::CmccMas, wire::Http};
        let bare = CmccMas::new(&self.ec_name, &self.ap_id, crate::secret::Secret::new(&self.secret_key));
        let wire = self.signatures.iter().fold(bare, |wire, (signature, code)| wire.signature_code(signature, code));
        Ok(Arc::new(Http::new(wire, settings, clock)?))
    }
}

/// A code that refuses the whole request.
struct Refused(String);

fn no(code: &str) -> Refused {
    Refused(code.to_owned())
}

impl FakeCmccMas {
    fn answered(&self, desk: &Desk<'_>, call: &Call<'_>, now: Timestamp) -> Result<Reply, Refused> {
        let body = base64::engine::general_purpose::STANDARD.decode(call.body).map_err(|_| no("InvalidMessage"))?;
        let body: Value = serde_json::from_slice(&body).map_err(|_| no("InvalidMessage"))?;
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        if (text("ecName"), text("apId")) != (&*self.ec_name, &*self.ap_id) {
            return Err(no("InvalidUsrOrPwd"));
        }
        match (call.method, call.path) {
            ("POST", "/sms/norsubmit" | "/sms/submit") => self.act(desk, &body, now),
            ("POST", "/sms/report" | "/sms/deliver") if text("secretKey") != self.secret_key => {
                Err(no("InvalidUsrOrPwd"))
            }
            ("POST", "/sms/report") => Ok(self.reports(desk)),
            ("POST", "/sms/deliver") => Ok(self.told(now)),
            _ => Err(no("InvalidMessage")),
        }
    }

    fn act(&self, desk: &Desk<'_>, body: &Value, now: Timestamp) -> Result<Reply, Refused> {
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        let signed: String = ["mobiles", "content", "sign", "addSerial"].iter().map(|name| text(name)).collect();
        let mac = sign::md5_hex([&*self.ec_name, &self.ap_id, &self.secret_key, &signed].concat().as_bytes());
        if desk.checks_signature() && !sign::same(mac.as_bytes(), text("mac").as_bytes()) {
            return Err(no("IllegalMac"));
        }
        let signature = self.signatures.iter().find(|(_, code)| *code == text("sign"));
        let (signature, _) = signature.ok_or_else(|| no("NoSignId"))?;
        let numbers: Vec<&str> = text("mobiles").split(',').collect();
        let own: Option<BTreeMap<String, String>> = serde_json::from_str(text("content")).ok();
        if numbers.len() > if own.is_some() { 999 } else { 5000 } {
            return Err(no("TooManyMobiles"));
        }
        let same: Arc<str> = format!("【{signature}】{}", text("content")).into();
        let seen = |n: &str| match &own {
            Some(own) => own.get(n).map(|t| format!("【{signature}】{t}").into()),
            None => Some(same.clone()),
        };
        let id: Arc<str> = format!("{:022}", 927_152_506_001_000u64 + desk.serial).into();
        let line = |n: &&str| Some(Line { written: (*n).to_owned(), text: seen(n)?, id: id.clone() });
        let lines: Option<Vec<Line>> = numbers.iter().map(line).collect();
        let lines = lines.filter(|_| !text("content").is_empty()).ok_or_else(|| no("InvalidMessage"))?;
        match desk.rule(Order { reference: "", template: None, lines }, Refusals::Whole("InvalidMobile"), now) {
            Ruling::Broken(reply) => Ok(reply),
            Ruling::Refused(code) => Err(Refused(code)),
            // No code for "later" is known.
            Ruling::Throttled | Ruling::UnknownCode => Err(no("NeverListed")),
            Ruling::Taken(_, fault) => {
                let body = json!({"msgGroup": &*id, "rspcod": "success", "success": true});
                Ok(Reply { fault, ..Reply::json(200, body.to_string()) })
            }
        }
    }

    /// What was replied since the last pull.
    fn told(&self, now: Timestamp) -> Reply {
        let mut waiting = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        let row = |(number, text): (u64, String)| json!({"smsContent": text, "mobile": number.to_string(), "sendTime": now.to_beijing(), "addSerial": ""});
        let rows: Vec<Value> = waiting.drain(..).map(row).collect();
        Reply::json(200, Value::from(rows).to_string())
    }

    /// What was taken since the last pull, as delivered.
    fn reports(&self, desk: &Desk<'_>) -> Reply {
        let taken = desk.gateway.accepted();
        let from = self.pulled.swap(taken.len(), Ordering::SeqCst).min(taken.len());
        let rows: Vec<Value> = taken[from..]
            .iter()
            .map(|m| {
                let at = m.at.civil().strftime("%Y%m%d%H%M%S").to_string();
                json!({"reportStatus": "CM:0000", "mobile": [m.number.to_string()], "submitDate": at, "receiveDate": at,
                    "errorCode": "DELIVRD", "msgGroup": &*m.id})
            })
            .collect();
        Reply::json(200, Value::from(rows).to_string())
    }
}
