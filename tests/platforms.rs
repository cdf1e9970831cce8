//! The table of platforms in both READMEs and in rustdoc is what the profiles say.
#![cfg(all(feature = "http", feature = "testing"))]
#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use optin106::clock::SystemClock;
use optin106::provider::wire::HttpSettings;
use optin106::provider::{Back, Documented, Form, Lookup, Profile, Writer};
use optin106::testing::gateway::Account;
use optin106::testing::vectors;
use std::sync::Arc;

fn row(p: &Profile) -> String {
    let form = match p.form {
        Form::FreeText => "free text",
        Form::Template => "template",
    };
    let writer = |w| match w {
        Writer::Caller => "crate",
        Writer::Platform => "platform",
        Writer::Template => "template",
    };
    let back = |b| match b {
        Back::None => "**none**",
        Back::Pull => "pull",
        Back::Push => "push",
        Back::PushOrPull => "push or pull",
    };
    let clock = |m: u16| format!("{:02}:{:02}", m / 60, m % 60);
    let window = p.window.map_or("not known".to_owned(), |(from, to)| format!("{}–{}", clock(from), clock(to)));
    let personal = if p.personal_max == 0 { "none".to_owned() } else { p.personal_max.to_string() };
    let lookup = if p.lookup == Lookup::None { "no" } else { "by number" };
    let sure = match p.documented {
        Documented::High => "high",
        Documented::Medium => "medium",
    };
    format!(
        "| `{}` | {form} | {} / {personal} | {} / {} | {window} | {} / {} | {lookup} | {sure} | {} |",
        p.name,
        p.same_text_max,
        writer(p.signature),
        writer(p.words),
        back(p.reports),
        back(p.replies),
        p.source,
    )
}

#[test]
fn the_readmes_and_rustdoc_list_every_platform_as_its_profile_says() {
    let settings = || HttpSettings::new().endpoint("http://127.0.0.1:9").loopback_only(true);
    let provider = |name| Account::named(name).unwrap().provider(settings(), Arc::new(SystemClock::new())).unwrap();
    let rows: Vec<String> = Account::names().map(|name| row(provider(name).profile())).collect();
    assert!(rows.len() >= 2);
    let without: Vec<_> = Account::names().filter(|name| vectors::provider_code(name, "").is_none()).collect();
    assert!(without.is_empty(), "no vectors are run for {without:?}: see `ALL` in src/testing/vectors/mod.rs");
    for name in ["README.md", "README.zh-CN.md", "src/docs/platforms.md"] {
        let text = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
        let table: Vec<&str> = text.lines().filter(|l| l.starts_with("| `") && l.matches('|').count() == 10).collect();
        assert_eq!(table, rows, "{name} should hold:\n{}", rows.join("\n"));
    }
}
