//! How many decisions a second one core takes: `cargo bench --bench gate --features testing`.
//!
//! Facts as a campaign meets them. That a decision allocates nothing is asserted by `tests/no_alloc.rs`.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use optin106::consent::{Promise, Purpose};
use optin106::facts::{Event, Facts, Grant, OwnerKey, Person, Scope, ShopKey};
use optin106::gate::{Case, Decision, judge};
use optin106::{Policy, Timestamp};
use std::hint::black_box;

const OURS: OwnerKey = OwnerKey(7);
const PEOPLE: usize = 1_000;

struct Known {
    person: Person,
    grants: Vec<Grant>,
}

fn now() -> Timestamp {
    "2026-12-12T10:00:00+08:00".parse().expect("a moment")
}

fn person(consents: usize, sends: &[(OwnerKey, i64)], stop: Option<Scope>) -> Known {
    let mut known = Known { person: Person::default(), grants: Vec::new() };
    let given = now().plus_days(0).millis() - 40 * 86_400_000;
    let mut fold = |event: &Event| known.person.apply(event, &mut |_, f| f(&mut known.grants));
    for i in 0..consents {
        let given = Timestamp::from_millis(given + i as i64 * 60_000);
        let grant = Grant::new([Purpose::Promotion], given, given.plus_days(365), Promise { max: 4, days: 30 });
        fold(&Event::OptIn { shop: ShopKey(1), grant, minor_until: None });
    }
    for (owner, hours_ago) in sends {
        fold(&Event::PastSend { owner: *owner, at: Timestamp::from_millis(now().millis() - hours_ago * 3_600_000) });
    }
    if let Some(scope) = stop {
        fold(&Event::Stop { scope, at: Timestamp::from_millis(now().millis() - 3_600_000) });
    }
    known
}

/// Named mixes, a thousand people each, so that branches are as hard to foresee as in a campaign.
fn mixes() -> Vec<(&'static str, Vec<Known>)> {
    let cleared = |i: usize| {
        let past: Vec<_> = (0..i % 4).map(|n| (OURS, 24 * (8 + 7 * n as i64))).collect();
        person(1, &past, None)
    };
    let capped = |_| person(1, &[(OURS, 3)], None);
    let others = |_| person(1, &(0..60).map(|i| (OwnerKey(100 + i), 30 + 11 * i64::from(i))).collect::<Vec<_>>(), None);
    let stopped = |_| person(1, &[], Some(Scope::Owner(OURS)));
    let nobody = |_| person(0, &[], None);
    let mix = |i: usize| match i * 7_919 % 100 {
        0..70 => cleared(i),
        70..80 => nobody(i),
        80..85 => stopped(i),
        85..95 => capped(i),
        _ => others(i),
    };
    let all = |f: &dyn Fn(usize) -> Known| (0..PEOPLE).map(f).collect::<Vec<_>>();
    vec![
        ("cleared, 0 to 3 sends before", all(&cleared)),
        ("stopped", all(&stopped)),
        ("no consent", all(&nobody)),
        ("cap reached", all(&capped)),
        ("cleared, 60 sends of other owners", all(&others)),
        ("70 % cleared, the others mixed", all(&mix)),
    ]
}

fn decisions(c: &mut Criterion) {
    let policy = Policy::china_default();
    let owners = [OURS];
    let case =
        Case { owners: &owners, purpose: Purpose::Promotion, personalised: false, sensitive: false, policy: &policy };
    let mut group = c.benchmark_group("judge");
    group.throughput(Throughput::Elements(PEOPLE as u64));
    for (name, people) in mixes() {
        group.bench_function(name, |b| {
            b.iter_batched_ref(
                || (),
                |()| {
                    let go = |k: &&Known| {
                        let facts = Facts { person: &k.person, grants: &k.grants };
                        matches!(judge(black_box(&facts), black_box(&case), now_cached()), Decision::Go(_))
                    };
                    people.iter().filter(go).count()
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// The moment is read once per transaction in the real path, not per person.
fn now_cached() -> Timestamp {
    static NOW: std::sync::LazyLock<Timestamp> = std::sync::LazyLock::new(now);
    *NOW
}

criterion_group!(benches, decisions);
criterion_main!(benches);
