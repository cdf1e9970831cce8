//! A provider cannot keep a request beyond its submission.
use optin106::provider::{Answer, Request, Verdict, Verdicts};
use std::sync::Mutex;

struct Hoard {
    kept: Mutex<Vec<Request<'static>>>,
}

impl Hoard {
    async fn submit(&self, request: Request<'_>) -> Answer {
        self.kept.lock().unwrap().push(request);
        Answer { verdicts: Verdicts::Same(Verdict::accepted("1")), first_byte: None }
    }
}

fn main() {}
