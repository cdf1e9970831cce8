//! Luosimao as a function: send, send_batch, status.

use super::{Call, Desk, Line, Order, Refusals, Reply, Ruling, params};
use crate::clock::Timestamp;
use crate::message::rendition::TemplateBinding;
use crate::provider::sign;
use base64::Engine as _;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

/// A Luosimao account and what is approved for it.
#[derive(Clone)]
pub struct FakeLuosimao {
    /// The API key, without `key-`.
    pub api_key: String,
    /// Approved signatures, without brackets.
    pub signatures: Vec<String>,
}

impl Default for FakeLuosimao {
    /// API key `fake0luosimao0dev`, signature 测试签名.
    fn default() -> Self {
        Self { api_key: "fake0luosimao0dev".into(), signatures: vec!["测试签名".into()] }
    }
}

impl std::fmt::Debug for FakeLuosimao {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeLuosimao")
    }
}

impl From<FakeLuosimao> for super::Account {
    fn from(account: FakeLuosimao) -> Self {
        Self(Arc::new(account))
    }
}

impl super::Platform for FakeLuosimao {
    fn name(&self) -> &'static str {
        "luosimao"
    }

    fn handle(&self, desk: &Desk<'_>, call: &Call<'_>, now: Timestamp) -> Reply {
        self.answered(desk, call, now).unwrap_or_else(|Refused(code)| told(code))
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
        use crate::provider::{luosimao::Luosimao, wire::Http};
        let wire = Luosimao::new(crate::secret::Secret::new(&self.api_key));
        Ok(Arc::new(Http::new(wire, settings, clock)?))
    }
}

/// A code that refuses the whole request; with HTTP 200, as in the vendor's tests.
struct Refused(i64);

fn told(code: i64) -> Reply {
    Reply::json(200, json!({"error": code, "msg": "refused"}).to_string())
}

impl FakeLuosimao {
    fn answered(&self, desk: &Desk<'_>, call: &Call<'_>, now: Timestamp) -> Result<Reply, Refused> {
        let login = format!("api:key-{}", self.api_key);
        let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(login));
        let given = call.header("authorization").unwrap_or_default();
        if !sign::same(given.as_bytes(), basic.as_bytes()) {
            return Err(Refused(-10));
        }
        let params = params(call).ok_or(Refused(-11))?;
        match (call.method, call.path) {
            ("GET", "/v1/status.json") => Ok(Reply::json(200, json!({"error": 0, "deposit": "12345"}).to_string())),
            ("POST", "/v1/send.json") => self.act(desk, &params, "mobile", now),
            ("POST", "/v1/send_batch.json") => self.act(desk, &params, "mobile_list", now),
            _ => Err(Refused(-11)),
        }
    }

    fn act(
        &self,
        desk: &Desk<'_>,
        params: &HashMap<String, String>,
        list: &str,
        now: Timestamp,
    ) -> Result<Reply, Refused> {
        let text = params.get("message").filter(|t| !t.is_empty()).ok_or(Refused(-30))?;
        if text.chars().count() > 300 {
            return Err(Refused(-33));
        }
        let signed = |s: &String| text.starts_with(&format!("【{s}】")) || text.ends_with(&format!("【{s}】"));
        if !text.contains('【') {
            return Err(Refused(-32));
        }
        if !self.signatures.iter().any(signed) {
            return Err(Refused(-34));
        }
        let numbers: Vec<&str> = params.get(list).map(|l| l.split(',').collect()).unwrap_or_default();
        if numbers.is_empty() || numbers.len() > if list == "mobile" { 1 } else { 10_000 } {
            return Err(Refused(-40));
        }
        let id: Arc<str> = format!("FAKEBATCH{:08}", desk.serial).into();
        let text: Arc<str> = text.as_str().into();
        let line = |n: &str| Line { written: n.to_owned(), text: text.clone(), id: id.clone() };
        let lines = numbers.into_iter().map(line).collect();
        match desk.rule(Order { reference: "", template: None, lines }, Refusals::Whole("-40"), now) {
            Ruling::Broken(reply) => Ok(reply),
            Ruling::Refused(code) => Err(Refused(code.parse().unwrap_or(-10))),
            Ruling::Throttled => Err(Refused(-42)),
            Ruling::UnknownCode => Err(Refused(-99)),
            Ruling::Taken(_, fault) => {
                let body = match list {
                    "mobile" => json!({"error": 0, "msg": "ok"}),
                    _ => json!({"error": 0, "msg": "ok", "batch_id": &*id}),
                };
                Ok(Reply { fault, ..Reply::json(200, body.to_string()) })
            }
        }
    }
}
