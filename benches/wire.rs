//! What building and signing a platform's request costs: `cargo bench --bench wire --features testing`.
//!
//! Only pure functions. What a whole send costs against a bare client is measured by the ignored test `send_costs` in
//! `src/provider/wire_tests.rs`: a request for a provider cannot be made outside the crate, and must not be.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use optin106::Timestamp;
use optin106::testing::vectors::{credentials, provider_outcomes, provider_request, provider_response};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Duration;

/// A recorded request of each platform, and how many numbers one of its requests may carry (the platform's limit, at most
/// 1,000 here).
const CASES: &[(&str, &str, u64)] = &[
    ("aliyun", "aliyun/send_sms_three_numbers__v3.json", 1_000),
    ("baidu", "baidu/send_sms_three_numbers.json", 200),
    ("chuanglan v1", "chuanglan/v1_send_many_hard_text.json", 1_000),
    ("chuanglan v2", "chuanglan/v2_template_many_no_params.json", 1_000),
    ("cmcc_mas", "cmcc_mas/norsubmit_many_hard_text.json", 1_000),
    ("ctyun", "ctyun/send_many.json", 200),
    ("huawei AK/SK", "huawei/aksk_batch_send_sms_several_reserved.json", 500),
    ("huawei WSSE", "huawei/wsse_batch_send_sms_several_reserved.json", 500),
    ("jdcloud v2", "jdcloud/v2_batch_many.json", 100),
    ("jdcloud v3", "jdcloud/v3_batch_many_no_params.json", 100),
    ("luosimao", "luosimao/send_batch_many.json", 1_000),
    ("montnets", "montnets/send_batch_many_hard_text.json", 1_000),
    ("netease", "netease/sendtemplate_many_parammap_hard.json", 100),
    ("qiniu", "qiniu/many_with_date.json", 100),
    ("ronglian", "ronglian/many_numbers.json", 200),
    ("submail appkey", "submail/batchxsend_normal.json", 1_000),
    ("submail MD5", "submail/batchsend_md5_sign_version_2.json", 1_000),
    ("submail SHA-1", "submail/batchsend_sha1_many.json", 1_000),
    ("tencent", "tencent/send_sms_three_numbers.json", 200),
    ("ucloud", "ucloud/send_many_no_params.json", 1_000),
    ("volcengine", "volcengine/send_sms_three_numbers.json", 200),
    ("yunpian", "yunpian/batch_send_many_hard_text.json", 1_000),
    ("submail, personal", "submail/multixsend_sha1_sign_version_2.json", 200),
];

/// The parameters with so many numbers, spelled and separated as the recorded ones are.
fn stretched(params: &Value, numbers: u64) -> Value {
    let is_number = |s: &str| s.trim_start_matches('+').len() >= 11 && s.bytes().all(|b| b"+0123456789".contains(&b));
    let number = |like: &str, i: u64| format!("{}138{i:08}", &like[..like.len() - 11]);
    match params {
        Value::Array(list) => match list.first() {
            Some(Value::String(first)) if is_number(first) => (0..numbers).map(|i| number(first, i)).collect(),
            // A row for each person.
            Some(Value::Object(row)) if row.values().any(|v| v.as_str().is_some_and(is_number)) => {
                (0..numbers).zip(list.iter().cycle()).map(|(i, row)| renamed(row, i)).collect()
            }
            _ => params.clone(),
        },
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), stretched(value, numbers))).collect()
        }
        Value::String(s) => match serde_json::from_str(s) {
            Ok(list @ Value::Array(_)) => stretched(&list, numbers).to_string().into(),
            _ => match s.split([',', ';']).next() {
                Some(first) if is_number(first) && s.len() > 20 => {
                    let separator = &s[first.len()..=first.len()];
                    (0..numbers).map(|i| number(first, i)).collect::<Vec<_>>().join(separator).into()
                }
                _ => params.clone(),
            },
        },
        _ => params.clone(),
    }
}

fn renamed(row: &Value, i: u64) -> Value {
    let mut row = row.clone();
    row["to"] = format!("138{i:08}").into();
    row
}

fn build_and_sign(c: &mut Criterion) {
    let at: Timestamp = "2026-12-12T10:00:00+08:00".parse().expect("a moment");
    let mut group = c.benchmark_group("request");
    for &(name, file, most) in CASES {
        let path = format!("{}/tests/vectors/providers/{file}", env!("CARGO_MANIFEST_DIR"));
        let vector: Value = serde_json::from_slice(&std::fs::read(path).expect("a vector")).expect("JSON");
        let word = |of: &str| vector[of].as_str().unwrap_or_default();
        let keys = credentials(&vector);
        for numbers in BTreeSet::from([1, most]) {
            let params = stretched(&vector["input"]["params"], numbers);
            let build =
                || provider_request(word("provider"), word("operation"), &keys, black_box(&params), at, "nonce");
            let body = build().and_then(Result::ok).map(|r| r.body.len() + r.query.len());
            // Eleven bytes a number at the least: they are in it.
            assert!(body.is_some_and(|b| b as u64 >= 11 * numbers), "{name}, {numbers}: {body:?}");
            group.throughput(Throughput::Elements(numbers));
            group.bench_function(format!("{name}, {numbers}"), |b| b.iter(build));
        }
    }
    group.finish();
}

fn read_answers(c: &mut Criterion) {
    let aliyun = br#"{"Message":"OK","RequestId":"F655A8D5-B967-440B-8683-DAD6FF8DE990","Code":"OK","BizId":"900619746936498440^0"}"#;
    let rows: Vec<Value> = (0..1_000)
        .map(|i| json!({ "code": 0, "msg": "发送成功", "count": 1, "fee": 0.05, "unit": "RMB", "mobile": format!("138{i:08}"), "sid": i }))
        .collect();
    let rows = serde_json::to_vec(&json!({ "total_count": 1000, "total_fee": "50.0", "unit": "RMB", "data": rows }))
        .expect("JSON");
    let mut group = c.benchmark_group("answer");
    group.bench_function("aliyun", |b| b.iter(|| provider_response("aliyun", "SendSms", 200, black_box(aliyun))));
    group.bench_function("yunpian, 1000 rows", |b| {
        b.iter(|| provider_outcomes("yunpian", 200, black_box(&rows)));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = build_and_sign, read_answers
}
criterion_main!(benches);
