//! Replies with known intents. `OPTIN106_REPLIES` names another file of the same form.
//!
//! The project's own replies are all read as labelled. Another file is measured: at least 99.5 % of the refusals are
//! found, at most 2 % of the others are taken for one. Every miss is printed either way.

use crate::table::{place, rows};
use optin106::stop::{Intent, read};

/// Refusals that must be found, in thousandths.
const RECALL: usize = 995;
/// Others that may be taken for a refusal, in thousandths.
const FALSE_STOPS: usize = 20;

#[test]
fn replies() {
    let (path, own) = place("OPTIN106_REPLIES", "replies.csv");
    let (mut refusals, mut others) = (0, 0);
    let (mut missed, mut false_stops, mut soft, mut mixed) = (0, 0, 0, 0);
    for row in rows(&path) {
        let got = read(row.get("text"));
        let wanted = row.get("intent");
        let is_refusal = match wanted {
            "stop" | "complaint" => true,
            "other" | "yes" => false,
            unknown => panic!("line {}: no such intent: {unknown}", row.line),
        };
        if is_refusal {
            refusals += 1
        } else {
            others += 1
        }
        let (kind, count) = match (is_refusal, got.intent) {
            (true, Intent::Other | Intent::Yes) => ("missed opt-out", &mut missed),
            (false, Intent::Stop | Intent::Complaint) => ("false stop", &mut false_stops),
            (true, intent) if name(intent) != wanted => ("soft error", &mut soft),
            (false, intent) if name(intent) != wanted => ("yes and other mixed up", &mut mixed),
            (true | false, _) => continue,
        };
        *count += 1;
        let (text, intent) = (row.get("text"), name(got.intent));
        println!("replies line {}: {kind}: {text:?} is {wanted}, read as {intent} by {}", row.line, got.rule);
    }
    let cases = refusals + others;
    println!("replies: {cases} cases, {} failed", missed + false_stops + mixed);
    println!(
        "  of them {refusals} refusals, {missed} missed; {others} others, {false_stops} false stops; {soft} soft errors"
    );
    assert!(cases > 0, "replies: no case found in {}", path.display());
    if own {
        assert_eq!((missed, false_stops, mixed), (0, 0, 0), "missed opt-outs, false stops, yes and other mixed up");
    } else {
        assert!((refusals - missed) * 1000 >= refusals * RECALL, "{missed} of {refusals} refusals missed");
        assert!(false_stops * 1000 <= others * FALSE_STOPS, "{false_stops} of {others} others taken for a refusal");
    }
}

fn name(intent: Intent) -> &'static str {
    match intent {
        Intent::Complaint => "complaint",
        Intent::Other => "other",
        Intent::Stop => "stop",
        Intent::Yes => "yes",
    }
}
