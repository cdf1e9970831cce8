//! CTYun: codes, sends in both forms, and that nothing unconfirmed is claimed.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::super::cloud_tests::{batch_for, claims_only_what_is_so, sent, survives, table, takes};
use super::*;
use crate::testing::gateway::{Account, FakeCtyun, Script, Step};
use proptest::prelude::*;

fn account() -> Ctyun {
    Ctyun::new("fake0ctyun0ak0dev", Secret::new("fake0ctyun0sk0dev"))
}

fn fake() -> Account {
    FakeCtyun::default().into()
}

fn template(personal: bool) -> &'static str {
    if personal { "SMS00000000001" } else { "SMS00000000002" }
}

#[test]
fn every_code_is_listed_once_with_a_remedy_and_agrees_with_the_sheet() {
    table(CODES, include_str!("../../tests/vectors/providers/ctyun/errors.json"));
}

#[tokio::test]
async fn sends_are_taken_as_meant_in_both_forms() {
    for count in [1, 200] {
        let same = |_| "【测试签名】会员，新品8折。拒收请回复R".to_owned();
        takes(account(), fake(), &batch_for(template(false), count, false), same).await;
    }
    let text = |i| format!("【测试签名】会员第{i}位\"+&=%，新品8折。拒收请回复R");
    takes(account(), fake(), &batch_for(template(true), 1, true), text).await;
    for personal in [false, true] {
        let wrong = Ctyun::new("fake0ctyun0ak0dev", Secret::new("wrong"));
        claims_only_what_is_so(account(), wrong, fake, &batch_for(template(personal), 1, personal)).await;
    }
}

#[tokio::test]
async fn what_cannot_be_said_here_does_not_leave() {
    let mut extended = batch_for(template(false), 1, false);
    std::sync::Arc::make_mut(&mut extended.rendition).extension = Some("1234567".into());
    for (batch, code) in [(extended, "extension_too_long"), (batch_for(template(true), 2, true), "too_many_numbers")] {
        let (answer, gateway) = sent(account(), fake(), Script::new(), &batch).await;
        assert_eq!(answer.verdicts.get(0).code, code);
        assert_eq!(gateway.totals().requests, 0);
    }
}

#[tokio::test]
async fn later_is_unsent_and_other_codes_are_unknown() {
    let batch = batch_for(template(false), 2, false);
    let (answer, gateway) = sent(account(), fake(), Script::new().then(Step::Throttle), &batch).await;
    let later = answer.verdicts.get(0);
    assert_eq!((later.outcome, later.consequence, gateway.totals().messages), (Outcome::Unsent, MINUTE, 0));
    let refused = Script::new().then(Step::Refuse("FAIL_OTHER".into()));
    let (answer, _) = sent(account(), fake(), refused, &batch).await;
    assert_eq!(answer.verdicts.get(1), Verdict::unknown("FAIL_OTHER"));
}

#[test]
fn only_a_success_with_an_id_is_accepted() {
    let of = |status, body: &str| verdict(Incoming { status, body: body.as_bytes() });
    assert_eq!(of(200, r#"{"code":"OK","message":"success","requestId":"r1"}"#), Verdict::accepted("r1"));
    for (status, body) in [
        (200, r#"{"code":"OK"}"#),
        (200, r#"{"code":"OK","requestId":""}"#),
        (401, r#"{"code":"OK","requestId":"r1"}"#),
        (200, r#"{"code":"ok","requestId":"r1"}"#),
        (200, r#"{"code":"401","requestId":"r1"}"#),
        (200, r#"{"code":0,"requestId":"r1"}"#),
        (200, r#"{"code":"OK","requestId":"r1"} trailing"#),
        (429, "<html>"),
        (401, ""),
        (200, "null"),
    ] {
        assert_eq!(of(status, body).outcome, Outcome::Unknown, "{status} {body}");
    }
}

#[test]
fn callbacks_of_unknown_form_are_not_read() {
    for body in ["", "{}", "[]"] {
        let call = HttpCall::new("POST", "/", "", body);
        assert_eq!(account().inbound(&call).unwrap_err(), InboundError::NotOffered);
    }
}

#[test]
fn a_nonce_is_written_as_a_uuid() {
    assert_eq!(uuid("0123456789abcdef0123456789abcdef"), "01234567-89ab-cdef-0123-456789abcdef");
    assert_eq!(uuid("中"), "中");
    assert_eq!(uuid(&"中".repeat(10)), "中".repeat(10));
}

#[test]
fn nothing_secret_is_printed() {
    let batch = batch_for(template(false), 1, false);
    let out = account().request(&batch.request(), "h", &Stamp { at: Timestamp::EPOCH, nonce: "n".into() }).unwrap();
    let shown = format!("{:?} {out:?}", account());
    for secret in ["fake0ctyun0sk", "13800000001"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

proptest! {
    #[test]
    fn junk_proves_nothing(body in proptest::collection::vec(any::<u8>(), 0..200), status in 200u16..500) {
        survives(&account(), "/", &body, status);
    }
}
