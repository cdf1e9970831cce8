//! The clearing path of the gate allocates nothing.

use optin106::consent::{Promise, Purpose};
use optin106::facts::{Event, Facts, Grant, OwnerKey, Person, Scope, ShopKey};
use optin106::gate::{Case, Decision, judge};
use optin106::{Policy, Timestamp};

#[test]
fn a_decision_allocates_nothing() {
    let now: Timestamp = "2026-12-12T10:00:00+08:00".parse().expect("a moment");
    let given: Timestamp = "2026-11-01T10:00:00+08:00".parse().expect("a moment");
    let mut person = Person::default();
    let mut grants = Vec::new();
    let mut fold = |event: &Event| person.apply(event, &mut |_, f| f(&mut grants));
    let grant = Grant::new([Purpose::Promotion], given, given.plus_days(365), Promise { max: 4, days: 30 });
    fold(&Event::OptIn { shop: ShopKey(1), grant, minor_until: None });
    for owner in 2..60 {
        fold(&Event::PastSend { owner: OwnerKey(owner), at: given });
        fold(&Event::Stop { scope: Scope::Owner(OwnerKey(owner)), at: given });
    }
    let policy = Policy::china_default();
    let owners = [OwnerKey(1)];
    let case =
        Case { owners: &owners, purpose: Purpose::Promotion, personalised: false, sensitive: false, policy: &policy };
    let facts = Facts { person: &person, grants: &grants };
    let counted = allocation_counter::measure(|| {
        for _ in 0..1_000 {
            assert!(matches!(judge(&facts, &case, now), Decision::Go(_)));
        }
    });
    assert_eq!(counted.count_total, 0);
    // The counter counts.
    assert!(allocation_counter::measure(|| drop(std::hint::black_box(vec![1u8; 64]))).count_total > 0);
}
