//! What every store must do, one sentence per test.
//!
//! [`store_suite!`](crate::store_suite) makes a `#[test]` of each. It is given a name and an expression; the expression
//! is evaluated for each test, and gives an opener: a function from a clock to another worker's store of *one* fresh
//! database. A test opens it once or several times. Answers to COMMIT may be lost ([`Faulty`](super::Faulty)): every
//! test repeats what the store called ambiguous, because repeating is harmless.
//!
//! ```text
//! store_suite!(sqlite, {
//!     let dir = tempfile::tempdir().unwrap();
//!     let keys = Keyring::generate(&SystemClock::new()).to_text();
//!     move |clock| {
//!         let keyring = Keyring::from_text(keys.expose()).unwrap();
//!         Arc::new(SqliteStore::open_with(dir.path().join("store.db"), keyring, clock).unwrap())
//!     }
//! });
//! ```

use super::ManualClock;
use crate::campaign::CampaignError;
use crate::clock::{Clock, Sleep, Timestamp};
use crate::consent::{Days, Envelope, Evidence, Method, Notice, OptIn, Purpose};
use crate::entry::State;
use crate::facts::{Event, Facts, Health, OwnerKey, Scope, ShopKey};
use crate::gate::{Case, judge};
use crate::id::{AccountId, CampaignName, Extension, Reference, Rid};
use crate::optin::{AccountSettings, Erasure, OptOut, Optin106, Owner, Shop, ShopHandle, StopScope, Via};
use crate::phone::Phone;
use crate::policy::Policy;
use crate::policy::law::Code;
use crate::provider::{Answer, Blame, Consequence, Outcome, Verdict, Verdicts};
use crate::store::{
    Assignment, BeginAsk, Begun, BegunRequest, BegunRows, CampaignRow, Change, Changed, Effect, ExtensionAsk,
    ExtensionRow, Lane, Lease, Load, Phase, Place, PlanRow, ReportAsk, Resolution, Settlement, ShopRow, Store,
    StoreError, Subject, event_key,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Opens another worker's store of one database.
pub type Open = dyn Fn(Arc<dyn Clock>) -> Arc<dyn Store> + Send + Sync;

/// One fresh database, and a worker on it.
pub struct Bench {
    open: Box<Open>,
    clock: ManualClock,
    store: Arc<dyn Store>,
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bench({:?})", self.store)
    }
}

/// A test of the suite.
pub type Test = fn(Bench) -> Pin<Box<dyn Future<Output = ()>>>;

// `$d` stands for the `$` of the inner macro.
macro_rules! list {
    ($d:tt $($name:ident)*) => {
        /// Every test of the suite, by name.
        pub const ALL: &[(&str, Test)] = &[$((stringify!($name), |bench| Box::pin($name(bench)))),*];

        /// A `#[test]` of each sentence, in a module of its own: see [`testing::store_suite`](crate::testing::store_suite).
        #[macro_export]
        macro_rules! store_suite {
            ($d suite:ident, $d open:expr) => {
                mod $d suite {
                    #[allow(unused_imports)]
                    use super::*;
                    $(
                        #[test]
                        fn $name() {
                            $d crate::testing::store_suite::run(stringify!($name), $d open);
                        }
                    )*
                }
            };
        }
    };
}

list! { $
    a_person_without_a_row_is_refused_and_nothing_is_written
    a_stop_after_planning_blocks_the_begin
    a_begin_charges_once_and_what_was_not_sent_gives_it_back
    one_code_for_many_goes_back_in_halves_until_one_fails
    one_code_for_many_is_a_doubt_where_calls_are_not_taken_whole
    a_rest_told_of_many_rests_the_account_and_blames_nobody
    verdicts_by_position_reach_their_people
    a_list_named_in_doubt_stops_its_person_alone
    a_doubt_keeps_its_charge_and_is_never_begun_again
    proof_of_absence_plans_a_row_again_once
    a_shard_that_is_held_is_not_given_again
    a_worker_that_lost_its_lease_begins_nothing
    a_settle_repeated_changes_nothing
    a_late_answer_raises_a_doubt_and_nothing_lowers_it
    a_report_before_the_answer_waits_for_it
    a_report_that_another_worker_took_waits_for_the_answer_too
    a_report_waits_a_week_for_its_answer_and_no_longer
    an_answer_about_many_is_one_event_in_the_account_s_life
    a_report_that_overtakes_the_answer_stands
    a_doubt_whose_id_is_known_is_settled_by_its_report
    a_long_message_is_delivered_when_every_segment_is_and_failed_by_the_first_that_is_not
    a_doubt_that_nobody_can_be_asked_about_is_a_persons_to_end_at_once
    a_doubt_that_is_ended_as_taken_has_its_reports_and_ends_without_them
    a_code_that_says_nothing_final_is_kept_as_it_came
    a_fault_of_one_own_text_told_of_many_leaves_all_in_doubt
    a_report_names_the_row_of_its_own_request
    a_report_twice_counts_once
    a_change_with_the_same_event_returns_the_first_answer
    a_refused_change_writes_nothing
    erasure_removes_no_stop
    rebuilding_finds_no_difference_after_any_history
    caps_hold_over_two_shops_that_begin_at_once
    a_budget_is_never_exceeded
    a_hold_on_anything_blocks_the_begin
    a_paused_or_cancelled_campaign_begins_nothing
    a_pace_is_shared_by_campaigns_and_workers
    segments_take_of_the_pace_what_they_are
    what_no_call_was_left_for_is_looked_at_again_and_has_used_up_nothing
    calls_a_second_are_counted_over_campaigns_and_workers
    calls_under_way_are_counted_over_campaigns_and_workers
    what_an_account_may_not_carry_stays_planned_for_another
    three_doubts_open_the_breaker_and_one_row_probes
    calls_that_never_left_open_the_breaker_too
    expiring_ends_planned_rows_and_no_others
    an_accepted_row_without_report_ends
    a_search_finds_a_person_over_campaigns
    removing_old_campaigns_keeps_consents_and_stops
    a_plan_that_was_cut_is_discarded_and_redone
    a_planned_campaign_keeps_its_content
    a_name_with_other_content_is_a_conflict
    merged_owners_share_stops_and_caps
    a_clock_behind_the_mark_is_refused
    no_begin_commits_after_an_opt_out
    what_a_dead_worker_left_goes_where_the_journal_puts_it
    what_nobody_drives_goes_where_the_journal_puts_it
    an_open_call_is_known_until_it_is_settled
    every_row_is_counted_once
    an_extension_is_one_shops_until_it_has_rested
    an_extension_taken_or_given_up_again_changes_nothing
    an_extension_that_is_still_sent_from_rests_from_its_last_use
    of_two_shops_that_race_for_an_extension_one_gets_it
    no_more_connections_are_open_than_the_carrier_allows
    a_connection_of_a_process_that_stopped_is_given_away_after_its_time
}

/// Runs one test of the suite on a fresh database.
///
/// # Panics
/// When the store does not do what the test's name says, or no test has this name.
pub fn run<S, F>(name: &str, open: F)
where
    S: Store + 'static,
    F: Fn(Arc<dyn Clock>) -> Arc<S> + Send + Sync + 'static,
{
    let (_, test) = ALL.iter().find(|(n, _)| *n == name).expect("a test of this name");
    let clock = ManualClock::new(noon()).auto().seeded(7);
    let open: Box<Open> = Box::new(move |clock| open(clock));
    let store = open(Arc::new(clock.clone()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(test(Bench { open, clock, store }));
}

fn noon() -> Timestamp {
    Timestamp::from_civil(jiff::civil::date(2026, 3, 10).at(12, 0, 0, 0))
}

trait Coded: fmt::Debug {
    fn code(&self) -> &'static str;
}

macro_rules! coded {
    ($($error:ty)*) => {
        $(impl Coded for $error {
            fn code(&self) -> &'static str {
                self.code()
            }
        })*
    };
}

coded! { StoreError crate::optin::Error crate::optin::RecordError CampaignError }

/// Repeats what is ambiguous: repeating is harmless.
async fn again<T, E: Coded>(mut call: impl AsyncFnMut() -> Result<T, E>) -> Result<T, E> {
    for _ in 0..200 {
        match call().await {
            Err(e) if e.code() == "store_ambiguous" => {}
            done => return done,
        }
    }
    panic!("the answer to COMMIT was lost 200 times in a row");
}

/// As [`again`], for what must succeed.
async fn sure<T, E: Coded>(call: impl AsyncFnMut() -> Result<T, E>) -> T {
    again(call).await.expect("the store takes it")
}

fn phone(n: u64) -> Phone {
    Phone::from_u64(13_800_000_000 + n).expect("a mobile number")
}

/// A campaign of the store, without texts.
struct Planned {
    row: CampaignRow,
    shop: ShopRow,
    lease: Lease,
}

impl Bench {
    fn another(&self) -> Arc<dyn Store> {
        (self.open)(Arc::new(self.clock.clone()))
    }

    fn rid(&self, n: u64) -> Rid {
        self.store.keyring().rid(phone(n))
    }

    async fn optin(&self) -> Optin106 {
        sure(async || Optin106::open_shared(Arc::clone(&self.store), None).await).await
    }

    async fn shop(&self, shop: &str, owner: &str) -> ShopHandle {
        let optin = self.optin().await;
        let shop = Shop::new(shop, Owner::new(owner).unwrap_or_else(|e| panic!("{e}")), "示例店").expect("a shop");
        sure(async || optin.shop(shop.clone()).await).await
    }

    async fn account(&self, pace: u32) {
        let id = account();
        let settings = AccountSettings::default().pace(pace).price(390);
        let optin = self.optin().await;
        sure(async || optin.put_account(&id, settings.clone()).await).await;
    }

    async fn consent(&self, shop: &ShopHandle, n: u64) {
        let now = self.clock.now();
        let opt_in = OptIn::new(phone(n), [Purpose::Promotion], Method::UntickedCheckbox)
            .at(now.minus(Duration::from_secs(3_600)))
            .notice(Notice::new("1", "每月不超过30条促销短信"))
            .promise(30, Days(30))
            .valid_until(now.plus_days(300))
            .evidence(Evidence::bytes("page", *b"page"));
        sure(async || shop.record(opt_in.clone()).await).await;
    }

    async fn opt_out(&self, shop: &ShopHandle, n: u64) {
        let at = self.clock.now();
        sure(async || shop.opt_out(phone(n), OptOut::new(StopScope::Owner, Via::Page).at(at)).await).await;
    }

    async fn plan(&self, shop: &ShopHandle, name: &str, people: impl IntoIterator<Item = u64>) -> Planned {
        self.plan_as(shop, name, people, |_| (0, 1)).await
    }

    /// `shape` says variant and parts.
    async fn plan_as(
        &self,
        shop: &ShopHandle,
        name: &str,
        people: impl IntoIterator<Item = u64>,
        shape: impl Fn(u64) -> (u8, u8),
    ) -> Planned {
        let key = shop.row().key;
        let row = self.write_plan(shop, name, people, shape).await;
        let row = sure(async || self.store.plan_ready(row.key, [1; 32], 0).await).await;
        let lease = self.claim(&self.store, &row).await;
        let shop = sure(async || self.store.shop_by_key(key).await).await.expect("the shop");
        Planned { row, shop, lease }
    }

    async fn write_plan(
        &self,
        shop: &ShopHandle,
        name: &str,
        people: impl IntoIterator<Item = u64>,
        shape: impl Fn(u64) -> (u8, u8),
    ) -> CampaignRow {
        let name = CampaignName::new(name).expect("a name");
        let row = sure(async || self.store.open_campaign(shop.row().key, &name, b"spec".to_vec()).await).await;
        let mut rows: Vec<PlanRow> = people
            .into_iter()
            .map(|n| (n, shape(n)))
            .map(|(n, (variant, parts))| PlanRow {
                rid: self.rid(n),
                position: n,
                line: None,
                variant,
                parts,
                sealed: vec![1],
            })
            .collect();
        rows.sort_by_key(|r| r.rid);
        sure(async || self.store.plan(row.key, rows.clone(), Vec::new()).await).await;
        row
    }

    /// The campaign's only shard, which has work. A claim whose answer was lost holds it until it expires.
    async fn claim(&self, store: &Arc<dyn Store>, row: &CampaignRow) -> Lease {
        for _ in 0..20 {
            let leases = sure(async || store.claim(row.key, 8).await).await;
            if let Some(lease) = leases.into_iter().next() {
                return lease;
            }
            self.clock.advance(Duration::from_secs(16));
        }
        panic!("the shard cannot be claimed");
    }

    fn ask(&self, of: &Planned, limit: usize, per_request: usize) -> BeginAsk {
        let (owners, policy) = (of.shop.owners.clone(), Policy::china_default());
        BeginAsk {
            owners: owners.clone(),
            policy_setting: None,
            lease: of.lease.clone(),
            account: account(),
            from: Rid::from_slice(&[0; 16]).expect("sixteen bytes"),
            limit,
            per_request,
            concurrency: 0,
            calls_per_second: 0,
            pace_each: 1,
            budget: None,
            price: 390,
            first_byte_within: Duration::from_secs(5),
            owner: of.shop.owner,
            shop: of.shop.key,
            renditions: vec![[7; 32]],
            policy: [8; 32],
            horizon: 30,
            references: (0..limit.div_ceil(per_request) + 3).map(|_| Reference::fresh(&self.clock)).collect(),
            carries: None,
            judge: Arc::new(move |facts: &Facts<'_>, now| {
                let purpose = Purpose::Promotion;
                let case = Case { owners: &owners, purpose, personalised: false, sensitive: false, policy: &policy };
                judge(facts, &case, now)
            }),
        }
    }

    /// Begins; what began without an answer is put back and begun again.
    async fn begin_at(&self, store: &Arc<dyn Store>, ask: impl Fn() -> BeginAsk) -> Result<Begun, StoreError> {
        for _ in 0..200 {
            let ask = ask();
            let references = ask.references.clone();
            match store.begin(ask).await {
                Err(StoreError::Ambiguous) => {
                    references.iter().for_each(|r| store.forget(*r));
                    sure(async || store.recover().await).await;
                }
                done => return done,
            }
        }
        panic!("the answer to COMMIT was lost 200 times in a row");
    }

    async fn begin_any(&self, of: &Planned, limit: usize, per_request: usize) -> Begun {
        // Lost answers may have cost the lease its time.
        self.begin_at(&self.store, || self.ask(of, limit, per_request)).await.expect("the store begins")
    }

    /// As [`begin_any`](Self::begin_any), once the account has rested.
    async fn begin(&self, of: &Planned, limit: usize, per_request: usize) -> BegunRows {
        match self.begin_any(of, limit, per_request).await {
            Begun::Wait { until, .. } => {
                self.clock.set(until);
                rows(self.begin_any(of, limit, per_request).await)
            }
            done @ (Begun::Held { .. } | Begun::Rows(_)) => rows(done),
        }
    }

    async fn settle(&self, request: &BegunRequest, verdicts: Verdicts, all_or_nothing: bool) {
        self.settle_at(&self.store, request, verdicts, all_or_nothing).await;
    }

    async fn settle_at(&self, store: &Arc<dyn Store>, request: &BegunRequest, verdicts: Verdicts, whole: bool) {
        let settlement = self.settlement(request, verdicts, whole);
        sure(async || store.settle(vec![settlement.clone()]).await).await;
        store.forget(request.reference);
    }

    fn settlement(&self, request: &BegunRequest, verdicts: Verdicts, whole: bool) -> Settlement {
        let now = self.clock.now();
        Settlement {
            key: request.key,
            reference: request.reference,
            rids: request.rows.iter().map(|r| r.rid).collect(),
            answer: Answer { verdicts, first_byte: Some(now) },
            all_or_nothing: whole,
            personal: false,
            report_due: now.plus(Duration::from_secs(72 * 3_600)),
            lookup_at: Some(now.plus(Duration::from_secs(60))),
            hold: None,
        }
    }

    async fn states(&self, of: &Planned) -> BTreeMap<Rid, State> {
        let page = sure(async || self.store.scan(of.row.key, None, 10_000, None).await).await;
        page.into_iter().map(|r| (r.rid, r.state)).collect()
    }

    async fn count(&self, of: &Planned, state: State) -> usize {
        self.states(of).await.values().filter(|s| **s == state).count()
    }

    async fn state(&self, of: &Planned, n: u64) -> State {
        self.states(of).await[&self.rid(n)]
    }

    /// Charges as kept ready, which must be those of the begun rows.
    async fn charges(&self, n: u64) -> usize {
        let rid = self.rid(n);
        let kept = sure(async || self.store.person(rid, Vec::new()).await).await.map_or(0, |l| l.person.sends.len());
        let begun = sure(async || self.store.sends_of(rid).await).await.len();
        assert_eq!(kept, begun, "charges kept ready differ from begun rows");
        kept
    }

    async fn spent(&self, of: &Planned) -> u64 {
        sure(async || self.store.campaign_by_key(of.row.key).await).await.expect("the campaign").spent
    }

    /// One shop with consents of `people`, an account, and a campaign to them.
    async fn ready(&self, people: u64) -> (ShopHandle, Planned) {
        let shop = self.shop("shop-1", "owner-1").await;
        self.account(0).await;
        for n in 0..people {
            self.consent(&shop, n).await;
        }
        let planned = self.plan(&shop, "campaign-1", 0..people).await;
        (shop, planned)
    }
}

fn account() -> AccountId {
    AccountId::new("account-1").expect("a name")
}

const REST: Duration = Duration::from_secs(180 * 86_400);

fn extension(digits: &str) -> Extension {
    Extension::new(digits).expect("digits")
}

fn given(assignment: Assignment) -> ExtensionRow {
    match assignment {
        Assignment::Given(row) => row,
        other @ (Assignment::Held | Assignment::Resting { .. }) => panic!("not given: {other:?}"),
    }
}

/// Assigns, and repeats what is ambiguous.
async fn assign(store: &Arc<dyn Store>, shop: &ShopHandle, digits: &str) -> Assignment {
    let ask = ExtensionAsk { account: account(), extension: extension(digits), shop: shop.row().key, rest: REST };
    sure(async || store.assign_extension(ask.clone()).await).await
}

async fn give_up(store: &Arc<dyn Store>, shop: &ShopHandle, digits: &str) -> Option<ExtensionRow> {
    sure(async || store.release_extension(&account(), &extension(digits), shop.row().key).await).await
}

fn rows(begun: Begun) -> BegunRows {
    match begun {
        Begun::Rows(rows) => rows,
        other @ (Begun::Held { .. } | Begun::Wait { .. }) => panic!("nothing was looked at: {other:?}"),
    }
}

fn begun(rows: &BegunRows) -> usize {
    rows.requests.iter().map(|r| r.rows.len()).sum()
}

fn accepted() -> Verdicts {
    Verdicts::Same(Verdict::accepted("id-1"))
}

fn doubt() -> Verdicts {
    Verdicts::Same(Verdict::unknown("timeout"))
}

fn unsent() -> Verdicts {
    Verdicts::Same(Verdict::unsent("connect_failed", Consequence::None))
}

fn rejected(blame: Blame) -> Verdicts {
    Verdicts::Same(Verdict::rejected(blame, Consequence::None, "no"))
}

async fn a_person_without_a_row_is_refused_and_nothing_is_written(b: Bench) {
    let shop = b.shop("shop-1", "owner-1").await;
    b.account(0).await;
    let c = b.plan(&shop, "campaign-1", 0..3).await;
    let rows = b.begin(&c, 10, 10).await;
    assert_eq!(begun(&rows), 0);
    assert_eq!(b.count(&c, State::Refused).await, 3);
    let tally = sure(async || b.store.tally(c.row.key).await).await;
    assert!(tally.iter().all(|t| t.code == Code::NoConsent.as_str()));
    for n in 0..3 {
        assert!(sure(async || b.store.person(b.rid(n), Vec::new()).await).await.is_none());
        assert!(sure(async || b.store.events(b.rid(n)).await).await.is_empty());
    }
}

async fn a_stop_after_planning_blocks_the_begin(b: Bench) {
    let (shop, c) = b.ready(3).await;
    b.opt_out(&shop, 1).await;
    let rows = b.begin(&c, 10, 10).await;
    assert_eq!(begun(&rows), 2);
    assert!(rows.requests.iter().flat_map(|r| &r.rows).all(|r| r.rid != b.rid(1)), "a stopped person was begun");
    assert_eq!(b.state(&c, 1).await, State::Refused);
    assert_eq!(b.charges(1).await, 0);
}

async fn a_begin_charges_once_and_what_was_not_sent_gives_it_back(b: Bench) {
    let (_, c) = b.ready(3).await;
    let rows = b.begin(&c, 10, 1).await;
    assert_eq!(rows.requests.len(), 3);
    for n in 0..3 {
        assert_eq!(b.charges(n).await, 1);
    }
    assert_eq!(b.spent(&c).await, 3 * 390);
    b.settle(&rows.requests[0], unsent(), false).await;
    b.settle(&rows.requests[1], rejected(Blame::Account), false).await;
    b.settle(&rows.requests[2], rejected(Blame::Content), false).await;
    let mut left = 0;
    for n in 0..3 {
        left += b.charges(n).await;
    }
    assert_eq!(left, 1, "only a refusal of the text keeps its charge");
    assert_eq!(b.spent(&c).await, 390);
    assert_eq!(b.count(&c, State::Planned).await, 2);
    assert_eq!(b.count(&c, State::Failed).await, 1);
}

async fn one_code_for_many_goes_back_in_halves_until_one_fails(b: Bench) {
    let (_, c) = b.ready(8).await;
    let bad = b.rid(5);
    let mut last = 16;
    for _ in 0..20 {
        let rows = b.begin(&c, 100, 100).await;
        if begun(&rows) == 0 {
            break;
        }
        for request in &rows.requests {
            if request.rows.iter().any(|r| r.rid == bad) {
                assert!(request.rows.len() <= last / 2, "{} after {last}", request.rows.len());
                last = request.rows.len().max(2);
                b.settle(request, rejected(Blame::Person), true).await;
            } else {
                b.settle(request, accepted(), true).await;
            }
        }
    }
    assert_eq!(b.state(&c, 5).await, State::Failed);
    assert_eq!(b.count(&c, State::Accepted).await, 7);
    for n in 0..8 {
        assert_eq!(b.charges(n).await, 1);
    }
}

async fn one_code_for_many_is_a_doubt_where_calls_are_not_taken_whole(b: Bench) {
    let (_, c) = b.ready(4).await;
    let rows = b.begin(&c, 100, 100).await;
    b.settle(&rows.requests[0], rejected(Blame::Person), false).await;
    assert_eq!(b.count(&c, State::Unknown).await, 4);
    assert_eq!(begun(&b.begin(&c, 100, 100).await), 0);
}

async fn a_rest_told_of_many_rests_the_account_and_blames_nobody(b: Bench) {
    let (_, c) = b.ready(4).await;
    let request = b.begin(&c, 2, 2).await.requests.swap_remove(0);
    let later = Verdict::rejected(Blame::Person, Consequence::Rest(Duration::from_secs(60)), "too often");
    b.settle(&request, Verdicts::Same(later), false).await;
    assert_eq!((b.count(&c, State::Unknown).await, b.count(&c, State::Failed).await), (2, 0));
    let account = sure(async || b.store.account(&account()).await).await.expect("an account");
    assert!(account.rest_until > b.clock.now());
}

async fn verdicts_by_position_reach_their_people(b: Bench) {
    let (_, c) = b.ready(5).await;
    let rows = b.begin(&c, 100, 100).await;
    let request = &rows.requests[0];
    let each = vec![
        Verdict::accepted("id-1"),
        Verdict::rejected(Blame::Person, Consequence::StopOwner, "blacklist"),
        Verdict::unknown("timeout"),
        Verdict::unsent("later", Consequence::None),
    ];
    b.settle(request, Verdicts::Each(each), false).await;
    let states = b.states(&c).await;
    let found: Vec<State> = request.rows.iter().map(|r| states[&r.rid]).collect();
    // The fifth was not named.
    assert_eq!(found, [State::Accepted, State::Failed, State::Unknown, State::Planned, State::Unknown]);
    for (i, row) in request.rows.iter().enumerate() {
        let stopped = sure(async || b.store.person(row.rid, Vec::new()).await).await.expect("a person");
        assert_eq!(stopped.person.stops().count(), usize::from(i == 1));
    }
}

async fn a_list_named_in_doubt_stops_its_person_alone(b: Bench) {
    let listed = |consequence| Verdict { consequence, ..Verdict::unknown("blacklist") };
    let (_, c) = b.ready(6).await;
    let rows = b.begin(&c, 3, 3).await;
    let many = &rows.requests[0];
    let some = vec![Verdict::accepted("id-1"), listed(Consequence::StopOwner), Verdict::unknown("timeout")];
    b.settle(many, Verdicts::Each(some), false).await;
    let one = b.begin(&c, 1, 1).await.requests.swap_remove(0);
    b.settle(&one, doubt(), false).await;
    // The doubt stays, and a late answer may still name the person.
    b.settle(&one, Verdicts::Same(listed(Consequence::StopEveryone)), false).await;
    let all = b.begin(&c, 2, 2).await.requests.swap_remove(0);
    // One word for many names nobody, and an account is not held by a doubt.
    b.settle(&all, Verdicts::Same(listed(Consequence::StopEveryone)), false).await;
    b.settle(&all, Verdicts::Each(vec![listed(Consequence::Hold), Verdict::unknown("timeout")]), false).await;
    let stops = async |rid| {
        let found = sure(async || b.store.person(rid, Vec::new()).await).await.expect("a person");
        found.person.stops().count()
    };
    for (request, wanted) in [(many, &[0, 1, 0][..]), (&one, &[1]), (&all, &[0, 0])] {
        for (row, wanted) in request.rows.iter().zip(wanted) {
            assert_eq!(stops(row.rid).await, *wanted);
        }
    }
    assert_eq!((b.count(&c, State::Accepted).await, b.count(&c, State::Unknown).await), (1, 5));
    let account = sure(async || b.store.account(&account()).await).await.expect("an account");
    assert!(account.hold.is_none());
}

async fn a_doubt_keeps_its_charge_and_is_never_begun_again(b: Bench) {
    let (_, c) = b.ready(2).await;
    let rows = b.begin(&c, 100, 100).await;
    b.settle(&rows.requests[0], doubt(), false).await;
    let mut c = c;
    for _ in 0..3 {
        sure(async || b.store.recover().await).await;
        b.clock.advance(Duration::from_secs(16));
        // A shard without work need not be given; the lease that nobody took still serves.
        if let Some(lease) = sure(async || b.store.claim(c.row.key, 8).await).await.into_iter().next() {
            c.lease = lease;
        }
        assert_eq!(begun(&b.begin(&c, 100, 100).await), 0, "a doubt was begun again");
        b.clock.advance(Duration::from_secs(600));
    }
    assert_eq!(b.count(&c, State::Unknown).await, 2);
    assert_eq!(b.charges(0).await + b.charges(1).await, 2);
    let due = sure(async || b.store.unknown_due(c.row.key, 10).await).await;
    assert_eq!(due.iter().map(|d| d.rows.len()).sum::<usize>(), 2);
    sure(async || b.store.resolve(due[0].key, None, Resolution::Unresolved).await).await;
    assert_eq!(b.count(&c, State::Unresolved).await, 2);
    assert!(sure(async || b.store.unknown_due(c.row.key, 10).await).await.is_empty());
    assert_eq!(b.charges(0).await + b.charges(1).await, 2);
}

async fn proof_of_absence_plans_a_row_again_once(b: Bench) {
    let (_, c) = b.ready(2).await;
    let rows = b.begin(&c, 100, 100).await;
    let request = &rows.requests[0];
    b.settle(request, doubt(), false).await;
    for _ in 0..2 {
        sure(async || b.store.resolve(request.key, Some(request.rows[0].rid), Resolution::Absent).await).await;
    }
    assert_eq!(b.count(&c, State::Planned).await, 1);
    assert_eq!(b.count(&c, State::Unknown).await, 1);
    assert_eq!(b.charges(0).await + b.charges(1).await, 1);
    assert_eq!(b.spent(&c).await, 390);
    assert_eq!(begun(&b.begin(&c, 100, 100).await), 1);
    // The old call's proof does not reach the new one.
    sure(async || b.store.resolve(request.key, Some(request.rows[0].rid), Resolution::Absent).await).await;
    assert_eq!(b.charges(0).await + b.charges(1).await, 2);
}

async fn a_shard_that_is_held_is_not_given_again(b: Bench) {
    let (_, c) = b.ready(1).await;
    let other = b.another();
    assert!(sure(async || other.claim(c.row.key, 8).await).await.is_empty());
    sure(async || b.store.release(vec![c.lease.clone()]).await).await;
    let lease = b.claim(&other, &c.row).await;
    assert!(lease.epoch > c.lease.epoch);
}

async fn a_worker_that_lost_its_lease_begins_nothing(b: Bench) {
    let (_, c) = b.ready(2).await;
    let other = b.another();
    b.clock.advance(Duration::from_secs(16));
    let lease = b.claim(&other, &c.row).await;
    assert!(lease.epoch > c.lease.epoch, "a take-over raises the epoch");
    let lost = b.begin_at(&b.store, || b.ask(&c, 10, 10)).await;
    assert!(matches!(lost, Err(StoreError::LostLease)), "a lost lease began: {lost:?}");
    assert_eq!(b.count(&c, State::Planned).await, 2);
    assert!(sure(async || b.store.beat(vec![c.lease.clone()]).await).await.is_empty());
    // Giving back what one does not hold takes nothing from the holder.
    sure(async || b.store.release(vec![c.lease.clone()]).await).await;
    let now = Planned { row: c.row, shop: c.shop, lease };
    assert_eq!(begun(&rows(b.begin_at(&other, || b.ask(&now, 10, 10)).await.expect("the holder begins"))), 2);
}

async fn a_settle_repeated_changes_nothing(b: Bench) {
    let (_, c) = b.ready(6).await;
    let rows = b.begin(&c, 100, 1).await;
    let stop = Verdicts::Same(Verdict::rejected(Blame::Person, Consequence::StopOwner, "blacklist"));
    let all = [accepted(), doubt(), unsent(), rejected(Blame::Account), rejected(Blame::Content), stop];
    for (request, verdicts) in rows.requests.iter().zip(&all) {
        b.settle(request, verdicts.clone(), false).await;
    }
    let states = b.states(&c).await;
    let spent = b.spent(&c).await;
    let account = sure(async || b.store.account(&account()).await).await;
    for _ in 0..3 {
        for (request, verdicts) in rows.requests.iter().zip(&all) {
            b.settle(request, verdicts.clone(), false).await;
        }
    }
    assert_eq!(b.states(&c).await, states);
    assert_eq!(b.spent(&c).await, spent);
    assert_eq!(sure(async || b.store.account(&self::account()).await).await, account, "the account was blamed twice");
    let mut charges = 0;
    for n in 0..6 {
        charges += b.charges(n).await;
        assert!(sure(async || b.store.events(b.rid(n)).await).await.len() <= 2);
    }
    assert_eq!(charges, 4);
}

async fn a_late_answer_raises_a_doubt_and_nothing_lowers_it(b: Bench) {
    let (_, c) = b.ready(4).await;
    let rows = b.begin(&c, 100, 1).await;
    let lower = [doubt(), unsent(), rejected(Blame::Account), rejected(Blame::Content), rejected(Blame::Person)];
    for (i, request) in rows.requests.iter().enumerate() {
        let rid = request.rows[0].rid;
        b.settle(request, doubt(), false).await;
        match i {
            0 => {}
            1 => drop(sure(async || b.store.resolve(request.key, None, Resolution::Unresolved).await).await),
            2 => {
                let to = Resolution::Accepted { id: Some("id-2".to_owned()), report_due: Timestamp::FAR };
                sure(async || b.store.resolve_row(c.row.key, rid, to.clone()).await).await;
            }
            _ => drop(sure(async || b.store.resolve_row(c.row.key, rid, Resolution::Failed).await).await),
        }
        if i != 2 {
            b.settle(request, accepted(), false).await;
        }
        assert_eq!(b.states(&c).await[&rid], State::Accepted, "case {i} was not raised");
        for verdicts in &lower {
            b.settle(request, verdicts.clone(), false).await;
            assert_eq!(b.states(&c).await[&rid], State::Accepted, "case {i} was lowered");
        }
    }
    for n in 0..4 {
        assert_eq!(b.charges(n).await, 1);
    }
}

impl Bench {
    fn report_ask(&self, request: &BegunRequest, event_id: &str, delivered: bool) -> ReportAsk {
        ReportAsk {
            source: "report".to_owned(),
            event_id: event_id.to_owned(),
            rid: request.rows[0].rid,
            account: Some(account()),
            provider_id: Some("id-1".to_owned()),
            reference: None,
            code: if delivered { "DELIVRD" } else { "UNDELIV" }.to_owned(),
            delivered: Some(delivered),
            at: self.clock.now(),
            wait: true,
        }
    }
}

async fn a_report_before_the_answer_waits_for_it(b: Bench) {
    let (_, c) = b.ready(1).await;
    let rows = b.begin(&c, 10, 10).await;
    let ask = b.report_ask(&rows.requests[0], "1", true);
    sure(async || b.store.report(ask.clone()).await).await;
    assert_eq!(b.state(&c, 0).await, State::Begun);
    b.settle(&rows.requests[0], accepted(), false).await;
    assert_eq!(b.state(&c, 0).await, State::Delivered);
    assert_eq!(b.charges(0).await, 1);
}

async fn a_report_that_another_worker_took_waits_for_the_answer_too(b: Bench) {
    let (_, c) = b.ready(2).await;
    let rows = b.begin(&c, 10, 1).await;
    // This worker settles once, so that whatever it keeps in mind of waiting reports is fresh.
    b.settle(&rows.requests[0], accepted(), false).await;
    let other = b.another();
    let request = &rows.requests[1];
    let ask = ReportAsk { provider_id: Some("second".to_owned()), ..b.report_ask(request, "1", true) };
    sure(async || other.report(ask.clone()).await).await;
    b.settle(request, Verdicts::Same(Verdict::accepted("second")), false).await;
    assert_eq!(b.count(&c, State::Delivered).await, 1, "the report was not looked for: {:?}", b.states(&c).await);
}

async fn a_report_waits_a_week_for_its_answer_and_no_longer(b: Bench) {
    let (_, c) = b.ready(2).await;
    let rows = b.begin(&c, 10, 1).await;
    for (request, id) in rows.requests.iter().zip(["id-1", "id-2"]) {
        let ask = ReportAsk { provider_id: Some(id.to_owned()), ..b.report_ask(request, id, true) };
        sure(async || b.store.report(ask.clone()).await).await;
    }
    for (request, id, days) in [(&rows.requests[0], "id-1", 6), (&rows.requests[1], "id-2", 2)] {
        b.clock.advance(Duration::from_secs(days * 86_400));
        sure(async || b.store.close_unreported(b.clock.now()).await).await;
        b.settle(request, Verdicts::Same(Verdict::accepted(id)), false).await;
    }
    assert_eq!(b.count(&c, State::Delivered).await, 1, "after six days: {:?}", b.states(&c).await);
    assert_eq!(b.count(&c, State::Accepted).await, 1, "after eight: {:?}", b.states(&c).await);
}

async fn an_answer_about_many_is_one_event_in_the_account_s_life(b: Bench) {
    let (_, c) = b.ready(8).await;
    for _ in 0..3 {
        let rows = rows(b.begin_any(&c, 10, 8).await);
        let mut verdicts = vec![Verdict::unsent("later", Consequence::None); 7];
        verdicts.push(Verdict::accepted("id-1"));
        let people = rows.requests[0].rows.len();
        b.settle(&rows.requests[0], Verdicts::Each(verdicts.split_off(8 - people)), false).await;
        // Nobody told for how long: a second, and no more as long as others are taken.
        b.clock.advance(Duration::from_millis(1_001));
    }
    assert_eq!(b.count(&c, State::Accepted).await, 3);
}

async fn a_report_that_overtakes_the_answer_stands(b: Bench) {
    let (_, c) = b.ready(4).await;
    let rows = b.begin(&c, 10, 1).await;
    for (request, verdicts) in rows.requests.iter().zip([doubt(), unsent(), rejected(Blame::Person), accepted()]) {
        let ask = ReportAsk { reference: Some(request.reference), ..b.report_ask(request, "1", true) };
        let ask = ReportAsk { event_id: request.reference.to_string(), ..ask };
        sure(async || b.store.report(ask.clone()).await).await;
        b.settle(request, verdicts, false).await;
    }
    assert_eq!(b.count(&c, State::Delivered).await, 4, "a handset's word was lowered: {:?}", b.states(&c).await);
}

async fn a_doubt_whose_id_is_known_is_settled_by_its_report(b: Bench) {
    let (_, c) = b.ready(6).await;
    let known = |id: &str| Verdict { id: Some(id.to_owned()), ..Verdict::unknown("timeout") };
    // Alone, all of a call, and one of a call.
    let rows = b.begin(&c, 2, 1).await;
    b.settle(&rows.requests[0], Verdicts::Same(known("id-0")), false).await;
    b.settle(&rows.requests[1], Verdicts::Each(vec![known("id-1")]), false).await;
    let two = b.begin(&c, 4, 2).await;
    b.settle(&two.requests[0], Verdicts::Each(vec![known("id-2"), known("id-3")]), false).await;
    b.settle(&two.requests[1], Verdicts::Each(vec![known("id-4"), Verdict::accepted("id-5")]), false).await;
    assert_eq!(b.count(&c, State::Unknown).await, 5, "{:?}", b.states(&c).await);
    let people = rows
        .requests
        .iter()
        .chain(&two.requests)
        .flat_map(|request| request.rows.iter().map(move |row| (request, row.rid)));
    let people: Vec<_> = people.collect();
    let tell = async |n: usize, id: &str| {
        let (request, rid) = people[n];
        let ask = b.report_ask(request, &format!("{n} by {id}"), true);
        let ask = ReportAsk { rid, provider_id: Some(id.to_owned()), ..ask };
        sure(async || b.store.report(ask.clone()).await).await
    };
    assert!(tell(2, "id-3").await.campaign.is_none(), "another's id says nothing of this person");
    for (n, done) in (0..6).zip(1..) {
        tell(n, &format!("id-{n}")).await;
        assert_eq!(b.count(&c, State::Delivered).await, done, "{n}: {:?}", b.states(&c).await);
    }
}

async fn a_long_message_is_delivered_when_every_segment_is_and_failed_by_the_first_that_is_not(b: Bench) {
    // The answer (0) and the reports on three segments, in every order.
    let orders: Vec<Vec<usize>> = (0..4_usize.pow(4))
        .map(|n| (0..4).map(|i| n / 4_usize.pow(i) % 4).collect())
        .filter(|order: &Vec<usize>| (0..4).all(|step| order.contains(&step)))
        .collect();
    assert_eq!(orders.len(), 24);
    let (_, c) = b.ready(36).await;
    let id = |n: usize, segment: usize| format!("{n}/{segment}");
    // A message alone, taken; alone, in doubt; one of a call of two, taken or in doubt.
    let verdict =
        |n: usize, told: Verdict| Verdict { id: Some(id(n, 1)), later_segments: vec![id(n, 2), id(n, 3)], ..told };
    let of = |n: usize| if n.is_multiple_of(2) { Verdict::accepted("") } else { Verdict::unknown("timeout") };
    let mut requests = Vec::new();
    for n in 0..orders.len() {
        let each = 1 + n % 2;
        requests.push(b.begin(&c, each, each).await.requests.remove(0));
    }
    for (n, (order, request)) in orders.iter().zip(&requests).enumerate() {
        let rid = request.rows[0].rid;
        // Every third message fails, by the segment that is reported on first.
        let fails = n % 3 == 0;
        let first = order.iter().copied().find(|step| *step > 0).unwrap_or_default();
        for (at, step) in order.iter().copied().enumerate() {
            if step == 0 {
                let verdicts = (0..request.rows.len()).map(|k| verdict(n + 100 * k, of(n / 2 + k))).collect();
                let verdicts =
                    if n % 4 == 0 { Verdicts::Same(verdict(n, of(n / 2))) } else { Verdicts::Each(verdicts) };
                b.settle(request, verdicts, false).await;
            } else {
                let delivered = !(fails && step == first);
                let ask = b.report_ask(request, &format!("{n}.{step}"), delivered);
                let ask = ReportAsk { rid, provider_id: Some(id(n, step)), ..ask };
                for _ in 0..2 {
                    sure(async || b.store.report(ask.clone()).await).await;
                }
            }
            let answered = order[..=at].contains(&0);
            let told = order[..=at].iter().filter(|s| **s > 0).count();
            let expected = match (answered, fails && told > 0, told) {
                (false, ..) => State::Begun,
                (_, true, _) => State::Undelivered,
                (_, _, 3) => State::Delivered,
                _ if of(n / 2).outcome == Outcome::Accepted => State::Accepted,
                _ => State::Unknown,
            };
            assert_eq!(b.states(&c).await[&rid], expected, "message {n}, {order:?} up to {at}");
        }
    }
}

async fn a_doubt_that_nobody_can_be_asked_about_is_a_persons_to_end_at_once(b: Bench) {
    let (_, c) = b.ready(3).await;
    let rows = b.begin(&c, 1, 1).await;
    let two = b.begin(&c, 2, 2).await;
    let some = Verdicts::Each(vec![Verdict::unknown("not_named"), Verdict::accepted("id-1")]);
    for (request, verdicts) in [(&rows.requests[0], doubt()), (&two.requests[0], some)] {
        let settlement = Settlement { lookup_at: None, ..b.settlement(request, verdicts, false) };
        sure(async || b.store.settle(vec![settlement.clone()]).await).await;
        b.store.forget(request.reference);
    }
    assert_eq!(b.count(&c, State::Unresolved).await, 2, "{:?}", b.states(&c).await);
    assert!(sure(async || b.store.unknown_due(c.row.key, 10).await).await.is_empty());
    let rid = rows.requests[0].rows[0].rid;
    let taken = Resolution::Accepted { id: None, report_due: Timestamp::FAR };
    assert_eq!(sure(async || b.store.resolve_row(c.row.key, rid, taken.clone()).await).await, 1);
    assert_eq!(b.count(&c, State::Accepted).await, 2);
}

async fn a_doubt_that_is_ended_as_taken_has_its_reports_and_ends_without_them(b: Bench) {
    let (_, c) = b.ready(3).await;
    // Alone in its call, and one of a call of which the other was taken.
    let one = b.begin(&c, 1, 1).await;
    let two = b.begin(&c, 2, 2).await;
    b.settle(&one.requests[0], doubt(), false).await;
    let some = Verdicts::Each(vec![Verdict::unknown("not_named"), Verdict::accepted("id-3")]);
    b.settle(&two.requests[0], some, false).await;
    for (request, id) in [(&one.requests[0], "id-1"), (&two.requests[0], "id-2")] {
        // It came while nobody knew the id.
        if id == "id-1" {
            let early = ReportAsk { code: "early".to_owned(), delivered: None, ..b.report_ask(request, id, true) };
            assert!(sure(async || b.store.report(early.clone()).await).await.waiting);
        }
        let rid = request.rows[0].rid;
        let report_due = b.clock.now().plus(Duration::from_secs(72 * 3_600));
        let to = Resolution::Accepted { id: Some(id.to_owned()), report_due };
        sure(async || b.store.resolve(request.key, Some(rid), to.clone()).await).await;
    }
    assert_eq!(b.count(&c, State::Accepted).await, 3, "{:?}", b.states(&c).await);
    let rid = one.requests[0].rows[0].rid;
    let rows = sure(async || b.store.find(rid, Timestamp::EPOCH, Timestamp::FAR).await).await;
    assert_eq!(rows[0].1.code, "early", "the report that waited was joined");
    assert_eq!(rows[0].1.provider_id.as_deref(), Some("id-1"));
    b.clock.advance(Duration::from_secs(73 * 3_600));
    sure(async || b.store.close_unreported(b.clock.now()).await).await;
    assert_eq!(b.count(&c, State::NoReport).await, 3, "{:?}", b.states(&c).await);
    let late = b.report_ask(&one.requests[0], "late", true);
    sure(async || b.store.report(late.clone()).await).await;
    assert_eq!(b.count(&c, State::Delivered).await, 1, "a late report still counts");
}

async fn a_code_that_says_nothing_final_is_kept_as_it_came(b: Bench) {
    let (_, c) = b.ready(1).await;
    let rows = b.begin(&c, 1, 1).await;
    b.settle(&rows.requests[0], accepted(), false).await;
    let rid = rows.requests[0].rows[0].rid;
    let told = async |code: &str, delivered: Option<bool>| {
        let ask = ReportAsk { code: code.to_owned(), delivered, ..b.report_ask(&rows.requests[0], code, true) };
        sure(async || b.store.report(ask.clone()).await).await;
        let found = sure(async || b.store.find(rid, Timestamp::EPOCH, Timestamp::FAR).await).await;
        (found[0].1.state, found[0].1.code.clone())
    };
    assert_eq!(told("MK:9999", None).await, (State::Accepted, "MK:9999".to_owned()));
    assert_eq!(told("DELIVRD", Some(true)).await, (State::Delivered, "DELIVRD".to_owned()));
    assert_eq!(told("MK:8888", None).await, (State::Delivered, "DELIVRD".to_owned()), "a final word stands");
}

async fn a_fault_of_one_own_text_told_of_many_leaves_all_in_doubt(b: Bench) {
    let (_, c) = b.ready(4).await;
    for (personal, state) in [(true, State::Unknown), (false, State::Failed)] {
        let two = b.begin(&c, 2, 2).await;
        let told = b.settlement(&two.requests[0], rejected(Blame::Content), false);
        let settlement = Settlement { personal, ..told };
        sure(async || b.store.settle(vec![settlement.clone()]).await).await;
        b.store.forget(two.requests[0].reference);
        assert_eq!(b.count(&c, state).await, 2, "personal: {personal}: {:?}", b.states(&c).await);
    }
}

async fn a_report_names_the_row_of_its_own_request(b: Bench) {
    let (shop, first) = b.ready(1).await;
    let one = b.begin(&first, 1, 1).await;
    b.settle(&one.requests[0], accepted(), false).await;
    // A gateway's numbers come round.
    b.clock.advance(Duration::from_secs(2 * 86_400));
    let second = b.plan(&shop, "campaign-2", 0..1).await;
    let two = b.begin(&second, 1, 1).await;
    b.settle(&two.requests[0], accepted(), false).await;
    let ask = b.report_ask(&two.requests[0], "1", true);
    let joined = sure(async || b.store.report(ask.clone()).await).await;
    assert_eq!(joined.campaign, Some(second.row.key), "the newest message of this id");
    assert_eq!((b.state(&first, 0).await, b.state(&second, 0).await), (State::Accepted, State::Delivered));
    // What was refused, and arrived all the same, was taken.
    let third = b.plan(&shop, "campaign-3", 0..1).await;
    b.clock.advance(Duration::from_secs(8 * 86_400));
    let three = b.begin(&third, 1, 1).await;
    b.settle(&three.requests[0], rejected(Blame::Content), false).await;
    let ask = ReportAsk { reference: Some(three.requests[0].reference), ..b.report_ask(&three.requests[0], "2", true) };
    sure(async || b.store.report(ask.clone()).await).await;
    assert_eq!(b.state(&third, 0).await, State::Delivered, "a handset's word stands over a platform's");
}

async fn a_report_twice_counts_once(b: Bench) {
    let (_, c) = b.ready(1).await;
    let rows = b.begin(&c, 10, 10).await;
    b.settle(&rows.requests[0], accepted(), false).await;
    let ask = b.report_ask(&rows.requests[0], "1", true);
    sure(async || b.store.report(ask.clone()).await).await;
    let joined = sure(async || b.store.report(ask.clone()).await).await;
    assert!(joined.repeated);
    assert_eq!(joined.campaign, Some(c.row.key));
    let late = b.report_ask(&rows.requests[0], "2", false);
    sure(async || b.store.report(late.clone()).await).await;
    assert_eq!(b.state(&c, 0).await, State::Delivered, "delivered is not taken back");
}

fn stop_change(rid: Rid, event_id: &str, at: Timestamp, saw: &Arc<AtomicUsize>) -> Change {
    let saw = Arc::clone(saw);
    Change {
        rid,
        key: event_key("suite", event_id),
        envelope: Envelope { source: "suite".to_owned(), event_id: event_id.to_owned(), actor: String::new() },
        kind: "opt_out",
        shop: None,
        claimed: None,
        load: Load::Nothing,
        decide: Box::new(move |loaded| {
            saw.store(loaded.person.sends.len() + 1, Ordering::SeqCst);
            Ok(Effect { events: vec![Event::Stop { scope: Scope::Everyone, at }], ..Effect::default() })
        }),
    }
}

async fn a_change_with_the_same_event_returns_the_first_answer(b: Bench) {
    let saw = Arc::default();
    let first = b.clock.now();
    for i in 0..3 {
        let at = b.clock.now();
        let done = sure(async || b.store.change(Lane::Urgent, vec![stop_change(b.rid(1), "1", at, &saw)]).await).await;
        match done[..] {
            [Changed::Recorded { at }] if i == 0 => assert_eq!(at, first),
            [Changed::Repeated { at }] => assert_eq!(at, first),
            ref other => panic!("repeat {i} gave {other:?}"),
        }
        b.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(sure(async || b.store.events(b.rid(1)).await).await.len(), 1);
    let loaded = sure(async || b.store.person(b.rid(1), Vec::new()).await).await.expect("a person");
    assert_eq!(loaded.person.stops().map(|(_, at)| at).collect::<Vec<_>>(), [first]);
    let done = sure(async || b.store.change(Lane::Urgent, vec![stop_change(b.rid(2), "1", first, &saw)]).await).await;
    assert!(!matches!(done[..], [Changed::Refused(_)]), "the same event may be told of two people");
    assert_eq!(sure(async || b.store.events(b.rid(2)).await).await.len(), 1);
}

async fn a_refused_change_writes_nothing(b: Bench) {
    let change = || {
        let mut change = stop_change(b.rid(1), "1", b.clock.now(), &Arc::default());
        change.decide = Box::new(|_| Err(Code::NoNotice));
        change
    };
    let done = sure(async || b.store.change(Lane::Normal, vec![change()]).await).await;
    assert_eq!(done, [Changed::Refused(Code::NoNotice)]);
    assert!(sure(async || b.store.person(b.rid(1), Vec::new()).await).await.is_none());
    assert!(sure(async || b.store.events(b.rid(1)).await).await.is_empty());
}

async fn erasure_removes_no_stop(b: Bench) {
    let shop = b.shop("shop-1", "owner-1").await;
    b.consent(&shop, 1).await;
    b.opt_out(&shop, 1).await;
    b.clock.advance(Duration::from_secs(60));
    let at = b.clock.now();
    sure(async || shop.erase(phone(1), Erasure::new().at(at)).await).await;
    sure(async || b.store.retain(b.clock.now()).await).await;
    let loaded = sure(async || b.store.person(b.rid(1), Vec::new()).await).await.expect("a person");
    assert_eq!(loaded.person.stops().count(), 1);
    assert!(loaded.grants.iter().all(|(_, g)| g.is_empty()), "a consent outlived the erasure");
    let stopped = sure(async || b.store.stopped_after(None, 10).await).await;
    assert_eq!(stopped.len(), 1);
}

async fn rebuilding_finds_no_difference_after_any_history(b: Bench) {
    let (shop, c) = b.ready(12).await;
    let twin = b.shop("shop-2", "owner-1").await;
    let mut draw = 0x1234_5678_9abc_def1u64;
    let mut next = |n: u64| {
        draw ^= draw << 13;
        draw ^= draw >> 7;
        draw ^= draw << 17;
        draw % n
    };
    let mut of = c;
    for step in 0..60 {
        let n = next(12);
        match next(8) {
            0 => b.consent(if next(2) == 0 { &shop } else { &twin }, n).await,
            1 => b.opt_out(&twin, n).await,
            2 => {
                let at = b.clock.now();
                sure(async || shop.erase(phone(n), Erasure::new().at(at)).await).await;
            }
            3 => {
                let says = [Health::Dead, Health::Delivered, Health::SoftFailure][next(3) as usize];
                let at = b.clock.now();
                let change = || {
                    let mut change = stop_change(b.rid(n), &format!("step-{step}"), at, &Arc::default());
                    change.kind = "report";
                    change.decide =
                        Box::new(move |_| Ok(Effect { events: vec![Event::Report { says, at }], ..Effect::default() }));
                    change
                };
                sure(async || b.store.change(Lane::Normal, vec![change()]).await).await;
            }
            4 | 5 => {
                of = b
                    .plan(&shop, &format!("campaign-{step}"), (0..12).filter(|_| next(2) == 0).collect::<Vec<_>>())
                    .await;
            }
            _ => {
                let Ok(Begun::Rows(rows)) = b.begin_at(&b.store, || b.ask(&of, 4, 2)).await else { continue };
                for request in &rows.requests {
                    let verdicts = [accepted(), doubt(), unsent(), rejected(Blame::Content)][next(4) as usize].clone();
                    b.settle(request, verdicts, true).await;
                }
            }
        }
        b.clock.advance(Duration::from_secs(900 + next(20_000)));
    }
    assert_eq!(sure(async || b.store.rebuild().await).await, 0);
}

async fn caps_hold_over_two_shops_that_begin_at_once(b: Bench) {
    const PEOPLE: u64 = 40;
    let (_, first) = b.ready(PEOPLE).await;
    let twin = b.shop("shop-2", "owner-1").await;
    for n in 0..PEOPLE {
        b.consent(&twin, n).await;
    }
    let mut second = b.plan(&twin, "campaign-2", 0..PEOPLE).await;
    let other = b.another();
    sure(async || b.store.release(vec![second.lease.clone()]).await).await;
    second.lease = b.claim(&other, &second.row).await;
    for _ in 0..PEOPLE {
        let one = b.begin_at(&b.store, || b.ask(&first, 3, 3));
        let two = b.begin_at(&other, || b.ask(&second, 4, 4));
        let (one, two) = tokio::join!(one, two);
        for (store, done) in [(&b.store, one), (&other, two)] {
            for request in &rows(done.expect("the store begins")).requests {
                b.settle_at(store, request, accepted(), false).await;
            }
        }
    }
    for n in 0..PEOPLE {
        assert!(b.charges(n).await <= 1, "a person got more than one message in a day");
    }
    let got = b.count(&first, State::Accepted).await + b.count(&second, State::Accepted).await;
    assert_eq!(got, PEOPLE as usize);
    let refused = b.count(&first, State::Refused).await + b.count(&second, State::Refused).await;
    assert_eq!(refused, PEOPLE as usize);
}

async fn a_budget_is_never_exceeded(b: Bench) {
    let (_, c) = b.ready(10).await;
    let budget = 4 * 390 + 389;
    let mut sent = 0;
    for round in 0..8 {
        let ask = || BeginAsk { budget: Some(budget), ..b.ask(&c, 3, 1) };
        let rows = match b.begin_at(&b.store, ask).await.expect("the store begins") {
            Begun::Rows(rows) => rows,
            Begun::Held { .. } => panic!("nothing is held"),
            Begun::Wait { until, .. } => {
                b.clock.set(until);
                continue;
            }
        };
        assert!(b.spent(&c).await <= budget, "the budget was exceeded");
        for request in &rows.requests {
            // What was not sent gives its money back.
            let back = round == 0;
            sent += usize::from(!back);
            b.settle(request, if back { unsent() } else { accepted() }, false).await;
        }
    }
    assert_eq!(sent, 4, "the budget is used as far as it goes");
    let last =
        rows(b.begin_at(&b.store, || BeginAsk { budget: Some(budget), ..b.ask(&c, 3, 1) }).await.expect("begins"));
    assert!(last.budget_exhausted);
    assert_eq!(begun(&last), 0);
}

async fn a_hold_on_anything_blocks_the_begin(b: Bench) {
    let (_, c) = b.ready(2).await;
    let subjects = [
        (Subject::Store, "store"),
        (Subject::Account(account()), "account"),
        (Subject::Owner(c.shop.owner), "owner"),
        (Subject::Shop(c.shop.key), "shop"),
        (Subject::Campaign(c.row.key), "campaign"),
    ];
    for (subject, name) in subjects {
        sure(async || b.store.set_hold(subject.clone(), Some("audit".to_owned())).await).await;
        match b.begin_any(&c, 10, 10).await {
            Begun::Held { on, reason } => assert_eq!((on, reason.as_str()), (name, "audit")),
            other @ (Begun::Rows(_) | Begun::Wait { .. }) => panic!("a hold on {name} was not kept: {other:?}"),
        }
        assert_eq!(b.count(&c, State::Planned).await, 2);
        sure(async || b.store.set_hold(subject.clone(), None).await).await;
    }
    assert_eq!(begun(&b.begin(&c, 10, 10).await), 2);
}

async fn a_paused_or_cancelled_campaign_begins_nothing(b: Bench) {
    let (_, c) = b.ready(2).await;
    for (phase, then) in
        [(Phase::Paused, Phase::Paused), (Phase::Cancelled, Phase::Cancelled), (Phase::Ready, Phase::Cancelled)]
    {
        assert_eq!(sure(async || b.store.set_phase(c.row.key, phase).await).await, then);
        assert!(matches!(b.begin_any(&c, 10, 10).await, Begun::Held { on: "campaign", .. }));
    }
    assert_eq!(b.charges(0).await + b.charges(1).await, 0);
}

async fn a_pace_is_shared_by_campaigns_and_workers(b: Bench) {
    let (numbers, seconds) = two_workers(&b, 5, 1, |of| b.ask(of, 10, 10)).await;
    assert!(numbers <= 5 * (seconds + 1), "{numbers} numbers in {seconds} seconds");
    assert!(numbers >= 5, "the pace lets nothing pass");
}

async fn segments_take_of_the_pace_what_they_are(b: Bench) {
    let (numbers, seconds) = two_workers(&b, 6, 3, |of| BeginAsk { pace_each: 3, ..b.ask(of, 10, 10) }).await;
    assert!(numbers <= 2 * (seconds + 1), "{numbers} numbers of three segments in {seconds} seconds");
    assert!(numbers >= 2, "the pace lets nothing pass");
}

async fn what_no_call_was_left_for_is_looked_at_again_and_has_used_up_nothing(b: Bench) {
    let shop = b.shop("shop-1", "owner-1").await;
    b.account(10).await;
    for n in 0..30 {
        b.consent(&shop, n).await;
    }
    // Two texts, of which one call carries one.
    let c = b.plan_as(&shop, "campaign-1", 0..30, |n| (u8::from(n % 3 > 0), 1)).await;
    let ask = |from: Option<Rid>| {
        let ask = BeginAsk { calls_per_second: 100, budget: Some(20 * 390), price: 390, ..b.ask(&c, 30, 30) };
        let references = vec![Reference::fresh(&b.clock)];
        let renditions = vec![[2; 32]; 2];
        BeginAsk { references, renditions, from: from.unwrap_or(ask.from), ..ask }
    };
    let (mut from, mut each, mut begun) = (None, Vec::new(), 0);
    for _ in 0..60 {
        match b.begin_at(&b.store, || ask(from)).await.expect("begins") {
            Begun::Rows(rows) => {
                each.extend(rows.requests.iter().map(|r| (r.variant, r.rows.len())));
                for request in &rows.requests {
                    b.settle(request, accepted(), false).await;
                }
                begun = b.count(&c, State::Accepted).await + b.count(&c, State::Begun).await;
                // A begin whose answer was lost has rows and budget for a while that nobody sees.
                let all_seen = begun == each.iter().map(|(_, n)| *n).sum::<usize>();
                assert!(!(rows.budget_exhausted && all_seen) || begun == 20, "{each:?}: there is budget for twenty");
                from = rows.next;
            }
            Begun::Wait { until, .. } => b.clock.set(until),
            Begun::Held { .. } => panic!("nothing is held"),
        }
        if begun == 20 {
            break;
        }
        sure(async || b.store.recover().await).await;
    }
    assert_eq!(begun, 20, "all that the budget allows: {each:?}");
}

async fn calls_a_second_are_counted_over_campaigns_and_workers(b: Bench) {
    // A call carries one number.
    let (calls, seconds) = two_workers(&b, 0, 1, |of| BeginAsk { calls_per_second: 4, ..b.ask(of, 10, 1) }).await;
    assert!(calls <= 4 * seconds + 1, "{calls} calls in {seconds} seconds");
    assert!(calls >= 4, "the platform's rate lets nothing pass");
}

/// What two workers begin, each of its own campaign, in three seconds and a little.
async fn two_workers(b: &Bench, pace: u32, parts: u8, ask: impl Fn(&Planned) -> BeginAsk) -> (usize, usize) {
    let shop = b.shop("shop-1", "owner-1").await;
    b.account(pace).await;
    for n in 0..40 {
        b.consent(&shop, n).await;
    }
    let c = b.plan_as(&shop, "campaign-1", 0..20, |_| (0, parts)).await;
    let mut second = b.plan_as(&shop, "campaign-2", 20..40, |_| (0, parts)).await;
    let other = b.another();
    sure(async || b.store.release(vec![second.lease.clone()]).await).await;
    second.lease = b.claim(&other, &second.row).await;
    let c = Planned { lease: b.renewed(&c).await, ..c };
    let mut total = 0;
    let start = b.clock.now();
    for _ in 0..6 {
        for (store, of) in [(&b.store, &c), (&other, &second)] {
            if let Begun::Rows(rows) = b.begin_at(store, || ask(of)).await.expect("begins") {
                total += begun(&rows);
            }
        }
        b.clock.advance(Duration::from_millis(500));
    }
    (total, (b.clock.now().millis() - start.millis()) as usize / 1_000)
}

impl Bench {
    /// The lease, or the next one where waiting for another has cost it.
    async fn renewed(&self, of: &Planned) -> Lease {
        let kept = sure(async || self.store.beat(vec![of.lease.clone()]).await).await;
        match kept.into_iter().next() {
            Some(lease) => lease,
            None => self.claim(&self.store, &of.row).await,
        }
    }
}

async fn calls_under_way_are_counted_over_campaigns_and_workers(b: Bench) {
    let (shop, c) = b.ready(20).await;
    for n in 20..40 {
        b.consent(&shop, n).await;
    }
    let mut second = b.plan(&shop, "campaign-2", 20..40).await;
    let other = b.another();
    sure(async || b.store.release(vec![second.lease.clone()]).await).await;
    second.lease = b.claim(&other, &second.row).await;
    let c = Planned { lease: b.renewed(&c).await, ..c };
    let ask = |of: &Planned| BeginAsk { concurrency: 3, ..b.ask(of, 4, 2) };
    let first = rows(b.begin_at(&b.store, || ask(&c)).await.expect("begins"));
    assert_eq!((first.requests.len(), begun(&first)), (2, 4), "there is room for two calls");
    let third = rows(b.begin_at(&other, || ask(&second)).await.expect("begins"));
    assert_eq!((third.requests.len(), begun(&third)), (1, 2), "the other worker has one call left");
    for (store, of) in [(&b.store, &c), (&other, &second)] {
        match b.begin_at(store, || ask(of)).await.expect("begins") {
            Begun::Wait { until, .. } => assert!(until > b.clock.now()),
            more @ (Begun::Held { .. } | Begun::Rows(_)) => panic!("more calls than may be: {more:?}"),
        }
    }
    b.settle(&first.requests[0], accepted(), false).await;
    let next = rows(b.begin_at(&other, || ask(&second)).await.expect("begins"));
    assert_eq!(next.requests.len(), 1, "the end of a call makes room for one");
}

async fn what_an_account_may_not_carry_stays_planned_for_another(b: Bench) {
    let (_, c) = b.ready(10).await;
    let carried: std::collections::HashSet<Rid> = (0..4).map(|n| b.rid(n)).collect();
    let ask = || {
        let carried = carried.clone();
        BeginAsk { carries: Some(Arc::new(move |rid, _| Ok(carried.contains(&rid)))), ..b.ask(&c, 10, 10) }
    };
    let rows = rows(b.begin_at(&b.store, ask).await.expect("begins"));
    assert_eq!((begun(&rows), rows.left), (4, 6));
    for request in &rows.requests {
        assert!(request.rows.iter().all(|r| carried.contains(&r.rid)));
        b.settle(request, accepted(), false).await;
    }
    assert_eq!((b.count(&c, State::Accepted).await, b.count(&c, State::Planned).await), (4, 6));
    assert_eq!(b.charges(9).await, 0, "what is left costs nothing");
    assert_eq!(b.spent(&c).await, 4 * 390);
    assert_eq!(begun(&b.begin(&c, 10, 10).await), 6, "another account takes them");
}

impl Bench {
    /// While the probe is under way nothing else is begun.
    async fn no_other(&self, of: &Planned) {
        match self.begin_any(of, 10, 10).await {
            Begun::Wait { until, .. } => assert!(until > self.clock.now()),
            more @ (Begun::Held { .. } | Begun::Rows(_)) => panic!("two probes at a time: {more:?}"),
        }
    }
}

async fn calls_that_never_left_open_the_breaker_too(b: Bench) {
    let (_, c) = b.ready(20).await;
    for request in &b.begin(&c, 3, 1).await.requests {
        b.settle(request, unsent(), false).await;
    }
    let Begun::Wait { until, .. } = b.begin_any(&c, 10, 10).await else { panic!("the breaker stayed closed") };
    b.clock.set(until);
    let probe = b.begin(&c, 10, 10).await;
    assert_eq!((probe.requests.len(), begun(&probe)), (1, 1), "the probe is one row");
    b.no_other(&c).await;
    b.settle(&probe.requests[0], accepted(), false).await;
    assert_eq!(begun(&b.begin(&c, 10, 10).await), 10, "one accepted call closes the breaker");
}

async fn three_doubts_open_the_breaker_and_one_row_probes(b: Bench) {
    let (_, c) = b.ready(20).await;
    let rows = b.begin(&c, 3, 1).await;
    assert_eq!(rows.requests.len(), 3);
    for request in &rows.requests {
        b.settle(request, doubt(), false).await;
    }
    let Begun::Wait { until, .. } = b.begin_any(&c, 10, 10).await else { panic!("the breaker stayed closed") };
    assert!(until > b.clock.now());
    b.clock.set(until);
    let probe = b.begin(&c, 10, 10).await;
    assert_eq!(begun(&probe), 1, "the probe is one row");
    b.no_other(&c).await;
    b.settle(&probe.requests[0], doubt(), false).await;
    let Begun::Wait { until, .. } = b.begin_any(&c, 10, 10).await else { panic!("the breaker closed on a doubt") };
    b.clock.set(until);
    let probe = b.begin(&c, 10, 10).await;
    assert_eq!(begun(&probe), 1);
    b.settle(&probe.requests[0], accepted(), false).await;
    assert_eq!(begun(&b.begin(&c, 10, 10).await), 10, "one accepted call closes the breaker");
}

async fn expiring_ends_planned_rows_and_no_others(b: Bench) {
    let (_, c) = b.ready(6).await;
    let rows = b.begin(&c, 3, 1).await;
    b.settle(&rows.requests[0], accepted(), false).await;
    b.settle(&rows.requests[1], doubt(), false).await;
    sure(async || b.store.expire(c.row.key, Code::CampaignEnded).await).await;
    for (state, n) in [(State::Expired, 3), (State::Accepted, 1), (State::Unknown, 1), (State::Begun, 1)] {
        assert_eq!(b.count(&c, state).await, n, "{state}");
    }
    assert_eq!(begun(&b.begin(&c, 10, 10).await), 0);
}

async fn an_accepted_row_without_report_ends(b: Bench) {
    let (_, c) = b.ready(2).await;
    let rows = b.begin(&c, 10, 1).await;
    b.settle(&rows.requests[0], accepted(), false).await;
    b.settle(&rows.requests[1], doubt(), false).await;
    sure(async || b.store.close_unreported(b.clock.now()).await).await;
    assert_eq!(b.count(&c, State::Accepted).await, 1);
    b.clock.advance(Duration::from_secs(73 * 3_600));
    sure(async || b.store.close_unreported(b.clock.now()).await).await;
    assert_eq!(b.count(&c, State::NoReport).await, 1);
    assert_eq!(b.count(&c, State::Unknown).await, 1);
    let report =
        ReportAsk { reference: Some(rows.requests[0].reference), ..b.report_ask(&rows.requests[0], "1", true) };
    sure(async || b.store.report(report.clone()).await).await;
    assert_eq!(b.count(&c, State::Delivered).await, 1, "a late report still counts");
}

async fn a_search_finds_a_person_over_campaigns(b: Bench) {
    let (shop, c) = b.ready(2).await;
    let rows = b.begin(&c, 10, 10).await;
    b.settle(&rows.requests[0], accepted(), false).await;
    b.clock.advance(Duration::from_secs(3 * 86_400));
    let second = b.plan(&shop, "campaign-2", 1..3).await;
    let rows = b.begin(&second, 10, 10).await;
    b.settle(&rows.requests[0], accepted(), false).await;
    let find = async |n: u64| sure(async || b.store.find(b.rid(n), Timestamp::EPOCH, Timestamp::FAR).await).await;
    let found: Vec<_> = find(1).await.into_iter().map(|(c, r)| (c.key, r.state)).collect();
    assert_eq!(found, [(second.row.key, State::Accepted), (c.row.key, State::Accepted)], "newest first");
    assert_eq!(find(0).await.len(), 1);
    assert_eq!(find(9).await.len(), 0);
    let senders = sure(async || b.store.senders(b.rid(1), Some(account()), Timestamp::EPOCH).await).await;
    assert_eq!(senders, [c.shop.owner]);
}

async fn removing_old_campaigns_keeps_consents_and_stops(b: Bench) {
    let (shop, c) = b.ready(3).await;
    let rows = b.begin(&c, 10, 10).await;
    b.settle(&rows.requests[0], accepted(), false).await;
    b.opt_out(&shop, 1).await;
    // What still counts towards a promise is kept, whatever is asked.
    b.clock.advance(Duration::from_secs(200 * 86_400));
    sure(async || b.store.retain(b.clock.now().minus(Duration::from_secs(86_400))).await).await;
    assert!(sure(async || b.store.campaign_by_key(c.row.key).await).await.is_some());
    assert_eq!(sure(async || b.store.rebuild().await).await, 0);
    b.clock.advance(Duration::from_secs(200 * 86_400));
    let young = b.plan(&shop, "campaign-2", 0..1).await;
    sure(async || b.store.retain(b.clock.now().minus(Duration::from_secs(86_400))).await).await;
    assert!(sure(async || b.store.campaign_by_key(c.row.key).await).await.is_none());
    assert!(sure(async || b.store.campaign_by_key(young.row.key).await).await.is_some());
    assert!(sure(async || b.store.scan(c.row.key, None, 10, None).await).await.is_empty());
    let loaded = sure(async || b.store.person(b.rid(1), Vec::new()).await).await.expect("a person");
    assert_eq!(loaded.person.stops().count(), 1);
    assert_eq!(loaded.grants.iter().map(|(_, g)| g.len()).sum::<usize>(), 1);
    assert_eq!(sure(async || b.store.rebuild().await).await, 0);
}

async fn a_plan_that_was_cut_is_discarded_and_redone(b: Bench) {
    let shop = b.shop("shop-1", "owner-1").await;
    b.account(0).await;
    let cut = b.write_plan(&shop, "campaign-1", 0..50, |_| (0, 1)).await;
    assert_eq!(cut.phase, Phase::Planning);
    let held = b.begin_at(&b.store, || {
        let lease = Lease { campaign: cut.key, shard: 0, shards: 1, epoch: 1 };
        let shop = shop.row().clone();
        b.ask(&Planned { row: cut.clone(), shop, lease }, 10, 10)
    });
    assert!(!matches!(held.await, Ok(Begun::Rows(_))), "a campaign began before its plan was ready");
    let again = b.plan(&shop, "campaign-1", 40..60).await;
    assert_eq!(again.row.key, cut.key);
    assert_eq!(again.row.rows, 20);
    assert_eq!(b.states(&again).await.len(), 20);
}

async fn a_planned_campaign_keeps_its_content(b: Bench) {
    let (shop, c) = b.ready(2).await;
    let name = CampaignName::new("campaign-1").expect("a name");
    let row = sure(async || b.store.open_campaign(shop.row().key, &name, b"other".to_vec()).await).await;
    assert_eq!((row.key, row.phase, row.rows, &row.spec[..]), (c.row.key, Phase::Ready, 2, &b"spec"[..]));
    let more = PlanRow { rid: b.rid(9), position: 9, line: None, variant: 0, parts: 1, sealed: vec![1] };
    let refused = again(async || b.store.plan(row.key, vec![more.clone()], Vec::new()).await).await;
    assert!(matches!(refused, Err(StoreError::Conflict)));
    assert_eq!(b.states(&c).await.len(), 2);
}

async fn a_name_with_other_content_is_a_conflict(b: Bench) {
    let shop = b.shop("shop-1", "owner-1").await;
    let mock = Arc::new(super::MockProvider::new("mock"));
    let optin = b.optin().await;
    sure(async || optin.add_account(&account(), mock.clone(), AccountSettings::default()).await).await;
    let shop = sure(async || optin.shop_by_id(shop.id()).await).await;
    let plan = async |text: &str, people: std::ops::Range<u64>| {
        again(async || {
            let people: Vec<Phone> = people.clone().map(phone).collect();
            let audience = crate::campaign::Audience::iter(people);
            shop.campaign("campaign-1", Purpose::Promotion).text(text).via(account()).plan(audience).await
        })
        .await
    };
    let first = plan("新品八折", 0..5).await.expect("a plan");
    assert_eq!(first.rows(), 5);
    assert_eq!(plan("新品八折", 0..5).await.expect("the same content opens it").rows(), 5);
    assert!(matches!(plan("新品八折", 0..6).await, Err(CampaignError::Conflict)));
    assert!(matches!(plan("新品七折", 0..5).await, Err(CampaignError::Conflict)));
}

async fn merged_owners_share_stops_and_caps(b: Bench) {
    let (one, first) = b.ready(3).await;
    let two = b.shop("shop-2", "owner-2").await;
    for n in 0..3 {
        b.consent(&two, n).await;
    }
    let rows = b.begin(&first, 2, 1).await;
    let (sent, back) = (rows.requests[0].rows[0].rid, rows.requests[1].rows[0].rid);
    b.settle(&rows.requests[0], accepted(), false).await;
    let third = (0..3).find(|n| ![sent, back].contains(&b.rid(*n))).expect("a third person");
    b.opt_out(&one, third).await;
    let optin = b.optin().await;
    sure(async || optin.merge_owners(one.owner_id(), two.owner_id()).await).await;
    // A charge of the time before the merge is still given back.
    b.settle(&rows.requests[1], unsent(), false).await;
    let second = b.plan(&two, "campaign-2", 0..3).await;
    assert_eq!(second.shop.owners.len(), 2);
    let rows = b.begin(&second, 10, 10).await;
    let got: BTreeSet<Rid> = rows.requests.iter().flat_map(|r| &r.rows).map(|r| r.rid).collect();
    assert!(!got.contains(&b.rid(third)), "a stop of one owner did not reach the other");
    assert!(!got.contains(&sent), "a send of one owner did not count for the other");
    assert!(got.contains(&back), "a charge that was given back still counts");
    assert_eq!(b.states(&second).await.values().filter(|s| **s == State::Refused).count(), 2);
    assert_eq!(sure(async || b.store.rebuild().await).await, 0);
}

/// A clock that is trusted never to step back.
#[derive(Debug)]
struct Strict(ManualClock);

impl Clock for Strict {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn mono(&self) -> Duration {
        self.0.mono()
    }

    fn sleep(&self, by: Duration) -> Sleep {
        self.0.sleep(by)
    }

    fn fill(&self, out: &mut [u8]) {
        self.0.fill(out);
    }

    fn may_step_back(&self) -> bool {
        false
    }
}

async fn a_clock_behind_the_mark_is_refused(b: Bench) {
    let (_, c) = b.ready(2).await;
    let store = (b.open)(Arc::new(Strict(b.clock.clone())));
    let saw = Arc::default();
    let now = b.clock.now();
    sure(async || store.change(Lane::Normal, vec![stop_change(b.rid(7), "1", now, &saw)]).await).await;
    b.clock.set(now.minus(Duration::from_secs(10)));
    let refused = again(async || store.change(Lane::Normal, vec![stop_change(b.rid(8), "2", now, &saw)]).await).await;
    assert!(matches!(refused, Err(StoreError::ClockBehind { behind_ms }) if behind_ms >= 9_000), "{refused:?}");
    assert!(sure(async || b.store.person(b.rid(8), Vec::new()).await).await.is_none());
    let refused = again(async || store.claim(c.row.key, 1).await).await;
    assert!(matches!(refused, Err(StoreError::ClockBehind { .. })));
    b.clock.set(now);
    sure(async || store.change(Lane::Normal, vec![stop_change(b.rid(8), "2", now, &saw)]).await).await;
}

async fn no_begin_commits_after_an_opt_out(b: Bench) {
    const PAIRS: u64 = 500;
    let shop = b.shop("shop-1", "owner-1").await;
    b.account(0).await;
    // Consents in bulk: what is raced is what comes after.
    for n in 0..PAIRS {
        b.consent(&shop, n).await;
    }
    let c = b.plan(&shop, "campaign-1", 0..PAIRS).await;
    let c = Planned { lease: b.renewed(&c).await, ..c };
    let other = b.another();
    let (mut begun_first, mut violations) = (0, 0);
    for n in 0..PAIRS {
        // Zero: the stop was not decided; else the sends that it saw, and one.
        let saw = Arc::new(AtomicUsize::new(0));
        let at = b.clock.now();
        let stop = async {
            for _ in 0..n % 5 {
                tokio::task::yield_now().await;
            }
            let id = n.to_string();
            sure(async || other.change(Lane::Urgent, vec![stop_change(b.rid(n), &id, at, &saw)]).await).await
        };
        let begin = async {
            for _ in 0..n % 3 {
                tokio::task::yield_now().await;
            }
            b.begin_at(&b.store, || BeginAsk { from: b.rid(n), ..b.ask(&c, 1, 1) }).await
        };
        let (_, rows_) = tokio::join!(stop, begin);
        for row in rows(rows_.expect("begins")).requests.iter().flat_map(|r| &r.rows) {
            let of = row.rid == b.rid(n);
            begun_first += usize::from(of);
            // It was begun; the stop's own transaction must have seen it, or it was begun after.
            violations += usize::from(of && saw.load(Ordering::SeqCst) < 2);
        }
        let after =
            rows(b.begin_at(&b.store, || BeginAsk { from: b.rid(n), ..b.ask(&c, 1, 1) }).await.expect("begins"));
        violations += after.requests.iter().flat_map(|r| &r.rows).filter(|r| r.rid == b.rid(n)).count();
    }
    assert_eq!(violations, 0, "{begun_first} of {PAIRS} were begun");
}

async fn what_a_dead_worker_left_goes_where_the_journal_puts_it(b: Bench) {
    let (_, c) = b.ready(3).await;
    let dying = b.another();
    sure(async || b.store.release(vec![c.lease.clone()]).await).await;
    let c = Planned { lease: b.claim(&dying, &c.row).await, ..c };
    let rows = rows(b.begin_at(&dying, || b.ask(&c, 10, 1)).await.expect("begins"));
    assert_eq!(rows.requests.len(), 3);
    dying.journal(rows.requests[0].reference).expect("the journal takes it");
    sure(async || b.store.recover().await).await;
    assert_eq!(b.count(&c, State::Begun).await, 3, "a living worker's calls are its own");
    drop(dying);
    sure(async || b.store.recover().await).await;
    assert_eq!(b.count(&c, State::Unknown).await, 1);
    assert_eq!(b.count(&c, State::Planned).await, 2);
    assert_eq!(b.spent(&c).await, 390);
    // Its lease is free at once; only what never left goes out again.
    let lease = b.claim(&b.store, &c.row).await;
    let c = Planned { lease, ..c };
    assert_eq!(begun(&b.begin(&c, 10, 10).await), 2);
    for n in 0..3 {
        assert_eq!(b.charges(n).await, 1);
    }
}

async fn what_nobody_drives_goes_where_the_journal_puts_it(b: Bench) {
    let (_, c) = b.ready(3).await;
    let rows = b.begin(&c, 10, 1).await;
    b.store.journal(rows.requests[0].reference).expect("the journal takes it");
    sure(async || b.store.recover().await).await;
    assert_eq!(b.count(&c, State::Begun).await, 3, "calls that are driven are left alone");
    b.store.forget(rows.requests[0].reference);
    b.store.forget(rows.requests[1].reference);
    sure(async || b.store.recover().await).await;
    assert_eq!(b.count(&c, State::Unknown).await, 1);
    assert_eq!(b.count(&c, State::Planned).await, 1);
    assert_eq!(b.count(&c, State::Begun).await, 1);
    // An answer that comes after all is evidence.
    b.settle(&rows.requests[0], accepted(), false).await;
    assert_eq!(b.count(&c, State::Accepted).await, 1);
}

async fn an_open_call_is_known_until_it_is_settled(b: Bench) {
    let (_, c) = b.ready(1).await;
    let open = async |owners: Vec<OwnerKey>| sure(async || b.store.open_for(b.rid(0), owners.clone()).await).await;
    assert!(!open(Vec::new()).await);
    let rows = b.begin(&c, 10, 10).await;
    assert!(open(Vec::new()).await);
    assert!(open(c.shop.owners.clone()).await);
    assert!(!open(vec![OwnerKey(9_999)]).await);
    assert_eq!(sure(async || b.store.open_requests(c.row.key).await).await, 1);
    b.settle(&rows.requests[0], doubt(), false).await;
    assert!(!open(Vec::new()).await);
    assert_eq!(sure(async || b.store.open_requests(c.row.key).await).await, 0);
}

async fn every_row_is_counted_once(b: Bench) {
    let (shop, c) = b.ready(10).await;
    b.opt_out(&shop, 3).await;
    let rows = b.begin(&c, 6, 2).await;
    let verdicts = [accepted(), doubt(), rejected(Blame::Content)];
    for (request, verdicts) in rows.requests.iter().zip(verdicts) {
        b.settle(request, verdicts, false).await;
    }
    let tally = sure(async || b.store.tally(c.row.key).await).await;
    assert_eq!(tally.iter().map(|t| t.rows).sum::<u64>(), 10);
    for state in State::ALL {
        let counted: u64 = tally.iter().filter(|t| t.state == state).map(|t| t.rows).sum();
        assert_eq!(counted as usize, b.count(&c, state).await, "{state}");
    }
    let cost: u64 = tally.iter().filter(|t| t.state.is_charged()).map(|t| t.cost).sum();
    assert_eq!(cost, b.spent(&c).await);
}

async fn an_extension_is_one_shops_until_it_has_rested(b: Bench) {
    let (one, two) = (b.shop("shop-1", "owner-1").await, b.shop("shop-2", "owner-2").await);
    let row = given(assign(&b.store, &one, "01").await);
    assert_eq!((row.shop, row.idle_since), (one.row().key, None));
    assert_eq!(assign(&b.store, &two, "01").await, Assignment::Held);
    assert_eq!(give_up(&b.store, &two, "01").await, None, "only its own shop gives it up");
    assert_eq!(assign(&b.store, &two, "01").await, Assignment::Held);
    // Other digits are another one, and so are the same digits of another account.
    given(assign(&b.store, &two, "1").await);
    let elsewhere = AccountId::new("account-2").expect("a name");
    assert_eq!(sure(async || b.store.extension(&elsewhere, &extension("01")).await).await, None);

    let idle = give_up(&b.store, &one, "01").await.and_then(|r| r.idle_since).expect("given up");
    assert_eq!(idle, b.clock.now());
    assert_eq!(assign(&b.store, &two, "01").await, Assignment::Resting { until: idle.plus(REST) });
    let kept = sure(async || b.store.extension(&account(), &extension("01")).await).await;
    assert_eq!(kept.map(|r| r.shop), Some(one.row().key), "its last shop's");
    // The same shop gets it at once, and it rests anew.
    given(assign(&b.store, &one, "01").await);
    assert_eq!(assign(&b.store, &two, "01").await, Assignment::Held);
    b.clock.advance(Duration::from_secs(60));
    let until = give_up(&b.store, &one, "01").await.and_then(|r| r.idle_since).expect("given up").plus(REST);
    b.clock.set(until.minus(Duration::from_millis(1)));
    assert_eq!(assign(&b.store, &two, "01").await, Assignment::Resting { until });
    b.clock.set(until);
    let row = given(assign(&b.store, &two, "01").await);
    assert_eq!((row.shop, row.since, row.idle_since), (two.row().key, until, None));
    assert_eq!(assign(&b.store, &one, "01").await, Assignment::Held);
    let digits = async |shop: &ShopHandle| -> Vec<String> {
        let rows = sure(async || b.store.extensions(shop.row().key).await).await;
        rows.iter().map(|r| r.extension.to_string()).collect()
    };
    assert_eq!((digits(&one).await, digits(&two).await), (vec![], vec!["01".to_owned(), "1".to_owned()]));
}

async fn an_extension_taken_or_given_up_again_changes_nothing(b: Bench) {
    let shop = b.shop("shop-1", "owner-1").await;
    let first = given(assign(&b.store, &shop, "01").await);
    b.clock.advance(Duration::from_secs(60));
    let row = given(assign(&b.store, &shop, "01").await);
    assert_eq!((row.since, row.idle_since), (first.since, None));
    let given_up = give_up(&b.store, &shop, "01").await;
    b.clock.advance(Duration::from_secs(60));
    assert_eq!(give_up(&b.store, &shop, "01").await, given_up, "the first time counts");
    let ask = ExtensionAsk { account: account(), extension: extension("02"), shop: ShopKey(9_999), rest: REST };
    let refused = again(async || b.store.assign_extension(ask.clone()).await).await;
    assert_eq!(refused.expect_err("no such shop").code(), "not_registered");
}

async fn an_extension_that_is_still_sent_from_rests_from_its_last_use(b: Bench) {
    let (one, c) = b.ready(4).await;
    let two = b.shop("shop-2", "owner-2").await;
    given(assign(&b.store, &one, "01").await);
    let given_up = give_up(&b.store, &one, "01").await.and_then(|r| r.idle_since).expect("given up");
    // A campaign that was built before goes on.
    b.clock.advance(Duration::from_secs(3 * 86_400));
    let c = Planned { lease: b.claim(&b.store, &c.row).await, ..c };
    let before = b.clock.now();
    assert_eq!(begun(&b.begin(&c, 4, 4).await), 4);
    let used = sure(async || b.store.extension(&account(), &extension("01")).await).await;
    let used = used.and_then(|r| r.idle_since).expect("given up");
    assert!(used >= before && used > given_up);
    b.clock.set(given_up.plus(REST));
    assert_eq!(assign(&b.store, &two, "01").await, Assignment::Resting { until: used.plus(REST) });
    b.clock.set(used.plus(REST));
    given(assign(&b.store, &two, "01").await);
}

async fn take_place(store: &Arc<dyn Store>, of: u16) -> Option<Place> {
    let holder = Reference::fresh(&**store.clock());
    sure(async || store.take_place(&account(), of, holder).await).await
}

async fn no_more_connections_are_open_than_the_carrier_allows(b: Bench) {
    let other = b.another();
    let (one, two) = tokio::join!(take_place(&b.store, 2), take_place(&other, 2));
    let (one, two) = (one.expect("a place"), two.expect("a place"));
    assert_ne!(one.place, two.place);
    assert_eq!((take_place(&b.store, 2).await, take_place(&other, 2).await), (None, None));
    let same = sure(async || b.store.take_place(&account(), 2, one.holder).await).await;
    assert_eq!(same.as_ref(), Some(&one), "asked again after a lost answer");
    let elsewhere = AccountId::new("account-2").expect("a name");
    let theirs = sure(async || other.take_place(&elsewhere, 1, two.holder).await).await;
    assert!(theirs.is_some(), "another account's are its own");
    sure(async || b.store.leave_place(&one).await).await;
    assert!(!sure(async || b.store.keep_place(&one).await).await, "it was left");
    assert_eq!(take_place(&other, 1).await, None, "of a cap that was lowered, places beyond it are still held");
    let next = take_place(&other, 2).await.expect("a place");
    assert_eq!(next.place, one.place);
    sure(async || b.store.leave_place(&one).await).await;
    assert_eq!(take_place(&b.store, 2).await, None, "leaving twice takes nothing from the next");
}

async fn a_connection_of_a_process_that_stopped_is_given_away_after_its_time(b: Bench) {
    let other = b.another();
    let place = take_place(&b.store, 1).await.expect("a place");
    let kept = async || sure(async || b.store.keep_place(&place).await).await;
    for _ in 0..3 {
        b.clock.advance(Duration::from_secs(14));
        assert_eq!(take_place(&other, 1).await, None);
        assert!(kept().await);
    }
    b.clock.advance(Duration::from_secs(15));
    assert!(!kept().await, "its time is over");
    assert!(take_place(&other, 1).await.is_some());
    assert!(!kept().await, "it is another's");
}

async fn of_two_shops_that_race_for_an_extension_one_gets_it(b: Bench) {
    let (one, two) = (b.shop("shop-1", "owner-1").await, b.shop("shop-2", "owner-2").await);
    let other = b.another();
    for n in 0..40 {
        let digits = n.to_string();
        let (a, z) = tokio::join!(assign(&b.store, &one, &digits), assign(&other, &two, &digits));
        let gets = |a: &Assignment| matches!(a, Assignment::Given(_));
        assert!(gets(&a) != gets(&z), "extension {n}: {a:?} and {z:?}");
        assert!([&a, &z].into_iter().any(|a| *a == Assignment::Held), "extension {n}: {a:?} and {z:?}");
        let its = if gets(&a) { &one } else { &two };
        let row = sure(async || other.extension(&account(), &extension(&digits)).await).await;
        assert_eq!(row.map(|r| r.shop), Some(its.row().key), "extension {n}");
    }
}
