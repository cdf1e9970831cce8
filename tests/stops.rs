//! Stops by every way: who is reached, that nothing removes them, and that telling twice changes nothing.
#![cfg(all(feature = "testing", feature = "sqlite"))]
#![allow(clippy::unwrap_used)]

mod shop;

use futures_util::{StreamExt, TryStreamExt};
use optin106::clock::Timestamp;
use optin106::facts::Scope;
use optin106::id::{AccountId, Extension, OwnerId};
use optin106::inbound::{Inbound, Reply, Report};
use optin106::intake::{Attribution, IntakeEvent, ReplyEvent};
use optin106::optin::{AccountSignature, Complaint, ImportReport, OptOut, StopScope, Via};
use optin106::stop::Intent;
use optin106::{Envelope, Shop, ShopHandle};
use shop::{World, at, opt_in, phone};
use std::time::Duration;

fn told() -> Envelope {
    Envelope::default()
}

async fn three_consents() -> World {
    let w = World::new().await;
    for shop in [&w.shop, &w.sibling, &w.other] {
        shop.record(opt_in(1)).await.unwrap();
    }
    w.clock.set(at(5, 10));
    w
}

/// What each of the three shops may send: shop, sibling, other owner's.
async fn clears(w: &World) -> (bool, bool, bool) {
    (w.clears(&w.shop, 1).await, w.clears(&w.sibling, 1).await, w.clears(&w.other, 1).await)
}

async fn past_send(w: &World, shop: &str, when: Timestamp) {
    let csv = format!("phone,shop,at,campaign\n{},{shop},{when},c0\n", phone(1).national());
    let report = ImportReport::of(w.optin.import_past_sends_csv(csv.as_bytes())).await;
    assert_eq!((report.recorded, report.failed), (1, 0), "{report:?}");
}

#[tokio::test]
async fn an_opt_out_reaches_every_shop_of_the_owner_and_is_effective_at_once_when_nothing_is_open() {
    let w = three_consents().await;
    let stopped = w.shop.opt_out(phone(1), OptOut::new(StopScope::Owner, Via::Page).at(at(5, 9))).await.unwrap();
    assert_eq!(stopped.recorded_at, at(5, 10));
    assert_eq!(stopped.effective().await, at(5, 10));
    assert_eq!(clears(&w).await, (false, false, true));
    w.shop.record(opt_in(1).at(at(5, 9))).await.unwrap_err();
    w.clock.set(at(6, 10));
    w.shop.record(opt_in(1).at(at(6, 9))).await.unwrap();
    assert_eq!(clears(&w).await, (true, false, true), "a newer consent restores its own shop only");
    assert_eq!(w.optin.store().rebuild().await.unwrap(), 0);
}

async fn begin_one(w: &World) -> optin106::id::Reference {
    begin_of(w, &w.shop, "acc-1").await
}

/// Begins one message of `shop` to person 1 and leaves it open, as a worker does that is about to send.
async fn begin_of(w: &World, shop: &ShopHandle, account: &str) -> optin106::id::Reference {
    use optin106::gate::{Case, judge};
    use optin106::id::{CampaignName, Reference, Rid};
    use optin106::store::{BeginAsk, Begun, PlanRow, message_place, message_row};
    let store = w.optin.store();
    let account = AccountId::new(account).unwrap();
    w.optin.put_account(&account, Default::default()).await.unwrap();
    let shop = store.shop(shop.id()).await.unwrap().unwrap();
    let name = CampaignName::new("c1").unwrap();
    let campaign = store.open_campaign(shop.key, &name, vec![1]).await.unwrap().key;
    let rid = w.rid(1);
    let place = message_row(campaign, rid);
    let sealed = store.keyring().seal_phone(&message_place(&place), phone(1));
    let row = PlanRow { rid, position: 0, line: None, variant: 0, parts: 1, sealed };
    store.plan(campaign, vec![row], Vec::new()).await.unwrap();
    store.plan_ready(campaign, [0; 32], 1).await.unwrap();
    let lease = store.claim(campaign, 1).await.unwrap().remove(0);
    let (owners, policy) = (shop.owners.clone(), optin106::Policy::china_default());
    let reference = Reference::fresh(&w.clock);
    let ask = BeginAsk {
        owners: owners.clone(),
        policy_setting: None,
        lease,
        account,
        from: Rid::from_slice(&[0; 16]).unwrap(),
        limit: 10,
        per_request: 10,
        concurrency: 0,
        calls_per_second: 0,
        pace_each: 1,
        budget: None,
        price: 390,
        first_byte_within: optin106::optin::FIRST_BYTE_WITHIN,
        owner: shop.owner,
        shop: shop.key,
        renditions: vec![[0; 32]],
        policy: [0; 32],
        horizon: 31,
        references: vec![reference],
        carries: None,
        judge: std::sync::Arc::new(move |facts, now| {
            let purpose = optin106::Purpose::Promotion;
            judge(
                facts,
                &Case { owners: &owners, purpose, personalised: false, sensitive: false, policy: &policy },
                now,
            )
        }),
    };
    let Begun::Rows(rows) = store.begin(ask).await.unwrap() else { panic!("begun") };
    assert_eq!(rows.requests.len(), 1, "{rows:?}");
    reference
}

#[tokio::test]
async fn a_stop_is_effective_only_when_nothing_begun_can_send_any_more() {
    let w = three_consents().await;
    begin_one(&w).await;
    let start = w.clock_now();
    let stop = w.other.opt_out(phone(1), OptOut::new(StopScope::Owner, Via::Page)).await.unwrap();
    assert_eq!(stop.effective().await, start, "another owner's open request is none of its concern");
    let stop = w.shop.opt_out(phone(1), OptOut::new(StopScope::Owner, Via::Page)).await.unwrap();
    assert_eq!(stop.recorded_at, start);
    let effective = stop.effective().await;
    assert_eq!(effective.since(start), Duration::from_secs(6), "the first byte's time and a second");
}

#[tokio::test]
async fn everyone_is_everyone() {
    let w = three_consents().await;
    let stop = OptOut::new(StopScope::Owner, Via::Regulator);
    w.optin.opt_out_everyone(phone(1), stop).await.unwrap();
    assert_eq!(clears(&w).await, (false, false, false));
    let standing = w.optin.lookup(phone(1)).await.unwrap();
    assert_eq!(standing.stops[0].scope, Scope::Everyone);
    assert_eq!(standing.stops[0].reason, "opt_out");
}

#[tokio::test]
async fn the_same_event_id_is_one_event_per_form_and_shop() {
    let w = three_consents().await;
    let id = || Envelope { source: "crm".into(), event_id: "7".into(), actor: String::new() };
    let stop = || OptOut::new(StopScope::Owner, Via::Page).envelope(id());
    assert!(!w.shop.opt_out(phone(1), stop()).await.unwrap().repeated);
    assert!(w.shop.opt_out(phone(1), stop()).await.unwrap().repeated);
    // The other shop counts its own ids: its stop must not vanish behind the first.
    assert!(!w.other.opt_out(phone(1), stop()).await.unwrap().repeated);
    assert_eq!(clears(&w).await, (false, false, false));
}

#[tokio::test]
async fn a_stop_dated_in_the_future_locks_out_no_later_consent() {
    let w = three_consents().await;
    w.shop.opt_out(phone(1), OptOut::new(StopScope::Owner, Via::Page).at(at(900, 0))).await.unwrap();
    assert!(!clears(&w).await.0);
    w.clock.set(at(6, 10));
    w.shop.record(opt_in(1).at(at(6, 10))).await.unwrap();
    assert!(clears(&w).await.0);
}

#[tokio::test]
async fn replies_by_shop_are_read_and_reach_the_owner() {
    for (text, intent, after) in [
        ("R", Intent::Stop, (false, false, true)),
        ("再发我就投诉了", Intent::Complaint, (false, false, true)),
        ("同意", Intent::Yes, (true, true, true)),
        ("什么时候发货", Intent::Other, (true, true, true)),
    ] {
        let w = three_consents().await;
        let event = w.shop.reply(phone(1), text, Some(at(5, 10)), told()).await.unwrap();
        assert_eq!(event.reading.intent, intent, "{text}");
        assert_eq!(clears(&w).await, after, "{text}");
        let again = w.shop.reply(phone(1), text, Some(at(5, 10)), told()).await.unwrap();
        assert!(again.recorded.repeated);
        let cases: Vec<_> = w.optin.cases().try_collect().await.unwrap();
        assert_eq!(cases.len(), usize::from(intent == Intent::Complaint));
        for case in cases {
            assert_eq!(case.quoted_text.as_deref(), Some(text));
            assert_eq!(case.due, at(20, 10));
            assert!(!format!("{case:?}").contains(text));
        }
    }
}

#[tokio::test]
async fn a_complaint_without_a_shop_reaches_who_sent_in_31_days_else_everyone() {
    let w = three_consents().await;
    past_send(&w, "shop-b", at(4, 10)).await;
    let complaint = || Complaint::new(phone(1), "12321").external_number("C-1").quoted_text("骚扰");
    w.optin.complaint(complaint()).await.unwrap();
    assert_eq!(clears(&w).await, (true, true, false));
    w.clock.set(at(60, 10));
    w.optin.complaint(complaint().external_number("C-2")).await.unwrap();
    assert_eq!(clears(&w).await, (false, false, false));
    let cases: Vec<_> = w.optin.cases().try_collect().await.unwrap();
    assert_eq!(cases[0].external_number.as_deref(), Some("C-1"));
    assert_eq!(cases[1].channel, "12321");
}

#[tokio::test]
async fn a_complaint_about_a_shop_reaches_its_owner() {
    let w = three_consents().await;
    w.shop.complaint(Complaint::new(phone(1), "phone")).await.unwrap();
    assert_eq!(clears(&w).await, (false, false, true));
}

fn reply(signature: Option<&str>, extension: Option<&str>) -> Reply {
    Reply {
        event_id: "m-1".into(),
        phone: phone(1),
        text: "退订".into(),
        extension: extension.map(Into::into),
        signature: signature.map(Into::into),
        at: at(5, 10),
    }
}

fn account() -> AccountId {
    AccountId::new("acc-1").unwrap()
}

fn ext(digits: &str) -> Extension {
    Extension::new(digits).unwrap()
}

/// Takes a reply to `acc-1` in, twice: told again it changes nothing and is attributed as it was recorded.
async fn takes(w: &World, reply: Reply) -> ReplyEvent {
    let mut taken = Vec::new();
    for repeated in [false, true] {
        let event = w.optin.take_in(&account(), "aliyun", Inbound::Reply(reply.clone())).await.unwrap();
        let IntakeEvent::Reply(event) = event else { panic!("a reply") };
        assert_eq!(event.recorded.repeated, repeated);
        taken.push(event);
    }
    assert_eq!(taken[0].attribution, taken[1].attribution);
    assert_eq!(w.optin.store().rebuild().await.unwrap(), 0);
    let events = w.optin.store().events(w.rid(1)).await.unwrap();
    assert_eq!(events.last().unwrap().detail["attribution"], taken[0].attribution.as_str(), "the reason is kept");
    taken.remove(0)
}

#[tokio::test]
async fn an_accounts_reply_is_attributed_by_extension_then_signature_then_sends_then_everyone() {
    use Attribution as By;
    for (signature, extension, sent_by, by, after) in [
        (None, Some("01"), None, By::Extension, (false, false, true)),
        (None, Some("02"), None, By::Extension, (true, true, false)),
        // The extension goes before the signature, and that before who sent.
        (Some("样品小铺"), Some("01"), Some("shop-b"), By::Extension, (false, false, true)),
        (Some("示例旗舰店"), Some("02"), Some("shop-a"), By::Extension, (true, true, false)),
        (Some("样品小铺"), None, Some("shop-a"), By::Signature, (true, true, false)),
        (Some("示例专营店"), None, Some("shop-b"), By::Signature, (false, false, true)),
        // Spelt otherwise at this account.
        (Some("样品铺子"), None, None, By::Signature, (true, true, false)),
        // What names nobody falls through.
        (Some("样品小铺"), Some("99"), None, By::Signature, (true, true, false)),
        (Some("样品小铺"), Some("1"), None, By::Signature, (true, true, false)),
        (Some("样品小铺"), Some("1069012345678901"), None, By::Signature, (true, true, false)),
        (None, Some("99"), Some("shop-b"), By::SentThroughAccount, (true, true, false)),
        (Some("谁也不是"), Some("x"), Some("shop-a"), By::SentThroughAccount, (false, false, true)),
        (None, Some("99"), None, By::Everyone, (false, false, false)),
        (Some("谁也不是"), None, None, By::Everyone, (false, false, false)),
        (None, None, None, By::Everyone, (false, false, false)),
    ] {
        let w = three_consents().await;
        let two = optin106::Owner::new("91330100MA00000002").unwrap();
        let spelt = AccountSignature::new("样品铺子").unwrap();
        w.optin.shop(Shop::new("shop-b", two, "样品小铺").unwrap().at_account(account(), spelt)).await.unwrap();
        w.shop.assign_extension(&account(), &ext("01")).await.unwrap();
        w.other.assign_extension(&account(), &ext("02")).await.unwrap();
        // Of another account: nobody's here.
        w.other.assign_extension(&AccountId::new("acc-2").unwrap(), &ext("99")).await.unwrap();
        if let Some(shop) = sent_by {
            past_send(&w, shop, at(4, 10)).await;
        }
        let told = format!("{signature:?} {extension:?} {sent_by:?}");
        let event = takes(&w, reply(signature, extension)).await;
        assert_eq!(event.attribution, by, "{told}");
        assert_eq!(clears(&w).await, after, "{told}");
        assert!(format!("{event:?}").contains(by.as_str()));
    }
}

#[tokio::test]
async fn who_sent_through_the_account_in_31_days_is_reached_and_who_sent_through_another_is_not() {
    let w = three_consents().await;
    begin_of(&w, &w.other, "acc-1").await;
    let sent = w.clock_now();
    begin_of(&w, &w.shop, "acc-2").await;
    for (days, by, after) in
        [(31, Attribution::SentThroughAccount, (true, true, false)), (32, Attribution::Everyone, (false, false, false))]
    {
        let when = sent.plus_days(days);
        w.clock.set(when.plus(Duration::from_secs(60)));
        let reply = Reply { at: when, event_id: format!("m-{days}"), ..reply(None, None) };
        assert_eq!(takes(&w, reply).await.attribution, by, "{days}");
        let stops = w.optin.lookup(phone(1)).await.unwrap().stops;
        let free = |shop: &ShopHandle| {
            !stops.iter().any(|s| s.scope == Scope::Everyone || s.owner.as_ref() == Some(shop.owner_id()))
        };
        assert_eq!((free(&w.shop), free(&w.sibling), free(&w.other)), after, "{days}");
    }
}

#[tokio::test]
async fn a_reply_that_stops_nothing_keeps_its_attribution_too() {
    let w = three_consents().await;
    w.shop.assign_extension(&account(), &ext("01")).await.unwrap();
    let event = takes(&w, Reply { text: "什么时候发货".into(), ..reply(None, Some("01")) }).await;
    assert_eq!((event.reading.intent, event.attribution), (Intent::Other, Attribution::Extension));
    assert_eq!(clears(&w).await, (true, true, true));
    for repeated in [false, true] {
        let event = w.shop.reply(phone(1), "R", Some(at(5, 10)), told()).await.unwrap();
        assert_eq!((event.recorded.repeated, event.attribution), (repeated, Attribution::Shop));
    }
}

/// The registry may say another by then.
#[tokio::test]
async fn a_reply_told_again_is_attributed_as_it_was_recorded() {
    let w = three_consents().await;
    // The extension comes to its shop in the very moment of the reply: read anew it would go before the signature.
    w.clock.set(at(5, 12));
    let told = Reply { at: at(5, 12), ..reply(Some("样品小铺"), Some("01")) };
    assert_eq!(takes(&w, told.clone()).await.attribution, Attribution::Signature);
    w.shop.assign_extension(&account(), &ext("01")).await.unwrap();
    let later = Reply { at: at(5, 13), event_id: "m-2".into(), ..told.clone() };
    w.clock.set(at(5, 14));
    let again = w.optin.take_in(&account(), "aliyun", Inbound::Reply(told)).await.unwrap();
    let IntakeEvent::Reply(again) = again else { panic!("a reply") };
    assert!(again.recorded.repeated && again.attribution == Attribution::Signature);
    assert_eq!(clears(&w).await, (true, true, false));
    assert_eq!(takes(&w, later).await.attribution, Attribution::Extension);
    assert_eq!(clears(&w).await, (false, false, false));
}

#[tokio::test]
async fn an_extension_rests_180_days_for_others_and_none_for_its_own_shop() {
    use optin106::optin::{EXTENSION_REST_DAYS, ExtensionError};
    assert_eq!(EXTENSION_REST_DAYS, 180);
    let w = three_consents().await;
    let mine = w.shop.assign_extension(&account(), &ext("01")).await.unwrap();
    assert_eq!((mine.since, mine.free_from), (at(5, 10), None));
    let held = w.other.assign_extension(&account(), &ext("01")).await.unwrap_err();
    assert_eq!(held.code(), "extension_held");
    assert!(w.sibling.assign_extension(&account(), &ext("01")).await.is_err(), "a shop's, not an owner's");
    assert_eq!(w.other.release_extension(&account(), &ext("01")).await.unwrap(), None);

    w.clock.set(at(6, 10));
    let free = at(6 + 180, 10);
    let mine = w.shop.release_extension(&account(), &ext("01")).await.unwrap().unwrap();
    assert_eq!(mine.free_from, Some(free));
    assert_eq!(w.shop.extensions().await.unwrap(), [mine]);
    for when in [at(6, 10), at(185, 10), free.minus(Duration::from_millis(1))] {
        w.clock.set(when);
        let resting = w.other.assign_extension(&account(), &ext("01")).await.unwrap_err();
        assert!(matches!(resting, ExtensionError::Resting { free_from } if free_from == free), "{resting:?}");
        assert_eq!(resting.code(), "extension_resting");
        assert!(resting.to_string().contains(&free.to_string()));
    }
    let mine = w.shop.assign_extension(&account(), &ext("01")).await.unwrap();
    assert_eq!((mine.since, mine.free_from), (at(5, 10), None), "at once");
    let anew = w.shop.release_extension(&account(), &ext("01")).await.unwrap().unwrap().free_from.unwrap();
    w.clock.set(free);
    assert_eq!(w.other.assign_extension(&account(), &ext("01")).await.unwrap_err().code(), "extension_resting");
    w.clock.set(anew);
    w.other.assign_extension(&account(), &ext("01")).await.unwrap();
    assert!(w.shop.extensions().await.unwrap().is_empty());
    assert_eq!(w.other.extensions().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_reply_to_an_extension_is_its_last_shops_for_180_days_and_no_later_shops() {
    let w = three_consents().await;
    w.shop.assign_extension(&account(), &ext("01")).await.unwrap();
    w.clock.set(at(6, 10));
    w.shop.release_extension(&account(), &ext("01")).await.unwrap();
    let free = at(186, 10);
    let by = async |when: Timestamp, id: &str| {
        let reply = Reply { at: when, event_id: id.into(), ..reply(None, Some("01")) };
        let attribution = takes(&w, reply).await.attribution;
        (attribution, w.optin.store().events(w.rid(1)).await.unwrap().last().unwrap().shop)
    };
    let key = async |shop: &ShopHandle| w.optin.store().shop(shop.id()).await.unwrap().map(|s| s.key);
    let before = free.minus(Duration::from_millis(1));
    w.clock.set(before);
    assert_eq!(by(before, "1").await, (Attribution::Extension, key(&w.shop).await));
    // Nobody's then: doubt is wider.
    w.clock.set(free);
    assert_eq!(by(free, "2").await, (Attribution::Everyone, None));
    w.clock.set(free.plus_days(1));
    w.other.assign_extension(&account(), &ext("01")).await.unwrap();
    w.clock.set(free.plus_days(2));
    assert_eq!(by(free.plus_days(2), "3").await, (Attribution::Extension, key(&w.other).await));
    // Written before it came to this shop, told late.
    assert_eq!(by(before, "4").await, (Attribution::Everyone, None));
}

#[test]
fn an_extension_is_digits() {
    for (text, why) in [("", "needed"), ("0a", "character 1"), ("１", "character 0"), ("1234567890123", "at most 12")]
    {
        let e = Extension::new(text).unwrap_err().to_string();
        assert!(e.contains(why), "{text}: {e}");
    }
    assert_eq!(ext("123456789012").as_str(), "123456789012");
}

#[tokio::test]
async fn reports_by_shop_stop_rest_and_revive() {
    let w = three_consents().await;
    w.shop.report(phone(1), "MBBLACK", None, None, told()).await.unwrap();
    assert_eq!(clears(&w).await, (false, false, true));

    let w = three_consents().await;
    for n in 0..3 {
        assert_eq!(clears(&w).await, (true, true, true), "{n} failures");
        let when = Some(at(5, 10 + n));
        w.clock.set(at(5, 10 + n));
        let event = w.shop.report(phone(1), "EXPIRED", None, when, told()).await.unwrap();
        assert!(event.meaning.counts_as_soft_failure && !event.repeated);
        assert!(w.shop.report(phone(1), "EXPIRED", None, when, told()).await.unwrap().repeated);
    }
    assert_eq!(w.decide(&w.other, 1).await.unwrap_err(), "suspended");
    w.shop.report(phone(1), "DELIVRD", None, Some(at(5, 12)), told()).await.unwrap();
    assert_eq!(clears(&w).await, (true, true, true));
    w.shop.report(phone(1), "no-such-code", None, None, told()).await.unwrap();
    assert_eq!(clears(&w).await, (true, true, true));
}

#[tokio::test]
async fn a_report_of_an_unknown_row_that_says_refused_reaches_who_sent_else_everyone() {
    let account = AccountId::new("acc-1").unwrap();
    let report = || {
        Inbound::Report(Report {
            event_id: "r-1".into(),
            phone: phone(1),
            provider_id: Some("p-1".into()),
            reference: None,
            code: "MBBLACK".into(),
            delivered: Some(false),
            at: at(5, 10),
        })
    };
    let w = three_consents().await;
    past_send(&w, "shop-b", at(4, 10)).await;
    w.optin.take_in(&account, "aliyun", report()).await.unwrap();
    assert_eq!(clears(&w).await, (true, true, false));
    let w = three_consents().await;
    for repeated in [false, true] {
        let IntakeEvent::Report(event) = w.optin.take_in(&account, "aliyun", report()).await.unwrap() else {
            panic!("a report")
        };
        assert_eq!(event.repeated, repeated);
    }
    assert_eq!(clears(&w).await, (false, false, false));
}

#[tokio::test]
async fn a_stop_list_is_imported_row_by_row_and_again_without_effect() {
    let w = three_consents().await;
    let csv = format!(
        "phone,scope,shop,at\n{0},group,shop-b,2026-11-04 10:00:00\n{0},purpose:points,shop-a,\nabc,,,\n{0},group,,\n\
         {0},nonsense,shop-a,\n{0},group,nobody,\n{0},group,shop-a,yesterday\n",
        phone(1).national()
    );
    let rows: Vec<_> = w.optin.import_stops_csv("old", csv.as_bytes()).collect().await;
    let codes: Vec<_> = rows.iter().map(|r| r.outcome.as_ref().map_or_else(|e| e.code(), |_| "ok")).collect();
    assert_eq!(codes, ["ok", "ok", "not_digits", "shop_needed", "scope", "unknown_shop", "time"]);
    assert_eq!(rows[2].line, Some(4));
    assert!(rows[6].outcome.as_ref().unwrap_err().to_string().contains("column 4"));
    assert_eq!(clears(&w).await, (true, true, false));

    w.clock.set(at(6, 10));
    let again = ImportReport::of(w.optin.import_stops_csv("old", csv.as_bytes())).await;
    assert_eq!((again.rows, again.recorded, again.repeated, again.failed), (7, 0, 2, 5));

    let out: Vec<_> = w.optin.export_stops().try_collect().await.unwrap();
    let mut words: Vec<_> = out.iter().map(|s| (s.scope.as_str(), s.since)).collect();
    words.sort();
    assert_eq!(words, [("group", at(3, 10)), ("purpose:points", at(5, 10))]);
    assert!(out.iter().all(|s| s.pseudonym.len() == 32));
}

#[tokio::test]
async fn a_plain_list_of_numbers_stops_everyone() {
    let w = three_consents().await;
    let list = format!("{}\n{}\n", phone(1).national(), phone(2).e164());
    let report = ImportReport::of(w.optin.import_stops_csv("plain", list.as_bytes())).await;
    assert_eq!((report.recorded, report.failed), (2, 0));
    assert_eq!(clears(&w).await, (false, false, false));
}

#[tokio::test]
async fn past_sends_count_and_are_imported_once() {
    let w = three_consents().await;
    past_send(&w, "shop-a2", at(5, 9)).await;
    assert_eq!(w.decide(&w.shop, 1).await.unwrap_err(), "cap_exceeded");
    assert!(clears(&w).await.2);
    let csv = format!("{},shop-a2,{},c0\n", phone(1).national(), at(5, 9));
    let again = ImportReport::of(w.optin.import_past_sends_csv(csv.as_bytes())).await;
    assert_eq!((again.recorded, again.repeated), (0, 1));
    let future = format!("{},shop-a2,{},c0\n", phone(1).national(), at(9, 9));
    let failed = ImportReport::of(w.optin.import_past_sends_csv(future.as_bytes())).await;
    assert_eq!(failed.failures[0].code(), "in_future");
}

#[tokio::test]
async fn owners_that_merge_share_their_stops_also_for_handles_made_before() {
    let w = three_consents().await;
    w.other.opt_out(phone(1), OptOut::new(StopScope::Owner, Via::Page)).await.unwrap();
    let (one, two) = (OwnerId::new("91330100MA00000001").unwrap(), OwnerId::new("91330100MA00000002").unwrap());
    w.optin.merge_owners(&two, &one).await.unwrap();
    assert_eq!(clears(&w).await, (false, false, false));
    w.shop.record(opt_in(1).at(at(4, 0))).await.unwrap_err();
    assert_eq!(w.shop.lookup(phone(1)).await.unwrap().stops.len(), 1);
}

#[tokio::test]
async fn nothing_was_sent_is_an_answer_of_its_own() {
    let w = three_consents().await;
    let found = w.shop.find(phone(1), at(0, 0), at(9, 0)).await.unwrap();
    assert!(matches!(found, optin106::optin::History::NothingSent) && !found.was_sent());
    begin_one(&w).await;
    let found = w.shop.find(phone(1), at(0, 0), at(9, 0)).await.unwrap();
    assert!(found.was_sent() && found.rows().len() == 1);
    assert!(!w.sibling.find(phone(1), at(0, 0), at(9, 0)).await.unwrap().was_sent(), "a shop sees its own rows only");
    let all = w.optin.find(phone(1), at(0, 0), at(9, 0)).await.unwrap();
    assert_eq!(all.rows()[0].shop.as_ref().unwrap().as_str(), "shop-a");
}

#[tokio::test]
async fn facts_at_a_moment_are_what_was_recorded_by_then() {
    let w = three_consents().await;
    w.clock.advance(Duration::from_secs(60));
    w.shop.opt_out(phone(1), OptOut::new(StopScope::Owner, Via::Page)).await.unwrap();
    assert_eq!(w.optin.facts_at(phone(1), at(5, 10)).await.unwrap().person().stops().count(), 0);
    assert_eq!(w.optin.facts_at(phone(1), at(5, 11)).await.unwrap().person().stops().count(), 1);
}

/// A platform that pushes one thing per line: `reply|id|phone|text` or `report|id|phone|code`.
#[derive(Debug)]
struct Lines(optin106::provider::Profile, bool);

#[async_trait::async_trait]
impl optin106::provider::Provider for Lines {
    fn profile(&self) -> &optin106::provider::Profile {
        &self.0
    }

    fn counts_segments(&self) -> bool {
        self.1
    }

    async fn submit(&self, _: optin106::provider::Request<'_>) -> optin106::provider::Answer {
        unreachable!("nothing is sent here")
    }

    async fn lookup(&self, _: &[optin106::provider::Asked<'_>]) -> Vec<optin106::provider::Found> {
        Vec::new()
    }

    fn inbound(
        &self,
        call: &optin106::inbound::HttpCall,
    ) -> Result<optin106::inbound::Callback, optin106::inbound::InboundError> {
        use optin106::inbound::{Callback, HttpAnswer, InboundError};
        if call.header("x-token") != Some("secret") {
            return Err(InboundError::Forged);
        }
        let event = |line: &str| {
            let f: Vec<&str> = line.split('|').collect();
            let (event_id, phone, at) = (f[1].to_owned(), f[2].parse().unwrap(), at(5, 10));
            let (text, code) = (f[3].to_owned(), f[3].to_owned());
            match f[0] {
                "reply" => Inbound::Reply(Reply { event_id, phone, text, extension: None, signature: None, at }),
                _ => Inbound::Report(Report {
                    event_id,
                    phone,
                    provider_id: None,
                    reference: None,
                    code,
                    delivered: None,
                    at,
                }),
            }
        };
        let events = std::str::from_utf8(&call.body).unwrap().lines().map(event).collect();
        Ok(Callback { events, answer: HttpAnswer { status: 200, content_type: "text/plain", body: "OK".into() } })
    }
}

fn lines() -> std::sync::Arc<Lines> {
    lines_that(false)
}

fn lines_that(count_segments: bool) -> std::sync::Arc<Lines> {
    use optin106::provider::{Back, Documented, Form, Lookup, Profile, Writer};
    let profile = Profile {
        name: "lines",
        form: Form::FreeText,
        same_text_max: 1,
        personal_max: 1,
        signature: Writer::Caller,
        words: Writer::Caller,
        window: None,
        caps: &[],
        all_or_nothing: true,
        lookup: Lookup::None,
        idempotent: false,
        reports: Back::Push,
        replies: Back::Push,
        report_due: Duration::from_secs(60),
        calls_per_second: 1,
        documented: Documented::Medium,
        source: "none: it sends nothing",
    };
    std::sync::Arc::new(Lines(profile, count_segments))
}

#[tokio::test]
async fn a_callback_is_recorded_before_it_is_answered_and_may_come_again() {
    let w = three_consents().await;
    let account = AccountId::new("acc-1").unwrap();
    let call = |token: &str| {
        // One id for a reply and a report, and for reports of two people: all three count.
        let body = format!(
            "report|1|{0}|EXPIRED\nreport|1|{1}|EXPIRED\nreply|1|{0}|R",
            phone(1).national(),
            phone(2).national()
        );
        optin106::inbound::HttpCall::new("POST", "/sms", "", body).with_header("X-Token", token)
    };
    let e = w.optin.intake(&account, &call("secret")).await.unwrap_err();
    assert_eq!((e.code(), e.status()), ("unknown_account", 404));
    w.optin.add_account(&account, lines(), Default::default()).await.unwrap();
    let e = w.optin.intake(&account, &call("wrong")).await.unwrap_err();
    assert_eq!((e.code(), e.status()), ("callback_forged", 403));
    for repeated in [false, true] {
        let out = w.optin.intake(&account, &call("secret")).await.unwrap();
        assert_eq!((out.answer.status, &*out.answer.body, out.events.len()), (200, "OK", 3));
        for event in out.events {
            let again = match event {
                IntakeEvent::Reply(e) => e.recorded.repeated,
                IntakeEvent::Report(e) => e.repeated,
                _ => panic!("a new kind"),
            };
            assert_eq!(again, repeated);
        }
    }
    assert_eq!(clears(&w).await, (false, false, false), "nobody sent: the reply reaches everyone");
    assert_eq!(w.optin.lookup(phone(1)).await.unwrap().soft_failures, 1);
    assert_eq!(w.optin.lookup(phone(2)).await.unwrap().soft_failures, 1);
    assert_eq!(w.optin.store().rebuild().await.unwrap(), 0);
}

/// A platform whose pull tells these pages of replies, each once: who, and what they wrote.
#[cfg(feature = "http")]
mod pulled {
    use super::{lines, phone};
    use optin106::inbound::{Callback, Inbound, InboundError, Pull, Pulled, Reply};
    use optin106::provider::{Answer, Asked, Found, HttpCall, Profile, Provider, PullError, Request};
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    pub(crate) type Page = Vec<(u32, &'static str)>;

    #[derive(Debug)]
    struct Pages(Arc<dyn Provider>, Mutex<VecDeque<Page>>);

    pub(crate) fn pages(pages: impl IntoIterator<Item = Page>) -> Arc<dyn Provider> {
        Arc::new(Pages(lines(), Mutex::new(pages.into_iter().collect())))
    }

    #[async_trait::async_trait]
    impl Provider for Pages {
        fn profile(&self) -> &Profile {
            self.0.profile()
        }
        async fn submit(&self, request: Request<'_>) -> Answer {
            self.0.submit(request).await
        }
        async fn lookup(&self, asked: &[Asked<'_>]) -> Vec<Found> {
            self.0.lookup(asked).await
        }
        fn inbound(&self, _: &HttpCall) -> Result<Callback, InboundError> {
            Err(InboundError::NotOffered)
        }
        async fn pull(&self, _: Pull) -> Result<Pulled, PullError> {
            let page = self.1.lock().unwrap().pop_front().unwrap_or_default();
            let reply = |(person, text): &(u32, &str)| {
                let (event_id, text) = (format!("{person}-{text}"), (*text).to_owned());
                let at = "2026-12-11T10:00:00+08:00".parse().unwrap();
                Inbound::Reply(Reply { event_id, phone: phone(*person), text, extension: None, signature: None, at })
            };
            Ok(Pulled { more: !page.is_empty(), events: page.iter().map(reply).collect() })
        }
    }
}

/// What a platform forgets when it is asked is recorded page by page; a refusal in it stops.
#[cfg(feature = "http")]
#[tokio::test]
async fn a_pull_records_every_page_before_the_next() {
    use optin106::inbound::Pull;
    let w = three_consents().await;
    let account = AccountId::new("acc-1").unwrap();
    let pages = pulled::pages((1..=3).map(|i| vec![(i, "好看"), (i, "T")]));
    w.optin.add_account(&account, pages, Default::default()).await.unwrap();
    let told = w.optin.pull(&account, Pull::Replies).await.unwrap();
    assert_eq!((told.stops, told.replies, told.reports, told.more), (3, 3, 0, false));
    for i in 1..=3 {
        assert!(!w.optin.lookup(phone(i)).await.unwrap().stops.is_empty(), "{i}");
    }
    assert_eq!(w.optin.pull(&account, Pull::Replies).await.unwrap(), optin106::intake::PullOutcome::default());
}

/// Nobody tells a pulled page again: a record that fails costs no other of the page, and what is lost is handed over.
#[cfg(feature = "http")]
#[tokio::test]
async fn a_record_that_fails_costs_no_other_refusal_of_its_page() {
    use optin106::inbound::Pull;
    use optin106::intake::IntakeError;
    use optin106::store::StoreError;
    use optin106::testing::Faulty;
    let account = AccountId::new("acc-1").unwrap();
    let mut losses = 0;
    for k in 0..60 {
        let w = three_consents().await;
        let inner = std::sync::Arc::clone(w.optin.store());
        let faulty = std::sync::Arc::new(Faulty::new(inner).fails_at(k, || StoreError::Backend("injected".into())));
        let Ok(optin) = optin106::Optin106::open_shared(faulty, None).await else { continue };
        let pages = pulled::pages([vec![(1, "T"), (2, "T"), (3, "T")]]);
        if optin.add_account(&account, pages, Default::default()).await.is_err() {
            continue;
        }
        let told = optin.pull(&account, Pull::Replies).await;
        let mut stopped = 0;
        for i in 1..=3 {
            stopped += usize::from(!w.optin.lookup(phone(i)).await.unwrap().stops.is_empty());
        }
        match told {
            Ok(told) => assert_eq!((told.stops, stopped), (3, 3), "call {k}"),
            Err(IntakeError::Lost { events, .. }) => {
                losses += 1;
                // The stop may stand although what followed it failed.
                assert!(events.len() == 1 && stopped >= 2, "call {k}: {} lost, {stopped} stopped", events.len());
                for event in events {
                    w.optin.take_in(&account, "lines", event).await.unwrap();
                }
                for i in 1..=3 {
                    assert!(
                        !w.optin.lookup(phone(i)).await.unwrap().stops.is_empty(),
                        "call {k}: {i} was carried over"
                    );
                }
            }
            Err(e) => panic!("call {k}: {e}"),
        }
    }
    assert!(losses >= 3, "the failures did not meet the page: {losses}");
}

/// A report that overtakes its answer may be on one segment of several, over a carrier's line: nobody knows yet.
#[tokio::test]
async fn early_reports_of_one_minute_are_one_failure_over_a_line() {
    for (line, counted) in [(true, [1, 1, 1]), (false, [1, 2, 2])] {
        let w = three_consents().await;
        let account = AccountId::new("acc-1").unwrap();
        w.optin.add_account(&account, lines_that(line), Default::default()).await.unwrap();
        let tell = async |id: &str, when| {
            let report = Report {
                event_id: id.to_owned(),
                phone: phone(1),
                provider_id: Some(id.to_owned()),
                reference: None,
                code: "EXPIRED".to_owned(),
                delivered: Some(false),
                at: when,
            };
            w.optin.take_in(&account, "lines", Inbound::Report(report)).await.unwrap();
            w.optin.lookup(phone(1)).await.unwrap().soft_failures
        };
        w.clock.set(at(5, 10));
        let told = [tell("a", at(5, 10)).await, tell("b", at(5, 10)).await, tell("a", at(5, 10)).await];
        assert_eq!(told, counted, "line: {line}");
        w.clock.set(at(6, 10));
        assert_eq!(tell("c", at(6, 10)).await, counted[2] + 1);
    }
}

#[tokio::test]
async fn messages_are_sent_from_the_extension_that_the_shop_has() {
    let w = three_consents().await;
    let mock = optin106::testing::MockProvider::new("mock");
    w.optin.add_account(&account(), std::sync::Arc::new(mock.clone()), Default::default()).await.unwrap();
    // A sibling's, and another account's, are not this shop's here.
    w.sibling.assign_extension(&account(), &ext("77")).await.unwrap();
    w.shop.assign_extension(&AccountId::new("acc-2").unwrap(), &ext("88")).await.unwrap();
    let send = async |day: u64| {
        w.clock.set(at(day, 10));
        let campaign =
            w.shop.campaign(format!("c{day}"), optin106::Purpose::Promotion).text("今晚上新").ends(at(day, 12));
        let campaign = campaign.via(account()).plan(optin106::Audience::iter([phone(1)])).await.unwrap();
        campaign.run().await.unwrap();
        mock.sent().iter().filter(|s| s.begun_at >= at(day, 10)).map(|s| s.extension.clone()).collect::<Vec<_>>()
    };
    assert_eq!(send(5).await, [None]);
    w.shop.assign_extension(&account(), &ext("02")).await.unwrap();
    assert_eq!(send(15).await, [Some("02".to_owned())]);
    // The one assigned last.
    w.shop.assign_extension(&account(), &ext("01")).await.unwrap();
    assert_eq!(send(25).await, [Some("01".to_owned())]);
    w.shop.release_extension(&account(), &ext("01")).await.unwrap();
    assert_eq!(send(35).await, [Some("02".to_owned())]);
}
