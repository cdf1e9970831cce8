//! Requests, answers and callbacks of the platforms. `OPTIN106_PROVIDER_VECTORS` names another folder of the same form.

use optin106::clock::Timestamp;
use optin106::id::Reference;
use optin106::inbound::{HttpCall, Pull};
use optin106::phone::Phone;
use optin106::provider::wire::Step;
use optin106::provider::{Asked, Found, Outcome, PullError, sign};
use optin106::testing::vectors::{self, BuiltRequest};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    std::env::var_os("OPTIN106_PROVIDER_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/providers"), PathBuf::from)
}

struct File {
    provider: String,
    name: String,
    json: Value,
}

/// Every JSON file of every provider folder, in order, without those of unknown providers, which are printed.
fn files(suite: &str) -> Vec<File> {
    let mut files = Vec::new();
    let sorted = |dir: &Path| {
        let entries = std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
        let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
        paths.sort();
        paths
    };
    for dir in sorted(&folder()).iter().filter(|p| p.is_dir()) {
        let provider = dir.file_name().unwrap().to_string_lossy().into_owned();
        if vectors::provider_code(&provider, "").is_none() {
            println!("{suite}: skipped {provider} (the crate does not have it)");
            continue;
        }
        for path in sorted(dir).iter().filter(|p| p.extension().is_some_and(|e| e == "json")) {
            let name = format!("{provider}/{}", path.file_name().unwrap().to_string_lossy());
            let text = std::fs::read_to_string(path).unwrap();
            let json = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
            files.push(File { provider: provider.clone(), name, json });
        }
    }
    files
}

#[derive(Default)]
struct Tally {
    cases: usize,
    failed: Vec<String>,
}

impl Tally {
    fn case(&mut self, name: &str, result: Result<(), String>) {
        self.cases += 1;
        if let Err(why) = result {
            println!("FAILED {name}: {why}");
            self.failed.push(name.to_owned());
        }
    }

    fn finish(self, suite: &str) {
        println!("{suite}: {} cases, {} failed", self.cases, self.failed.len());
        assert!(self.cases > 0, "{suite}: no case found in {}", folder().display());
        assert!(self.failed.is_empty(), "{suite}: {:?}", self.failed);
    }
}

fn is_request(file: &File) -> bool {
    file.json["expected"]["method"].is_string()
}

#[test]
fn provider_requests() {
    let mut tally = Tally::default();
    for file in files("provider_requests").iter().filter(|f| is_request(f)) {
        let case = |what: &str| format!("{} {} ({what})", file.name, file.json["name"].as_str().unwrap_or_default());
        let signed = vectors::provider_signature(&file.provider, &file.json).unwrap();
        tally.case(&case("signature"), signed);
        tally.case(&case("request"), request(file));
    }
    tally.finish("provider_requests");
}

fn moment(v: &Value) -> Timestamp {
    match v {
        Value::Number(n) => Timestamp::from_millis(n.as_i64().unwrap_or_default() * 1000),
        Value::String(s) => s.parse().unwrap_or(Timestamp::EPOCH),
        _ => Timestamp::EPOCH,
    }
}

fn request(file: &File) -> Result<(), String> {
    let input = &file.json["input"];
    let built = vectors::provider_request(
        &file.provider,
        file.json["operation"].as_str().unwrap_or_default(),
        &vectors::credentials(&file.json),
        &input["params"],
        moment(&input["timestamp"]),
        input["nonce"].as_str().unwrap_or_default(),
    )
    .unwrap()?;
    // The older RPC signature is checked above; requests are built with V3 only, so of these the parameters are compared.
    if file.json["signing"]["algorithm"] == "HMAC-SHA1" {
        return carried(&built, &file.json);
    }
    same_request(&built, &file.json)
}

type Pairs = BTreeMap<String, String>;

fn decoded(s: &str) -> Result<Pairs, String> {
    Ok(sign::form_pairs(s).ok_or("not readable as a form")?.into_iter().collect())
}

fn pairs_of(map: &Map<String, Value>) -> Pairs {
    map.iter().map(|(k, v)| (k.clone(), v.as_str().map_or_else(|| v.to_string(), str::to_owned))).collect()
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, got: T, wanted: T) -> Result<(), String> {
    if got == wanted { Ok(()) } else { Err(format!("{what}: got {got:?}, wanted {wanted:?}")) }
}

fn carried(built: &BuiltRequest, vector: &Value) -> Result<(), String> {
    let body = String::from_utf8_lossy(&built.body);
    let mut got = decoded(&built.query)?;
    got.extend(decoded(&body)?);
    let expected = vector["expected"]["query_params"].as_object().ok_or("no query_params")?;
    let ours = vector["input"]["params"].as_object().ok_or("no params")?;
    let wanted: Pairs = pairs_of(expected).into_iter().filter(|(k, _)| ours.contains_key(k)).collect();
    equal("parameters", got, wanted)?;
    equal("host", built.host.as_str(), vector["expected"]["host"].as_str().unwrap_or_default())
}

fn same_request(built: &BuiltRequest, vector: &Value) -> Result<(), String> {
    let expected = &vector["expected"];
    let text = |k: &str| expected[k].as_str().unwrap_or_default();
    equal("method", built.method.as_str(), text("method"))?;
    // An SDK may default to plain http where this crate takes TLS.
    let safer = (built.scheme.as_str(), text("scheme")) == ("https", "http");
    equal("scheme", built.scheme.as_str(), if safer { "https" } else { text("scheme") })?;
    equal("host", built.host.as_str(), text("host"))?;
    equal("path", built.path.as_str(), text("path"))?;
    let query = expected["query_params"].as_object().or(expected["query_decoded"].as_object());
    let query = query.map_or_else(|| decoded(text("query")), |m| Ok(pairs_of(m)))?;
    equal("query", decoded(&built.query)?, query)?;
    let body = std::str::from_utf8(&built.body).map_err(|e| e.to_string())?;
    let exact = vector["compare"] == "exact";
    match (expected["body_form"].as_object(), &expected["body_json"]) {
        (Some(form), _) if !exact => equal("form body", decoded(body)?, pairs_of(form))?,
        (_, json) if !json.is_null() && !exact => {
            let got: Value = serde_json::from_str(body).map_err(|e| e.to_string())?;
            equal("JSON body", filled(&got), filled(json))?;
        }
        _ => equal("body", body, text("body"))?,
    }
    headers(built, vector, body == text("body"))
}

/// An SDK may write a member that is not set as null, or leave it out.
fn filled(json: &Value) -> Value {
    match json {
        Value::Object(o) => {
            Value::Object(o.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), filled(v))).collect())
        }
        other => other.clone(),
    }
}

/// Headers that a client adds or leaves out as it likes.
const FREE: [&str; 8] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "transfer-encoding",
    "user-agent",
    "x-acs-credentials-provider",
    // Needed only where the payload's hash is not the body's own.
    "x-sdk-content-sha256",
];

fn headers(built: &BuiltRequest, vector: &Value, same_body: bool) -> Result<(), String> {
    let expected = vector["expected"]["headers"].as_object().ok_or("no headers")?;
    let free = |name: &str| {
        let listed = vector["expected"]["ignorable_headers"].as_array().into_iter().flatten();
        let mut listed = listed.filter_map(Value::as_str);
        FREE.contains(&name) || listed.any(|l| l.eq_ignore_ascii_case(name))
    };
    let header = |name: &str| built.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    // A request of ours that always signs one more header of the platform's cannot have the vector's signature, which is
    // checked by itself.
    let has = |name: &str| expected.keys().any(|k| k.eq_ignore_ascii_case(name));
    // Where the signature names no headers, it covers all of the platform's.
    let ours = header("authorization").and_then(signed);
    let signs = |n: &str| n.starts_with("x-") && ours.is_none_or(|list| list.split(';').any(|s| s == n));
    let more = built.headers.iter().any(|(n, _)| signs(n) && !has(n));
    for (name, value) in expected {
        let name = name.to_ascii_lowercase();
        let wanted = value.as_str().unwrap_or_default();
        let follows_from_body = name.ends_with("content-sha256") || name == "authorization";
        // Ours to the byte when both sign the same headers; where an SDK signs others, the signer alone is checked above.
        let other_form = name == "authorization" && header(&name).is_some_and(|ours| signed(ours) != signed(wanted));
        if free(&name) || follows_from_body && !same_body || other_form || name == "authorization" && more {
            continue;
        }
        // Media types are compared without case and without the charset, which JSON does not need; all else to the byte.
        let plain = |v: &str| match name.as_str() {
            "content-type" => {
                let v = v.to_ascii_lowercase().replace(' ', "");
                v.strip_prefix("application/json;charset=utf-8").map_or(v.clone(), |_| "application/json".to_owned())
            }
            _ => v.to_owned(),
        };
        equal(&name, header(&name).map(plain), Some(plain(wanted)))?;
    }
    Ok(())
}

/// The names of the signed headers in an `Authorization`.
fn signed(authorization: &str) -> Option<&str> {
    authorization.split([',', '/', '=', ' ']).find(|part| part.contains(';'))
}

#[test]
fn provider_responses() {
    let mut tally = Tally::default();
    for file in &files("provider_responses") {
        let provider = &file.provider;
        if file.json["compare"] == "callback" {
            tally.case(&file.name, callback(provider, &file.json));
        }
        let items = [&file.json["items"], &file.json["samples"]];
        for item in items.iter().filter_map(|v| v.as_array()).flatten() {
            let name = format!("{} {}", file.name, item["name"].as_str().unwrap_or_default());
            tally.case(&name, response(file, item));
        }
        let codes = file.json["codes"].as_array().into_iter().flatten();
        let account = codes.clone().next().map(|_| account_of(provider));
        for code in codes {
            let name = format!("{} {}", file.name, code["code"]);
            tally.case(&name, listed(provider, code));
            let code = code["code"].as_str().map_or_else(|| code["code"].to_string(), str::to_owned);
            let why = account.as_ref().unwrap().explain(&code).ok_or("no sentence".to_owned());
            tally.case(&name, why.and_then(|why| equal("is empty", why.zh.is_empty() || why.en.is_empty(), false)));
        }
    }
    tally.finish("provider_responses");
}

fn account_of(provider: &str) -> std::sync::Arc<dyn optin106::provider::Provider> {
    let settings = optin106::provider::wire::HttpSettings::new().endpoint("http://127.0.0.1:9").loopback_only(true);
    let clock = std::sync::Arc::new(optin106::clock::SystemClock::new());
    optin106::testing::gateway::Account::named(provider).unwrap().provider(settings, clock).unwrap()
}

/// A code of `errors.json`: its class, and doubt where the message may have been taken.
fn listed(provider: &str, item: &Value) -> Result<(), String> {
    let name = item["code"].as_str().map_or_else(|| item["code"].to_string(), str::to_owned);
    let (class, outcome) = vectors::provider_code(provider, &name).unwrap().ok_or("not listed")?;
    equal("class", class.as_str(), item["class"].as_str().unwrap_or_default())?;
    if item["send_may_have_happened"] == true && class.as_str() != "accepted" {
        equal("outcome", outcome, Outcome::Unknown)?;
    }
    Ok(())
}

fn response(file: &File, item: &Value) -> Result<(), String> {
    let provider = &file.provider;
    let kind = item["kind"].as_str().unwrap_or_default();
    let body = item["body"].as_str().unwrap_or_default().as_bytes();
    let status = item["status"].as_u64().or(item["http_status"].as_u64()).unwrap_or(200) as u16;
    let operation = item["operation"].as_str().unwrap_or(kind);
    if kind == "callback_reply" {
        // To a push of the same file that needs no credentials, where there is one.
        let pushes = [&file.json["items"], &file.json["samples"]].into_iter().filter_map(|v| v.as_array()).flatten();
        let mut pushes = pushes.filter(|i| i["kind"].as_str().is_some_and(|k| k.ends_with("_callback")));
        let push = pushes.clone().find(|i| i["credentials"].is_null()).or(pushes.next());
        let call = push.map_or(HttpCall::new("POST", "/callback", "", "[]"), |p| call_of(p, None));
        let credentials = push.map_or(&Value::Null, |p| &p["credentials"]);
        let read = vectors::provider_callback(provider, credentials, &call).unwrap().map_err(|e| e.to_string())?;
        if item["body_json"].is_null() {
            equal("answer", read.reply.as_bytes(), body)?;
        } else {
            let got: Value = serde_json::from_str(&read.reply).map_err(|e| e.to_string())?;
            equal("answer", &got, &item["body_json"])?;
        }
        return equal("status", read.status, status);
    }
    if kind.ends_with("_callback") || kind.ends_with("_push") {
        pushed(provider, item)?;
    }
    if let Some(wanted) = item["class"].as_str().or(item["expected_class"].as_str()) {
        let class = vectors::provider_response(provider, operation, status, body).unwrap();
        equal("class", class.as_str(), wanted)?;
    }
    let outcomes = vectors::provider_outcomes(provider, status, body).unwrap();
    if let (false, Some(wanted)) = (kind.ends_with("_callback"), item["expected_class"].as_array()) {
        let got: Vec<&str> = outcomes.iter().map(|(_, c, _)| c.as_str()).collect();
        equal("classes of the rows", got, wanted.iter().filter_map(Value::as_str).collect())?;
    }
    if item["ambiguous"] == true {
        equal("outcomes", outcomes.iter().all(|(_, _, o)| *o == Outcome::Unknown), true)?;
    }
    for (i, row) in item["expect_items"].as_array().into_iter().flatten().enumerate() {
        // By number; by its place where a platform's rows of refused numbers do not name them.
        let mobile = row["mobile"].as_str();
        let got = match mobile {
            Some(_) => outcomes.iter().find(|(n, _, _)| n.as_deref() == mobile),
            None => outcomes.get(i),
        };
        equal(mobile.unwrap_or("a row"), got.map(|(_, c, _)| c.as_str()), row["class"].as_str())?;
    }
    Ok(())
}

/// Our fields and the platform's, in the rows at this place of a body.
struct Rows(&'static str, Fields);

/// Pages that platforms tell when they are asked: whose, which, what was asked for, and the rows. `None` where ours is not
/// offered, whatever the platform would say.
const PULLED: &[(&str, &str, Pull, Option<Rows>)] = &[
    (
        "chuanglan",
        "pull_report",
        Pull::Reports,
        Some(Rows("/result", &[("phone", "/mobile"), ("code", "/status"), ("provider_id", "/msgId")])),
    ),
    (
        "chuanglan",
        "pull_mo",
        Pull::Replies,
        Some(Rows("/result", &[("phone", "/mobile"), ("text", "/messageContent")])),
    ),
    (
        "cmcc_mas",
        "report",
        Pull::Reports,
        Some(Rows("", &[("phone", "/mobile/0"), ("code", "/errorCode"), ("provider_id", "/msgGroup")])),
    ),
    ("cmcc_mas", "deliver", Pull::Replies, Some(Rows("", &[("phone", "/mobile"), ("text", "/smsContent")]))),
    ("jdcloud", "status_report", Pull::Reports, None),
    ("jdcloud", "reply", Pull::Replies, Some(Rows("/result/data", &[("phone", "/phoneNum"), ("text", "/content")]))),
    ("montnets", "get_rpt", Pull::Reports, Some(Rows("/rpts", &[("phone", "/mobile"), ("code", "/errcode")]))),
    ("montnets", "get_rpt_empty", Pull::Reports, Some(Rows("/none", &[]))),
    ("montnets", "get_mo", Pull::Replies, Some(Rows("/mos", &[("phone", "/mobile"), ("extension", "/exno")]))),
    (
        "tencent",
        "pull_send_status",
        Pull::Reports,
        Some(Rows(
            "/Response/PullSmsSendStatusSet",
            &[("phone", "/SubscriberNumber"), ("code", "/Description"), ("provider_id", "/SerialNo")],
        )),
    ),
    (
        "tencent",
        "pull_reply_status",
        Pull::Replies,
        Some(Rows(
            "/Response/PullSmsReplyStatusSet",
            &[("phone", "/SubscriberNumber"), ("text", "/ReplyContent"), ("signature", "/SignName")],
        )),
    ),
    ("tencent", "pull_empty", Pull::Reports, Some(Rows("/Response/PullSmsSendStatusSet", &[]))),
];

/// Records that platforms tell of one message: whose, which, when it was begun, its text, and its id. Where our reference
/// stands in a record, the vectors write `out-0001`.
const FOUND: &[(&str, &str, &str, &str, &str)] = &[
    ("qiniu", "query", "2019-05-24T18:06:30+08:00", "【测试签名】...", "112"),
    ("tencent", "pull_send_status", "2026-03-01T10:00:05+08:00", "", "5000:1045710669157053657849499619"),
    (
        "volcengine",
        "send_details",
        "2026-03-01T10:00:05+08:00",
        "【测试签名】会员您好,新品8折。拒收请回复R",
        "bde1b10d-0000-460f-abcd-000000000001",
    ),
];
const REFERENCE: &str = "00112233445566778899aabbccddeeff";

#[test]
fn provider_pages_and_records() {
    let (mut tally, files) = (Tally::default(), files("provider_pages_and_records"));
    let sample = |provider: &str, name: &str| {
        let mut of = files.iter().filter(|f| f.provider == provider && f.name.ends_with("/responses.json"));
        let json = &of.next().ok_or("no responses.json")?.json;
        let mut all = [&json["items"], &json["samples"]].into_iter().filter_map(|v| v.as_array()).flatten();
        all.find(|i| i["name"] == name).ok_or("no such sample")
    };
    for (provider, name, what, rows) in PULLED {
        let done =
            sample(provider, name).map_err(str::to_owned).and_then(|i| pulled(provider, i, *what, rows.as_ref()));
        tally.case(&format!("{provider} {name} {what:?}"), done);
    }
    for (provider, name, begun, text, id) in FOUND {
        let done = sample(provider, name).map_err(str::to_owned).and_then(|i| found(provider, i, begun, text, id));
        tally.case(&format!("{provider} {name} found"), done);
    }
    // What Aliyun knows is ours by our reference, and has no other id.
    let details = sample("aliyun", "query_details_delivered").map_err(str::to_owned);
    let done = details.and_then(|i| found("aliyun", i, "2026-03-01T10:00:05+08:00", "", REFERENCE));
    tally.case("aliyun query_details_delivered found", done);
    tally.finish("provider_pages_and_records");
}

/// A page: every row becomes an event with the row's own values and time.
fn pulled(provider: &str, item: &Value, what: Pull, rows: Option<&Rows>) -> Result<(), String> {
    let body = item["body"].as_str().unwrap_or_default();
    let read = vectors::provider_pulled(provider, what, 200, body.as_bytes(), Timestamp::EPOCH).ok_or("no asker")?;
    let Some(Rows(place, fields)) = rows else {
        return equal("offered", read, Err(PullError::NotOffered));
    };
    let events = read.map_err(|e| e.to_string())?;
    let json: Value = serde_json::from_str(body).map_err(|e| e.to_string())?;
    let rows = json.pointer(place).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    equal("events", events.len(), rows.len())?;
    for (event, row) in events.iter().zip(rows) {
        equal("kind", event["kind"] == "reply", what == Pull::Replies)?;
        equal("a time of its own", event["at"].as_str() != Some(&*Timestamp::EPOCH.to_string()), true)?;
        for (ours, theirs) in *fields {
            equal(ours, Some(&event[ours]), row.pointer(theirs))?;
        }
    }
    Ok(())
}

/// A record is ours by our reference, or by text and time; another's number, time and text are not.
fn found(provider: &str, item: &Value, begun: &str, text: &str, id: &str) -> Result<(), String> {
    let body = item["body"].as_str().unwrap_or_default().replace("out-0001", REFERENCE);
    let reference = Reference::parse(REFERENCE).ok_or("a reference")?;
    let ask = |phone: u64, reference, begun_at, text: &str| {
        let phone = Phone::from_u64(phone).map_err(|e| e.to_string())?;
        let asked = Asked { phone, reference, provider_id: None, begun_at, text: Some(text) };
        Ok::<_, String>(vectors::provider_found(provider, &asked, 200, body.as_bytes()).ok_or("no asker")?)
    };
    let begun: Timestamp = begun.parse().map_err(|_| "a time")?;
    let ours = Step::Done(Found::Accepted { id: id.to_owned() });
    equal("ours", ask(13_800_000_001, reference, begun, text)?, ours.clone())?;
    let other = Reference::parse(&REFERENCE.replace("00", "99")).ok_or("a reference")?;
    equal("another's", ask(13_900_000_002, reference, begun, text)? == ours, false)?;
    equal("another text", ask(13_800_000_001, other, begun, "【测试签名】别的。拒收请回复R")? == ours, false)
}

/// A callback as a vector tells it: `request` of a callback vector, or an item of the sample answers.
fn call_of(told: &Value, at: Option<Timestamp>) -> HttpCall {
    let text = |k: &str| told[k].as_str().unwrap_or_default();
    let method = told["method"].as_str().unwrap_or("POST");
    let path = told["path"].as_str().unwrap_or("/callback");
    let (path, mut query) = path.split_once('?').map_or((path, text("query")), |(path, query)| (path, query));
    let mut body = text("body");
    // Where a platform pushes by GET, the vectors hold the query as the body.
    if method == "GET" && query.is_empty() {
        query = std::mem::take(&mut body);
    }
    let mut call = HttpCall::new(method, path, query, body);
    call.received_at = at;
    for (name, value) in told["headers"].as_object().into_iter().flatten() {
        call = call.with_header(name, value.as_str().unwrap_or_default());
    }
    let typed = told["content_type"].as_str().unwrap_or("application/x-www-form-urlencoded;charset=utf-8");
    if call.header("content-type").is_none() {
        call = call.with_header("content-type", typed);
    }
    call
}

type Fields = &'static [(&'static str, &'static str)];

/// Our fields and the platform's, where a push's rows are compared one by one, and where they stand in the body.
const PUSHED: &[(&str, Rows)] = &[
    (
        "aliyun",
        Rows(
            "",
            &[
                ("phone", "/phone_number"),
                ("code", "/err_code"),
                ("delivered", "/success"),
                ("provider_id", "/biz_id"),
                ("text", "/content"),
                ("extension", "/dest_code"),
                ("signature", "/sign_name"),
            ],
        ),
    ),
    (
        "baidu",
        Rows(
            "",
            &[
                ("phone", "/mobile"),
                ("code", "/carrierCode"),
                ("provider_id", "/messageId"),
                ("text", "/content"),
                ("extension", "/userExtId"),
                ("signature", "/sign"),
            ],
        ),
    ),
    (
        "netease",
        Rows(
            "/objects",
            &[("phone", "/mobile"), ("code", "/result"), ("provider_id", "/sendid"), ("text", "/content")],
        ),
    ),
    (
        "qiniu",
        Rows("/items", &[("phone", "/mobile"), ("code", "/error"), ("text", "/content"), ("extension", "/dest_code")]),
    ),
    (
        "tencent",
        Rows(
            "",
            &[
                ("phone", "/mobile"),
                ("code", "/errmsg"),
                ("provider_id", "/sid"),
                ("text", "/text"),
                ("extension", "/extend"),
                ("signature", "/sign"),
            ],
        ),
    ),
    ("volcengine", Rows("", &[("phone", "/mobile"), ("provider_id", "/message_id"), ("text", "/content")])),
];

/// A push: every row becomes an event with the row's own values.
fn pushed(provider: &str, item: &Value) -> Result<(), String> {
    let read = vectors::provider_callback(provider, &item["credentials"], &call_of(item, None));
    let read = read.unwrap().map_err(|e| e.to_string())?;
    if let Some(reply) = item["reply"].as_str() {
        equal("reply", read.reply.as_str(), reply)?;
    }
    if item["reply"].is_object() {
        let got: Value = serde_json::from_str(&read.reply).map_err(|e| e.to_string())?;
        equal("reply", &got, &item["reply"])?;
    }
    let Some((_, Rows(place, fields))) = PUSHED.iter().find(|(name, _)| *name == provider) else {
        return equal("any event", read.events.is_empty(), false);
    };
    let json: Value =
        serde_json::from_str(item["body"].as_str().unwrap_or_default()).map_err(|e| format!("the body: {e}"))?;
    let rows = json.pointer(place).ok_or("no rows")?;
    let rows = rows.as_array().map_or(std::slice::from_ref(rows), Vec::as_slice);
    equal("events", read.events.len(), rows.len())?;
    for (event, row) in read.events.iter().zip(rows) {
        for (ours, theirs) in *fields {
            // Numbers and ids may come as either.
            let word = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
            if let Some(theirs) = row.pointer(theirs).filter(|v| !v.is_null() && **v != "") {
                equal(ours, word(&event[ours]), word(theirs))?;
            }
        }
    }
    Ok(())
}

fn callback(provider: &str, vector: &Value) -> Result<(), String> {
    let input = &vector["input"];
    let call = call_of(&input["request"], Some(moment(&input["timestamp"])));
    let read = vectors::provider_callback(provider, &input["credentials"], &call).unwrap();
    let expected = &vector["expected"];
    if expected["valid"] != true {
        return equal("refused", read.is_err(), true);
    }
    let read = read.map_err(|e| e.to_string())?;
    if !expected["decoded"].is_null() {
        equal("decoded", read.decoded.as_ref(), Some(&expected["decoded"]))?;
    }
    if !expected["reply_json"].is_null() {
        let got: Value = serde_json::from_str(&read.reply).map_err(|e| e.to_string())?;
        equal("reply", &got, &expected["reply_json"])?;
    }
    match expected["reply_body"].as_str() {
        Some(body) => equal("reply", read.reply.as_str(), body),
        None => Ok(()),
    }
}
