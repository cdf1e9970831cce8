//! PDUs of the carriers' protocols. `OPTIN106_CARRIER_VECTORS` names another folder of the same form.
//!
//! Every vector is read (its fields come out), written again from what was read and from its fields (its bytes come
//! out), and cut out of a stream that comes in pieces of one byte. Authenticators come out of their secrets, reports out
//! of contents, times and headers of long messages out of their fields.

use crate::table::{Tally, differs, place};
use optin106::carrier::coding::{self, Coding};
use optin106::carrier::frame::Framer;
use optin106::carrier::valid::ValidTime;
use optin106::testing::carrier_vectors as vectors;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Off the papers on purpose, so that nobody writes it: the body of a report in the width of the other version. It is read
/// only, as is any vector whose note says "off-spec".
const READ_ONLY: &[&str] = &["deliver_report_short60"];

#[test]
fn carrier_pdus() {
    let (folder, _) = place("OPTIN106_CARRIER_VECTORS", "carriers");
    let mut tally = Tally::new("carrier_pdus", folder.clone());
    for path in files(&folder) {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let cases: Vec<Value> = match serde_json::from_str(&text) {
            Ok(cases) => cases,
            Err(e) => {
                tally.case(&file, &[format!("unreadable: {e}")]);
                continue;
            }
        };
        for case in &cases {
            let name = case["name"].as_str().unwrap_or_default();
            let protocol = case["protocol"].as_str().unwrap_or_default();
            if vectors::carrier_protocol(protocol).is_none() {
                println!("carrier_pdus: skipped {file} {name} (the crate does not have {protocol})");
                continue;
            }
            let faults = judge(protocol, case).unwrap_or_else(|e| vec![e]);
            tally.case(&format!("{file} {name}"), &faults);
        }
    }
    tally.finish();
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "json"));
    paths.sort();
    paths
}

fn read_only(case: &Value) -> bool {
    let noted = case["note"].as_str().is_some_and(|note| note.contains("off-spec"));
    noted || case["name"].as_str().is_some_and(|name| READ_ONLY.contains(&name))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    let pair = |at: usize| hex.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    (0..hex.len()).step_by(2).map(|at| pair(at).ok_or(format!("no hexadecimal at {at}"))).collect()
}

fn judge(protocol: &str, case: &Value) -> Result<Vec<String>, String> {
    let (fields, wanted) = (&case["fields"], case["hex"].as_str().ok_or("no hex")?);
    let name = case["pdu"].as_str().ok_or("no pdu")?;
    let wire = bytes(wanted)?;
    let seen = vectors::carrier_decode(protocol, &wire).ok_or("no such protocol")??;
    let plain = |name: &str| name.replace('_', "");
    let mut faults: Vec<String> = differs("pdu", plain(&seen.pdu), plain(name)).into_iter().collect();
    faults.extend(compared(&seen.fields, fields)?);
    if !read_only(case) {
        faults.extend(differs("written again", hex(&seen.again).as_str(), wanted));
        let made = vectors::carrier_encode(protocol, &seen.pdu, fields).ok_or("no such protocol")??;
        faults.extend(differs("made from its fields", hex(&made).as_str(), wanted));
    }
    faults.extend(streamed(protocol, &wire)?);
    faults.extend(authenticated(protocol, &seen.pdu, fields)?);
    faults.extend(reported(protocol, case)?);
    faults.extend(timed(fields)?);
    faults.extend(headed(fields)?);
    Ok(faults)
}

/// What a vector lists beside the fields: inputs of authenticators, and the report that its content holds.
fn beside(name: &str, fields: &Value) -> bool {
    let answer = fields["status"].is_number();
    matches!(name, "shared_secret" | "report_fields")
        || answer && matches!(name, "authenticator_source" | "authenticator_client")
}

/// Every field that the vector lists has its value; what it does not list is empty. SGIP's list an empty reserve for PDUs
/// that have none too.
fn compared(seen: &serde_json::Map<String, Value>, fields: &Value) -> Result<Vec<String>, String> {
    let listed = fields.as_object().ok_or("no fields")?;
    let mut faults = Vec::new();
    let empty = |value: &Value| value == "" || value.as_array().is_some_and(Vec::is_empty);
    for (name, value) in listed.iter().filter(|(name, _)| !beside(name, fields)) {
        match seen.get(name) {
            None if empty(value) => {}
            got => faults.extend(differs(name, got.unwrap_or(&Value::Null), value)),
        }
    }
    for (name, value) in seen.iter().filter(|(name, value)| !listed.contains_key(*name) && !empty(value)) {
        faults.push(format!("{name}: got {value}, which is not listed"));
    }
    Ok(faults)
}

fn streamed(protocol: &str, wire: &[u8]) -> Result<Option<String>, String> {
    let protocol = vectors::carrier_protocol(protocol).ok_or("no such protocol")?;
    let mut framer = Framer::new(protocol);
    let mut pdus = Vec::new();
    for byte in wire {
        let mut piece = std::slice::from_ref(byte);
        while let Some(pdu) = framer.next(&mut piece).map_err(|e| e.to_string())? {
            pdus.push(pdu.to_vec());
        }
    }
    framer.end().map_err(|e| e.to_string())?;
    Ok(differs("in pieces of one byte", pdus.as_slice(), &[wire.to_vec()]))
}

/// The authenticator is that of its secret in a reading that the crate has; a refused login has zeros.
fn authenticated(protocol: &str, pdu: &str, fields: &Value) -> Result<Option<String>, String> {
    if !fields["shared_secret"].is_string() {
        return Ok(None);
    }
    let name = match (protocol, pdu.ends_with("_resp")) {
        ("smgp30", true) => "authenticator_server",
        ("smgp30", false) => "authenticator_client",
        (_, true) => "authenticator_ismg",
        (_, false) => "authenticator_source",
    };
    let given = fields[name].as_str().ok_or(format!("no {name}"))?;
    if fields["status"].as_u64().is_some_and(|status| status != 0) && given.bytes().all(|b| b == b'0') {
        return Ok(None);
    }
    let readings = vectors::carrier_authenticators(protocol, pdu, fields).ok_or("no such protocol")??;
    let known = readings.iter().any(|reading| reading == given);
    Ok((!known).then(|| format!("{name}: got {readings:?}, wanted {given}")))
}

fn reported(protocol: &str, case: &Value) -> Result<Vec<String>, String> {
    let fields = &case["fields"];
    let wanted = &fields["report_fields"];
    if wanted.is_null() {
        return Ok(Vec::new());
    }
    let content = fields["content_hex"].as_str().unwrap_or_default();
    let (seen, again) = vectors::carrier_report(protocol, &bytes(content)?).ok_or("no reports in contents")??;
    let mut faults: Vec<String> = differs("report", &seen, wanted).into_iter().collect();
    if !read_only(case) {
        faults.extend(differs("report written again", hex(&again).as_str(), content));
        let made = vectors::carrier_report_body(protocol, wanted).ok_or("no reports in contents")??;
        faults.extend(differs("report made from its fields", hex(&made).as_str(), content));
    }
    Ok(faults)
}

/// Times that a vector lists are read, and written as they were where they are Beijing's or relative.
fn timed(fields: &Value) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    for name in ["valid_time", "at_time", "expire_time", "schedule_time"] {
        let text = fields[name].as_str().unwrap_or_default();
        if text.is_empty() {
            continue;
        }
        let read = ValidTime::read(text.as_bytes()).map_err(|e| format!("{name}: {e}"))?;
        if text.ends_with("032+") || text.ends_with('R') {
            faults.extend(differs(name, String::from_utf8_lossy(&read.chars()).as_ref(), text));
        }
    }
    Ok(faults)
}

/// The header of a segment says what the fields beside it say; a whole text is written as it was read.
fn headed(fields: &Value) -> Result<Vec<String>, String> {
    let Some(content) = fields["content_hex"].as_str() else { return Ok(Vec::new()) };
    let content = bytes(content)?;
    let tlv = |tag: u64| fields["tlvs"].as_array()?.iter().find(|t| t["tag"] == tag)?["value_hex"].as_str();
    let one = |tag: u64| tlv(tag).and_then(|hex| u64::from_str_radix(hex, 16).ok());
    let flagged = fields["tp_udhi"].as_u64().or(one(2)) == Some(1);
    let (place, body) = coding::header(&content, flagged);
    let mut faults = Vec::new();
    if flagged {
        let place = place.ok_or("TP_udhi is set and no header of a long message found")?;
        for (what, got, wanted) in [
            ("total", place.total(), fields["pk_total"].as_u64().or(one(9))),
            ("number", place.number(), fields["pk_number"].as_u64().or(one(10))),
        ] {
            faults.extend(wanted.and_then(|wanted| differs(what, u64::from(got), wanted)));
        }
        let mut again = Vec::new();
        place.write(&mut again);
        again.extend_from_slice(body);
        faults.extend(differs("header", hex(&again), hex(&content)));
    }
    let report =
        fields["registered_delivery"] == 1 && fields["src_terminal_id"].is_string() || fields["is_report"] == 1;
    let byte = ["msg_fmt", "message_coding", "msg_format"].iter().find_map(|name| fields[name].as_u64());
    if let (false, Some(byte @ (0 | 8 | 15))) = (report, byte) {
        let coding = Coding::of(byte as u8);
        let again = coding.encode(&coding.decode(body)).map_err(|e| format!("text: {e}"))?;
        faults.extend(differs("text", hex(&again), hex(body)));
    }
    Ok(faults)
}
