//! What the tables of codes of all providers have in common.

use super::wire::{Class, CodeRow};
use super::*;
use crate::delivery::classify;

/// Every row of every provider.
fn rows() -> Vec<(&'static str, &'static CodeRow)> {
    let plain: [(&str, &'static [CodeRow]); 14] = [
        ("aliyun", aliyun::CODES),
        ("baidu", baidu::CODES),
        ("chuanglan", chuanglan::CODES),
        ("cmcc_mas", cmcc_mas::CODES),
        ("ctyun", ctyun::CODES),
        ("huawei", huawei::CODES),
        ("jdcloud", jdcloud::CODES),
        ("luosimao", luosimao::CODES),
        ("montnets", montnets::CODES),
        ("qiniu", qiniu::CODES),
        ("submail", submail::CODES),
        ("tencent", tencent::CODES),
        ("ucloud", ucloud::CODES),
        ("volcengine", volcengine::CODES),
    ];
    let mut all: Vec<_> = plain.iter().flat_map(|(name, rows)| rows.iter().map(|r| (*name, r))).collect();
    all.extend(netease::CODES.iter().map(|(_, r)| ("netease", r)));
    all.extend(ronglian::CODES.iter().map(|(_, _, r)| ("ronglian", r)));
    all.extend(yunpian::CODES.iter().map(|(_, r)| ("yunpian", r)));
    all
}

/// Whether a code is one of receipts, as the fact sheets list them.
fn is_of_receipts(provider: &str, code: &str) -> bool {
    match provider {
        "baidu" => code.starts_with("B:"),
        "huawei" => code.starts_with("SC:") || code.bytes().all(|b| b.is_ascii_uppercase()),
        "volcengine" => code.contains(':') && !code.starts_with("RE:"),
        _ => false,
    }
}

/// Receipts are judged by the table of delivery codes alone: it must know every list that a provider's table knows.
#[test]
fn a_list_that_a_receipt_names_is_a_stop() {
    let listed = |r: &CodeRow| matches!(r.class, Class::NumberBlacklisted | Class::NumberUnsubscribed);
    let of_receipts: Vec<_> =
        rows().into_iter().filter(|(name, r)| listed(r) && is_of_receipts(name, r.code)).collect();
    assert_eq!(of_receipts.len(), 8);
    for (name, row) in of_receipts {
        assert!(classify(row.code, Some(name)).class.is_stop(), "{name} {}", row.code);
    }
}

#[test]
fn codes_of_receipts_prove_nothing_in_an_answer_but_a_list() {
    for (name, row) in rows().into_iter().filter(|(name, r)| is_of_receipts(name, r.code)) {
        match row.consequence {
            Consequence::StopOwner | Consequence::StopEveryone => assert_eq!(row.class, Class::NumberBlacklisted),
            other => assert_eq!((row.outcome, other), (Outcome::Unknown, Consequence::None), "{name} {}", row.code),
        }
    }
}

/// Every receipt code of Qiniu's sheet is in the table, so that a bare number is not read by another network's row.
#[test]
fn the_receipts_of_qiniu_have_rows_of_their_own() {
    let listed = "1 5 12 13 640 10 45 86 601 9403 8 9 22 17 43 61 9419 9441 300040 908 XA:0002 XA:0003 XA:0004 XA:0005 \
                  XA:0100 1052";
    for code in listed.split_whitespace() {
        let found = classify(code, Some("qiniu"));
        assert_eq!(found.row, Some(code));
        assert_eq!(found.class.is_stop(), ["10", "45", "86", "601", "9403"].contains(&code), "{code}");
    }
}

/// Codes that were read more harshly, or more mildly, than their sheets allow.
#[test]
fn codes_blame_whom_the_sheets_blame() {
    let of = |provider: &str, code: &str| {
        let row = rows().into_iter().find(|(name, r)| *name == provider && r.code == code);
        row.map(|(_, r)| (r.outcome, r.consequence))
    };
    let (account, person) = (Outcome::Rejected(Blame::Account), Outcome::Rejected(Blame::Person));
    for (provider, code, verdict) in [
        ("baidu", "4604", (account, Consequence::Hold)),
        ("baidu", "B:00034", (person, Consequence::StopOwner)),
        ("baidu", "B:00035", (person, Consequence::StopOwner)),
        ("cmcc_mas", "InvalidMessage", (account, Consequence::Hold)),
        ("netease", "416", (person, Consequence::Rest(Duration::from_secs(60)))),
        ("tencent", "InvalidParameterValue.UnsupportedTemplateVariable", (account, Consequence::Hold)),
    ] {
        assert_eq!(of(provider, code), Some(verdict), "{provider} {code}");
    }
}

/// Limits of the account, after which it rests or is held with nobody's message ended. All other limits are a person's.
const OF_THE_ACCOUNT: &[(&str, &[&str])] = &[
    ("aliyun", &["Throttling", "Throttling.User", "Throttling.Api", "isv.SMS_OVER_LIMIT"]),
    ("chuanglan", &["103", "110", "120"]),
    ("ctyun", &["429"]),
    ("huawei", &["E000623", "E200015", "E200048"]),
    ("jdcloud", &["429"]),
    ("luosimao", &["-42"]),
    ("montnets", &["100056"]),
    ("ronglian", &["111111", "160071"]),
    ("submail", &["901"]),
    (
        "tencent",
        &[
            "FailedOperation.MarketingSendTimeConstraint",
            "LimitExceeded.AppDailyLimit",
            "LimitExceeded.AppMainlandChinaDailyLimit",
            "LimitExceeded.DailyLimit",
            "RequestLimitExceeded",
            "RequestLimitExceeded.GlobalRegionUinLimitExceeded",
            "RequestLimitExceeded.IPLimitExceeded",
            "RequestLimitExceeded.UinLimitExceeded",
        ],
    ),
    ("volcengine", &["FlowLimitExceeded", "RE:0013"]),
    ("yunpian", &["-4", "-5", "13"]),
];

/// Codes that say the hours are over: the account rests until they may have begun again, the rows go back.
const CLOSED: [&str; 3] = ["110", "160071", "FailedOperation.MarketingSendTimeConstraint"];

/// What a code proves and what follows is right for what it means, whosever it is.
#[test]
fn every_verdict_fits_its_class() {
    use Blame::{Account, Content, Person};
    use Consequence::{Hold, None as Nothing, Rest, StopEveryone, StopOwner};
    use Outcome::{Accepted, Rejected, Unknown, Unsent};
    for (name, row) in rows() {
        let its = OF_THE_ACCOUNT.iter().any(|(n, codes)| *n == name && codes.contains(&row.code));
        let verdict = (row.outcome, row.consequence);
        let fits = match row.class {
            // A code of receipts, the platform's illness, or a code that names no cause proves nothing.
            _ if verdict == (Unknown, Nothing) => {
                is_of_receipts(name, row.code)
                    || !matches!(
                        row.class,
                        Class::Accepted
                            | Class::Auth
                            | Class::InsufficientBalance
                            | Class::NumberBlacklisted
                            | Class::NumberUnsubscribed
                            | Class::TemplateOrSignatureNotApproved
                            | Class::Throttled
                    )
            }
            Class::Accepted => verdict == (Accepted, Nothing),
            Class::Auth | Class::InsufficientBalance | Class::TemplateOrSignatureNotApproved => {
                verdict == (Rejected(Account), Hold)
            }
            Class::ContentRejected => verdict == (Rejected(Content), Nothing),
            Class::InvalidRequest => [(Rejected(Account), Hold), (Rejected(Content), Nothing)].contains(&verdict),
            Class::NumberBlacklisted => {
                row.outcome == Rejected(Person) && [StopEveryone, StopOwner].contains(&row.consequence)
            }
            Class::NumberUnsubscribed => verdict == (Rejected(Person), StopOwner),
            // A template for other countries is nobody's number's fault.
            Class::NumberInvalid if row.code.contains("GlobalTemplate") => verdict == (Rejected(Account), Hold),
            Class::NumberInvalid => verdict == (Rejected(Person), Nothing),
            Class::Throttled if !its => row.outcome == Rejected(Person) && matches!(row.consequence, Nothing | Rest(_)),
            Class::Throttled if CLOSED.contains(&row.code) => {
                row.outcome == Rejected(Account) && matches!(row.consequence, Rest(_))
            }
            Class::Throttled => {
                row.outcome == Unsent && matches!(row.consequence, Rest(_))
                    || row.outcome == Rejected(Account) && matches!(row.consequence, Rest(_) | Hold)
            }
            _ => false,
        };
        assert!(fits, "{name} {} {:?}: {verdict:?}", row.code, row.class);
    }
    let providers: std::collections::BTreeSet<_> = rows().into_iter().map(|(name, _)| name).collect();
    assert_eq!(providers.len(), 17);
}
