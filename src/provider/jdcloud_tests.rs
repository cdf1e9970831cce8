//! JD Cloud: codes, sends under both signatures, replies by day.
#![allow(clippy::unwrap_used, reason = "tests")]
use super::super::cloud_tests::{batch_for, claims_only_what_is_so, sent, survives, table};
use super::*;
use crate::testing::gateway::{Account, FakeJdcloud, Script};
use proptest::prelude::*;

const FIXED: &str = "mb_fake0002";
const TEXT: &str = "【测试签名】会员，新品8折。拒收请回复R";

fn with(secret: &str, signing: Signing) -> Jdcloud {
    let f = FakeJdcloud::default();
    Jdcloud::new(f.key_id, Secret::new(secret), f.app_id).signature("测试签名", "qm_fake0001").signing(signing)
}

fn account() -> Jdcloud {
    with(&FakeJdcloud::default().secret, Signing::V3)
}

fn make() -> Account {
    FakeJdcloud::default().into()
}

#[test]
fn every_code_is_listed_once_with_a_remedy_and_agrees_with_the_sheet() {
    table(CODES, include_str!("../../tests/vectors/providers/jdcloud/errors.json"));
}

#[tokio::test]
async fn a_valid_send_is_taken_as_it_was_meant_under_both_signatures_and_a_wrong_key_is_not() {
    for signing in [Signing::V2, Signing::V3] {
        let right = with(&FakeJdcloud::default().secret, signing);
        for count in [1, 100] {
            let batch = batch_for(FIXED, count, false);
            let (answer, gateway) = sent(right.clone(), make(), Script::new(), &batch).await;
            let taken = gateway.accepted();
            assert_eq!(taken.len() as u64, count);
            for (i, (ticket, message)) in batch.tickets.iter().zip(&taken).enumerate() {
                assert_eq!(answer.verdicts.get(i), Verdict::accepted(&*message.id));
                assert_eq!((ticket.phone().national(), &*message.text), (message.number.to_string(), TEXT));
            }
        }
        claims_only_what_is_so(right, with("wrong", signing), make, &batch_for(FIXED, 3, false)).await;
    }
}

#[tokio::test]
async fn what_cannot_be_said_here_does_not_leave() {
    let unsigned = Jdcloud::new("k", Secret::new("s"), "a");
    let mut extended = batch_for(FIXED, 1, false);
    std::sync::Arc::make_mut(&mut extended.rendition).extension = Some("01".into());
    for (wire, batch, code) in [
        (unsigned, batch_for(FIXED, 1, false), "no_signature_id"),
        (account(), batch_for(FIXED, 1, true), "no_variables"),
        (account(), extended, "no_extension"),
    ] {
        let (answer, gateway) = sent(wire, make(), Script::new(), &batch).await;
        assert_eq!((answer.verdicts.get(0).code.as_str(), gateway.totals().requests), (code, 0));
    }
}

#[test]
fn only_a_success_with_an_id_is_accepted() {
    let of = |status, body: &str| verdict(Incoming { status, body: body.as_bytes() });
    let whole = |data: &str, status: bool, code: u16| {
        format!(r#"{{"requestId":"r","result":{{"data":{data},"status":{status},"code":{code}}}}}"#)
    };
    let id = r#"{"sequenceNumber":"a"}"#;
    assert_eq!(of(200, &whole(id, true, 200)), Verdict::accepted("a"));
    let error = |code: u16| format!(r#"{{"requestId":"r","error":{{"code":{code},"status":"X"}}}}"#);
    assert_eq!(of(401, &error(401)).outcome, ACCOUNT);
    assert_eq!(of(429, &error(429)).outcome, Outcome::Unsent);
    for (status, body) in [
        (200, whole("null", false, 400)),
        (200, whole("null", true, 200)),
        (200, whole(r#"{"sequenceNumber":""}"#, true, 200)),
        (200, whole(id, false, 200)),
        (200, whole(id, true, 500)),
        (400, whole(id, true, 200)),
        (400, error(400)),
        (400, error(200)),
        (200, error(777)),
        // The gateway's word, with another status than it names.
        (200, error(401)),
        (403, error(401)),
        (400, error(429)),
        (200, error(200)),
        (200, r#"{"error":{"code":401},"result":{"status":true}}"#.into()),
        (200, "{}".into()),
        (200, String::new()),
    ] {
        assert_eq!(of(status, &body).outcome, Outcome::Unknown, "{body}");
    }
}

#[tokio::test]
async fn replies_of_the_day_are_told_each_time_under_one_id() {
    use crate::provider::wire::tests::{served, settings, system};
    use crate::provider::{Provider, wire::Http};
    let fake = FakeJdcloud::default();
    fake.replies.lock().unwrap().push((13_800_000_001, "TD".into()));
    let (_, address) = served(fake.into(), Script::new()).await;
    let http = Http::new(account(), settings(&address), system()).unwrap();
    let pulled = http.pull(Pull::Replies).await.unwrap();
    // Until ten minutes past midnight the day before is asked for, which has none.
    if let [Inbound::Reply(said)] = &pulled.events[..] {
        assert_eq!((said.text.as_str(), said.phone.national().as_str(), pulled.more), ("TD", "13800000001", false));
    } else {
        assert!(crate::clock::Clock::now(&*system()).to_beijing()[11..].starts_with("00:0"));
    }
    assert_eq!(http.pull(Pull::Reports).await.unwrap_err(), PullError::NotOffered);
}

#[test]
fn a_reply_without_a_readable_time_is_of_the_time_of_the_pull() {
    let now = Timestamp::from_millis(1_796_954_400_000);
    let body = br#"{"result":{"status":true,"data":[{"phoneNum":13800000001,"content":"TD","dataTime":{}}]}}"#;
    let read = account().pulled(Pull::Replies, Incoming { status: 200, body }, now).unwrap();
    let [Inbound::Reply(said)] = &read.events[..] else { panic!("{:?}", read.events) };
    assert_eq!((said.text.as_str(), said.at), ("TD", now));
}

#[test]
fn a_day_is_asked_for_until_ten_minutes_after_its_end() {
    let day = |at: &str| {
        let stamp = Stamp { at: at.parse().unwrap(), nonce: "0".repeat(32) };
        let out = account().pull(Pull::Replies, "h", &stamp).unwrap();
        let body: Value = serde_json::from_slice(&out.body).unwrap();
        body["dataDate"].as_str().unwrap().to_owned()
    };
    assert_eq!(day("2026-11-24T00:09:59+08:00"), "2026-11-23");
    assert_eq!(day("2026-11-24T00:10:00+08:00"), "2026-11-24");
}

#[test]
fn nothing_secret_is_printed_and_nothing_is_pushed() {
    let batch = batch_for(FIXED, 1, false);
    let stamp = Stamp { at: Timestamp::EPOCH, nonce: "n".into() };
    let out = account().request(&batch.request(), "h", &stamp).unwrap();
    let shown = format!("{:?} {out:?}", account());
    for secret in [FakeJdcloud::default().secret.as_str(), "13800000001"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert_eq!(account().inbound(&HttpCall::new("POST", "/", "", "{}")).unwrap_err(), InboundError::NotOffered);
}

proptest! {
    #[test]
    fn junk_proves_nothing(body in proptest::collection::vec(any::<u8>(), 0..200), status in 200u16..500) {
        survives(&account(), "/", &body, status);
    }
}
