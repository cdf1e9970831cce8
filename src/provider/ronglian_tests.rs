//! Ronglian: codes and ranges, sends in both forms.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::super::cloud_tests::{batch_for, claims_only_what_is_so, sent, survives};
use super::super::wire::tests::system;
use super::*;
use crate::testing::gateway::{Account, CALLBACK_PATH, FakeRonglian, Script};
use proptest::prelude::*;

const SAME: &str = "【测试签名】会员，新品8折。拒收请回复R";

fn account() -> Ronglian {
    Ronglian::new("fake0account0sid0dev", Secret::new("fake0auth0token0dev"), "fake0app0id0dev")
}

fn fake() -> Account {
    FakeRonglian::default().into()
}

fn template(personal: bool) -> &'static str {
    if personal { "1000001" } else { "1000003" }
}

#[test]
fn every_code_is_listed_once_with_a_remedy_and_agrees_with_the_sheet() {
    let sheet: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/vectors/providers/ronglian/errors.json")).unwrap();
    let listed = sheet["codes"].as_array().unwrap();
    for item in listed {
        let name = item["code"].as_str().unwrap();
        let row = code(name).unwrap_or_else(|| panic!("{name} is not listed"));
        assert_eq!(row.class.as_str(), item["class"].as_str().unwrap(), "{name}");
        if item["send_may_have_happened"] == true {
            assert!(matches!(row.outcome, Outcome::Unknown | Outcome::Accepted), "{name}");
        }
    }
    // Every range is written as it counts, none overlaps another, and together they hold the sheet's codes and no more.
    let mut numbers: Vec<u32> = CODES.iter().flat_map(|(from, to, _)| *from..=*to).collect();
    assert_eq!(numbers.len(), listed.len());
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), listed.len());
    for (from, to, row) in CODES {
        assert!(row.remedy.ends_with('.'), "{}", row.code);
        assert_eq!(row.code, if from == to { format!("{from:06}") } else { format!("{from:06}-{to:06}") });
    }
    assert!(["0", "00000", "0000000", "+00000", "111112", ""].iter().all(|c| code(c).is_none()));
}

#[tokio::test]
async fn sends_are_taken_as_meant_in_both_forms() {
    for (count, personal) in [(1, false), (200, false), (1, true)] {
        let batch = batch_for(template(personal), count, personal);
        let (answer, gateway) = sent(account().request_ids(true), fake(), Script::new(), &batch).await;
        let taken = gateway.accepted();
        assert_eq!(taken.len() as u64, count, "{:?}", answer.verdicts.get(0));
        for (i, (ticket, m)) in batch.tickets.iter().zip(&taken).enumerate() {
            let v = answer.verdicts.get(i);
            assert_eq!((v.outcome, v.id.as_deref()), (Outcome::Accepted, Some(&*m.id)));
            assert_eq!(
                (ticket.phone().national(), &*m.reference),
                (m.number.to_string(), &*batch.reference.to_string())
            );
            let own = "【测试签名】会员第0位\"+&=%，新品8折。拒收请回复R";
            assert_eq!(&*m.text, if personal { own } else { SAME });
        }
    }
    for (count, personal) in [(2, false), (1, true)] {
        let wrong = Ronglian::new("fake0account0sid0dev", Secret::new("wrong"), "fake0app0id0dev");
        claims_only_what_is_so(account(), wrong, fake, &batch_for(template(personal), count, personal)).await;
    }
}

#[tokio::test]
async fn refusals_carry_their_blame() {
    let of = async |wire: Ronglian, batch| sent(wire, fake(), Script::new(), &batch).await.0.verdicts.get(0);
    assert_eq!(of(account(), batch_for(template(false), 201, false)).await.code, "160048");
    assert_eq!(of(account(), batch_for("9", 2, false)).await.code, "160032");
    assert_eq!(of(account(), batch_for(template(true), 2, true)).await.code, "one_person_a_call");
    let other = Ronglian::new("fake0account0sid0dev", Secret::new("fake0auth0token0dev"), "another");
    assert_eq!(of(other, batch_for(template(false), 1, false)).await.code, "160043");
    for (code, consequence) in [("160051", Consequence::StopOwner), ("160073", Consequence::StopEveryone)] {
        let script = Script::new().refuse_number(13_800_000_001, code);
        let (answer, gateway) = sent(account(), fake(), script, &batch_for(template(false), 1, false)).await;
        let v = answer.verdicts.get(0);
        assert_eq!((v.outcome, v.consequence, v.code.as_str()), (PERSON, consequence, code));
        assert_eq!(gateway.totals().messages, 0);
    }
}

#[test]
fn only_a_success_with_an_id_is_accepted() {
    let judged = |status, body: &str| verdict(Incoming { status, body: body.as_bytes() });
    let ok = r#"{"statusCode":"000000","templateSMS":{"dateCreated":"20251125000000","smsMessageSid":"ff80"}}"#;
    assert_eq!(judged(200, ok), Verdict::accepted("ff80"));
    for (status, body) in [
        (400, ok),
        (200, r#"{"statusCode":"000000"}"#),
        (200, r#"{"statusCode":"000000","templateSMS":{}}"#),
        (200, r#"{"statusCode":"000000","templateSMS":{"smsMessageSid":" "}}"#),
        (200, r#"{"statusCode":"0","templateSMS":{"smsMessageSid":"ff80"}}"#),
        (200, r#"{"statusCode":0,"templateSMS":{"smsMessageSid":"ff80"}}"#),
        (200, r#"{"statusCode":"000000","statusCode":"160051","templateSMS":{"smsMessageSid":"ff80"}}"#),
        (200, r#"{"statusCode":"000000","templateSMS":{"smsMessageSid":"ff80"}} trailing"#),
        (200, r#"{"statusCode":"160054"}"#),
        (200, r#"{"statusCode":"172001"}"#),
        (200, r#"{"statusCode":"111050"}"#),
        (200, r#"{"statusCode":"199999"}"#),
        (200, "null"),
        (200, ""),
    ] {
        assert_eq!(judged(status, body).outcome, Outcome::Unknown, "{body}");
    }
    assert_eq!(judged(200, r#"{"statusCode":"111108"}"#).code, "111108", "the code itself, not its range");
}

#[test]
fn nothing_is_read_that_is_not_documented() {
    let xml = "<?xml version=\"1.0\"?><request><action>SMSArrived</action></request>";
    let read = account().inbound(&HttpCall::new("POST", CALLBACK_PATH, "", xml));
    assert_eq!(read.unwrap_err(), InboundError::NotOffered);
}

#[test]
fn nothing_secret_is_printed() {
    let batch = batch_for(template(false), 1, false);
    let out = account().request(&batch.request(), "h", &Stamp::fresh(&*system())).unwrap();
    let shown = format!("{:?} {out:?}", account());
    assert!(!shown.contains("fake0auth0token0dev") && !shown.contains("13800000001"), "{shown}");
}

proptest! {
    #[test]
    fn junk_proves_nothing(body in proptest::collection::vec(any::<u8>(), 0..200), status in 200u16..500) {
        survives(&account(), CALLBACK_PATH, &body, status);
    }
}
