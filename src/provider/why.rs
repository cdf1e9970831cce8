//! A platform's code in words: no code reaches a person bare.

use super::Provider;
use super::wire::{Class, CodeRow};
use std::borrow::Cow;

/// One sentence in both languages, for a code or a count.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Why {
    /// Chinese.
    pub zh: Cow<'static, str>,
    /// English.
    pub en: Cow<'static, str>,
}

impl Why {
    /// What is known of a code that no table has, when it puts the account on hold.
    pub(crate) const ACCOUNT_REFUSED: Self = Self::new(
        "平台拒绝了该账户，代码未收录。",
        "The platform refused the account; the code is in no table: ask the platform, then lift the hold.",
    );

    /// What `code` of a submit means: by the provider's own table, or by the list of our own codes. `None` where neither
    /// has it.
    pub(crate) fn of(provider: Option<&dyn Provider>, code: &str) -> Option<Self> {
        let ours = || OURS.iter().find(|(codes, ..)| codes.contains(&code)).map(|(_, zh, en)| Self::new(zh, en));
        let http = || code.strip_prefix("http_").map(|_| Self::new(SERVER.0, SERVER.1));
        provider.and_then(|p| p.explain(code)).or_else(ours).or_else(http)
    }

    /// Both sentences, the code behind them in brackets.
    pub fn with_code(&self, code: &str) -> String {
        format!("{} {} ({code})", self.zh, self.en)
    }

    pub(crate) const fn new(zh: &'static str, en: &'static str) -> Self {
        Self { zh: Cow::Borrowed(zh), en: Cow::Borrowed(en) }
    }
}

impl Class {
    /// What the class says.
    pub fn why(self) -> Why {
        let (zh, en) = match self {
            Self::Accepted => ("平台已接收。", "The platform took it."),
            Self::Auth => (
                "平台未认可该账户：请核对密钥、权限、出口IP和时钟。",
                "The platform does not accept the account's credentials, rights, address or clock.",
            ),
            Self::ContentRejected => ("平台拒绝了短信内容。", "The platform refused the text."),
            Self::DuplicateRequest => ("平台认为该请求重复。", "The platform takes the request for a repeated one."),
            Self::InsufficientBalance => ("账户余额不足或已欠费。", "The account's money is used up."),
            Self::InvalidRequest => ("平台认为请求有误。", "The platform does not take the request as it is."),
            Self::Mo => ("用户回复。", "A reply."),
            Self::NumberBlacklisted => (
                "号码在平台或运营商的黑名单中，或已退订。",
                "The number is on a blacklist of the platform or a carrier, or unsubscribed.",
            ),
            Self::NumberInvalid => ("平台认为号码无效或不支持该号码。", "The platform does not serve the number."),
            Self::NumberUnsubscribed => ("用户已在平台退订。", "The person unsubscribed at the platform."),
            Self::Partial => ("平台只接收了部分号码。", "The platform took a part of the numbers."),
            Self::Report => ("状态报告。", "A delivery report."),
            Self::TemplateOrSignatureNotApproved => (
                "签名或模板未报备、未通过审核或已失效。",
                "The signature or the template is not filed or not approved.",
            ),
            Self::Throttled => ("达到平台的频率或数量限制。", "A limit of the platform is reached."),
            Self::Transient => ("平台故障，短信可能已被接收。", "The platform failed; it may have taken the message."),
            Self::Unknown => ("平台未说明原因。", "The platform does not say what it means."),
        };
        Why::new(zh, en)
    }
}

impl CodeRow {
    /// The row in words: what it says, and what to do.
    pub fn why(&self) -> Why {
        let why = self.class.why();
        Why { en: format!("{} {}", why.en, self.remedy).into(), ..why }
    }
}

const SERVER: (&str, &str) = (
    "平台服务器出错，短信可能已被接收；不会重发。",
    "The platform's server failed; it may have taken the message, which is not sent again.",
);

/// Our own codes, for what no platform has a code for.
#[rustfmt::skip]
const OURS: &[(&[&str], &str, &str)] = &[
    (&["timeout", "not_answered"], "平台未及时应答，短信可能已被接收；不会重发。", "The platform gave no answer in time; it may have taken the message, which is not sent again."),
    (&["reset", "broken", "connection_lost"], "连接中断，短信可能已被接收；不会重发。", "The connection broke; the platform may have taken the message, which is not sent again."),
    (&["connect", "connect_timeout", "no_connection"], "无法连接平台，短信未发出。", "No connection to the platform: nothing was sent."),
    (&["deadline_passed", "lapsed", "late", "not_started", "request"], "未能在允许的时刻之前发出，短信未发出。", "It could not leave in the time that the gate allows: nothing was sent."),
    (&["not_with_others"], "同批中有人的内容无法提交，本条稍后单独发送。", "Another one's values could not be told to the platform: this message goes out without that one."),
    (&["link_closed", "not_gone_on"], "连接已关闭，短信未发出。", "The connection was closed: nothing was sent."),
    (&["journal_failed"], "本地日志无法写入，短信未发出。", "The journal could not be written: nothing was sent. Look at the disk."),
    (&["worker_died"], "发送进程中途退出，短信可能已发出；不会重发。", "The process ended on the way; the message may have been sent, and is not sent again."),
    (&["resolved_not_sent"], "人工确认未发出。", "A person said that it was not taken."),
    (&["not_named", "no_rows"], "平台的应答未提及该号码，短信可能已被接收；不会重发。", "The platform's answer does not name this number; it may have taken the message, which is not sent again."),
    (
        &["answer_too_long", "contradiction", "no_id", "other_reference", "partial", "redirect", "unreadable"],
        "平台的应答无法识别，短信可能已被接收；不会重发。", "The platform's answer is not as documented; it may have taken the message, which is not sent again.",
    ),
    (&["unlisted"], "平台应答了未列出的结果，短信可能已被接收；不会重发。", "The platform's answer is not on the list; it may have taken the message, which is not sent again."),
    (&["no_template", "no_signature_id", "no_signature_code", "no_variables"], "该平台所需的模板或签名编号未设置。", "A template or signature that this platform needs is not set: add it to the shop's account signature, then lift the hold."),
    (&["template_differs", "text_differs"], "文本与报备的模板不一致。", "The text is not that of the filed template: file it as it is sent, then lift the hold."),
    (&["extension", "extension_too_long", "no_extension"], "该账户不支持此扩展码。", "The account takes no such sub-port extension: correct it, then lift the hold."),
    (&["one_at_a_time", "one_person_a_call", "no_personal_form", "too_many_numbers"], "该平台一次请求不能携带这么多人或个性化内容。", "The platform does not carry so many people, or texts of their own, in one call."),
    (&["missing_parameter", "reserved_text", "bracket_in_value", "separator_in_value", "too_many_values"], "该用户的参数不能填入平台模板。", "This person's values cannot be told to the platform: see which characters it keeps for itself."),
    (&["no_signature", "does_not_fit", "text_not_carried", "too_long"], "该平台不能发送此文本。", "The platform cannot carry this text: shorten it or change it."),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands before the literal where a verdict is made.
    const MADE_BY: &[&str] =
        &["nsent(", "nknown(", "Doubt(", "ejected(", "account(", "held(", "refused(", "no(", "let why ="];

    /// Codes stand as literals where verdicts are made; each must have a sentence.
    #[test]
    fn every_code_of_our_own_has_a_sentence() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = vec![root.join("ledger.rs"), root.join("store/sqlite/settle.rs")];
        for folder in ["provider", "carrier", "carrier/cmpp", "carrier/sgip", "carrier/smgp"] {
            let all = std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
            files.extend(all.filter(|p| p.is_file() && !p.to_string_lossy().ends_with("_tests.rs")));
        }
        let mut seen = std::collections::BTreeSet::new();
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            for line in text.lines() {
                let pieces: Vec<_> = line.split('"').collect();
                for (before, code) in pieces.iter().zip(&pieces[1..]).step_by(2) {
                    let is_code = code.len() > 3 && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
                    if is_code && MADE_BY.iter().any(|by| before.contains(by)) {
                        seen.insert((*code).to_owned());
                    }
                }
            }
        }
        assert!(seen.len() > 30, "{seen:?}");
        let bare: Vec<_> = seen.iter().filter(|code| Why::of(None, code).is_none()).collect();
        assert!(bare.is_empty(), "no sentence for {bare:?}");
    }
}
