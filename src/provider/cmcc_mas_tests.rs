//! Cloud MAS: codes, sends, pulls.
#![allow(clippy::unwrap_used, reason = "tests")]
use super::super::cloud_tests::{batch_for, claims_only_what_is_so, sent, survives, table};
use super::*;
use crate::provider::Provider;
use crate::provider::wire::{
    Http,
    tests::{served, settings, system},
};
use crate::testing::gateway::{Account, FakeCmccMas, Script};
use proptest::prelude::*;

fn account() -> CmccMas {
    CmccMas::new("测试科技有限公司", "fakeapdev", Secret::new("FakeSecret!dev"))
        .signature_code("测试签名", "FAKEsign01")
}

fn make() -> Account {
    FakeCmccMas::default().into()
}

fn answer(status: u16, body: &str) -> Verdict {
    verdict(Incoming { status, body: body.as_bytes() })
}

#[test]
fn every_code_is_listed_once_with_a_remedy_and_agrees_with_the_sheet() {
    table(CODES, include_str!("../../tests/vectors/providers/cmcc_mas/errors.json"));
}

#[test]
fn only_a_success_with_an_id_is_accepted() {
    let ok = r#"{"msgGroup":"0927","rspcod":"success","success":true}"#;
    assert_eq!(answer(200, ok), Verdict::accepted("0927"));
    for (status, body) in [
        (400, ok),
        (200, r#"{"msgGroup":"","rspcod":"success","success":true}"#),
        (200, r#"{"rspcod":"success","success":true}"#),
        (200, r#"{"msgGroup":"0927","rspcod":"success","success":false}"#),
        (200, r#"{"msgGroup":"0927","rspcod":"InvalidMobile","success":true}"#),
        (200, r#"{"msgGroup":"0927","rspcod":"Success","success":true}"#),
        (200, r#"{"msgGroup":"0927","success":true}"#),
        (200, "[]"),
        (200, ""),
    ] {
        assert_eq!(answer(status, body).outcome, Outcome::Unknown, "{body}");
    }
}

#[tokio::test]
async fn the_platform_writes_the_signature_and_nothing_else() {
    for (count, personal) in [(1, false), (1000, false), (1, true), (100, true)] {
        let batch = batch_for("", count, personal);
        let (answer, gateway) = sent(account(), make(), Script::new(), &batch).await;
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
    let wrong =
        CmccMas::new("测试科技有限公司", "fakeapdev", Secret::new("x")).signature_code("测试签名", "FAKEsign01");
    claims_only_what_is_so(account(), wrong, make, &batch_for("", 3, false)).await;
    let nameless = CmccMas::new("测试科技有限公司", "fakeapdev", Secret::new("FakeSecret!dev"));
    let (answer, gateway) = sent(nameless, make(), Script::new(), &batch_for("", 1, false)).await;
    assert_eq!((answer.verdicts.get(0).code.as_str(), gateway.totals().requests), ("no_signature_code", 0));
}

#[tokio::test]
async fn a_pull_tells_each_report_once() {
    let (_, address) = served(make(), Script::new()).await;
    let http = Http::new(account(), settings(&address), system()).unwrap();
    let batch = batch_for("", 3, false);
    assert_eq!(http.submit(batch.request()).await.verdicts.get(2).outcome, Outcome::Accepted);
    let told = http.pull(Pull::Reports).await.unwrap();
    assert!(told.more && told.events.len() == 3);
    assert!(!http.pull(Pull::Reports).await.unwrap().more);
    assert!(http.pull(Pull::Replies).await.unwrap().events.is_empty());
    let stranger = CmccMas::new("测试科技有限公司", "fakeapdev", Secret::new("x"));
    let http = Http::new(stranger, settings(&address), system()).unwrap();
    let refused = PullError::Refused { code: "InvalidUsrOrPwd".into() };
    assert_eq!(http.pull(Pull::Replies).await.unwrap_err(), refused);
}

#[test]
fn an_odd_row_costs_no_other_and_a_page_of_them_is_an_error() {
    let now: Timestamp = "2026-12-11T10:00:00+08:00".parse().unwrap();
    let of = |what, body: &str| pulled(what, Incoming { status: 200, body: body.as_bytes() }, now);
    let reply = r#"[{"smsContent":"R","mobile":"13800000001","sendTime":"2025-11-25 00:01:00","addSerial":"01"}]"#;
    let page = of(Pull::Replies, reply).unwrap();
    let [Inbound::Reply(r)] = &page.events[..] else { panic!() };
    assert_eq!((r.text.as_str(), r.extension.as_deref()), ("R", Some("01")));
    assert_eq!(r.at.to_string(), "2025-11-25T00:01:00+08:00");
    let odd = r#"[{"smsContent":"R","mobile":13800000001,"sendTime":"yesterday","addSerial":7},
        {"smsContent":"T","mobile":"13800000002"},{"mobile":"13800000003","msgGroup":1},{"smsContent":"R","mobile":{}},
        {"smsContent":"R","mobile":["02112345678"]}]"#;
    let page = of(Pull::Replies, odd).unwrap();
    let [Inbound::Reply(r), Inbound::Reply(t)] = &page.events[..] else { panic!("{:?}", page.events) };
    assert_eq!((r.text.as_str(), r.extension.as_deref(), r.at, t.at), ("R", Some("7"), now, now));
    let page = of(Pull::Reports, odd).unwrap();
    let [Inbound::Report(r)] = &page.events[..] else { panic!("{:?}", page.events) };
    assert_eq!((r.provider_id.as_deref(), r.at), (Some("1"), now));
    for (what, body) in [
        (Pull::Reports, reply),
        (Pull::Replies, r#"[{"smsContent":"R","mobile":"x"}]"#),
        (Pull::Replies, "<html>"),
        (Pull::Replies, "{}"),
        (Pull::Replies, "[1]"),
    ] {
        assert!(matches!(of(what, body), Err(PullError::Unreadable { .. })), "{body}");
    }
}

#[test]
fn nothing_secret_is_printed_and_nothing_is_pushed() {
    let stamp = Stamp { at: Timestamp::EPOCH, nonce: "n".into() };
    let batch = batch_for("", 1, false);
    let out = account().request(&batch.request(), "h", &stamp).unwrap();
    let shown = format!("{:?} {out:?}", account());
    assert!(!shown.contains("FakeSecret") && !shown.contains("13800000001"), "{shown}");
    assert_eq!(account().inbound(&HttpCall::new("POST", "/", "", "")).unwrap_err(), InboundError::NotOffered);
}

proptest! {
    #[test]
    fn junk_proves_nothing(body in proptest::collection::vec(any::<u8>(), 0..200), status in 200u16..500) {
        survives(&account(), "/", &body, status);
    }
}
