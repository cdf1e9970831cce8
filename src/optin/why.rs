//! The code that stands on a row, in words: ours, the platform's, or the carrier's.

use super::Optin106;
use crate::delivery::{self, classify};
use crate::entry::State;
use crate::id::AccountId;
use crate::policy::law::Code;
use crate::provider::Why;

impl Optin106 {
    /// Why a row is in its state. Never empty where there is a code.
    pub(crate) fn why(&self, state: State, code: &str, account: Option<&AccountId>) -> Why {
        if code.is_empty() {
            return Why::default();
        }
        if let Ok(code) = code.parse::<Code>() {
            let e = code.explain(self.clock().now().day());
            return Why { zh: e.sentence_zh.into(), en: e.sentence_en.into() };
        }
        let provider = account.and_then(|a| self.resolve(a));
        let submit = || Why::of(provider.as_deref(), code);
        let report = || {
            let found = classify(code, provider.as_deref().map(|p| p.profile().name));
            found.row.map(|_| Why { zh: class_zh(found.class).into(), en: found.meaning.into() })
        };
        // One number may mean one thing in an answer and another on a report.
        let why = match state {
            State::Accepted | State::Delivered | State::NoReport | State::Undelivered => report().or_else(submit),
            _ => submit().or_else(report),
        };
        why.unwrap_or_else(|| unlisted(state))
    }
}

fn class_zh(class: delivery::Class) -> &'static str {
    match class {
        delivery::Class::BlockedByCarrier => "号码在运营商、监管或平台的黑名单中。",
        delivery::Class::BlockedByRecipient => "用户此前已拒收或投诉。",
        delivery::Class::Content => "短信内容、签名或链接被拒绝。",
        delivery::Class::Dead => "号码不存在。",
        delivery::Class::Delivered => "手机已收到。",
        delivery::Class::SoftFailure => "本次未送达。",
        delivery::Class::Unknown => "该代码含义不确定，不视为已送达。",
    }
}

/// Of a code that is in no table only the row's state is known.
fn unlisted(state: State) -> Why {
    let (zh, en) = match state {
        State::Accepted | State::Delivered | State::NoReport => {
            ("平台已接收；该代码未收录。", "The platform took it; the code is in no table.")
        }
        State::Failed => ("平台已拒绝；该代码未收录。", "The platform refused it; the code is in no table."),
        State::Undelivered => {
            ("状态报告为未送达；该代码未收录。", "The report says that it did not arrive; its code is in no table.")
        }
        State::Begun | State::Expired | State::Planned | State::Refused | State::Unknown | State::Unresolved => (
            "该代码未收录，短信可能已被接收；不会重发。",
            "The code is in no table; the platform may have taken the message, which is not sent again.",
        ),
    };
    Why { zh: zh.into(), en: en.into() }
}
