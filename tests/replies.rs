//! Replies with known intents. `OPTIN106_REPLIES` names another file of the same form.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test reads its own files and reports every miss

use std::path::{Path, PathBuf};

use optin106::stop::{Intent, read};

fn cases(path: &Path) -> Vec<(usize, String, Intent)> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let rows = reader.records().enumerate();
    let case = |(at, row): (usize, csv::Result<csv::StringRecord>)| {
        let row = row.unwrap();
        let intent = match &row[1] {
            "stop" => Intent::Stop,
            "complaint" => Intent::Complaint,
            "yes" => Intent::Yes,
            "other" => Intent::Other,
            other => panic!("unknown intent {other} in case {at}"),
        };
        (at, row[0].to_owned(), intent)
    };
    rows.map(case).collect()
}

fn vectors(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)
}

/// Prints every miss and the figures; `OPTIN106_HALF` (0 or 1) looks at every second case only.
fn measure(path: &Path) -> Figures {
    let cases = cases(path);
    assert!(!cases.is_empty(), "no case in {}", path.display());
    let mut total = [0; 4];
    let half = std::env::var("OPTIN106_HALF").ok().and_then(|half| half.parse::<usize>().ok());
    let (mut refusals, mut others, mut count) = (0, 0, 0);
    for (at, text, want) in cases.iter().filter(|(at, ..)| half.is_none_or(|half| at % 2 == half)) {
        count += 1;
        refusals += usize::from(matches!(want, Intent::Stop | Intent::Complaint));
        others += usize::from(*want == Intent::Other);
        let got = read(text);
        let kind = match (want, got.intent) {
            (want, got) if *want == got => continue,
            (Intent::Complaint | Intent::Stop, Intent::Other | Intent::Yes) => 0,
            (Intent::Other | Intent::Yes, Intent::Complaint | Intent::Stop) => 1,
            (Intent::Complaint | Intent::Stop, _) => 2,
            (Intent::Other | Intent::Yes, _) => 3,
        };
        total[kind] += 1;
        println!("case {at}: {text:?} is {want:?}, read as {:?} by {}", got.intent, got.rule);
    }
    let [missed, false_stops, soft, consent] = total;
    println!(
        "replies: {count} cases, {refusals} refusals {missed} missed, {others} others {false_stops} false stops, {soft} stop and complaint mixed up, {consent} yes and other mixed up"
    );
    Figures { refusals, others, total }
}

struct Figures {
    refusals: usize,
    others: usize,
    total: [usize; 4],
}

#[test]
fn shared_cases_are_read_as_labelled() {
    let path = std::env::var_os("OPTIN106_REPLIES").map_or_else(|| vectors("replies.csv"), PathBuf::from);
    assert_eq!(measure(&path).total, [0; 4]);
}

/// The cases that lists and weights were made from. That they are read says nothing about others: how files were read
/// that were left out is in `benches/README.md`.
#[test]
fn own_cases_are_read_as_labelled() {
    for name in [
        "replies_own.csv",
        "replies_more/a.csv",
        "replies_more/b.csv",
        "replies_more/c.csv",
        "replies_more/d.csv",
        "replies_more/e.csv",
    ] {
        let Figures { refusals, others, total: [missed, false_stops, soft, consent] } = measure(&vectors(name));
        assert!(missed * 200 <= refusals, "{name}: {missed} of {refusals} refusals missed");
        assert!(false_stops * 100 <= others, "{name}: {false_stops} of {others} others taken for a refusal");
        assert!((soft + consent) * 50 <= refusals + others, "{name}: {soft} and {consent} mixed up");
    }
}
