//! Campaigns end to end over real HTTP against the fake gateways.
#![allow(clippy::unwrap_used, reason = "a test that fails says so")]
#![cfg(feature = "testing")]

mod common;

use common::*;
use futures_util::StreamExt;
use optin106::campaign::report::{Bucket, NumberStyle, ReportRow, ReportWriter};
use optin106::campaign::{CampaignBuilder, Funnel, Preview};
use optin106::clock::Clock;
use optin106::entry::State;
use optin106::inbound::{Callback, HttpCall, Inbound, InboundError};
use optin106::optin::{AccountSettings, AccountSignature, Filing};
use optin106::phone::Carrier;
use optin106::provider::{Answer, Asked, Blame, Consequence, Found, Profile, Provider, Request};
use optin106::testing::gateway::{Script, Step};
use optin106::testing::mock::{Fault, MockProvider};
use optin106::{Audience, Campaign, Money, Purpose};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

async fn plan(w: &World, name: &str, n: u64) -> Campaign {
    w.shop
        .campaign(name, Purpose::Promotion)
        .text(TEXT)
        .ends(at("2026-12-11T20:00:00+08:00"))
        .via(account("aliyun"))
        .or_via(account("yunpian"))
        .plan(Audience::iter((0..n).map(phone)))
        .await
        .unwrap()
}

fn once_each(w: &World, n: usize) {
    let taken = w.taken();
    assert_eq!(taken.len(), n);
    assert!(taken.values().all(|n| *n == 1), "somebody was texted twice");
}

#[tokio::test]
async fn everybody_with_consent_gets_it_once_and_the_others_are_refused() {
    let w = World::new().await;
    w.consents(30).await;
    let campaign = plan(&w, "c1", 40).await;
    let funnel = campaign.funnel().await.unwrap();
    funnel.check().unwrap();
    assert_eq!((funnel.ready, funnel.total_entries), (30, 40));
    let report = campaign.run().await.unwrap();
    report.check().unwrap();
    assert_eq!(report.figures.count(State::Accepted), 30);
    assert_eq!(report.reasons[&(State::Refused, "no_consent".to_owned())], 10);
    once_each(&w, 30);
    // Run again: nothing is left to send.
    campaign.run().await.unwrap();
    once_each(&w, 30);
}

#[tokio::test]
async fn an_account_out_of_balance_burns_no_row_and_the_next_account_takes_over() {
    let w = World::new().await;
    w.consents(20).await;
    w.aliyun.script(Script::new().then(Step::Refuse("isv.AMOUNT_NOT_ENOUGH".into())));
    let report = plan(&w, "c1", 20).await.run().await.unwrap();
    assert_eq!(report.figures.count(State::Accepted), 20);
    assert_eq!(w.aliyun.totals().messages, 0);
    once_each(&w, 20);
}

#[tokio::test]
async fn a_lost_answer_is_never_sent_again_and_the_lookup_settles_it() {
    let w = World::new().await;
    w.consents(20).await;
    w.aliyun.script(Script::new().then(Step::Reset));
    let campaign = plan(&w, "c1", 20).await;
    let report = campaign.run().await.unwrap();
    assert_eq!(report.figures.count(State::Unknown), 20);
    once_each(&w, 20);
    w.clock.advance(std::time::Duration::from_secs(120));
    let doubts = campaign.settle_unknowns().await.unwrap();
    assert_eq!(doubts.accepted, 20);
    assert_eq!(campaign.report().await.unwrap().figures.count(State::Accepted), 20);
    once_each(&w, 20);
}

#[tokio::test]
async fn one_unsubscribed_person_among_many_goes_out_in_halves_and_is_stopped() {
    let w = World::new().await;
    w.consents(16).await;
    w.aliyun.script(Script::new().refuse_number(phone(5).to_u64(), "isv.CUSTOMER_REFUSED"));
    let report = plan(&w, "c1", 16).await.run().await.unwrap();
    assert_eq!(report.figures.count(State::Accepted), 15);
    assert_eq!(report.figures.count(State::Failed), 1);
    once_each(&w, 15);
    let next = plan(&w, "c2", 16).await.funnel().await.unwrap();
    let stopped = next.buckets.iter().find(|(b, _)| b.code() == "stopped").map(|(_, n)| *n);
    assert_eq!(stopped, Some(1));
}

#[tokio::test]
async fn two_workers_on_one_campaign_share_it() {
    let w = World::new().await;
    w.consents(200).await;
    let campaign = plan(&w, "c1", 200).await;
    let other = open(&w.db(), &w.clock, 99).await;
    let shop = register(&other, &w.aliyun, &w.yunpian, &w.clock).await;
    let again = shop.open_campaign("c1").await.unwrap();
    let (a, b) = tokio::join!(campaign.run(), again.run());
    assert_eq!(a.unwrap().figures.count(State::Accepted), 200);
    assert_eq!(b.unwrap().figures.count(State::Accepted), 200);
    once_each(&w, 200);
}

#[tokio::test]
async fn paused_sends_nothing_resumed_goes_on_cancelled_expires() {
    let w = World::new().await;
    w.consents(10).await;
    let campaign = plan(&w, "c1", 10).await;
    campaign.pause().await.unwrap();
    let report = campaign.run().await.unwrap();
    assert_eq!(report.figures.count(State::Planned), 10);
    assert_eq!(w.taken().len(), 0);
    campaign.resume().await.unwrap();
    campaign.run().await.unwrap();
    once_each(&w, 10);
    let second = plan(&w, "c2", 10).await;
    second.cancel().await.unwrap();
    assert_eq!(second.run().await.unwrap().figures.count(State::Expired), 10);
    once_each(&w, 10);
}

#[tokio::test]
async fn the_budget_is_never_exceeded_and_what_it_does_not_cover_expires() {
    let w = World::new().await;
    w.consents(10).await;
    let campaign = w
        .shop
        .campaign("c1", Purpose::Promotion)
        .text(TEXT)
        .budget(Money::from_ten_thousandths(390 * 4))
        .via(account("aliyun"))
        .plan(Audience::iter((0..10).map(phone)))
        .await
        .unwrap();
    let report = campaign.run().await.unwrap();
    assert_eq!(report.figures.count(State::Accepted), 4);
    assert_eq!(report.reasons[&(State::Expired, "budget_exhausted".to_owned())], 6);
    assert_eq!(report.figures.cost, Money::from_ten_thousandths(390 * 4));
}

#[tokio::test]
async fn nothing_leaves_before_the_window_opens_and_deferred_rows_go_out_then() {
    let w = World::with_clock(optin106::testing::ManualClock::new(at("2026-12-11T07:00:00+08:00")).auto()).await;
    w.consents(10).await;
    let report = plan(&w, "c1", 10).await.run().await.unwrap();
    assert_eq!(report.figures.count(State::Accepted), 10);
    let opens = at("2026-12-11T09:00:00+08:00");
    assert!(w.aliyun.accepted().iter().all(|m| m.at >= opens));
    once_each(&w, 10);
}

#[tokio::test]
async fn the_same_content_reopens_and_other_content_is_a_conflict() {
    let w = World::new().await;
    w.consents(5).await;
    plan(&w, "c1", 5).await.run().await.unwrap();
    let again = plan(&w, "c1", 5).await;
    again.run().await.unwrap();
    once_each(&w, 5);
    let other = w
        .shop
        .campaign("c1", Purpose::Promotion)
        .text(TEXT)
        .ends(at("2026-12-11T20:00:00+08:00"))
        .via(account("aliyun"))
        .or_via(account("yunpian"))
        .plan(Audience::iter((0..6).map(phone)))
        .await;
    assert_eq!(other.unwrap_err().code(), "campaign_conflict");
}

#[tokio::test]
async fn owners_that_merge_or_a_policy_that_changes_hold_what_was_judged_by_the_old_ones() {
    let w = World::new().await;
    w.consents(10).await;
    let strict = optin106::Policy::china_strict();
    w.clock.set(at("2026-12-11T19:59:00+08:00"));
    let opened = plan(&w, "c1", 10).await;
    w.optin.set_policy(&strict).await.unwrap();
    let report = opened.run().await.unwrap();
    assert_eq!((w.taken().len(), report.figures.count(State::Expired)), (0, 10));
    w.optin.set_policy(&optin106::Policy::china_default()).await.unwrap();
    w.clock.set(at("2026-12-11T19:59:00+08:00"));
    let opened = plan(&w, "c2", 10).await;
    let other = optin106::Shop::new("shop-b", optin106::Owner::new("owner-2").unwrap(), SIGNATURE).unwrap();
    let other = w.optin.shop(other).await.unwrap();
    w.optin.merge_owners(other.owner_id(), w.shop.owner_id()).await.unwrap();
    assert_eq!(opened.run().await.unwrap().figures.count(State::Expired), 10);
    w.clock.set(at("2026-12-11T19:59:00+08:00"));
    plan(&w, "c3", 10).await.run().await.unwrap();
    once_each(&w, 10);
}

#[tokio::test]
async fn more_shards_than_one_worker_holds_at_a_time_are_all_done() {
    // Nobody has consent: the rows are refused, which is enough to walk every shard.
    let w = World::new().await;
    let n = 80_000;
    let report = plan(&w, "c1", n).await.run().await.unwrap();
    assert_eq!(report.figures.count(State::Refused), n);
}

/// A platform that keeps replies to itself would lose refusals: nothing is planned there until somebody answers for them.
#[cfg(feature = "http")]
#[tokio::test]
async fn an_account_without_replies_is_refused_until_somebody_reads_them() {
    use optin106::provider::wire::HttpSettings;
    use optin106::testing::gateway::Account;
    let w = World::new().await;
    let platform = Account::named("luosimao").unwrap();
    let settings = HttpSettings::new().endpoint("http://127.0.0.1:9").loopback_only(true);
    let provider = platform.provider(settings, Arc::new(w.clock.clone())).unwrap();
    let plan = || async {
        let builder = w.shop.campaign("c", Purpose::Promotion).text(TEXT).via(account("luosimao"));
        builder.plan(Audience::iter([phone(0)])).await
    };
    w.optin.add_account(&account("luosimao"), Arc::clone(&provider), AccountSettings::default()).await.unwrap();
    assert_eq!(plan().await.unwrap_err().code(), "no_replies");
    let by_hand = AccountSettings::default().replies_by_hand();
    w.optin.add_account(&account("luosimao"), provider, by_hand).await.unwrap();
    assert!(plan().await.is_ok());
}

/// Every reason of a report has a sentence in both languages, in the rows, the CSV and the table too.
async fn told_in_words(campaign: &Campaign, code: &str, zh: &str, en: &str) {
    let report = campaign.report().await.unwrap();
    for (_, code) in report.reasons.keys() {
        assert!(!report.why[code].zh.is_empty() && !report.why[code].en.is_empty(), "{code} stands bare");
    }
    assert!(report.why[code].zh.contains(zh) && report.why[code].en.contains(en), "{:?}", report.why[code]);
    assert!(report.to_string().contains(zh));
    let rows: Vec<_> = campaign.report_rows().map(Result::unwrap).collect().await;
    let mut csv = ReportWriter::without_mark(Vec::new(), NumberStyle::Masked).unwrap();
    rows.iter().for_each(|row| csv.write(row).unwrap());
    let csv = String::from_utf8(csv.finish().unwrap()).unwrap();
    assert!(csv.lines().any(|l| l.contains(code) && l.contains(zh) && l.contains(en)), "{csv}");
}

#[tokio::test]
async fn a_platform_s_refusal_is_told_in_words_to_the_shop_and_the_service_desk() {
    let w = World::new().await;
    w.consents(2).await;
    w.aliyun.script(Script::new().refuse_number(phone(1).to_u64(), "isv.CUSTOMER_REFUSED"));
    let campaign = plan(&w, "c1", 2).await;
    campaign.run().await.unwrap();
    told_in_words(&campaign, "isv.CUSTOMER_REFUSED", "已退订", "unsubscribed").await;
    let from = at("2026-12-01T00:00:00+08:00");
    let found = w.optin.find(phone(1), from, from.plus_days(30)).await.unwrap();
    assert!(found.rows()[0].why.zh.contains("退订"), "{:?}", found.rows()[0].why);

    // A carrier's code on a report is told as the carriers' tables have it.
    let id = rows_of(&campaign).await.into_iter().find_map(|r| r.provider_id).unwrap();
    let report = optin106::inbound::Report {
        event_id: "r1".into(),
        phone: phone(0),
        provider_id: Some(id),
        reference: None,
        code: "MK:0001".into(),
        delivered: Some(false),
        at: w.clock.now(),
    };
    w.optin.take_in(&account("aliyun"), "aliyun", Inbound::Report(report)).await.unwrap();
    assert_eq!(campaign.report().await.unwrap().figures.count(State::Undelivered), 1);
    told_in_words(&campaign, "MK:0001", "号码不存在", "").await;
}

async fn rows_of(campaign: &Campaign) -> Vec<ReportRow> {
    campaign.report_rows().map(Result::unwrap).collect().await
}

#[tokio::test]
async fn an_account_on_hold_says_why_in_words_with_the_platform_s_code_behind() {
    let w = World::new().await;
    w.consents(2).await;
    w.aliyun.script(Script::new().then(Step::Refuse("isv.AMOUNT_NOT_ENOUGH".into())));
    let campaign = w.shop.campaign("c1", Purpose::Promotion).text(TEXT).ends(at("2026-12-11T10:05:00+08:00"));
    let campaign = campaign.via(account("aliyun")).plan(Audience::iter([phone(0), phone(1)])).await.unwrap();
    let mut progress = Box::pin(campaign.progress());
    let held = async {
        loop {
            let waiting = progress.next().await.unwrap().waiting;
            if let Some(why) = waiting.filter(|w| w.starts_with("account held")) {
                return why;
            }
        }
    };
    let (report, why) = tokio::join!(campaign.run(), held);
    assert_eq!(report.unwrap().figures.count(State::Expired), 2);
    assert!(why.starts_with("account held: 账户余额不足") && why.contains("Top up"), "{why}");
    assert!(why.ends_with("(isv.AMOUNT_NOT_ENOUGH)"), "{why}");
}

#[tokio::test]
async fn what_no_table_knows_is_told_by_what_is_known_of_the_row() {
    let w = World::new().await;
    w.consents(3).await;
    let mocks = mocks(&w, &[("a", AccountSettings::default())]).await;
    mocks[0].next(Fault::RejectNumbers(vec![phone(1)], Consequence::None, "X-77"));
    let campaign = routed(&w, 3, |c| c.via(account("a"))).await;
    campaign.run().await.unwrap();
    told_in_words(&campaign, "X-77", "未收录", "in no table").await;
}

/// A world with mock accounts of given settings.
async fn mocks(w: &World, accounts: &[(&str, AccountSettings)]) -> Vec<MockProvider> {
    let mut mocks = Vec::new();
    for (name, settings) in accounts {
        let mock = MockProvider::new("mock").profile(|p| p.same_text_max = 10).clock(Arc::new(w.clock.clone()));
        w.optin.add_account(&account(name), Arc::new(mock.clone()), settings.clone()).await.unwrap();
        mocks.push(mock);
    }
    mocks
}

async fn routed(w: &World, n: u64, route: impl FnOnce(CampaignBuilder) -> CampaignBuilder) -> Campaign {
    let builder = w.shop.campaign("routed", Purpose::Promotion).text(TEXT).ends(at("2026-12-11T20:00:00+08:00"));
    route(builder).plan(Audience::iter((0..n).map(phone))).await.unwrap()
}

fn sent(mocks: &[MockProvider]) -> Vec<usize> {
    mocks.iter().map(|m| m.sent().len()).collect()
}

#[tokio::test]
async fn accounts_of_one_rank_share_by_weight() {
    let w = World::new().await;
    w.consents(1_000).await;
    let settings = |price| AccountSettings::default().price(price);
    let mocks = mocks(&w, &[("a", settings(300)), ("b", settings(400)), ("c", settings(300))]).await;
    let campaign = routed(&w, 1_000, |c| c.via([(account("a"), 3), (account("b"), 1)]).or_via(account("c"))).await;
    let funnel = campaign.funnel().await.unwrap();
    funnel.check().unwrap();
    let told: Vec<_> = funnel.shares.iter().map(|s| (s.account.as_str(), s.entries)).collect();
    assert_eq!(told, [("a", 750), ("b", 250)]);
    assert_eq!(funnel.cost, Money::from_ten_thousandths(funnel.parts / 4 * (3 * 300 + 400)));
    assert_eq!(campaign.run().await.unwrap().figures.count(State::Accepted), 1_000);
    let sent = sent(&mocks);
    assert!(sent[0].abs_diff(750) <= 64 && sent[1].abs_diff(250) <= 64 && sent[2] == 0, "{sent:?}");
}

#[tokio::test]
async fn a_held_account_gives_its_share_to_the_others_of_its_rank() {
    let w = World::new().await;
    w.consents(400).await;
    let settings = AccountSettings::default;
    let mocks = mocks(&w, &[("a", settings()), ("b", settings()), ("c", settings())]).await;
    w.optin.hold(optin106::store::Subject::Account(account("a")), "audit").await.unwrap();
    let campaign = routed(&w, 400, |c| c.via([(account("a"), 8), (account("b"), 1), (account("c"), 1)])).await;
    assert_eq!(campaign.run().await.unwrap().figures.count(State::Accepted), 400);
    let sent = sent(&mocks);
    assert!(sent[0] == 0 && sent[1].abs_diff(200) <= 64, "{sent:?}");
}

#[tokio::test]
async fn the_cheapest_account_goes_first_and_the_next_one_takes_over() {
    let w = World::new().await;
    w.consents(200).await;
    let settings = |price| AccountSettings::default().price(price);
    let mocks = mocks(&w, &[("a", settings(420)), ("b", settings(390)), ("c", settings(400))]).await;
    mocks[1].next(Fault::Reject(Blame::Account, Consequence::Hold, "no_balance"));
    let accounts = |c: CampaignBuilder| c.via(account("a")).or_via([(account("b"), 1), (account("c"), 1)]);
    let campaign = routed(&w, 200, |c| accounts(c).cheapest()).await;
    assert_eq!(campaign.funnel().await.unwrap().shares[0].account, account("b"));
    assert_eq!(campaign.run().await.unwrap().figures.count(State::Accepted), 200);
    let sent = sent(&mocks);
    assert_eq!((sent[0], sent[1] + sent[2]), (0, 200));
    assert!(sent[2] > 0);
    // The order is part of what the campaign is.
    let other = accounts(w.shop.campaign("routed", Purpose::Promotion).text(TEXT).ends(campaign.ends()));
    let other = other.starts(campaign.starts()).plan(Audience::iter((0..200).map(phone))).await;
    assert_eq!(other.unwrap_err().code(), "campaign_conflict");
}

#[tokio::test]
async fn a_purpose_that_an_account_does_not_serve_and_a_weight_of_zero_are_refused_before_plan() {
    let w = World::new().await;
    let only = AccountSettings::default().only([Purpose::Points, Purpose::Holiday]);
    mocks(&w, &[("a", only), ("b", AccountSettings::default())]).await;
    let plan = |name: &'static str, purpose, weight| {
        let route = [(account("b"), 1), (account("a"), weight)];
        w.shop.campaign(name, purpose).text(TEXT).via(route).plan(Audience::iter([phone(0)]))
    };
    assert_eq!(plan("c1", Purpose::Promotion, 1).await.unwrap_err().code(), "purpose_not_served");
    assert_eq!(plan("c2", Purpose::Points, 0).await.unwrap_err().code(), "weight_zero");
    plan("c3", Purpose::Points, 1).await.unwrap();
}

#[tokio::test]
async fn an_account_has_no_more_calls_under_way_than_it_may_and_everybody_is_served() {
    let w = World::new().await;
    w.consents(300).await;
    let mocks = mocks(&w, &[("a", AccountSettings::default().concurrency(2))]).await;
    mocks[0].repeat(30, &Fault::Hang(std::time::Duration::from_millis(300)));
    let campaign = routed(&w, 300, |c| c.via(account("a"))).await;
    let other = open(&w.db(), &w.clock, 99).await;
    other
        .add_account(&account("a"), Arc::new(mocks[0].clone()), AccountSettings::default().concurrency(2))
        .await
        .unwrap();
    let again = other.shop_by_id(w.shop.id()).await.unwrap().open_campaign("routed").await.unwrap();
    let (a, b) = tokio::join!(campaign.run(), again.run());
    assert_eq!((a.unwrap().figures.count(State::Accepted), b.unwrap().figures.count(State::Accepted)), (300, 300));
    mocks[0].assert_nobody_twice();
    assert_eq!(sent(&mocks), [300]);
}

#[tokio::test]
async fn the_platform_s_documented_rate_is_kept_unless_the_account_says_more() {
    for (said, seconds) in [(None, 19..30), (Some(100), 1..5)] {
        let w = World::new().await;
        w.consents(200).await;
        let mock = MockProvider::new("mock").profile(|p| (p.same_text_max, p.calls_per_second) = (1, 10));
        let mock = mock.clock(Arc::new(w.clock.clone()));
        let settings = said.map_or_else(AccountSettings::default, |n| AccountSettings::default().calls_per_second(n));
        w.optin.add_account(&account("a"), Arc::new(mock.clone()), settings).await.unwrap();
        let campaign = routed(&w, 200, |c| c.via(account("a"))).await;
        let finish = campaign.funnel().await.unwrap().finish.unwrap();
        assert!(seconds.contains(&finish.since(w.clock.now()).as_secs()), "the funnel says {finish}");
        assert_eq!(campaign.run().await.unwrap().figures.count(State::Accepted), 200);
        let mut begun: Vec<_> = mock.sent().iter().map(|s| s.begun_at).collect();
        begun.sort();
        let took = begun[199].since(begun[0]).as_secs();
        assert!(seconds.contains(&took), "{took} s");
        let most =
            (0..200).map(|i| begun[i..].iter().take_while(|t| t.since(begun[i]).as_millis() < 1_000).count()).max();
        assert!(most <= Some(said.unwrap_or(10) as usize * 11 / 10), "{most:?} in one second");
    }
}

/// A pace is not a fault: what the first account may carry is not for the dearer one behind it.
#[tokio::test]
async fn an_account_that_waits_for_its_pace_keeps_its_rank() {
    // The second time the first account serves a third of the numbers only.
    for (carriers, first) in [(Vec::new(), 120), (vec![Carrier::Mobile], 40)] {
        let w = World::new().await;
        let (shop, people) = filed_in_part(&w, &[], 120).await;
        let mock = |name| MockProvider::new(name).clock(Arc::new(w.clock.clone()));
        let slow = mock("slow").profile(|p| (p.same_text_max, p.calls_per_second) = (1, 10));
        let dear = mock("dear");
        let settings = AccountSettings::default().carriers(carriers);
        w.optin.add_account(&account("a"), Arc::new(slow.clone()), settings).await.unwrap();
        w.optin.add_account(&account("b"), Arc::new(dear.clone()), AccountSettings::default()).await.unwrap();
        let campaign = shop.campaign("paced", Purpose::Promotion).text(TEXT).ends(at("2026-12-11T20:00:00+08:00"));
        let campaign = campaign.via(account("a")).or_via(account("b")).plan(Audience::iter(people)).await.unwrap();
        assert_eq!(campaign.run().await.unwrap().figures.count(State::Accepted), 120);
        assert_eq!((slow.sent().len(), dear.sent().len()), (first, 120 - first));
        let mut begun: Vec<_> = dear.sent().iter().map(|s| s.begun_at).collect();
        begun.sort();
        if let (Some(one), Some(last)) = (begun.first(), begun.last()) {
            assert!(last.since(*one).as_secs() < 4, "the others' numbers waited with it");
        }
    }
}

/// A line that answers slowly fills its own place, and no other's.
#[tokio::test]
async fn a_slow_account_holds_up_no_other() {
    let w = World::new().await;
    w.consents(300).await;
    let calls = Arc::<AtomicUsize>::default();
    let of = |name, slow| {
        let mock = MockProvider::new(name).profile(|p| p.same_text_max = 1).clock(Arc::new(w.clock.clone()));
        Counted { mock, slow, calls: Arc::clone(&calls), seen: Arc::default() }
    };
    let (slow, quick) = (of("slow", true), of("quick", false));
    w.optin.add_account(&account("a"), Arc::new(slow), AccountSettings::default()).await.unwrap();
    w.optin.add_account(&account("b"), Arc::new(quick.clone()), AccountSettings::default()).await.unwrap();
    let campaign = routed(&w, 300, |c| c.via([(account("a"), 1), (account("b"), 1)])).await;
    assert_eq!(campaign.run().await.unwrap().figures.count(State::Accepted), 300);
    let seen = quick.seen.lock().unwrap()[49];
    assert!(seen < 20, "fifty of the quick one's calls waited for {seen} of the slow one's");
}

/// Tells how many calls the slow one had made at each call of the quick one.
#[derive(Clone, Debug)]
struct Counted {
    mock: MockProvider,
    slow: bool,
    calls: Arc<AtomicUsize>,
    seen: Arc<std::sync::Mutex<Vec<usize>>>,
}

#[async_trait::async_trait]
impl Provider for Counted {
    fn profile(&self) -> &Profile {
        Provider::profile(&self.mock)
    }

    fn at_once(&self) -> usize {
        if self.slow { 1 } else { usize::MAX }
    }

    async fn submit(&self, request: Request<'_>) -> Answer {
        let calls = self.calls.fetch_add(usize::from(self.slow), Ordering::SeqCst);
        if self.slow {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        } else {
            self.seen.lock().unwrap().push(calls);
        }
        self.mock.submit(request).await
    }

    async fn lookup(&self, asked: &[Asked<'_>]) -> Vec<Found> {
        self.mock.lookup(asked).await
    }

    fn inbound(&self, call: &HttpCall) -> Result<Callback, InboundError> {
        self.mock.inbound(call)
    }
}

/// A platform that never answers.
#[derive(Debug)]
struct Silent(MockProvider);

#[async_trait::async_trait]
impl Provider for Silent {
    fn profile(&self) -> &Profile {
        Provider::profile(&self.0)
    }

    async fn submit(&self, _: Request<'_>) -> Answer {
        std::future::pending().await
    }

    async fn lookup(&self, asked: &[Asked<'_>]) -> Vec<Found> {
        self.0.lookup(asked).await
    }

    fn inbound(&self, call: &HttpCall) -> Result<Callback, InboundError> {
        self.0.inbound(call)
    }
}

/// What a worker left open fills the account until somebody looks. The run that waits for it does, and loses nobody else.
#[tokio::test]
async fn calls_that_another_worker_left_open_do_not_fill_an_account_for_ever() {
    let w = World::new().await;
    w.consents(40).await;
    let one = || AccountSettings::default().concurrency(1);
    let mocks = mocks(&w, &[("a", one())]).await;
    let campaign = routed(&w, 40, |c| c.via(account("a"))).await;
    let other = open(&w.db(), &w.clock, 99).await;
    other.add_account(&account("a"), Arc::new(Silent(mocks[0].clone())), one()).await.unwrap();
    let stuck = other.shop_by_id(w.shop.id()).await.unwrap().open_campaign("routed").await.unwrap();
    let mut progress = std::pin::pin!(stuck.progress());
    let mut run = std::pin::pin!(stuck.run());
    loop {
        tokio::select! {
            _ = &mut run => panic!("it never answers"),
            told = progress.next() => if told.unwrap().begun > 0 { break },
        }
    }
    // From here nobody polls it.
    let report = campaign.run().await.unwrap();
    assert_eq!((report.figures.count(State::Accepted), report.figures.count(State::Unknown)), (30, 10));
    assert_eq!(sent(&mocks), [30]);
}

/// A shop whose signature is not filed everywhere, and people of three carriers: 移动, 电信, 联通 in turn.
async fn filed_in_part(
    w: &World,
    at: &[(&str, &[Carrier])],
    people: u64,
) -> (optin106::ShopHandle, Vec<optin106::Phone>) {
    let mut shop = optin106::Shop::new("shop-c", optin106::Owner::new("owner-c").unwrap(), SIGNATURE).unwrap();
    for (name, not_filed) in at {
        let signature = AccountSignature::new(SIGNATURE).unwrap();
        let states = [Filing::Pending, Filing::Refused].into_iter().cycle();
        let signature = not_filed.iter().zip(states).fold(signature, |s, (c, state)| s.at_carrier(*c, state));
        shop = shop.at_account(account(name), signature);
    }
    let shop = w.optin.shop(shop).await.unwrap();
    let of = |i: u64| format!("{}{i:08}", ["138", "133", "186"][(i % 3) as usize]).parse().unwrap();
    let people: Vec<optin106::Phone> = (0..people).map(of).collect();
    for phone in &people {
        shop.record(opt_in(*phone)).await.unwrap();
    }
    (shop, people)
}

fn carriers(mock: &MockProvider) -> Vec<Carrier> {
    let mut carriers: Vec<_> = mock.sent().iter().filter_map(|s| s.phone.carrier_hint()).collect();
    carriers.sort();
    carriers.dedup();
    carriers
}

#[tokio::test]
async fn a_number_goes_through_no_account_whose_signature_is_not_filed_at_its_carrier() {
    use Carrier::{Mobile, Telecom, Unicom};
    let settings = AccountSettings::default;
    // By weight, and by rank, with one that rests for a while.
    for (name, weighted) in [("weighted", true), ("ranked", false)] {
        let w = World::new().await;
        let mocks = mocks(&w, &[("a", settings()), ("b", settings().concurrency(1)), ("c", settings())]).await;
        mocks[2].next(Fault::Throttle(std::time::Duration::from_secs(90)));
        let not_filed: [(&str, &[Carrier]); 3] =
            [("a", &[Telecom, Unicom]), ("b", &[Mobile, Unicom]), ("c", &[Mobile, Telecom])];
        let (shop, people) = filed_in_part(&w, &not_filed, 300).await;
        let (a, b, c) = (account("a"), account("b"), account("c"));
        let campaign = shop.campaign(name, Purpose::Promotion).text(TEXT).ends(at("2026-12-11T20:00:00+08:00"));
        let campaign =
            if weighted { campaign.via([(a, 1), (b, 1), (c, 2)]) } else { campaign.via(a).or_via(b).or_via(c) };
        let campaign = campaign.plan(Audience::iter(people)).await.unwrap();
        let funnel = campaign.funnel().await.unwrap();
        funnel.check().unwrap();
        assert_eq!((funnel.ready, entries(&funnel)), (300, vec![("a", 100), ("b", 100), ("c", 100)]), "{name}");
        assert_eq!(campaign.run().await.unwrap().figures.count(State::Accepted), 300, "{name}");
        assert_eq!(sent(&mocks), [100; 3]);
        assert_eq!(mocks.iter().map(carriers).collect::<Vec<_>>(), [[Mobile], [Telecom], [Unicom]]);
        mocks.iter().for_each(MockProvider::assert_nobody_twice);
    }
}

fn entries(funnel: &Funnel) -> Vec<(&str, u64)> {
    funnel.shares.iter().map(|s| (s.account.as_str(), s.entries)).collect()
}

#[tokio::test]
async fn an_account_for_one_carrier_gets_its_numbers_and_the_next_rank_the_others() {
    let w = World::new().await;
    let line = AccountSettings::default().carriers([Carrier::Mobile]).price(300);
    let mocks = mocks(&w, &[("line", line), ("b", AccountSettings::default().price(400))]).await;
    let (shop, people) = filed_in_part(&w, &[], 90).await;
    let campaign = |name| shop.campaign(name, Purpose::Promotion).text(TEXT).ends(at("2026-12-11T20:00:00+08:00"));
    let both = campaign("both").via(account("line")).or_via(account("b"));
    let both = both.plan(Audience::iter(people.clone())).await.unwrap();
    let funnel = both.funnel().await.unwrap();
    funnel.check().unwrap();
    assert_eq!(entries(&funnel), [("line", 30), ("b", 60)]);
    assert_eq!(funnel.cost, Money::from_ten_thousandths(funnel.parts / 3 * (300 + 2 * 400)));
    assert_eq!(both.run().await.unwrap().figures.count(State::Accepted), 90);
    assert_eq!(
        mocks.iter().map(carriers).collect::<Vec<_>>(),
        [vec![Carrier::Mobile], vec![Carrier::Telecom, Carrier::Unicom]]
    );

    // Alone, it leaves the others out before anything is sent.
    let alone = campaign("alone").via(account("line")).plan(Audience::iter(people)).await.unwrap();
    let funnel = alone.funnel().await.unwrap();
    funnel.check().unwrap();
    let (bucket, n) = funnel.buckets.iter().find(|(b, _)| b.code() == "carrier_not_served").unwrap();
    assert_eq!((*n, bucket.kind()), (60, "refused"));
    assert!(funnel.why[bucket].zh.contains("运营商"));
}

#[tokio::test]
async fn each_account_s_own_hours_say_who_is_ready_and_when_the_last_one_leaves() {
    let w = World::new().await;
    let mock = |window| MockProvider::new("mock").profile(move |p| p.window = Some(window));
    for (name, carriers, hours) in [("a", vec![Carrier::Mobile], (9, 11)), ("b", Vec::new(), (14, 20))] {
        let settings = AccountSettings::default().carriers(carriers).pace(10);
        let mock = mock((hours.0 * 60, hours.1 * 60)).clock(Arc::new(w.clock.clone()));
        w.optin.add_account(&account(name), Arc::new(mock), settings).await.unwrap();
    }
    let (shop, people) = filed_in_part(&w, &[], 90).await;
    let campaign = shop.campaign("c", Purpose::Promotion).text(TEXT).ends(at("2026-12-11T20:00:00+08:00"));
    let campaign = campaign.via(account("a")).or_via(account("b")).plan(Audience::iter(people)).await.unwrap();
    let funnel = campaign.funnel().await.unwrap();
    funnel.check().unwrap();
    assert_eq!((funnel.ready, funnel.count(&Bucket::Later)), (30, 60));
    assert_eq!(funnel.next_open, Some(at("2026-12-11T14:00:00+08:00")));
    assert_eq!(funnel.finish, Some(at("2026-12-11T14:00:06+08:00")), "60 at 10 a second, when its hours begin");
    let previews: Vec<_> = campaign.preview().map(|p| p.unwrap().1).collect().await;
    assert_eq!(previews.iter().filter(|p| **p == Preview::Cleared).count(), 30);
}

#[tokio::test]
async fn a_number_that_no_account_may_carry_is_told_before_the_run_and_never_sent() {
    let w = World::new().await;
    let mocks = mocks(&w, &[("a", AccountSettings::default()), ("b", AccountSettings::default())]).await;
    let not_filed: [(&str, &[Carrier]); 2] = [("a", &[Carrier::Unicom, Carrier::Telecom]), ("b", &[Carrier::Unicom])];
    let (shop, people) = filed_in_part(&w, &not_filed, 30).await;
    let campaign = shop.campaign("c", Purpose::Promotion).text(TEXT).via(account("a")).or_via(account("b"));
    let campaign = campaign.plan(Audience::iter(people)).await.unwrap();
    let funnel = campaign.funnel().await.unwrap();
    funnel.check().unwrap();
    let (bucket, n) = funnel.buckets.iter().find(|(b, _)| b.code() == "signature_not_filed").unwrap();
    assert_eq!((funnel.ready, *n, bucket.kind()), (20, 10, "refused"));
    assert!(funnel.why[bucket].zh.contains("报备"));
    let report = campaign.run().await.unwrap();
    assert_eq!(report.figures.count(State::Accepted), 20);
    assert!(mocks.iter().all(|m| !carriers(m).contains(&Carrier::Unicom)));
    let rows: Vec<_> = campaign.report_rows().map(Result::unwrap).collect().await;
    assert_eq!(rows.iter().filter(|r| r.code.as_deref() == Some("signature_not_filed")).count(), 10);
}

#[tokio::test]
async fn a_signature_that_no_carrier_has_filed_is_refused_before_plan() {
    let w = World::new().await;
    mocks(&w, &[("a", AccountSettings::default())]).await;
    let (shop, people) = filed_in_part(&w, &[("a", &Carrier::ALL)], 3).await;
    let plan = shop.campaign("c", Purpose::Promotion).text(TEXT).via(account("a")).plan(Audience::iter(people));
    assert_eq!(plan.await.unwrap_err().code(), "signature_not_filed");
}
