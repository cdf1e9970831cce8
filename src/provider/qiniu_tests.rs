//! Qiniu: codes, sends in both forms, questions, pushes.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::super::cloud_tests::{asks, batch_for, claims_only_what_is_so, pushes, sent, survives, table, takes};
use super::*;
use crate::testing::gateway::{Account, FakeQiniu, Script};
use proptest::prelude::*;

const PATH: &str = crate::testing::gateway::CALLBACK_PATH;

fn account() -> Qiniu {
    Qiniu::new("FAKE-QINIU-AK-dev", Secret::new("FAKE-QINIU-SK-dev")).callbacks(Door::at(Secret::new(PATH)))
}

fn fake() -> Account {
    FakeQiniu::default().into()
}

fn template(personal: bool) -> &'static str {
    if personal { "1000000000000000001" } else { "1000000000000000002" }
}

#[test]
fn every_code_is_listed_once_with_a_remedy_and_agrees_with_the_sheet() {
    table(CODES, include_str!("../../tests/vectors/providers/qiniu/errors.json"));
}

#[tokio::test]
async fn sends_are_taken_as_meant_in_both_forms() {
    for count in [1, 100] {
        let same = |_| "【测试签名】会员，新品8折。拒收请回复R".to_owned();
        takes(account(), fake(), &batch_for(template(false), count, false), same).await;
    }
    let text = |i| format!("【测试签名】会员第{i}位\"+&=%，新品8折。拒收请回复R");
    takes(account(), fake(), &batch_for(template(true), 1, true), text).await;
    for personal in [false, true] {
        let wrong = Qiniu::new("FAKE-QINIU-AK-dev", Secret::new("wrong"));
        claims_only_what_is_so(account(), wrong, fake, &batch_for(template(personal), 1, personal)).await;
    }
}

#[tokio::test]
async fn what_cannot_be_said_here_does_not_leave() {
    let mut extended = batch_for(template(false), 1, false);
    std::sync::Arc::make_mut(&mut extended.rendition).extension = Some("01".into());
    for (batch, code) in [(extended, "no_extension"), (batch_for(template(true), 2, true), "too_many_numbers")] {
        let (answer, gateway) = sent(account(), fake(), Script::new(), &batch).await;
        assert_eq!(answer.verdicts.get(0).code, code);
        assert_eq!(gateway.totals().requests, 0);
    }
}

#[test]
fn only_a_success_with_an_id_is_accepted() {
    let of = |status, body: &str| verdict(Incoming { status, body: body.as_bytes() });
    assert_eq!(of(200, r#"{"job_id":"1"}"#), Verdict::accepted("1"));
    assert_eq!(of(200, r#"{"message_id":"2"}"#), Verdict::accepted("2"));
    for (status, body) in [
        (400, r#"{"job_id":"1"}"#),
        (200, r#"{"job_id":""}"#),
        (200, r#"{"job_id":1}"#),
        (200, r#"{"job_id":"1","error":"AccountBalanceNotEnough"}"#),
        (200, r#"{"error":"AccountBalanceNotEnough"}"#),
        (400, r#"{"error":"NeverHeardOf"}"#),
        (400, r#"{"error":"ServerInternalError"}"#),
        (401, "<html>"),
        (200, "{}"),
        (200, r#"{"job_id":"1"} trailing"#),
        (200, "null"),
        (200, ""),
    ] {
        assert_eq!(of(status, body).outcome, Outcome::Unknown, "{body}");
    }
    let held = of(401, r#"{"error":"whatever word"}"#);
    assert_eq!((held.outcome, held.consequence), (ACCOUNT, Consequence::Hold));
}

#[tokio::test]
async fn what_was_taken_and_not_answered_is_found() {
    let seen = "【测试签名】会员，新品8折。拒收请回复R";
    let batches = [batch_for(template(false), 1, false), batch_for(template(false), 1, false)];
    let found = asks(account(), fake(), &batches[0], seen).await;
    assert!(matches!(found, Found::Accepted { .. }), "{found:?}");
    let other = asks(account(), fake(), &batches[1], "【测试签名】别的。拒收请回复R").await;
    assert_eq!(other, Found::Absent, "another text is another message");
}

#[test]
fn a_record_of_another_time_number_or_reference_is_not_ours() {
    let batch = batch_for(template(false), 1, false);
    let asked = |text| Asked {
        phone: batch.tickets[0].phone(),
        reference: batch.reference,
        provider_id: None,
        begun_at: batch.begun,
        text,
    };
    let told = |status, text, mobile: &str, after: i64, seq: &str| {
        let at = batch.begun.millis() / 1000 + after;
        let record =
            format!(r#"{{"message_id":"1","mobile":"{mobile}","content":"好","created_at":{at},"seq":"{seq}"}}"#);
        let body = format!(r#"{{"items":[{record}]}}"#);
        account().found(&asked(text), 0, Incoming { status, body: body.as_bytes() })
    };
    let (mine, number) = (Step::Done(Found::Accepted { id: "1".into() }), "13800000001");
    let reference = batch.reference.to_string();
    assert_eq!(told(200, Some("【签】好"), number, 5, ""), mine);
    assert_eq!(told(200, None, number, 5, &reference), mine);
    let absent = Step::Done(Found::Absent);
    assert_eq!(told(200, Some("【签】好"), "13800000002", 5, ""), absent);
    assert_eq!(told(200, Some("【签】好"), number, 5000, ""), absent);
    assert_eq!(told(200, Some("【签】好"), number, 5, "other"), absent);
    assert_eq!(told(200, None, number, 5, ""), Step::Done(Found::Unclear));
    assert_eq!(told(400, Some("【签】好"), number, 5, ""), Step::Done(Found::Unclear));
}

#[tokio::test]
async fn pushes_need_the_secret_path_and_are_bounded() {
    let (report, _) = pushes(account(), fake(), &batch_for(template(false), 1, false)).await;
    let elsewhere = HttpCall { path: "/cb".into(), ..report.clone() };
    assert_eq!(account().inbound(&elsewhere).unwrap_err(), InboundError::Forged);
    assert_eq!(Qiniu::new("k", Secret::new("s")).inbound(&report).unwrap_err(), InboundError::NotOffered);
    let many = format!("{{\"items\":[{}]}}", vec!["{\"status\":\"\"}"; 10_001].join(","));
    for body in ["", "{}", r#"{"items":[1]}"#, r#"{"items":[{"mobile":"13800000001"}]}"#, &many] {
        let read = account().inbound(&HttpCall::new("POST", PATH, "", body));
        assert!(matches!(read, Err(InboundError::Malformed { .. })), "{}", &body[..body.len().min(40)]);
    }
    let odd = r#"{"items":[{"mobile":"+12025550100","content":"R","time":1558692400},
        {"mobile":"13800000001","content":"R","time":9223372036854775807},{"mobile":13800000002,"content":"T","time":null},
        {"mobile":"13800000001"},{"mobile":{},"content":[],"time":"x"},
        {"mobile":"13800000001","status":"FAILED","error":908,"delivrd_at":"1558692400"}]}"#;
    let now = Some(Timestamp::from_millis(1_796_954_400_000));
    let read = account().inbound(&HttpCall { received_at: now, ..HttpCall::new("POST", PATH, "", odd) }).unwrap();
    let [Inbound::Reply(r), Inbound::Reply(t), Inbound::Report(failed)] = &read.events[..] else {
        panic!("{:?}", read.events)
    };
    assert_eq!((r.text.as_str(), Some(r.at), t.text.as_str(), Some(t.at)), ("R", now, "T", now));
    assert_eq!((failed.code.as_str(), failed.delivered, failed.at.millis()), ("908", Some(false), 1_558_692_400_000));
}

#[test]
fn nothing_secret_is_printed() {
    let batch = batch_for(template(false), 1, false);
    let out = account().request(&batch.request(), "h", &Stamp { at: Timestamp::EPOCH, nonce: "n".into() }).unwrap();
    let shown = format!("{:?} {out:?}", account());
    for secret in ["FAKE-QINIU-SK", PATH, "13800000001"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

proptest! {
    #[test]
    fn junk_proves_nothing(body in proptest::collection::vec(any::<u8>(), 0..200), status in 200u16..500) {
        survives(&account(), PATH, &body, status);
    }

    #[test]
    fn escaped_text_reads_back(s in any::<String>()) {
        let escaped = quoted(&s, true);
        prop_assert!(escaped.is_ascii());
        prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), s);
    }
}
