//! Random histories against a small reference: opt-ins, stops, replies, complaints, imports, deletions, past sends,
//! reports, campaigns whose platform answers anything, steps of the clock, runs cut off, and stores opened again.
//!
//! `OPTIN106_MODEL_CASES` sets how many histories of up to 40 steps are tried (60 when not set).
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "prints how much it did")]

#[path = "model/reference.rs"]
mod reference;
#[path = "support/provider.rs"]
mod support;

use futures_util::{TryStreamExt, stream};
use optin106::campaign::{Preview, Report};
use optin106::cap::Cap;
use optin106::clock::Clock;
use optin106::id::{AccountId, ShopId};
use optin106::keyring::Keyring;
use optin106::optin::{
    AccountSettings, Complaint, Erasure, ImportReport, OptOut, Owner, PastSendRow, RecordError, Shop, StopRow,
    StopScope, Via,
};
use optin106::provider::{Blame, Consequence, Provider, Verdict};
use optin106::store::SqliteStore;
use optin106::testing::ManualClock;
use optin106::{
    Audience, Campaign, Days, Envelope, Evidence, Method, Notice, OptIn, Optin106, Phone, Policy, Purpose, ShopHandle,
    Timestamp,
};
use proptest::prelude::*;
use reference::{Consent, DAY, LOOSE, Limits, MINUTE, OWNER_OF, Reach, Reference, STRICT, Told, check, is_open};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::Double;

const PEOPLE: usize = 4;
const PURPOSES: [Purpose; 2] = [Purpose::Promotion, Purpose::Points];

#[derive(Clone, Debug)]
enum Op {
    OptIn {
        shop: usize,
        who: usize,
        purposes: u8,
        promise: (u16, u16),
        days: i64,
        ago: i64,
    },
    OptOut {
        shop: usize,
        who: usize,
        reach: u8,
        ago: i64,
        import: bool,
    },
    Reply {
        shop: usize,
        who: usize,
        text: usize,
    },
    Complain {
        shop: Option<usize>,
        who: usize,
    },
    Erase {
        shop: usize,
        who: usize,
    },
    PastSend {
        shop: usize,
        who: usize,
        ago: i64,
    },
    Report {
        shop: usize,
        who: usize,
        code: usize,
    },
    /// Plans, compares the preview, runs; `cut` drops the run after so many polls, and opens the store again.
    Campaign {
        shop: usize,
        purpose: usize,
        people: u8,
        script: Vec<u8>,
        cut: Option<usize>,
    },
    /// Runs one of the latest campaigns again.
    Again {
        back: usize,
    },
    Wait {
        minutes: i64,
    },
    Reopen,
}

fn any_op() -> impl Strategy<Value = Op> {
    let (shop, who) = (0..3usize, 0..PEOPLE);
    let ago = prop_oneof![2 => Just(0), 2 => Just(SAME), 2 => (0..3000i64).prop_map(|m| m * MINUTE)];
    let long_ago = (0..100i64, 0..1440i64).prop_map(|(d, m)| d * DAY + m * MINUTE);
    let promise = (1..5u16, prop_oneof![Just(1u16), Just(30), 2..90u16]);
    let days = prop_oneof![Just(400i64), 3..90i64];
    let script = prop::collection::vec(0..10u8, 0..6);
    let cut = prop_oneof![3 => Just(None), 1 => (0..60usize).prop_map(Some)];
    prop_oneof![
        8 => (shop.clone(), who.clone(), 1..4u8, promise, days, ago.clone())
            .prop_map(|(shop, who, purposes, promise, days, ago)| Op::OptIn { shop, who, purposes, promise, days, ago }),
        2 => (shop.clone(), who.clone(), 0..4u8, ago, any::<bool>())
            .prop_map(|(shop, who, reach, ago, import)| Op::OptOut { shop, who, reach, ago, import }),
        1 => (shop.clone(), who.clone(), 0..3usize).prop_map(|(shop, who, text)| Op::Reply { shop, who, text }),
        1 => (prop::option::of(shop.clone()), who.clone()).prop_map(|(shop, who)| Op::Complain { shop, who }),
        1 => (shop.clone(), who.clone()).prop_map(|(shop, who)| Op::Erase { shop, who }),
        2 => (shop.clone(), who.clone(), long_ago).prop_map(|(shop, who, ago)| Op::PastSend { shop, who, ago }),
        3 => (shop.clone(), who, 0..REPORTS.len()).prop_map(|(shop, who, code)| Op::Report { shop, who, code }),
        8 => (prop_oneof![Just(0usize), shop], 0..2usize, 1..16u8, script, cut).prop_map(|(shop, purpose, people, script, cut)| {
            Op::Campaign { shop, purpose, people, script, cut }
        }),
        3 => (0..3usize).prop_map(|back| Op::Again { back }),
        4 => prop_oneof![1..600i64, (1..45i64).prop_map(|d| d * 1440)].prop_map(|minutes| Op::Wait { minutes }),
        1 => Just(Op::Reopen),
    ]
}

/// Instead of how long ago: at the very moment that was told before.
const SAME: i64 = -1;

const REPORTS: [&str; 6] = ["DELIVRD", "UNDELIV", "UNDELIV", "MK:0000", "MBBLACK", "DB:0144"];
const REPLIES: [&str; 3] = ["R", "谢谢", "Y"];

/// What a scripted platform says, and what it means for the person.
fn verdict(n: u8) -> Verdict {
    let person = |consequence, code| Verdict::rejected(Blame::Person, consequence, code);
    match n {
        0 | 1 => Verdict::unknown("timeout"),
        2 => Verdict::unsent("connect", Consequence::None),
        3 => Verdict::rejected(Blame::Account, Consequence::None, "busy"),
        4 => Verdict::rejected(Blame::Content, Consequence::None, "content"),
        5 => person(Consequence::StopOwner, "blacklist"),
        6 => person(Consequence::StopEveryone, "carrier list"),
        7 => person(Consequence::SuspendNumber, "dead"),
        _ => Verdict::accepted(format!("id-{n}")),
    }
}

/// A verdict whose charge stays whether or not it was settled: for runs that are cut.
fn lasting(n: u8) -> Verdict {
    if n < 4 { Verdict::unknown("timeout") } else { Verdict::accepted(format!("id-{n}")) }
}

struct World {
    folder: tempfile::TempDir,
    key: String,
    clock: ManualClock,
    optin: Optin106,
    shops: Vec<ShopHandle>,
    provider: Arc<Double>,
    reference: Reference,
    trace: Vec<(usize, Told)>,
    /// Shop, purpose and people of each campaign.
    campaigns: Vec<(usize, usize)>,
    /// The moment that was told last.
    last: i64,
    events: usize,
    submitted: usize,
}

fn phone(who: usize) -> Phone {
    Phone::from_u64(13_800_138_000 + who as u64).unwrap()
}

fn policy(limits: &Limits) -> Policy {
    let cap = |(max, days): (usize, i64)| Cap::new(max as u16, days as u16).unwrap();
    let caps = limits.caps.into_iter().map(cap).collect();
    Policy { caps, pressure: vec![cap(limits.pressure)], ..Policy::china_default() }
}

fn account() -> AccountId {
    AccountId::new("double").unwrap()
}

async fn open(path: PathBuf, key: &str, clock: &ManualClock, provider: &Arc<Double>) -> (Optin106, Vec<ShopHandle>) {
    let store = SqliteStore::open_with(path, Keyring::from_text(key).unwrap(), Arc::new(clock.clone())).unwrap();
    let optin = Optin106::open(store).await.unwrap();
    let platform: Arc<dyn Provider> = provider.clone();
    optin.add_account(&account(), platform, AccountSettings::default()).await.unwrap();
    let mut shops = Vec::new();
    for (i, owner) in OWNER_OF.iter().enumerate() {
        let owner = Owner::new(format!("owner-{owner}")).unwrap();
        shops.push(optin.shop(Shop::new(format!("shop-{i}"), owner, "示例旗舰店").unwrap()).await.unwrap());
    }
    (optin, shops)
}

impl World {
    async fn new(seed: u64, limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let start: Timestamp = "2026-06-01T10:00:00+08:00".parse().unwrap();
        let clock = ManualClock::new(start).seeded(seed).auto();
        let key: String = text_of(&Keyring::generate(&clock));
        let provider = Double::new(3);
        let (optin, shops) = open(folder.path().join("shop.db"), &key, &clock, &provider).await;
        optin.set_policy(&policy(&limits)).await.unwrap();
        let (reference, trace, campaigns) = (Reference::new(limits), Vec::new(), Vec::new());
        Self {
            folder,
            key,
            clock,
            optin,
            shops,
            provider,
            reference,
            trace,
            campaigns,
            last: 0,
            events: 0,
            submitted: 0,
        }
    }

    fn now(&self) -> i64 {
        self.clock.now().millis()
    }

    /// The moment `ago`, never the future.
    fn moment(&mut self, ago: i64) -> i64 {
        let at = if ago == SAME { self.last } else { self.now() - ago };
        self.last = if at == 0 { self.now() } else { at };
        self.last
    }

    fn envelope(&mut self) -> Envelope {
        self.events += 1;
        Envelope { source: "model".into(), event_id: format!("e{}", self.events), actor: String::new() }
    }

    fn tell(&mut self, who: usize, told: Told) {
        let broken = self.reference.tell(who, &told);
        self.trace.push((who, told.clone()));
        assert!(broken.is_none(), "{}: {told:?} of person {who}", broken.unwrap_or_default());
    }

    fn stop(&mut self, who: usize, reach: Reach, at: i64) {
        self.tell(who, Told::Stop { reach, at });
    }

    async fn reopen(&mut self) {
        // Every handle on the store is replaced: what is left of it is its file.
        let memory = tempfile::tempdir().unwrap();
        let other = open(memory.path().join("other.db"), &self.key, &self.clock, &self.provider).await;
        (self.optin, self.shops) = other;
        let path = self.folder.path().join("shop.db");
        (self.optin, self.shops) = open(path, &self.key, &self.clock, &self.provider).await;
    }

    async fn step(&mut self, op: &Op) {
        // Each event has a moment of its own; equal moments come from `ago`.
        self.clock.advance(Duration::from_secs(60));
        match op {
            Op::OptIn { shop, who, purposes, promise, days, ago } => {
                let at = self.moment(*ago);
                let until = at + days * DAY;
                let promise_kept = (usize::from(promise.0), i64::from(promise.1));
                let consent = Consent { shop: *shop, purposes: *purposes, at, until, promise: promise_kept };
                let named = PURPOSES.iter().enumerate().filter(|(i, _)| purposes & 1 << i != 0).map(|(_, p)| *p);
                let opt_in = OptIn::new(phone(*who), named, Method::UntickedCheckbox)
                    .at(Timestamp::from_millis(at))
                    .notice(Notice::new("v1", "同意接收促销短信"))
                    .promise(promise.0, Days(promise.1))
                    .valid_until(Timestamp::from_millis(until))
                    .evidence(Evidence::reference("page", "checkout", [7; 32]))
                    .envelope(self.envelope());
                let taken = match self.shops[*shop].record(opt_in).await {
                    Ok(_) => true,
                    Err(RecordError::Refused(_)) => false,
                    Err(e) => panic!("{e}"),
                };
                assert_eq!(taken, self.reference.takes(*who, &consent), "recording of {consent:?} of person {who}");
                self.tell(*who, Told::OptIn(consent));
            }
            Op::OptOut { shop, who, reach, ago, import } => self.opt_out(*shop, *who, *reach, *ago, *import).await,
            Op::Reply { shop, who, text } => {
                let (at, envelope) = (self.now(), self.envelope());
                let when = Some(Timestamp::from_millis(at));
                self.shops[*shop].reply(phone(*who), REPLIES[*text], when, envelope).await.unwrap();
                if *text == 0 {
                    self.stop(*who, Reach::Owner(OWNER_OF[*shop]), at);
                }
            }
            Op::Complain { shop, who } => {
                let at = self.now();
                let made = Timestamp::from_millis(at);
                let mut complaint = Complaint::new(phone(*who), "12321").at(made).envelope(self.envelope());
                if let Some(shop) = shop {
                    complaint = complaint.shop(ShopId::new(format!("shop-{shop}")).unwrap());
                }
                self.optin.complaint(complaint).await.unwrap();
                match shop {
                    Some(shop) => self.stop(*who, Reach::Owner(OWNER_OF[*shop]), at),
                    None => self.tell(*who, Told::StopSenders { at }),
                }
            }
            Op::Erase { shop, who } => {
                let at = self.now();
                let erasure = Erasure::new().at(Timestamp::from_millis(at)).envelope(self.envelope());
                self.shops[*shop].erase(phone(*who), erasure).await.unwrap();
                self.tell(*who, Told::Erase { owner: OWNER_OF[*shop], at });
            }
            Op::PastSend { shop, who, ago } => {
                let at = self.now() - ago;
                self.events += 1;
                let row = PastSendRow {
                    phone: phone(*who).national(),
                    shop: format!("shop-{shop}"),
                    at: Timestamp::from_millis(at).to_string(),
                    campaign: format!("old-{}", self.events),
                    line: None,
                };
                let report = ImportReport::of(self.optin.import_past_sends(stream::iter([Ok(row)]))).await;
                assert_eq!(report.recorded, 1);
                self.tell(*who, Told::PastSend { owner: OWNER_OF[*shop], at });
            }
            Op::Report { shop, who, code } => {
                let (at, envelope) = (self.now(), self.envelope());
                let when = Some(Timestamp::from_millis(at));
                self.shops[*shop].report(phone(*who), REPORTS[*code], None, when, envelope).await.unwrap();
                match REPORTS[*code] {
                    "DELIVRD" => self.tell(*who, Told::Delivered),
                    "UNDELIV" => self.tell(*who, Told::Soft { at }),
                    "MK:0000" => self.tell(*who, Told::Dead { at }),
                    "MBBLACK" => self.stop(*who, Reach::Owner(OWNER_OF[*shop]), at),
                    _ => self.stop(*who, Reach::Everyone, at),
                }
            }
            Op::Campaign { shop, purpose, people, script, cut } => {
                self.campaign(*shop, *purpose, *people, script, *cut).await;
            }
            Op::Again { back } => {
                let Some(which) = self.campaigns.len().checked_sub(back + 1) else { return };
                let (shop, _) = self.campaigns[which];
                // A plan that could not be made has no campaign.
                let Ok(campaign) = self.shops[shop].open_campaign(format!("c{which}")).await else { return };
                self.run(&campaign, which, None).await;
            }
            Op::Wait { minutes } => self.clock.advance(Duration::from_secs(60 * *minutes as u64)),
            Op::Reopen => self.reopen().await,
        }
    }

    async fn opt_out(&mut self, shop: usize, who: usize, reach: u8, ago: i64, import: bool) {
        let at = self.moment(ago);
        let owner = OWNER_OF[shop];
        let (scope, word, reach) = match reach {
            0 => (StopScope::Owner, "group", Reach::Owner(owner)),
            1 => (StopScope::Purpose(PURPOSES[0]), "purpose:promotion", Reach::Purpose(owner, 1)),
            2 => (StopScope::Purpose(PURPOSES[1]), "purpose:points", Reach::Purpose(owner, 2)),
            _ => (StopScope::Everyone, "everyone", Reach::Everyone),
        };
        if import {
            self.events += 1;
            let list = format!("list-{}", self.events);
            let row = StopRow {
                phone: phone(who).e164(),
                scope: word.into(),
                shop: format!("shop-{shop}"),
                at: Timestamp::from_millis(at).to_string(),
                line: None,
            };
            let report = ImportReport::of(self.optin.import_stops(&list, stream::iter([Ok(row)]))).await;
            assert_eq!(report.recorded, 1);
        } else {
            let opt_out = OptOut::new(scope, Via::Page).at(Timestamp::from_millis(at)).envelope(self.envelope());
            self.shops[shop].opt_out(phone(who), opt_out).await.unwrap();
        }
        self.stop(who, reach, at);
    }

    async fn campaign(&mut self, shop: usize, purpose: usize, people: u8, script: &[u8], cut: Option<usize>) {
        let id = self.campaigns.len();
        self.campaigns.push((shop, purpose));
        let audience: Vec<usize> = (0..PEOPLE).filter(|i| people & 1 << i != 0).collect();
        let numbers: Vec<Phone> = audience.iter().map(|i| phone(*i)).collect();
        let builder = self.shops[shop].campaign(format!("c{id}"), PURPOSES[purpose]).text("今晚开抢").via(account());
        let campaign = builder.plan(Audience::iter(numbers)).await.unwrap();
        let now = self.now();
        let told: BTreeMap<u64, Preview> = campaign.preview().try_collect().await.unwrap();
        for (position, who) in audience.iter().enumerate() {
            let refusal = self.reference.refusal(*who, shop, 1 << purpose, now);
            let agrees = match told[&(position as u64)] {
                Preview::Cleared => refusal.is_none() && is_open(now),
                Preview::Deferred { .. } => refusal.is_none() && !is_open(now),
                Preview::Refused { .. } => refusal.is_some(),
            };
            assert!(agrees, "person {who}: the gate says {:?}, the reference {refusal:?}", told[&(position as u64)]);
        }
        let answer = if cut.is_some() { lasting } else { verdict };
        *self.provider.script.lock().unwrap() = script.iter().map(|n| answer(*n)).collect();
        self.run(&campaign, id, cut).await;
        self.provider.script.lock().unwrap().clear();
        if cut.is_some() {
            drop(campaign);
            self.reopen().await;
        }
    }

    async fn run(&mut self, campaign: &Campaign, id: usize, cut: Option<usize>) {
        let from = self.provider.sent.lock().unwrap().len();
        let report = match cut {
            None => {
                Some(tokio::time::timeout(Duration::from_secs(60), campaign.run()).await.expect("it ends").unwrap())
            }
            Some(polls) => polled(campaign, polls).await,
        };
        let sent = self.provider.sent.lock().unwrap()[from..].to_vec();
        let (shop, purpose) = self.campaigns[id];
        self.submitted += sent.len();
        // All that left was cleared before any of its verdicts was settled; within one person attempts are in order.
        for s in &sent {
            let who = (s.phone.to_u64() - 13_800_138_000) as usize;
            let proven_unaccepted = matches!(s.verdict.code.as_str(), "connect" | "busy");
            let (campaign, at) = (id, s.begun.millis());
            assert!(s.text.ends_with("拒收请回复R"));
            self.tell(who, Told::Submitted { campaign, shop, purpose: 1 << purpose, at, proven_unaccepted });
            self.consequence(who, shop, s.verdict.consequence, at).await;
        }
        if let Some(report) = report {
            let left = self.optin.store().planned(campaign_key(self, id).await).await.unwrap().0;
            assert_eq!(report.figures.total(), campaign.rows(), "outcomes add up: {:?}", report.figures.counts);
            assert_eq!(left, 0, "a run that returned left nothing planned");
        }
    }

    /// What a verdict means for its person holds from the moment at which it was settled, which the store tells.
    async fn consequence(&mut self, who: usize, shop: usize, consequence: Consequence, begun: i64) {
        let (Consequence::StopOwner | Consequence::StopEveryone | Consequence::SuspendNumber) = consequence else {
            return;
        };
        let standing = self.optin.lookup(phone(who)).await.unwrap();
        let everyone = consequence == Consequence::StopEveryone;
        let stop = standing.stops.iter().find(|s| s.reason == "verdict" && s.owner.is_none() == everyone);
        let at = match consequence {
            Consequence::SuspendNumber => standing.dead_since,
            _ => stop.map(|s| s.since),
        };
        let at = at.expect("the verdict was recorded").millis();
        assert!((begun..=self.now()).contains(&at));
        match consequence {
            Consequence::SuspendNumber => self.tell(who, Told::Dead { at }),
            _ if everyone => self.stop(who, Reach::Everyone, at),
            _ => self.stop(who, Reach::Owner(OWNER_OF[shop]), at),
        }
    }

    /// The facts are the fold of the events, and of what was begun.
    async fn assert_folded(&self) {
        assert_eq!(self.optin.store().rebuild().await.unwrap(), 0, "facts are not the fold of the events");
    }
}

async fn campaign_key(world: &World, id: usize) -> optin106::store::CampaignKey {
    let (shop, _) = world.campaigns[id];
    let store = world.optin.store();
    let key = store.shop(&ShopId::new(format!("shop-{shop}")).unwrap()).await.unwrap().unwrap().key;
    store.campaign(key, &optin106::id::CampaignName::new(format!("c{id}")).unwrap()).await.unwrap().unwrap().key
}

fn text_of(keyring: &Keyring) -> String {
    keyring.to_text().expose().to_owned()
}

/// Runs until it ends or was polled so often; then it is dropped where it stands.
async fn polled(campaign: &Campaign, mut polls: usize) -> Option<Report> {
    let mut run = Box::pin(campaign.run());
    std::future::poll_fn(|cx| {
        if polls == 0 {
            return std::task::Poll::Ready(None);
        }
        polls -= 1;
        run.as_mut().poll(cx).map(|done| Some(done.unwrap()))
    })
    .await
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn random_histories_keep_the_promises() {
    let cases = std::env::var("OPTIN106_MODEL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let (steps, submitted) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let config =
        ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 400, ..ProptestConfig::default() };
    proptest!(config, |(ops in prop::collection::vec(any_op(), 10..40), seed in any::<u64>())| {
        runtime().block_on(async {
            let mut world = World::new(seed, if seed % 2 == 0 { STRICT } else { LOOSE }).await;
            // Somebody to send to from the start.
            for who in 0..PEOPLE {
                let promise = (9, [30, 30, 60, 90][who]);
                let shop = [0, 0, 0, 2][who];
                world.step(&Op::OptIn { shop, who, purposes: 3, promise, days: 300, ago: 0 }).await;
            }
            for (i, op) in ops.iter().enumerate() {
                world.step(op).await;
                if i % 8 == 7 {
                    world.assert_folded().await;
                }
            }
            world.assert_folded().await;
            steps.fetch_add(ops.len(), Ordering::Relaxed);
            submitted.fetch_add(world.submitted, Ordering::Relaxed);
        });
    });
    let (steps, submitted) = (steps.into_inner(), submitted.into_inner());
    println!("model: {cases} histories, {steps} operations, {submitted} submissions");
    assert!(submitted > cases as usize / 2, "too little was sent for the promises to mean anything");
}

#[test]
fn a_promise_made_later_counts_what_was_sent_before() {
    runtime().block_on(async {
        let mut world = World::new(3, STRICT).await;
        let opt_in = |promise| Op::OptIn { shop: 0, who: 0, purposes: 1, promise, days: 400, ago: 0 };
        let send = || Op::Campaign { shop: 0, purpose: 0, people: 1, script: Vec::new(), cut: None };
        world.step(&Op::PastSend { shop: 0, who: 0, ago: 40 * DAY }).await;
        for op in [opt_in((2, 30)), send(), Op::Wait { minutes: 2 * 1440 }, opt_in((2, 90)), send()] {
            world.step(&op).await;
        }
        assert_eq!(world.submitted, 1, "the second would be the third in ninety days");
        world.assert_folded().await;
    });
}

/// One history in which somebody gets a message, recorded.
fn recorded() -> Vec<(usize, Told)> {
    runtime().block_on(async {
        let mut world = World::new(7, STRICT).await;
        let opt_in = |who| Op::OptIn { shop: 0, who, purposes: 1, promise: (4, 30), days: 400, ago: 0 };
        let send = || Op::Campaign { shop: 0, purpose: 0, people: 0b1111, script: Vec::new(), cut: None };
        let past = |who| Op::PastSend { shop: 1, who, ago: 3 * DAY };
        for op in [opt_in(0), opt_in(1), past(0), send(), Op::Wait { minutes: 8 * 1440 }, send()] {
            world.step(&op).await;
        }
        assert_eq!(world.submitted, 4);
        world.trace
    })
}

#[test]
fn the_checker_bites() {
    let trace = recorded();
    assert_eq!(check(&trace), []);
    let submission = trace.iter().position(|(_, told)| matches!(told, Told::Submitted { .. })).unwrap();
    let (who, Told::Submitted { at, campaign, .. }) = trace[submission].clone() else { unreachable!() };
    let consent = trace.iter().position(|(w, told)| *w == who && matches!(told, Told::OptIn(_))).unwrap();
    let with = |at: usize, line: Told| {
        let mut forged = trace.clone();
        forged.insert(at, (who, line));
        forged
    };
    let broken = |forged: &[(usize, Told)]| check(forged).first().map_or("", |(_, rule)| *rule);

    let mut without_consent = trace.clone();
    without_consent.remove(consent);
    assert!(broken(&without_consent).starts_with("S1"));
    let mut after_its_end = trace.clone();
    if let Told::OptIn(consent) = &mut after_its_end[consent].1 {
        consent.until = at;
    }
    assert!(broken(&after_its_end).starts_with("S1"));
    for reach in [Reach::Everyone, Reach::Owner(0), Reach::Purpose(0, 1)] {
        assert!(broken(&with(submission, Told::Stop { reach, at })).starts_with("S2"), "{reach:?}");
    }
    for reach in [Reach::Owner(1), Reach::Purpose(0, 2)] {
        assert_eq!(broken(&with(submission, Told::Stop { reach, at })), "", "{reach:?}");
    }
    assert!(broken(&with(submission, Told::Erase { owner: 0, at })).starts_with("S"));
    let late = at + 40 * DAY;
    let again = Told::Submitted { campaign, shop: 0, purpose: 1, at: late, proven_unaccepted: false };
    assert!(broken(&with(trace.len(), again.clone())).starts_with("S3"));
    let night =
        Told::Submitted { campaign: 99, shop: 0, purpose: 1, at: late + 12 * 60 * MINUTE, proven_unaccepted: false };
    assert!(broken(&with(trace.len(), night)).starts_with("S4: the window"));
    assert!(broken(&with(submission, Told::PastSend { owner: 0, at: at - DAY + 1 })).starts_with("S4"));
    let others = [Told::PastSend { owner: 1, at }, Told::PastSend { owner: 1, at }];
    let mut flooded = trace.clone();
    others.into_iter().for_each(|line| flooded.insert(submission, (who, line)));
    assert!(broken(&flooded).starts_with("S4: pressure"));
    assert!(broken(&with(submission, Told::Dead { at })).starts_with("S4: the number is dead"));
    let mut promised_less = trace.clone();
    if let Told::OptIn(consent) = &mut promised_less[consent].1 {
        consent.promise = (1, 90);
    }
    assert!(broken(&promised_less).starts_with("S4: the promise"));
}
