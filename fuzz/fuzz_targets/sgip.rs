#![no_main]
//! Any bytes as an SGIP PDU.

use libfuzzer_sys::fuzz_target;
use optin106::carrier::coding;
use optin106::carrier::sgip::{Body, Pdu};

fuzz_target!(|bytes: &[u8]| {
    match Pdu::decode(bytes) {
        Ok(pdu) => settled(&pdu),
        Err(error) => assert!(error.offset <= bytes.len()),
    }
});

/// What was read is written, and read again as the same.
fn settled(pdu: &Pdu) {
    let mut wire = Vec::new();
    pdu.encode(&mut wire);
    assert_eq!(Pdu::decode(&wire).as_ref(), Ok(pdu));
    if let Body::Deliver(deliver) = &pdu.body {
        let (_, body) = coding::header(deliver.content.as_bytes(), deliver.tp_udhi == 1);
        assert!(deliver.message_coding.decode(body).len() <= 4 * body.len());
    }
}
