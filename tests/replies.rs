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
fn measure(path: &Path) -> [usize; 4] {
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
    total
}

#[test]
fn shared_cases_are_read_as_labelled() {
    let path = std::env::var_os("OPTIN106_REPLIES").map_or_else(|| vectors("replies.csv"), PathBuf::from);
    assert_eq!(measure(&path), [0; 4]);
}

#[test]
fn own_cases_are_read_as_labelled() {
    assert_eq!(measure(&vectors("replies_own.csv")), [0; 4]);
}
