//! Reads `src/`: who imports whom, who reads the system's time and randomness, where SQL stands, who makes what is
//! sealed.
//!
//! A message travels downwards through [`MAY_SEE`]; a module may name only what its line lists. Test code is left out.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Each module with what it may import, in the order a message travels: every name in a line stands in a line above, so
/// that the graph cannot cycle.
const MAY_SEE: &[(&str, &str)] = &[
    // Words: values; know nothing of law, storage or network.
    ("text", ""),
    ("phone", "text"),
    ("clock", "id"),
    ("id", "clock"),
    ("secret", ""),
    ("money", ""),
    ("profile", ""),
    ("keyring", "clock id phone secret"),
    ("inbound", "clock id phone"),
    ("stop", "text"),
    // Facts: one rule each; the law's codes are the words in which they refuse.
    ("cap", ""),
    ("window", ""),
    ("policy", "cap profile window"),
    ("consent", "clock id phone policy"),
    ("delivery", ""),
    ("facts", "clock consent"),
    // Decide.
    ("gate", "cap clock consent facts policy"),
    ("message", "id text"),
    // A ticket carries the gate's clearance; nothing else below sees the gate but those that run it.
    ("ticket", "clock gate id message phone"),
    // Speak: cannot ask whether it may send, only hold the ticket that says so.
    ("provider", "clock id inbound message phone profile secret ticket"),
    ("carrier", "clock delivery id inbound message phone profile provider secret text ticket"),
    // Keep: rows and transactions; judges by a function that it is handed.
    ("entry", ""),
    ("store", "clock consent entry facts gate id keyring policy provider"),
    ("ledger", "clock consent facts gate id keyring message phone policy provider store ticket"),
    // Run.
    (
        "optin",
        "carrier clock consent delivery entry facts gate id keyring ledger message money phone policy provider store",
    ),
    ("intake", "carrier clock consent delivery facts id inbound ledger optin phone provider stop store"),
    (
        "campaign",
        "clock consent entry facts gate id keyring ledger message money optin phone policy provider store text",
    ),
    // Longer pages of documentation.
    ("guide", ""),
];

/// The one loop among the words: a time has an id's hexadecimal form, an id is made from a clock's random bytes.
const LOOPS: &[(&str, &str)] = &[("clock", "id")];

struct Source {
    module: String,
    path: PathBuf,
    /// Without comments and without test modules.
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && name != "tests" && !name.ends_with("_tests") {
                let relative = path.strip_prefix(&root).unwrap().to_path_buf();
                let first = relative.iter().next().unwrap().to_string_lossy();
                let module = first.trim_end_matches(".rs").to_owned();
                found.push(Source { module, code: code_of(&std::fs::read_to_string(&path).unwrap()), path: relative });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 30, "the sources were not found");
    found
}

/// Lines without comments, up to the file's test module.
fn code_of(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    let lines = text[..end].lines().map(|line| match line.trim_start().starts_with("//") {
        true => "",
        false => line.split(" // ").next().unwrap_or_default(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules that follow `crate::`, also inside braces.
fn imports(code: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut all = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with('$') || code[..at].ends_with("pub(") {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => all.extend(list.split('}').next().unwrap_or_default().split(',').map(|i| word(i.trim()))),
            None => all.push(word(rest)),
        }
    }
    all.sort();
    all.dedup();
    all
}

/// What a re-export at the root of the crate stands for.
fn home(name: &str) -> &str {
    match name {
        "Optin106" | "ShopHandle" | "Shop" | "Owner" => "optin",
        "Timestamp" => "clock",
        "Phone" => "phone",
        "Policy" => "policy",
        "Money" => "money",
        "Audience" | "Campaign" => "campaign",
        "OptIn" | "Purpose" | "Envelope" | "Evidence" | "Method" | "Notice" | "Days" => "consent",
        other => other,
    }
}

#[test]
fn a_module_imports_only_what_flows_into_it() {
    let table: BTreeMap<&str, Vec<&str>> =
        MAY_SEE.iter().map(|(module, list)| (*module, list.split_whitespace().collect())).collect();
    let mut faults = Vec::new();
    for source in sources().iter().filter(|s| !["lib", "testing"].contains(&s.module.as_str())) {
        let Some(allowed) = table.get(source.module.as_str()) else {
            faults.push(format!("{}: the module {} has no line in MAY_SEE", source.path.display(), source.module));
            continue;
        };
        for name in imports(&source.code) {
            let seen = home(&name);
            if seen != source.module && !allowed.contains(&seen) {
                faults.push(format!("{}: {} may not import {seen}", source.path.display(), source.module));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_table_cannot_cycle() {
    let place = |module: &str| MAY_SEE.iter().position(|(m, _)| *m == module);
    for (at, (module, list)) in MAY_SEE.iter().enumerate() {
        for seen in list.split_whitespace() {
            let seen_at = place(seen).unwrap_or_else(|| panic!("{module} lists {seen}, which has no line"));
            assert!(seen_at < at || LOOPS.contains(&(module, seen)), "{module} lists {seen}, which stands below it");
        }
    }
    let provider: Vec<&str> = MAY_SEE.iter().find(|(m, _)| *m == "provider").unwrap().1.split_whitespace().collect();
    assert!(!["gate", "store", "ledger", "facts", "policy"].iter().any(|m| provider.contains(m)));
}

/// Files in which any of `words` stands, beside those that may have it.
fn strangers(words: &[&str], may: impl Fn(&Source) -> bool) -> Vec<String> {
    let has = |s: &Source| words.iter().copied().find(|w| s.code.contains(w));
    let found = sources();
    let strange = found.iter().filter(|s| !may(s)).filter_map(|s| has(s).map(|w| format!("{}: {w}", s.path.display())));
    strange.collect()
}

#[test]
fn only_the_clock_reads_time_and_randomness() {
    let words = ["SystemTime", "Instant::now", "ring::rand", "thread_rng", "rand::", "Timestamp::now", "Zoned::now"];
    // A double may read the machine's clock; it never ships in a host.
    assert_eq!(strangers(&words, |s| ["clock", "testing"].contains(&s.module.as_str())), Vec::<String>::new());
}

#[test]
fn only_the_store_speaks_sql() {
    let words = ["rusqlite", "SELECT ", "INSERT INTO", "UPDATE OR", "DELETE FROM", "PRAGMA "];
    assert_eq!(strangers(&words, |s| s.module == "store"), Vec::<String>::new());
}

#[test]
fn only_the_wire_and_doubles_open_connections() {
    let words = ["reqwest::", "TcpStream", "TcpListener"];
    let wire = Path::new("provider/wire.rs");
    let may = |s: &Source| s.path == wire || s.module == "testing" || s.module == "carrier";
    assert_eq!(strangers(&words, may), Vec::<String>::new());
}

/// Where a value of the type is written out: `Name {` that is neither a definition, a signature nor a pattern.
fn literals(name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources() {
        let needle = format!("{name} {{");
        for (at, _) in source.code.match_indices(&needle) {
            let before = source.code[..at].lines().next_back().unwrap_or_default();
            let glued = before.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
            let words = ["struct ", "impl ", " for ", "-> ", "-> &", "let ", "enum "];
            let named = words.iter().any(|w| before.ends_with(w));
            if !glued && !named {
                found.push(source.path.display().to_string());
            }
        }
        // Inside its own impl the type may be written as `Self`.
        let own = format!("impl {name} {{");
        if let Some(at) = source.code.find(&own) {
            let block = source.code[at..].split("\n}").next().unwrap_or_default();
            let made = block.matches("Self {").count() - block.matches("-> Self {").count();
            found.extend(std::iter::repeat_n(source.path.display().to_string(), made));
        }
    }
    found
}

#[test]
fn each_sealed_type_is_made_in_one_place() {
    assert_eq!(literals("Clearance"), ["gate.rs"]);
    assert_eq!(literals("Ticket"), ["ticket.rs"]);
    assert_eq!(literals("Batch"), ["ledger.rs"]);
    assert_eq!(literals("Request"), ["ticket.rs"], "a request borrows its batch");
}

#[test]
fn sealed_types_are_neither_cloned_nor_read_back() {
    let sealed = [("gate.rs", "Clearance"), ("ticket.rs", "Ticket"), ("ticket.rs", "Batch"), ("ticket.rs", "Request")];
    for (file, name) in sealed {
        let found = sources();
        let code = &found.iter().find(|s| s.path == Path::new(file)).unwrap().code;
        let at = code.find(&format!("struct {name}")).unwrap_or_else(|| panic!("{file} has no {name}"));
        let block = code[..at].rsplit("\n\n").next().unwrap_or_default();
        for derived in ["Clone", "Copy", "Default", "Deserialize"] {
            assert!(!block.contains(derived), "{name} derives {derived}");
            assert!(!code.contains(&format!("{derived} for {name}")), "{name} is {derived}");
        }
    }
}

#[test]
fn the_reader_of_imports_sees_what_it_should() {
    let code =
        "use crate::gate::judge;\nuse crate::{store::Store, ledger};\ncrate::phone::Phone;\npub(crate) fn f() {}";
    assert_eq!(imports(code), ["gate", "ledger", "phone", "store"]);
}
