//! What begin and settle of a thousand recipients take together, and a bulk import:
//! `cargo bench --bench begin --features testing`. Each line printed is JSON; times are wall clock, durable
//! (`synchronous=FULL`), on a fresh database in the folder for temporary files (`TMPDIR`).
//!
//! Rows are used up by being begun, so there is a plain loop over many thousands and no sampling.

use futures_util::StreamExt;
use optin106::clock::{Clock, SystemClock};
use optin106::consent::Promise;
use optin106::facts::{Event, Facts, Grant};
use optin106::gate::{Case, judge};
use optin106::id::{AccountId, CampaignName, Reference, Rid};
use optin106::keyring::Keyring;
use optin106::provider::{Answer, Verdict, Verdicts};
use optin106::store::{
    BeginAsk, Begun, Change, Effect, Lane, Lease, Load, PlanRow, Settlement, ShopRow, SqliteStore, event_key,
};
use optin106::testing::ManualClock;
use optin106::{
    Days, Envelope, Evidence, Method, Notice, OptIn, Optin106, Owner, Phone, Policy, Purpose, Shop, ShopHandle,
    Timestamp,
};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

const BATCH: usize = 1_000;
const NOW: &str = "2026-12-12T10:00:00+08:00";
const GIVEN: &str = "2026-11-01T10:00:00+08:00";

type Error = Box<dyn std::error::Error + Send + Sync>;

fn at(s: &str) -> Timestamp {
    s.parse().expect("a moment")
}

struct World {
    _folder: tempfile::TempDir,
    optin: Optin106,
    clock: Arc<dyn Clock>,
    shop: ShopHandle,
    row: ShopRow,
    account: AccountId,
}

impl World {
    async fn new() -> Result<Self, Error> {
        let folder = tempfile::tempdir()?;
        let keyring = Keyring::generate(&SystemClock::new());
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(at(NOW)));
        let store = SqliteStore::open_with(folder.path().join("shop.db"), keyring, Arc::clone(&clock))?;
        let optin = Optin106::open(store).await?;
        let shop = optin.shop(Shop::new("shop-0", Owner::new("owner-0")?, "示例旗舰店")?).await?;
        let row = optin.store().shop(shop.id()).await?.ok_or("the shop was put")?;
        let account = AccountId::new("account")?;
        optin.store().put_account(&account, "{}".into(), 0).await?;
        Ok(Self { _folder: folder, optin, clock, shop, row, account })
    }

    fn rids(&self, n: usize) -> Vec<Rid> {
        let mut rids: Vec<Rid> = (0..n as u64).map(|i| self.optin.store().keyring().rid(phone(i))).collect();
        rids.sort_unstable();
        rids
    }

    /// Everyone agrees at this shop and at `others` more.
    async fn consents(&self, rids: &[Rid], others: u32) -> Result<(), Error> {
        let mut shops = vec![self.row.key];
        for i in 0..others {
            let shop = Shop::new(format!("other-{i}"), Owner::new(format!("other-owner-{i}"))?, "其他店铺")?;
            let id = self.optin.shop(shop).await?.id().clone();
            shops.push(self.optin.store().shop(&id).await?.ok_or("the shop was put")?.key);
        }
        let given = at(GIVEN);
        let events: Vec<Event> = shops
            .iter()
            .map(|shop| {
                let promise = Promise { max: 4, days: 30 };
                let grant = Grant::new([Purpose::Promotion], given, given.plus_days(365), promise);
                Event::OptIn { shop: *shop, grant, minor_until: None }
            })
            .collect();
        for chunk in rids.chunks(500) {
            let change = |rid: &Rid| {
                let events = events.clone();
                Change {
                    rid: *rid,
                    key: event_key("bench", "opt-in"),
                    envelope: Envelope { source: "bench".into(), event_id: "opt-in".into(), actor: String::new() },
                    kind: "opt_in",
                    shop: Some(self.row.key),
                    claimed: Some(given),
                    load: Load::Nothing,
                    decide: Box::new(move |_| Ok(Effect { events, ..Effect::default() })),
                }
            };
            self.optin.store().change(Lane::Normal, chunk.iter().map(change).collect()).await?;
        }
        Ok(())
    }

    async fn plan(&self, rids: &[Rid]) -> Result<Vec<Lease>, Error> {
        let store = self.optin.store();
        let campaign = store.open_campaign(self.row.key, &CampaignName::new("bench")?, Vec::new()).await?.key;
        for (i, chunk) in rids.chunks(4_000).enumerate() {
            let row = |(n, rid): (usize, &Rid)| {
                let position = (i * 4_000 + n) as u64;
                // As long as a sealed number.
                PlanRow { rid: *rid, position, line: Some(position + 2), variant: 0, parts: 1, sealed: vec![7; 38] }
            };
            store.plan(campaign, chunk.iter().enumerate().map(row).collect(), Vec::new()).await?;
        }
        store.plan_ready(campaign, [0; 32], rids.len() as u64).await?;
        Ok(store.claim(campaign, usize::MAX).await?)
    }

    fn ask(&self, lease: &Lease, from: Rid) -> BeginAsk {
        let policy = Policy::china_default();
        let owners = self.row.owners.clone();
        let (hash, horizon) = (policy.hash(), 30);
        BeginAsk {
            lease: lease.clone(),
            account: self.account.clone(),
            from,
            limit: BATCH,
            per_request: BATCH,
            concurrency: 0,
            calls_per_second: 0,
            pace_each: 1,
            budget: None,
            price: 390,
            first_byte_within: Duration::from_secs(5),
            owner: self.row.owner,
            owners: self.row.owners.clone(),
            policy_setting: None,
            shop: self.row.key,
            renditions: vec![[0; 32]],
            policy: hash,
            horizon,
            references: (0..3).map(|_| Reference::fresh(&*self.clock)).collect(),
            carries: None,
            judge: Arc::new(move |facts: &Facts<'_>, now| {
                let purpose = Purpose::Promotion;
                let (owners, policy) = (&owners, &policy);
                judge(facts, &Case { owners, purpose, personalised: false, sensitive: false, policy }, now)
            }),
        }
    }

    /// Begins and settles everyone; the time of each full batch.
    async fn drain(&self, leases: &[Lease]) -> Result<Vec<Duration>, Error> {
        let store = self.optin.store();
        let mut times = Vec::new();
        for lease in leases {
            let mut from = Some(lease.range().0);
            while let Some(rid) = from {
                let started = Instant::now();
                let Begun::Rows(rows) = store.begin(self.ask(lease, rid)).await? else {
                    return Err("nothing was begun".into());
                };
                let mut begun = 0;
                let mut settlements = Vec::new();
                for r in &rows.requests {
                    begun += r.rows.len();
                    let verdicts = Verdicts::Same(Verdict::accepted(r.reference.to_string()));
                    settlements.push(Settlement {
                        key: r.key,
                        reference: r.reference,
                        rids: r.rows.iter().map(|r| r.rid).collect(),
                        answer: Answer { verdicts, first_byte: Some(rows.now) },
                        all_or_nothing: true,
                        personal: false,
                        report_due: rows.now.plus_days(3),
                        lookup_at: None,
                        hold: None,
                    });
                }
                if !settlements.is_empty() {
                    store.settle(settlements).await?;
                }
                if begun == BATCH {
                    times.push(started.elapsed());
                }
                from = rows.next;
            }
        }
        Ok(times)
    }
}

fn phone(i: u64) -> Phone {
    format!("138{i:08}").parse().expect("a number")
}

fn percentile(times: &mut [Duration], of_hundred: usize) -> f64 {
    times.sort_unstable();
    let i = (times.len() * of_hundred / 100).min(times.len().saturating_sub(1));
    times.get(i).map_or(0.0, |t| t.as_secs_f64() * 1_000.0)
}

async fn begin_and_settle(people: usize, others: u32) -> Result<serde_json::Value, Error> {
    let world = World::new().await?;
    let rids = world.rids(people);
    world.consents(&rids, others).await?;
    let leases = world.plan(&rids).await?;
    let mut times = world.drain(&leases).await?;
    Ok(serde_json::json!({
        "bench": "begin and settle of 1000", "consents_elsewhere": others, "batches": times.len(),
        "p50_ms": percentile(&mut times, 50), "p99_ms": percentile(&mut times, 99),
    }))
}

async fn import(people: u64) -> Result<serde_json::Value, Error> {
    let world = World::new().await?;
    let rows = (0..people).map(|i| {
        OptIn::new(phone(i), [Purpose::Promotion], Method::UntickedCheckbox)
            .at(at(GIVEN))
            .notice(Notice::new("v1", "同意接收本店促销短信，每30天不超过4条，有效期12个月，回复R可随时拒收"))
            .promise(4, Days(30))
            .valid_until(at(GIVEN).plus_days(365))
            .evidence(Evidence::reference("page", "checkout#marketing-sms", [7; 32]))
            .envelope(Envelope { source: "bench".into(), event_id: format!("e{i}"), actor: "import".into() })
    });
    let started = Instant::now();
    let mut recorded = 0u64;
    let mut answers = Box::pin(world.shop.record_all(futures_util::stream::iter(rows)));
    while let Some((_, answer)) = answers.next().await {
        answer?;
        recorded += 1;
    }
    let per_second = (recorded as f64 / started.elapsed().as_secs_f64()) as u64;
    Ok(serde_json::json!({ "bench": "record_all", "consents": recorded, "per_second": per_second }))
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Error> {
    // `cargo test --benches` runs it as well: then only to see that it works.
    let full = std::env::args().any(|a| a == "--bench");
    let scale = if full { 1 } else { 50 };
    let mut out = std::io::stdout();
    writeln!(out, "{}", begin_and_settle(100_000 / scale, 0).await?)?;
    writeln!(out, "{}", begin_and_settle(20_000 / scale.min(10), 60).await?)?;
    writeln!(out, "{}", import(100_000 / scale as u64).await?)?;
    Ok(())
}
