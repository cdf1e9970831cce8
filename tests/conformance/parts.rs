//! Length and billed parts of full texts. `OPTIN106_PARTS` names another file of the same form.

use crate::table::{Row, Tally, differs, place, rows};
use optin106::text::{billed_carrier, billed_cn};

#[test]
fn parts() {
    let (path, _) = place("OPTIN106_PARTS", "parts.csv");
    let mut tally = Tally::new("parts", path.clone());
    for row in rows(&path) {
        let short: String = row.get("text").chars().take(20).collect();
        tally.case(&format!("line {} {short:?}…", row.line), &judge(&row));
    }
    tally.finish();
}

fn judge(row: &Row) -> Vec<String> {
    let length = match row.get("bill") {
        "cn" => billed_cn(row.get("text")),
        "carrier" => billed_carrier(row.get("text")),
        other => return vec![format!("no such bill: {other}")],
    };
    [
        differs("encoding", length.encoding.code(), row.get("encoding")),
        differs("units", length.units.to_string().as_str(), row.get("units")),
        differs("parts", length.parts.to_string().as_str(), row.get("parts")),
    ]
    .into_iter()
    .flatten()
    .collect()
}
