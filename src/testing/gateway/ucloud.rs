//! UCloud as a function: SendUSMSMessage, SendBatchUSMSMessage.

use super::{Call, Desk, Line, Order, PushedReply, PushedReport, Refusals, Reply, Row, Ruling, number, params};
use crate::clock::Timestamp;
use crate::inbound::HttpCall;
use crate::message::rendition::TemplateBinding;
use crate::provider::{sign, ucloud};
use base64::Engine as _;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A UCloud account and what is approved for it.
#[derive(Clone)]
pub struct FakeUcloud {
    /// Public key.
    pub public_key: String,
    /// Private key.
    pub private_key: String,
    /// The project that its requests name.
    pub project: String,
    /// Approved signatures, without brackets.
    pub signatures: Vec<String>,
    /// Approved templates: id, and text with `{1}` for the first variable.
    pub templates: BTreeMap<String, String>,
}

impl Default for FakeUcloud {
    /// Public key `FAKEpublic/key+dev==`, private key `FAKEprivate0key0dev`, project `org-fakedev`, signature 测试签名,
    /// templates `UTAfake0001` (with `{1}`) and `UTAfake0002`.
    fn default() -> Self {
        Self {
            public_key: "FAKEpublic/key+dev==".into(),
            private_key: "FAKEprivate0key0dev".into(),
            project: "org-fakedev".into(),
            signatures: vec!["测试签名".into()],
            templates: super::filed(&[
                ("UTAfake0001", "会员{1}，新品8折。拒收请回复R"),
                ("UTAfake0002", "会员，新品8折。拒收请回复R"),
            ]),
        }
    }
}

super::account!(FakeUcloud);

impl super::Platform for FakeUcloud {
    fn name(&self) -> &'static str {
        "ucloud"
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
        use crate::provider::{Door, ucloud::Ucloud, wire::Http};
        use crate::secret::Secret;
        let wire = Ucloud::new(&self.public_key, Secret::new(&self.private_key))
            .project(&self.project)
            .callbacks(Door::at(Secret::new(super::CALLBACK_PATH)));
        Ok(Arc::new(Http::new(wire, settings, clock)?))
    }

    fn report(&self, event: &PushedReport<'_>) -> Option<HttpCall> {
        let result = if event.code == "DELIVRD" { "发送成功" } else { "发送失败" };
        Some(super::pushed_json(&json!({"MsgType": 2, "Data": [{
            "SessionNo": &*event.message.id, "Phone": event.message.number.to_string(), "CostCount": 1,
            "ReceiptTime": event.now.millis() / 1000, "ReceiptResult": result, "ReceiptCode": event.code,
            "ReceiptDesc": event.code, "UserId": &*event.message.reference,
        }]})))
    }

    fn reply(&self, event: &PushedReply<'_>) -> Option<HttpCall> {
        Some(super::pushed_json(&json!({"MsgType": 0, "Data": [{
            "ExtendCode": event.extension, "UserId": "", "Phone": event.number.to_string(),
            "ReplyContent": event.text, "ReplyTime": event.now.millis() / 1000,
        }]})))
    }

    fn is_received(&self, _: &HttpCall, status: u16, answer: &[u8]) -> bool {
        super::answered_json(status, answer)["code"] == 0
    }
}

/// The caller's reference, and each number as written with its text.
type Wanted = (String, Vec<(String, Arc<str>)>);

struct Turn<'a> {
    desk: &'a Desk<'a>,
    account: &'a FakeUcloud,
}

/// A code that refuses the whole request.
struct Refused(String);

fn no(code: &str) -> Refused {
    Refused(code.to_owned())
}

impl Turn<'_> {
    fn handle(&self, call: &Call<'_>, now: Timestamp) -> Reply {
        self.answered(call, now).unwrap_or_else(|Refused(code)| {
            let code: i64 = code.parse().unwrap_or(18007);
            Reply::json(200, json!({"RetCode": code, "Message": "refused"}).to_string())
        })
    }

    fn answered(&self, call: &Call<'_>, now: Timestamp) -> Result<Reply, Refused> {
        if call.path != "/" || !matches!(call.method, "GET" | "POST") {
            return Err(no("161"));
        }
        let params = params(call).ok_or_else(|| no("18000"))?;
        self.authentic(&params)?;
        match needed(&params, "Action", "160")? {
            "SendUSMSMessage" => {
                let (reference, lines) = self.same_text(&params)?;
                self.act(&params, &reference, lines, Refusals::Whole("18014"), now)
            }
            "SendBatchUSMSMessage" => {
                let (reference, lines) = self.personal(&params)?;
                self.act(&params, &reference, lines, Refusals::Each("invalid number"), now)
            }
            _ => Err(no("161")),
        }
    }

    fn authentic(&self, params: &HashMap<String, String>) -> Result<(), Refused> {
        let given = needed(params, "Signature", "170")?;
        if needed(params, "PublicKey", "172")? != self.account.public_key {
            return Err(no("172"));
        }
        let pairs: Vec<_> =
            params.iter().filter(|(k, _)| *k != "Signature").map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let wanted = ucloud::signature(&pairs, &self.account.private_key);
        if self.desk.checks_signature() && !sign::same(wanted.as_bytes(), given.as_bytes()) {
            return Err(no("171"));
        }
        if params.get("ProjectId").is_some_and(|p| *p != self.account.project) {
            return Err(no("292"));
        }
        Ok(())
    }

    fn same_text(&self, params: &HashMap<String, String>) -> Result<Wanted, Refused> {
        let list = |name: &str| -> Vec<&str> {
            (0..).map_while(|i| params.get(&format!("{name}.{i}")).map(String::as_str)).collect()
        };
        let text: Arc<str> = self
            .text(
                needed(params, "SigContent", "18001")?,
                needed(params, "TemplateId", "18001")?,
                &list("TemplateParams"),
            )?
            .into();
        let lines = list("PhoneNumbers").into_iter().map(|n| (n.to_owned(), text.clone())).collect();
        Ok((params.get("UserId").cloned().unwrap_or_default(), lines))
    }

    fn personal(&self, params: &HashMap<String, String>) -> Result<Wanted, Refused> {
        let content = needed(params, "TaskContent", "18001")?;
        let content = base64::engine::general_purpose::STANDARD.decode(content).map_err(|_| no("18002"))?;
        let tasks: Vec<Value> = serde_json::from_slice(&content).map_err(|_| no("18000"))?;
        let (mut reference, mut lines) = (String::new(), Vec::new());
        let word = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        for task in &tasks {
            for target in task["Target"].as_array().ok_or_else(|| no("18001"))? {
                let values: Vec<&str> =
                    target["TemplateParams"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                let text = self.text(&word(&task["SigContent"]), &word(&task["TemplateId"]), &values)?;
                reference = word(&target["UserId"]);
                lines.push((word(&target["Phone"]), text.into()));
            }
        }
        Ok((reference, lines))
    }

    fn text(&self, signature: &str, template: &str, values: &[&str]) -> Result<String, Refused> {
        if !self.account.signatures.iter().any(|s| s == signature) {
            return Err(no("18016"));
        }
        let filed = self.account.templates.get(template).ok_or_else(|| no("18017"))?;
        let holes = (1..).take_while(|i| filed.contains(&format!("{{{i}}}"))).count();
        if values.len() != holes {
            return Err(no("18018"));
        }
        let filled = values.iter().enumerate().fold(filed.clone(), |t, (i, v)| t.replace(&format!("{{{}}}", i + 1), v));
        Ok(format!("【{signature}】{filled}"))
    }

    fn act(
        &self,
        params: &HashMap<String, String>,
        reference: &str,
        wanted: Vec<(String, Arc<str>)>,
        refusals: Refusals<'_>,
        now: Timestamp,
    ) -> Result<Reply, Refused> {
        if wanted.is_empty() {
            return Err(no("18001"));
        }
        if wanted.len() > 1000 {
            return Err(no("18019"));
        }
        if reference.chars().count() > 32 || reference.contains('\'') {
            return Err(no("18002"));
        }
        let id: Arc<str> = format!("00000000-fake-{:04}", self.desk.serial).into();
        let bare = |n: String| n.strip_prefix("(86)").map(str::to_owned).unwrap_or(n);
        let lines = wanted.into_iter().map(|(n, text)| Line { written: bare(n), text, id: id.clone() }).collect();
        let template = params.get("TemplateId").map(String::as_str);
        match self.desk.rule(Order { reference, template, lines }, refusals, now) {
            Ruling::Broken(reply) => Ok(reply),
            Ruling::Refused(code) => Err(Refused(code)),
            Ruling::Throttled => Err(no("18007")),
            Ruling::UnknownCode => Err(no("99999")),
            Ruling::Taken(rows, fault) => Ok(Reply { fault, ..answer(&rows, &id, refusals) }),
        }
    }
}

fn answer(rows: &[Row], id: &str, refusals: Refusals<'_>) -> Reply {
    let Refusals::Each(_) = refusals else {
        return Reply::json(200, json!({"RetCode": 0, "SessionNo": id, "Message": "提交发送成功"}).to_string());
    };
    let target = |r: &Row| r.refused.as_ref().map(|why| json!({"Phone": r.written, "FailureDetails": why}));
    let failed: Vec<Value> = rows.iter().filter_map(target).collect();
    let taken = rows.iter().filter(|r| r.refused.is_none() && number(&r.written).is_some()).count();
    let code = if failed.is_empty() { 0 } else { 18046 };
    let fail_content = if failed.is_empty() { json!([]) } else { json!([{"Target": failed, "FailureDetails": ""}]) };
    let body = json!({
        "RetCode": code, "SessionNo": id, "ReqUuid": id, "SuccessCount": taken, "FailContent": fail_content,
    });
    Reply::json(200, body.to_string())
}

fn needed<'a>(params: &'a HashMap<String, String>, name: &str, missing: &str) -> Result<&'a str, Refused> {
    params.get(name).map(String::as_str).filter(|s| !s.is_empty()).ok_or_else(|| no(missing))
}
