//! Numbers, texts, replies, audiences: `cargo bench --bench text --features testing`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use optin106::message::{Body, Signature, compose};
use optin106::stop::read;
use optin106::text::billed_cn;
use optin106::{Audience, Phone};
use std::hint::black_box;

const TEXT: &str = "双12今晚0点开抢，满200减25，详情见店铺首页。";
const REPLIES: [&str; 8] =
    ["R", "ｔｄ", "退订", "再发我就投诉了", "R码多少钱", "好的", "你们怎么有我的号码", "收到，谢谢，不要再发短信了"];

fn numbers(c: &mut Criterion) {
    let spellings: Vec<String> = (0..1_000u64)
        .map(|i| match i % 4 {
            0 => format!("+86 138-{:04}-{:04}", i, i),
            1 => format!("0086138{i:08}"),
            _ => format!("138{i:08}"),
        })
        .collect();
    let mut group = c.benchmark_group("phone");
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("parse", |b| {
        b.iter(|| spellings.iter().filter(|s| Phone::parse(black_box(s)).is_ok()).count());
    });
    group.finish();
}

fn texts(c: &mut Criterion) {
    let signature = Signature::parse("示例旗舰店").expect("a signature");
    let body = Body::parse(TEXT).expect("a body");
    let composed = compose(&signature, &body).expect("a text");
    let mut group = c.benchmark_group("text");
    group.throughput(Throughput::Elements(1));
    group
        .bench_function("compose", |b| b.iter(|| compose(black_box(&signature), black_box(&body)).map(|t| t.length())));
    group.bench_function("billed parts", |b| b.iter(|| billed_cn(black_box(composed.text()))));
    group.finish();
}

fn replies(c: &mut Criterion) {
    let long = "请问这个活动什么时候结束，".repeat(200);
    let mut group = c.benchmark_group("reply");
    group.throughput(Throughput::Elements(REPLIES.len() as u64));
    group.bench_function("read, 8 short ones", |b| b.iter(|| REPLIES.map(|r| read(black_box(r)).intent)));
    group.throughput(Throughput::Elements(1));
    group.bench_function("read, 2,600 signs", |b| b.iter(|| read(black_box(&long)).intent));
    group.finish();
}

fn audiences(c: &mut Criterion) {
    const ROWS: u64 = 100_000;
    let mut file = String::from("手机号,会员号\n");
    for i in 0..ROWS {
        file.push_str(&format!("138{i:08},M{i}\n"));
    }
    let (gbk, ..) = encoding_rs::GBK.encode(&file);
    let mut group = c.benchmark_group("audience");
    group.throughput(Throughput::Elements(ROWS)).sample_size(10);
    for (name, bytes) in [("CSV, UTF-8", file.clone().into_bytes()), ("CSV, GBK", gbk.into_owned())] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut audience = Audience::csv_reader(std::io::Cursor::new(bytes.clone()));
                let mut rows = 0;
                loop {
                    let chunk = audience.next_chunk_blocking(4_000).expect("a readable audience");
                    if chunk.is_empty() {
                        break rows;
                    }
                    rows += chunk.iter().filter(|r| r.is_ok()).count();
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, numbers, texts, replies, audiences);
criterion_main!(benches);
