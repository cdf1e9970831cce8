//! A provider that keeps what it was given and answers as it is told.

use optin106::Phone;
use optin106::clock::Timestamp;
use optin106::id::AccountId;
use optin106::provider::{
    Answer, Asked, Back, Callback, Documented, Form, Found, HttpCall, InboundError, Lookup, Profile, Provider, Request,
    Verdict, Verdicts, Writer,
};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One number that was handed to the platform.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "each suite reads what it needs")]
pub(crate) struct Submitted {
    pub(crate) phone: Phone,
    pub(crate) account: AccountId,
    pub(crate) begun: Timestamp,
    pub(crate) text: String,
    pub(crate) verdict: Verdict,
}

#[derive(Debug)]
pub(crate) struct Double {
    profile: Profile,
    /// Answered in turn, per ticket; accepted when there is none.
    pub(crate) script: Mutex<VecDeque<Verdict>>,
    pub(crate) sent: Mutex<Vec<Submitted>>,
}

impl Double {
    pub(crate) fn new(same_text_max: u16) -> Arc<Self> {
        let profile = Profile {
            name: "double",
            form: Form::FreeText,
            same_text_max,
            personal_max: 1,
            signature: Writer::Caller,
            words: Writer::Caller,
            window: None,
            caps: &[],
            all_or_nothing: false,
            lookup: Lookup::None,
            idempotent: false,
            reports: Back::Push,
            replies: Back::Push,
            report_due: Duration::from_secs(72 * 3600),
            calls_per_second: 100,
            documented: Documented::High,
            source: "none: it sends nothing",
        };
        Arc::new(Self { profile, script: Mutex::default(), sent: Mutex::default() })
    }
}

#[async_trait::async_trait]
impl Provider for Double {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    async fn submit(&self, request: Request<'_>) -> Answer {
        let mut verdicts = Vec::new();
        for (i, ticket) in request.tickets().iter().enumerate() {
            let id = format!("{}-{i}", request.reference());
            let verdict = self.script.lock().unwrap().pop_front().unwrap_or_else(|| Verdict::accepted(id));
            self.sent.lock().unwrap().push(Submitted {
                phone: ticket.phone(),
                account: request.account().clone(),
                begun: request.begun_at(),
                text: request.rendition().text().to_owned(),
                verdict: verdict.clone(),
            });
            verdicts.push(verdict);
        }
        Answer { verdicts: Verdicts::Each(verdicts), first_byte: Some(request.begun_at()) }
    }

    async fn lookup(&self, asked: &[Asked<'_>]) -> Vec<Found> {
        asked.iter().map(|_| Found::Unclear).collect()
    }

    fn inbound(&self, _call: &HttpCall) -> Result<Callback, InboundError> {
        Err(InboundError::NotOffered)
    }
}
