//! The proof of a consent, to be handed to the platform, a court or the person (Order 74 art. 21; PIPL 45, 69).

use super::ShopHandle;
use super::consents::{Artefact, unpack};
use super::told::open_sealed;
use crate::facts::{Event, Scope};
use crate::id::{hex, unhex};
use crate::phone::Phone;
use crate::store::{EventRow, ShopRow, StoreError};
use base64::Engine;
use serde_json::{Value, json};

/// Why no proof could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// This shop never recorded anything of this person.
    #[error("this shop has no record of this person; nothing can be proven, and nothing may be sent")]
    NoRecord,
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ProofError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoRecord => "no_record",
            Self::Store(e) => e.code(),
        }
    }
}

impl ShopHandle {
    /// Everything that this shop recorded of a person's consent: each opt-in with notice text, evidence and envelope,
    /// and each stop that covers it. The one export that carries the number, since it is about that number; keep it as
    /// safe as the store. Evidence bytes are base64; those that were destroyed after an erasure are `null`.
    ///
    /// # Errors
    /// [`ProofError`].
    pub async fn export_proof(&self, phone: Phone) -> Result<Value, ProofError> {
        let store = self.optin().store();
        let shop = self.current().await?;
        let rid = store.keyring().rid(phone);
        let mut consents = Vec::new();
        let mut stops = Vec::new();
        for row in store.events(rid).await? {
            if row.kind == "opt_in" && row.shop == Some(shop.key) {
                consents.push(self.consent(&row).await?);
            }
            stops.extend(row.events.iter().filter_map(|e| stop(&shop, &row, e)));
        }
        if consents.is_empty() && stops.is_empty() {
            return Err(ProofError::NoRecord);
        }
        Ok(json!({
            "format": "optin106-proof/1",
            "exported_at": self.optin().clock().now(),
            "number": phone.e164(),
            "pseudonym": hex(rid.as_bytes()),
            "controller": {
                "registration_id": shop.owner_id,
                "shop": shop.id,
                "signature": self.signature(),
                "contact": self.contact(),
            },
            "consents": consents,
            "stops": stops,
        }))
    }

    async fn consent(&self, row: &EventRow) -> Result<Value, ProofError> {
        let store = self.optin().store();
        let hash = row.detail["notice"]["sha256"].as_str().and_then(unhex).and_then(|h| <[u8; 32]>::try_from(h).ok());
        let text = match hash {
            Some(hash) => store.notice(hash).await?.map(|(_, text)| text),
            None => None,
        };
        let evidence = open_sealed(store.keyring(), row).and_then(|b| unpack(&b));
        let grant = row.events.iter().find_map(|e| match e {
            Event::OptIn { grant, .. } => Some(grant),
            _ => None,
        });
        Ok(json!({
            "recorded_at": row.recorded,
            "given_at": grant.map_or(row.claimed, |g| g.given_at),
            "valid_until": grant.map(|g| g.valid_until),
            "promise": grant.map(|g| g.promise),
            "personalised": grant.is_some_and(|g| g.personalised),
            "sensitive": grant.is_some_and(|g| g.sensitive),
            "purposes": row.detail["purposes"],
            "method": row.detail["method"],
            "notice": { "version": row.detail["notice"]["version"], "sha256": row.detail["notice"]["sha256"], "text": text },
            "evidence": evidence.map(|all| all.iter().map(artefact).collect::<Vec<_>>()),
            "source": row.source,
            "event_id": row.event_id,
            "actor": row.actor,
        }))
    }
}

fn artefact(a: &Artefact) -> Value {
    let content = if a.is_reference {
        Value::from(String::from_utf8_lossy(&a.content))
    } else {
        Value::from(base64::engine::general_purpose::STANDARD.encode(&a.content))
    };
    let form = if a.is_reference { "ref" } else { "base64" };
    json!({ "kind": a.kind, "sha256": hex(&a.sha256), "of_guardian": a.of_guardian, form: content })
}

/// A stop that covers this shop; another owner's is not this shop's to see.
fn stop(shop: &ShopRow, row: &EventRow, event: &Event) -> Option<Value> {
    let Event::Stop { scope, at } = event else { return None };
    let scope = match scope {
        Scope::Everyone => "everyone".to_owned(),
        Scope::Owner(o) if shop.owners.contains(o) => "group".to_owned(),
        Scope::Purpose(o, p) if shop.owners.contains(o) => format!("purpose:{}", p.as_str()),
        Scope::Owner(_) | Scope::Purpose(..) => return None,
    };
    Some(json!({ "scope": scope, "at": at, "recorded_at": row.recorded, "reason": row.kind }))
}
