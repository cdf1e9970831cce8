#![no_main]
//! Any text in any coding: as many segments as the bill says, and the same text out of them.

use libfuzzer_sys::fuzz_target;
use optin106::carrier::coding::{self, Coding, Reference};
use optin106::carrier::split::{billed, split};

fuzz_target!(|input: (u8, &str)| {
    let (choice, text) = input;
    let coding = [Coding::ASCII, Coding::GB, Coding::UCS2][usize::from(choice % 3)];
    let reference = if choice < 128 { Reference::Byte(choice) } else { Reference::Word(choice.into()) };
    let Ok(segments) = split(text, coding, reference) else {
        assert!(coding != Coding::UCS2 || choice >= 128 || billed(text, coding).parts > 255);
        return;
    };
    assert_eq!(segments.len(), usize::from(billed(text, coding).parts));
    let mut joined = Vec::new();
    for segment in &segments {
        let content = segment.content();
        assert!(content.len() <= if coding == Coding::ASCII { 159 } else { 140 });
        // Without a header a text may begin like one; what is sent says which in TP_udhi.
        let (place, body) = match segment.place() {
            Some(_) => coding::header(&content, true),
            None => (None, content.as_slice()),
        };
        assert_eq!(place, segment.place());
        joined.extend_from_slice(body);
    }
    assert_eq!(coding.decode(&joined), text);
});
