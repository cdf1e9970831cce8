#![no_main]
//! Any stream, cut anywhere: the first byte chooses the protocol, the second how the rest is cut.

use libfuzzer_sys::fuzz_target;
use optin106::carrier::frame::{FrameError, Framer};
use optin106::carrier::{Protocol, cmpp};

fuzz_target!(|bytes: &[u8]| {
    let [protocol, size, stream @ ..] = bytes else { return };
    let protocol = match protocol % 3 {
        0 => Protocol::Cmpp(cmpp::Version::V30),
        1 => Protocol::Sgip,
        _ => Protocol::Smgp,
    };
    let whole = read(protocol, stream, stream.len().max(1));
    assert_eq!(read(protocol, stream, usize::from(*size).max(1)), whole);
    let taken: usize = whole.0.iter().map(Vec::len).sum();
    assert!(stream.starts_with(&whole.0.concat()));
    assert_eq!(whole.1.is_ok(), taken == stream.len());
});

fn read(protocol: Protocol, stream: &[u8], size: usize) -> (Vec<Vec<u8>>, Result<(), FrameError>) {
    let mut framer = Framer::new(protocol);
    let mut pdus = Vec::new();
    for mut piece in stream.chunks(size) {
        loop {
            match framer.next(&mut piece) {
                Ok(Some(pdu)) => pdus.push(pdu.to_vec()),
                Ok(None) => break,
                Err(error) => return (pdus, Err(error)),
            }
        }
    }
    (pdus, framer.end())
}
