//! What the carriers' codecs cost: `cargo bench --bench carrier --features carrier,testing`.
//!
//! One element is a submit written and its answer read. What a session and a campaign cost is measured against a gateway in
//! a process of its own: see `benches/README.md`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use optin106::Phone;
use optin106::carrier::coding::{Coding, Reference};
use optin106::carrier::pdu::{Octets, Sequence};
use optin106::carrier::split::split;
use optin106::carrier::{cmpp, sgip, smgp};
use std::hint::black_box;

const FITS: &str = "the bench's own fields fit";

fn codecs(c: &mut Criterion) {
    let text = "【示例旗舰店】双12今晚8点开抢，满200减25，详情见店铺首页。拒收请回复R";
    let segments = split(text, Coding::UCS2, Reference::Byte(1)).expect(FITS);
    let to = [Phone::from_u64(13_800_000_001).expect(FITS)];
    let mut group = c.benchmark_group("submit and answer");
    group.throughput(Throughput::Elements(1));
    let mut out = Vec::with_capacity(4096);
    for (name, version) in [("cmpp20", cmpp::Version::V20), ("cmpp30", cmpp::Version::V30)] {
        let service = cmpp::Service::new("901234", "MKT").expect(FITS);
        let mut answer = Vec::new();
        let result = cmpp::ResultCode::new(version, 0);
        let body = cmpp::Body::SubmitResp(cmpp::Answer { msg_id: cmpp::MsgId(7), result });
        cmpp::Pdu { sequence: Sequence(7), body }.encode(&mut answer);
        group.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                let source = Octets::new("10690001").expect(FITS);
                let submit = service.submit(version, source, black_box(&to), &segments[0], None).expect(FITS);
                cmpp::Pdu { sequence: Sequence(7), body: cmpp::Body::Submit(submit) }.encode(&mut out);
                (out.len(), cmpp::Pdu::decode(black_box(&answer), version).is_ok())
            });
        });
    }
    let service = sgip::Service::new("12345", "MKT").expect(FITS);
    let sequence = sgip::Number { node: 3_010_012_345, time: 1_212_100_000, counter: 7 };
    let mut answer = Vec::new();
    let body = sgip::Body::SubmitResp(sgip::Answer { result: 0, reserve: Octets::EMPTY });
    sgip::Pdu { sequence, body }.encode(&mut answer);
    group.bench_function("sgip12", |b| {
        b.iter(|| {
            out.clear();
            let source = Octets::new("10690001").expect(FITS);
            let submit = service.submit(source, black_box(&to), &segments[0], None).expect(FITS);
            sgip::Pdu { sequence, body: sgip::Body::Submit(submit) }.encode(&mut out);
            (out.len(), sgip::Pdu::decode(black_box(&answer)).is_ok())
        });
    });
    let service = smgp::Service::new("MKT").expect(FITS);
    let mut answer = Vec::new();
    let body = smgp::Body::SubmitResp(smgp::Answer { msg_id: smgp::MsgId([1; 10]), status: 0 });
    smgp::Pdu { sequence: Sequence(7), body }.encode(&mut answer);
    group.bench_function("smgp30", |b| {
        b.iter(|| {
            out.clear();
            let source = Octets::new("10690001").expect(FITS);
            let submit = service.submit(source, black_box(&to), &segments[0], None).expect(FITS);
            smgp::Pdu { sequence: Sequence(7), body: smgp::Body::Submit(submit) }.encode(&mut out);
            (out.len(), smgp::Pdu::decode(black_box(&answer)).is_ok())
        });
    });
    group.finish();
}

criterion_group!(benches, codecs);
criterion_main!(benches);
