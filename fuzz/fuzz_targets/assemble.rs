#![no_main]
//! Any segments, in any order, over any time: every one comes out exactly once, and no more wait than may.
//!
//! Each segment is five bytes: conversation and coding, header of reference, total and number, seconds that pass; the
//! content is the header and the number of the segment.

use libfuzzer_sys::fuzz_target;
use optin106::carrier::assemble::{Assembler, Limits};
use optin106::carrier::coding::{self, Coding};
use std::time::Duration;

const LIMITS: Limits = Limits { segments: 6, pending: 4, wait: Duration::from_secs(200) };

fuzz_target!(|bytes: &[u8]| {
    let mut assembler = Assembler::new(LIMITS);
    let (mut now, mut out, mut offered) = (Duration::ZERO, Vec::new(), 0usize);
    for five in bytes.chunks_exact(5) {
        let content = [5, 0, 3, five[1], five[2], five[3], five[1] % 3];
        let (Some(place), body) = coding::header(&content, true) else { continue };
        now += Duration::from_secs(five[4].into());
        let coding = if five[0] & 128 == 0 { Coding::UCS2 } else { Coding::GB };
        let done = assembler.offer(now, five[0] & 3, coding, place, body.to_vec(), offered);
        offered += 1;
        out.extend(done.repeated);
        for reply in done.done {
            assert!(!reply.segments.is_empty() && reply.segments.len() <= usize::from(reply.total));
            assert!(!reply.text().is_empty());
            out.extend(reply.segments.into_values().map(|part| part.tag));
        }
        assert!(assembler.len() <= LIMITS.pending);
        assert!(assembler.deadline().is_none_or(|at| at > now && at <= now + LIMITS.wait));
    }
    for reply in assembler.drain() {
        out.extend(reply.segments.into_values().map(|part| part.tag));
    }
    out.sort_unstable();
    assert!(out.into_iter().eq(0..offered));
});
