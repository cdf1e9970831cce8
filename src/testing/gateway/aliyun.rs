//! Aliyun as a function: signature V3, SendSms, SendBatchSms, QuerySendDetails.

use super::{Call, Desk, Line, Order, PushedReply, PushedReport, Refusals, Reply, Ruling, number, params};
use crate::clock::Timestamp;
use crate::inbound::HttpCall;
use crate::message::rendition::TemplateBinding;
use crate::provider::sign::{self, Acs3};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

const SKEW_MS: i64 = 15 * 60 * 1000;

/// An Aliyun account and what is approved for it.
#[derive(Clone)]
pub struct FakeAliyun {
    /// AccessKey id.
    pub key_id: String,
    /// AccessKey secret.
    pub key_secret: String,
    /// Approved signatures, without brackets.
    pub signatures: Vec<String>,
    /// Approved templates: code, and text with `${name}` for variables.
    pub templates: BTreeMap<String, String>,
}

impl Default for FakeAliyun {
    /// Key `testAccessKeyId000001`, secret `testAccessKeySecret000001`, signature 测试签名, templates `SMS_000000001`
    /// (with `${name}`) and `SMS_000000002`.
    fn default() -> Self {
        Self {
            key_id: "testAccessKeyId000001".into(),
            key_secret: "testAccessKeySecret000001".into(),
            signatures: vec!["测试签名".into()],
            templates: super::filed(&[
                ("SMS_000000001", "会员${name}，新品8折。拒收请回复R"),
                ("SMS_000000002", "会员，新品8折。拒收请回复R"),
            ]),
        }
    }
}

super::account!(FakeAliyun);

impl super::Platform for FakeAliyun {
    fn name(&self) -> &'static str {
        "aliyun"
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
        use crate::provider::{Door, aliyun::Aliyun, wire::Http};
        use crate::secret::Secret;
        let wire = Aliyun::new(&self.key_id, Secret::new(&self.key_secret))
            .callbacks(Door::at(Secret::new(super::CALLBACK_PATH)));
        Ok(Arc::new(Http::new(wire, settings, clock)?))
    }

    fn report(&self, event: &PushedReport<'_>) -> Option<HttpCall> {
        let at = event.now.to_beijing();
        let delivered = matches!(event.code, "DELIVRD" | "DELIVERED");
        let body = serde_json::json!([{
            "phone_number": event.message.number.to_string(), "send_time": at, "report_time": at, "success": delivered,
            "err_code": event.code, "err_msg": event.code, "sms_size": "1", "biz_id": &*event.message.id,
            "out_id": &*event.message.reference,
        }]);
        Some(super::pushed_json(&body))
    }

    fn reply(&self, event: &PushedReply<'_>) -> Option<HttpCall> {
        let at = event.now.to_beijing();
        let body = serde_json::json!([{
            "phone_number": event.number.to_string(), "content": event.text, "send_time": at,
            "dest_code": event.extension, "sign_name": event.signature, "sequence_id": event.serial,
        }]);
        Some(super::pushed_json(&body))
    }

    /// Only the code counts.
    fn is_received(&self, _: &HttpCall, status: u16, answer: &[u8]) -> bool {
        super::answered_json(status, answer)["code"] == 0
    }
}

struct Turn<'a> {
    desk: &'a Desk<'a>,
    account: &'a FakeAliyun,
}

/// A code and the HTTP status it comes with.
struct Refused(u16, String);

fn business(code: &str) -> Refused {
    Refused(200, code.to_owned())
}

impl Turn<'_> {
    fn handle(&self, call: &Call<'_>, now: Timestamp) -> Reply {
        self.answered(call, now).unwrap_or_else(|Refused(status, code)| {
            let body = serde_json::json!({"Code": code, "Message": code, "RequestId": self.request_id()});
            Reply::json(status, body.to_string())
        })
    }

    fn request_id(&self) -> String {
        format!("819BE656-0000-4858-8B21-{:012}", self.desk.serial)
    }

    fn answered(&self, call: &Call<'_>, now: Timestamp) -> Result<Reply, Refused> {
        let bad = |code: &str| Refused(400, code.to_owned());
        if call.path != "/" || !matches!(call.method, "GET" | "POST") {
            return Err(Refused(404, "InvalidAction.NotFound".into()));
        }
        self.authentic(call, now)?;
        let params = params(call).ok_or_else(|| bad("MissingParameter"))?;
        match call.header("x-acs-action") {
            Some("SendSms") => {
                let order = self.same_text(&params)?;
                self.act(&params, order, now)
            }
            Some("SendBatchSms") => {
                let order = self.personal(&params)?;
                self.act(&params, order, now)
            }
            Some("QuerySendDetails") => self.details(&params),
            _ => Err(Refused(404, "InvalidAction.NotFound".into())),
        }
    }

    fn authentic(&self, call: &Call<'_>, now: Timestamp) -> Result<(), Refused> {
        let bad = |code: &str| Refused(400, code.to_owned());
        let header = |name: &str| call.header(name).ok_or_else(|| bad("MissingParameter"));
        if header("x-acs-version")? != "2017-05-25" {
            return Err(bad("InvalidVersion"));
        }
        let date = header("x-acs-date")?;
        if date.len() != 20 || !date.ends_with('Z') {
            return Err(bad("InvalidTimeStamp.Format"));
        }
        let at: Timestamp = date.parse().map_err(|_| bad("InvalidTimeStamp.Format"))?;
        if (at.millis() - now.millis()).abs() > SKEW_MS {
            return Err(bad("InvalidTimeStamp.Expired"));
        }
        let given = header("authorization")?;
        let rest = given.strip_prefix("ACS3-HMAC-SHA256 ").ok_or_else(|| bad("IncompleteSignature"))?;
        let parts: HashMap<&str, &str> = rest.split(',').filter_map(|p| p.split_once('=')).collect();
        if parts.get("Credential") != Some(&&*self.account.key_id) {
            return Err(Refused(404, "InvalidAccessKeyId.NotFound".into()));
        }
        if self.desk.checks_signature() {
            let signed = parts.get("SignedHeaders").ok_or_else(|| bad("IncompleteSignature"))?;
            if !self.is_signed(call, signed, given) {
                return Err(bad("SignatureDoesNotMatch"));
            }
        }
        if !self.desk.gateway.fresh_nonce(header("x-acs-signature-nonce")?) {
            return Err(bad("SignatureNonceUsed"));
        }
        Ok(())
    }

    /// Recomputes the signature from the bytes that came.
    fn is_signed(&self, call: &Call<'_>, signed: &str, given: &str) -> bool {
        let names: Vec<&str> = signed.split(';').collect();
        let needed = |name: &str| {
            let n = name.to_ascii_lowercase();
            (n == "host" || n == "content-type" && !call.body.is_empty() || n.starts_with("x-acs-"))
                && !names.contains(&n.as_str())
        };
        if !names.is_sorted() || !names.contains(&"host") || call.headers.iter().any(|(n, _)| needed(n)) {
            return false;
        }
        let headers: Option<Vec<(&str, &str)>> = names.iter().map(|n| call.header(n).map(|v| (*n, v.trim()))).collect();
        let (Some(headers), Some(pairs)) = (headers, sign::form_pairs(call.query)) else {
            return false;
        };
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let body_sha256 = sign::sha256_hex(call.body);
        let acs3 = Acs3 {
            method: call.method,
            path: call.path,
            query: &sign::canonical_query(&pairs),
            headers: &headers,
            body_sha256: &body_sha256,
        };
        call.header("x-acs-content-sha256") == Some(&body_sha256)
            && sign::same(
                acs3.authorization(&self.account.key_id, &self.account.key_secret).as_bytes(),
                given.as_bytes(),
            )
    }

    fn same_text(&self, params: &HashMap<String, String>) -> Result<Vec<(String, Arc<str>)>, Refused> {
        let numbers: Vec<&str> = needed(params, "PhoneNumbers")?.split(',').collect();
        if numbers.len() > 1000 {
            return Err(business("isv.MOBILE_COUNT_OVER_LIMIT"));
        }
        let filed = self.filed(needed(params, "TemplateCode")?)?;
        let values = params.get("TemplateParam").map_or("{}", String::as_str);
        let values = serde_json::from_str(values).map_err(|_| business("isv.INVALID_JSON_PARAM"))?;
        let text: Arc<str> = self.text(needed(params, "SignName")?, filed, &values)?.into();
        Ok(numbers.into_iter().map(|n| (n.to_owned(), text.clone())).collect())
    }

    fn personal(&self, params: &HashMap<String, String>) -> Result<Vec<(String, Arc<str>)>, Refused> {
        let list = |name: &str| -> Result<Vec<serde_json::Value>, Refused> {
            serde_json::from_str(needed(params, name)?).map_err(|_| business("isv.INVALID_JSON_PARAM"))
        };
        let (numbers, signatures) = (list("PhoneNumberJson")?, list("SignNameJson")?);
        let filed = self.filed(needed(params, "TemplateCode")?)?;
        let values = if params.contains_key("TemplateParamJson") {
            list("TemplateParamJson")?
        } else {
            vec![serde_json::json!({}); numbers.len()]
        };
        if numbers.len() > 100 {
            return Err(business("isv.MOBILE_COUNT_OVER_LIMIT"));
        }
        let extensions = params.contains_key("SmsUpExtendCodeJson").then(|| list("SmsUpExtendCodeJson")).transpose()?;
        let equal = signatures.len() == numbers.len()
            && values.len() == numbers.len()
            && extensions.is_none_or(|e| e.len() == numbers.len());
        if numbers.is_empty() || !equal {
            return Err(business("isv.INVALID_PARAMETERS"));
        }
        let one = |((n, s), v): ((&serde_json::Value, &serde_json::Value), &serde_json::Value)| {
            let text = self.text(s.as_str().unwrap_or_default(), filed, v)?;
            Ok((n.as_str().unwrap_or_default().to_owned(), text.into()))
        };
        numbers.iter().zip(&signatures).zip(&values).map(one).collect()
    }

    fn filed(&self, code: &str) -> Result<&str, Refused> {
        self.account.templates.get(code).map(String::as_str).ok_or_else(|| business("isv.SMS_TEMPLATE_ILLEGAL"))
    }

    fn text(&self, signature: &str, filed: &str, values: &serde_json::Value) -> Result<String, Refused> {
        if !self.account.signatures.iter().any(|s| s == signature) {
            return Err(business("isv.SMS_SIGNATURE_ILLEGAL"));
        }
        let values = values.as_object().ok_or_else(|| business("isv.INVALID_JSON_PARAM"))?;
        let mut text = format!("【{signature}】");
        let mut rest = filed;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or_else(|| business("isv.SMS_TEMPLATE_ILLEGAL"))?;
            let value = values.get(name).ok_or_else(|| business("isv.TEMPLATE_MISSING_PARAMETERS"))?;
            let value = value.as_str().ok_or_else(|| business("isv.TEMPLATE_PARAMS_ILLEGAL"))?;
            if value.chars().count() > 35 {
                return Err(business("isv.PARAM_LENGTH_LIMIT"));
            }
            text.push_str(before);
            text.push_str(value);
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }

    fn act(
        &self,
        params: &HashMap<String, String>,
        wanted: Vec<(String, Arc<str>)>,
        now: Timestamp,
    ) -> Result<Reply, Refused> {
        let reference = params.get("OutId").map(String::as_str).unwrap_or_default();
        if reference.chars().count() >= 256 {
            return Err(business("isv.PARAM_LENGTH_LIMIT"));
        }
        let id: Arc<str> = format!("{:018}^0", 900_000_000_000_000_000 + self.desk.serial).into();
        let lines = wanted.into_iter().map(|(written, text)| Line { written, text, id: id.clone() }).collect();
        let template = params.get("TemplateCode").map(String::as_str);
        match self.desk.rule(Order { reference, template, lines }, Refusals::Whole("isv.MOBILE_NUMBER_ILLEGAL"), now) {
            Ruling::Broken(reply) => Ok(reply),
            Ruling::Refused(code) => Err(business(&code)),
            Ruling::Throttled => Err(Refused(400, "Throttling.User".into())),
            Ruling::UnknownCode => Err(business("isv.NEVER_LISTED")),
            Ruling::Taken(_, fault) => {
                let body =
                    serde_json::json!({"Code": "OK", "Message": "OK", "BizId": &*id, "RequestId": self.request_id()});
                Ok(Reply { fault, ..Reply::json(200, body.to_string()) })
            }
        }
    }

    fn details(&self, params: &HashMap<String, String>) -> Result<Reply, Refused> {
        let phone = valid(needed(params, "PhoneNumber")?)?;
        let day = needed(params, "SendDate")?;
        let count = |name: &str, max: usize| -> Result<usize, Refused> {
            let n: usize = needed(params, name)?.parse().map_err(|_| business("isv.INVALID_PARAMETERS"))?;
            if (1..=max).contains(&n) { Ok(n) } else { Err(business("isv.INVALID_PARAMETERS")) }
        };
        let (size, page) = (count("PageSize", 50)?, count("CurrentPage", 10_000)?);
        let of_day = |at: Timestamp| at.day().strftime("%Y%m%d").to_string();
        let biz = params.get("BizId");
        let all: Vec<_> = self
            .desk
            .gateway
            .messages_of(phone)
            .into_iter()
            .filter(|m| of_day(m.at) == *day && biz.is_none_or(|b| **b == *m.id))
            .collect();
        let items: Vec<_> = all
            .iter()
            .skip((page - 1) * size)
            .take(size)
            .map(|m| {
                let at = m.at.to_beijing();
                serde_json::json!({
                    "PhoneNum": phone.to_string(), "OutId": &*m.reference, "TemplateCode": m.template.as_deref(),
                    "Content": &*m.text, "SendDate": at, "ReceiveDate": at, "SendStatus": 3, "ErrCode": "DELIVERED",
                })
            })
            .collect();
        let body = serde_json::json!({
            "Code": "OK", "Message": "OK", "RequestId": self.request_id(), "TotalCount": all.len(),
            "SmsSendDetailDTOs": {"SmsSendDetailDTO": items},
        });
        Ok(Reply::json(200, body.to_string()))
    }
}

fn needed<'a>(params: &'a HashMap<String, String>, name: &str) -> Result<&'a str, Refused> {
    params.get(name).map(String::as_str).filter(|s| !s.is_empty()).ok_or(Refused(400, "MissingParameter".into()))
}

fn valid(s: &str) -> Result<u64, Refused> {
    number(s).ok_or_else(|| business("isv.MOBILE_NUMBER_ILLEGAL"))
}
