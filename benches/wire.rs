//! What building and signing a platform's request costs: `cargo bench --bench wire --features testing`.
//!
//! Only pure functions. What a whole send costs against a bare client is measured by the ignored test `send_costs` in
//! `src/provider/wire_tests.rs`: a request for a provider cannot be made outside the crate, and must not be.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use optin106::Timestamp;
use optin106::testing::vectors::{provider_request, provider_response};
use serde_json::{Value, json};
use std::hint::black_box;

fn aliyun(numbers: u64) -> Value {
    json!({
        "PhoneNumbers": (0..numbers).map(|i| format!("138{i:08}")).collect::<Vec<_>>().join(","),
        "SignName": "示例旗舰店",
        "TemplateCode": "SMS_000000012",
        "OutId": "0123456789abcdef0123456789abcdef",
    })
}

fn yunpian(numbers: u64) -> Value {
    json!({
        "mobile": (0..numbers).map(|i| format!("138{i:08}")).collect::<Vec<_>>().join(","),
        "text": "【示例旗舰店】双12今晚0点开抢，满200减25，详情见店铺首页。拒收请回复R",
        "uid": "0123456789abcdef0123456789abcdef",
    })
}

fn build_and_sign(c: &mut Criterion) {
    let at: Timestamp = "2026-12-12T10:00:00+08:00".parse().expect("a moment");
    let aliyun_keys = json!({ "access_key_id": "id", "access_key_secret": "secret" });
    let yunpian_keys = json!({ "apikey": "key" });
    let mut group = c.benchmark_group("request");
    for numbers in [1, 1_000] {
        group.throughput(Throughput::Elements(numbers));
        let cases = [
            ("aliyun", "SendSms", &aliyun_keys, aliyun(numbers)),
            ("yunpian", "batch_send", &yunpian_keys, yunpian(numbers)),
        ];
        for (provider, operation, keys, params) in cases {
            let build = || provider_request(provider, operation, keys, black_box(&params), at, "nonce");
            assert!(build().is_some_and(|r| r.is_ok()), "{provider} builds");
            group.bench_function(format!("{provider}, {numbers} numbers"), |b| b.iter(build));
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
        b.iter(|| optin106::testing::vectors::provider_outcomes("yunpian", 200, black_box(&rows)));
    });
    group.finish();
}

criterion_group!(benches, build_and_sign, read_answers);
criterion_main!(benches);
