#![no_main]
//! Any bytes as an SMGP PDU, and as the body of a report.

use libfuzzer_sys::fuzz_target;
use optin106::carrier::coding;
use optin106::carrier::smgp::{Body, Pdu, Report, tag};

fuzz_target!(|bytes: &[u8]| {
    match Pdu::decode(bytes) {
        Ok(pdu) => settled(&pdu),
        Err(error) => assert!(error.offset <= bytes.len()),
    }
    report(bytes);
});

/// What was read is written, and read again as the same.
fn settled(pdu: &Pdu) {
    let mut wire = Vec::new();
    pdu.encode(&mut wire);
    assert_eq!(Pdu::decode(&wire).as_ref(), Ok(pdu));
    if let Body::Deliver(deliver) = &pdu.body {
        let flagged = deliver.tlvs.byte(tag::TP_UDHI) == Some(1);
        let (_, body) = coding::header(deliver.content.as_bytes(), flagged);
        assert!(deliver.msg_format.decode(body).len() <= 4 * body.len());
        report(deliver.content.as_bytes());
    }
}

fn report(bytes: &[u8]) {
    match Report::read(bytes) {
        Ok(report) => {
            let mut body = Vec::new();
            report.write(&mut body);
            let again = Report::read(&body).expect("a report that was written is read");
            assert_eq!((again.id, again.stat, again.err), (report.id, report.stat, report.err));
        }
        Err(error) => assert!(error.offset <= bytes.len()),
    }
}
