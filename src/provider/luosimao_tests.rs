//! Luosimao: codes, sends, nothing pushed.
#![allow(clippy::unwrap_used, reason = "tests")]
use super::super::cloud_tests::{self, batch_for, sent, survives};
use super::*;
use crate::testing::gateway::{FakeLuosimao, Script, Step};
use proptest::prelude::*;

fn account() -> Luosimao {
    Luosimao::new(Secret::new("fake0luosimao0dev"))
}

fn answer(status: u16, body: &str) -> Verdict {
    verdict(Incoming { status, body: body.as_bytes() })
}

#[test]
fn every_code_is_listed_once_with_a_remedy_and_agrees_with_the_sheet() {
    cloud_tests::table(CODES, include_str!("../../tests/vectors/providers/luosimao/errors.json"));
}

#[test]
fn only_a_batch_with_an_id_is_accepted() {
    assert_eq!(answer(200, r#"{"error":0,"msg":"ok","batch_id":"B1"}"#), Verdict::accepted("B1"));
    assert_eq!(answer(200, r#"{"error":0,"batch_id":7}"#), Verdict::accepted("7"));
    for (status, body) in [
        (200, r#"{"error":0,"msg":"ok"}"#),
        (200, r#"{"error":0,"batch_id":""}"#),
        (200, r#"{"error":0,"batch_id":null}"#),
        (400, r#"{"error":0,"batch_id":"B1"}"#),
        (200, r#"{"error":"0","batch_id":"B1"}"#),
        (200, r#"{"error":-20,"batch_id":"B1"}"#),
        (200, r#"{"error":-42,"batch_id":7}"#),
        (200, r#"{"error":-99}"#),
        (200, r#"{"error":0,"batch_id":"B1"} x"#),
        (200, "[]"),
        (200, ""),
    ] {
        assert_eq!(answer(status, body).outcome, Outcome::Unknown, "{body}");
    }
}

#[tokio::test]
async fn a_valid_send_is_taken_as_it_was_meant() {
    for (count, personal) in [(1, false), (1000, false), (1, true)] {
        let batch = batch_for("", count, personal);
        let (answer, gateway) = sent(account(), FakeLuosimao::default().into(), Script::new(), &batch).await;
        let taken = gateway.accepted();
        assert_eq!(taken.len() as u64, count, "{:?}", answer.verdicts.get(0));
        for (i, (ticket, message)) in batch.tickets.iter().zip(&taken).enumerate() {
            let v = answer.verdicts.get(i);
            assert_eq!((v.outcome, v.id.as_deref()), (Outcome::Accepted, Some(&*message.id)));
            assert_eq!(ticket.phone().national(), message.number.to_string());
            assert_eq!(*message.text, *ticket.text().unwrap_or(batch.rendition.text()));
        }
    }
}

#[tokio::test]
async fn what_is_claimed_is_what_happened() {
    let wrong = Luosimao::new(Secret::new("other"));
    let make = || FakeLuosimao::default().into();
    cloud_tests::claims_only_what_is_so(account(), wrong, make, &batch_for("", 3, false)).await;
    let throttled = Script::new().then(Step::Throttle);
    let (answer, gateway) = sent(account(), make(), throttled, &batch_for("", 3, false)).await;
    assert_eq!((answer.verdicts.get(2).outcome, gateway.totals().messages), (Outcome::Unsent, 0));
}

#[test]
fn nothing_secret_is_printed_and_nothing_is_pushed() {
    let batch = batch_for("", 1, false);
    let stamp = Stamp { at: crate::clock::Timestamp::EPOCH, nonce: "n".into() };
    let out = account().request(&batch.request(), "h", &stamp).unwrap();
    let shown = format!("{:?} {out:?}", account());
    assert!(!shown.contains("fake0luosimao") && !shown.contains("13800000001"), "{shown}");
    assert_eq!(account().inbound(&HttpCall::new("POST", "/", "", "")).unwrap_err(), InboundError::NotOffered);
}

#[test]
fn a_long_text_never_leaves() {
    let mut batch = batch_for("", 1, false);
    std::sync::Arc::make_mut(&mut batch.rendition).text = "长".repeat(301);
    let stamp = Stamp { at: crate::clock::Timestamp::EPOCH, nonce: "n".into() };
    let refused = account().request(&batch.request(), "h", &stamp).unwrap_err().get(0);
    assert_eq!((refused.outcome, refused.code.as_str()), (CONTENT, "too_long"));
}

proptest! {
    #[test]
    fn junk_proves_nothing(body in proptest::collection::vec(any::<u8>(), 0..200), status in 200u16..500) {
        survives(&account(), "/", &body, status);
    }
}
