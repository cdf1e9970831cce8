//! Opt-ins: what is recorded, what is refused, what is repeated, and what proves it.
#![cfg(all(feature = "testing", feature = "sqlite"))]
#![allow(clippy::unwrap_used)]

mod shop;

use futures_util::StreamExt;
use optin106::consent::{OptInRow, RowError};
use optin106::facts::Scope;
use optin106::optin::{OptOut, RecordError, StopScope, Via};
use optin106::policy::law::Code;
use optin106::{Envelope, Evidence, OptIn, Purpose};
use shop::{World, at, opt_in, phone};

fn refused(e: RecordError) -> Code {
    match e {
        RecordError::Refused(r) => r.code,
        other => panic!("not a refusal: {other:?}"),
    }
}

#[tokio::test]
async fn a_recorded_opt_in_is_there_once_however_often_it_is_told() {
    let w = World::new().await;
    let first = w.shop.record(opt_in(1)).await.unwrap();
    w.clock.set(at(2, 10));
    let again = w.shop.record(opt_in(1)).await.unwrap();
    assert!(!first.repeated && again.repeated);
    assert_eq!(first.at, again.at);
    assert_eq!(w.optin.store().rebuild().await.unwrap(), 0);
}

#[tokio::test]
async fn each_missing_part_is_named() {
    let w = World::new().await;
    let bare = || OptIn::new(phone(1), [Purpose::Promotion], optin106::Method::Reply).at(at(1, 9));
    let notice = || optin106::Notice::new("v1", "text");
    assert_eq!(refused(w.shop.record(bare()).await.unwrap_err()), Code::NoNotice);
    let o = bare().notice(notice());
    assert_eq!(refused(w.shop.record(o.clone()).await.unwrap_err()), Code::NoPromise);
    let o = o.promise(4, optin106::Days(30)).valid_until(at(300, 0));
    let e = w.shop.record(o.clone()).await.unwrap_err();
    assert!(e.to_string().starts_with("refused as no_evidence: "), "{e}");
    let o = o.evidence(Evidence::reference("page", "checkout", [1; 32]));
    assert_eq!(refused(w.shop.record(o.clone().age(13)).await.unwrap_err()), Code::MinorWithoutGuardian);
    assert!(w.optin.store().events(w.rid(1)).await.unwrap().is_empty(), "a refusal records nothing");
    w.shop.record(o).await.unwrap();
}

#[tokio::test]
async fn an_opt_in_at_or_before_a_stop_is_refused_and_a_newer_one_is_taken() {
    let w = World::new().await;
    w.shop.record(opt_in(1)).await.unwrap();
    w.clock.set(at(5, 10));
    w.shop.opt_out(phone(1), OptOut::new(StopScope::Owner, Via::Page)).await.unwrap();
    // The same old act, told again without an event id, must not look as if it counted.
    assert_eq!(refused(w.shop.record(opt_in(1)).await.unwrap_err()), Code::NotNewerThanStop);
    let old = opt_in(1).at(at(5, 10));
    assert_eq!(refused(w.sibling.record(old).await.unwrap_err()), Code::NotNewerThanStop);
    assert!(w.other.record(opt_in(1).at(at(4, 0))).await.is_ok(), "another owner's stop is not ours");
    w.clock.set(at(6, 10));
    w.shop.record(opt_in(1).at(at(6, 9))).await.unwrap();
    assert_eq!(w.optin.store().rebuild().await.unwrap(), 0);
}

#[tokio::test]
async fn a_withdrawn_purpose_blocks_only_that_purpose() {
    let w = World::new().await;
    w.clock.set(at(5, 10));
    let stop = OptOut::new(StopScope::Purpose(Purpose::Points), Via::ServiceDesk);
    w.shop.opt_out(phone(1), stop).await.unwrap();
    let both = OptIn::new(phone(1), [Purpose::Promotion, Purpose::Points], optin106::Method::SignedPaper);
    let both = both.at(at(4, 0)).notice(optin106::Notice::new("v1", "t")).promise(1, optin106::Days(30));
    let both = both.valid_until(at(300, 0)).evidence(Evidence::bytes("scan", *b"x"));
    assert_eq!(refused(w.shop.record(both).await.unwrap_err()), Code::NotNewerThanStop);
    w.shop.record(opt_in(1).at(at(4, 0))).await.unwrap();
}

#[tokio::test]
async fn a_date_in_the_future_is_refused_and_a_fast_clock_cannot_outrun_a_stop() {
    let w = World::new().await;
    let e = w.shop.record(opt_in(1).at(at(2, 0))).await.unwrap_err();
    assert_eq!(e.code(), "in_future");
    // Four minutes fast is taken, dated now; a stop a minute later still covers it.
    let fast = w.clock_now().plus(std::time::Duration::from_secs(240));
    w.shop.record(opt_in(1).at(fast)).await.unwrap();
    w.clock.advance(std::time::Duration::from_secs(60));
    w.shop.opt_out(phone(1), OptOut::new(StopScope::Owner, Via::Page)).await.unwrap();
    assert!(!w.clears(&w.shop, 1).await);
}

#[tokio::test]
async fn bulk_answers_every_row_in_order() {
    let w = World::new().await;
    let rows = (0..5_000u32).map(|i| {
        let mut row = OptInRow { phone: format!("138{i:08}"), method: "unticked_checkbox".into(), ..shop::row() };
        match i % 1000 {
            7 => row.method = "purchase".into(),
            8 => row.phone = "12345".into(),
            9 => row.notice = None,
            _ => {}
        }
        row
    });
    let answers: Vec<_> = w.shop.record_all(futures_util::stream::iter(rows)).collect().await;
    assert_eq!(answers.len(), 5_000);
    for (i, (n, answer)) in answers.into_iter().enumerate() {
        assert_eq!(n, i as u64);
        match i % 1000 {
            7 => assert_eq!(refused(answer.unwrap_err()), Code::NotConsent),
            8 => assert_eq!(refused(answer.unwrap_err()), Code::InvalidNumber),
            9 => assert_eq!(refused(answer.unwrap_err()), Code::NoNotice),
            _ => assert!(!answer.unwrap().repeated),
        }
    }
    assert!(matches!(OptInRow::default().read(), Err(RowError::Phone(_))));
}

#[tokio::test]
async fn typed_rows_go_in_bulk_too_and_a_repeat_says_so() {
    let w = World::new().await;
    for repeated in [false, true] {
        let rows = futures_util::stream::iter((0..50).map(opt_in));
        let answers: Vec<_> = w.shop.record_all(rows).collect().await;
        assert!(answers.into_iter().all(|(_, a)| a.unwrap().repeated == repeated));
    }
}

/// Run with `--release -- --ignored --nocapture` for the figure.
#[tokio::test]
#[ignore = "a measurement"]
async fn a_hundred_thousand_consents() {
    let w = World::new().await;
    let start = std::time::Instant::now();
    let rows = futures_util::stream::iter((0..100_000).map(opt_in));
    let n = w.shop.record_all(rows).filter(|(_, a)| std::future::ready(a.is_ok())).count().await;
    eprintln!("{n} consents in {:?}", start.elapsed());
    assert_eq!(n, 100_000);
}

#[tokio::test]
async fn the_proof_holds_notice_evidence_and_envelope() {
    let w = World::new().await;
    let told = Envelope { source: "crm".into(), event_id: "42".into(), actor: "clerk-7".into() };
    w.shop.record(opt_in(1).evidence(Evidence::bytes("scan", *b"paper")).envelope(told)).await.unwrap();
    w.other.record(opt_in(1)).await.unwrap();
    w.other.opt_out(phone(1), OptOut::new(StopScope::Owner, Via::Page)).await.unwrap();
    let proof = w.shop.export_proof(phone(1)).await.unwrap();
    let consent = &proof["consents"][0];
    assert_eq!(proof["consents"].as_array().unwrap().len(), 1, "another shop's consent is not ours to show");
    assert_eq!(proof["stops"].as_array().unwrap().len(), 0);
    assert_eq!(consent["notice"]["text"], shop::NOTICE);
    assert_eq!(consent["method"], "unticked_checkbox");
    assert_eq!(consent["event_id"], "42");
    assert_eq!(consent["actor"], "clerk-7");
    assert_eq!(consent["evidence"][0]["ref"], "checkout#sms");
    assert_eq!(consent["evidence"][1]["base64"], "cGFwZXI=");
    assert_eq!(w.shop.export_proof(phone(9)).await.unwrap_err().code(), "no_record");
}

#[tokio::test]
async fn a_request_for_consent_is_not_repeated_within_180_days_nor_after_a_refusal() {
    let w = World::new().await;
    let ask = |s: &optin106::ShopHandle, n| {
        let s = s.clone();
        async move { s.record_ask(phone(n), [Purpose::Promotion], None, Envelope::default()).await }
    };
    ask(&w.shop, 1).await.unwrap();
    w.clock.set(at(100, 10));
    assert_eq!(refused(ask(&w.sibling, 1).await.unwrap_err()), Code::AskBlocked);
    ask(&w.other, 1).await.unwrap();
    w.clock.set(at(190, 10));
    ask(&w.shop, 1).await.unwrap();
    w.shop.opt_out(phone(2), OptOut::new(StopScope::Owner, Via::Reply)).await.unwrap();
    w.clock.set(at(1000, 10));
    assert_eq!(refused(ask(&w.sibling, 2).await.unwrap_err()), Code::AskBlocked);
}

#[tokio::test]
async fn an_erasure_ends_consents_of_the_owner_keeps_stops_and_refuses_older_opt_ins() {
    let w = World::new().await;
    w.shop.record(opt_in(1)).await.unwrap();
    w.sibling.record(opt_in(1)).await.unwrap();
    w.other.record(opt_in(1)).await.unwrap();
    w.clock.set(at(5, 10));
    w.shop.opt_out(phone(1), OptOut::new(StopScope::Purpose(Purpose::Points), Via::Page)).await.unwrap();
    let erased = w.shop.erase(phone(1), Default::default()).await.unwrap();
    erased.effective().await;
    assert!(!w.clears(&w.shop, 1).await && !w.clears(&w.sibling, 1).await);
    assert!(w.clears(&w.other, 1).await);
    assert_eq!(refused(w.sibling.record(opt_in(1).at(at(4, 0))).await.unwrap_err()), Code::NotNewerThanStop);
    let standing = w.shop.lookup(phone(1)).await.unwrap();
    assert!(matches!(standing.stops[0].scope, Scope::Purpose(_, Purpose::Points)));
    // At the retention date the evidence goes; another owner's stays.
    w.clock.set(erased.kept_until.plus(std::time::Duration::from_secs(1)));
    let done = w.optin.retain(Default::default()).await.unwrap();
    assert_eq!(done.sealed, 2);
    assert!(w.shop.export_proof(phone(1)).await.unwrap()["consents"][0]["evidence"].is_null());
    assert!(!w.other.export_proof(phone(1)).await.unwrap()["consents"][0]["evidence"].is_null());
    assert_eq!(w.optin.store().rebuild().await.unwrap(), 0);
}

#[tokio::test]
async fn nothing_readable_is_written() {
    let w = World::new().await;
    let told = Envelope { source: "crm".into(), event_id: "order-13800000001".into(), actor: "clerk".into() };
    let o = opt_in(1).evidence(Evidence::reference("page", "https://x.example/?tel=13800000001", [9; 32]));
    w.shop.record(o.envelope(told)).await.unwrap();
    w.shop.reply(phone(1), "我的号码13800000001,别发了", None, Envelope::default()).await.unwrap();
    let World { optin, shop, sibling, other, dir, .. } = w;
    drop((optin, shop, sibling, other));
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(11).any(|b| b == b"13800000001"));
    }
}

#[tokio::test]
async fn the_policy_is_the_stores() {
    let w = World::new().await;
    assert_eq!(w.optin.policy().await.unwrap(), optin106::Policy::china_default());
    w.optin.set_policy(&optin106::Policy::china_strict()).await.unwrap();
    assert_eq!(w.optin.policy().await.unwrap(), optin106::Policy::china_strict());
}
