//! Spellings of numbers, and why some are refused. `OPTIN106_PHONES` names another file of the same form.

use crate::table::{Row, Tally, differs, place, rows};
use optin106::Phone;

#[test]
fn phones() {
    let (path, _) = place("OPTIN106_PHONES", "phones.csv");
    let mut tally = Tally::new("phones", path.clone());
    for row in rows(&path) {
        tally.case(&format!("line {} {:?}", row.line, row.get("input")), &judge(&row));
    }
    tally.finish();
}

fn judge(row: &Row) -> Vec<String> {
    let parsed = Phone::parse(row.get("input"));
    if row.get("ok") == "true" {
        return match parsed {
            Ok(phone) => differs("e164", phone.e164().as_str(), row.get("e164"))
                .into_iter()
                .chain(differs("kind", phone.kind().code(), row.get("kind")))
                .collect(),
            Err(e) => vec![format!("refused as {}", e.code())],
        };
    }
    match parsed {
        Ok(phone) => vec![format!("taken as {}, wanted {}", phone.e164(), row.get("why"))],
        Err(e) => differs("why", e.code(), row.get("why")).into_iter().collect(),
    }
}
