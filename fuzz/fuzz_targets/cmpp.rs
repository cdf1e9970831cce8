#![no_main]
//! Any bytes as a CMPP PDU, in both versions, and as the body of a report.

use libfuzzer_sys::fuzz_target;
use optin106::carrier::cmpp::{Body, Pdu, Report, Version};
use optin106::carrier::coding;

fuzz_target!(|bytes: &[u8]| {
    for version in [Version::V20, Version::V30] {
        match Pdu::decode(bytes, version) {
            Ok(pdu) => settled(&pdu, version),
            Err(error) => assert!(error.offset <= bytes.len()),
        }
    }
    report(bytes);
});

/// What was read is written, and read again as the same.
fn settled(pdu: &Pdu, version: Version) {
    let mut wire = Vec::new();
    pdu.encode(&mut wire);
    assert_eq!(Pdu::decode(&wire, version).as_ref(), Ok(pdu));
    let (content, flag, coding) = match &pdu.body {
        Body::Deliver(deliver) => (&deliver.content, deliver.tp_udhi, deliver.msg_fmt),
        Body::Submit(submit) => (&submit.content, submit.tp_udhi, submit.msg_fmt),
        _ => return,
    };
    let (_, body) = coding::header(content.as_bytes(), flag == 1);
    assert!(coding.decode(body).len() <= 4 * body.len());
    report(content.as_bytes());
}

fn report(bytes: &[u8]) {
    if let Ok(report) = Report::read(bytes) {
        let mut body = Vec::new();
        report.write(&mut body);
        assert_eq!((body.len(), Report::read(&body)), (bytes.len(), Ok(report)));
    }
}
