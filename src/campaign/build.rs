//! What is sent: purpose, texts, time, route, budget. Everything that can be refused is refused before anything is
//! written.

use super::route::{Place as RoutePlace, Rank};
use super::{Audience, Campaign, CampaignError, Inner, Progress, Spec};
use crate::clock::Timestamp;
use crate::consent::Purpose;
use crate::id::{AccountId, CampaignName, IdError, VariantName};
use crate::keyring::{Keyring, Place};
use crate::ledger::{Ledger, Leg};
use crate::message::rendition::{Rendition, TemplateBinding};
use crate::message::{
    Body, ParamKind, PlatformAdds, Signature, Template, TextError, Warning, compose, drift, lint, lint_template,
};
use crate::money::Money;
use crate::optin::{AccountSettings, Filing, ShopHandle};
use crate::phone::Carrier;
use crate::policy::Policy;
use crate::provider::{Back, Form, Profile, Writer};
use crate::store::{CampaignRow, StoreError};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// Collects what a campaign is; [`plan`](Self::plan) checks and writes it.
#[must_use = "nothing happens before plan"]
pub struct CampaignBuilder {
    shop: ShopHandle,
    name: Result<CampaignName, IdError>,
    purpose: Purpose,
    variants: Vec<(String, String)>,
    params: Vec<(String, ParamKind)>,
    starts: Option<Timestamp>,
    ends: Option<Timestamp>,
    personalised: bool,
    sensitive: bool,
    route: Vec<Rank>,
    cheapest: bool,
    budget: Option<Money>,
    per_call: Option<u16>,
    policy: Option<Policy>,
}

impl fmt::Debug for CampaignBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CampaignBuilder({:?}, {} texts, route {:?})", self.name, self.variants.len(), self.route)
    }
}

impl ShopHandle {
    /// Starts a campaign of this shop. (shop, name) names it for ever: the same content reopens it.
    pub fn campaign(&self, name: impl AsRef<str>, purpose: Purpose) -> CampaignBuilder {
        CampaignBuilder {
            shop: self.clone(),
            name: CampaignName::new(name),
            purpose,
            variants: Vec::new(),
            params: Vec::new(),
            starts: None,
            ends: None,
            personalised: false,
            sensitive: false,
            route: Vec::new(),
            cheapest: false,
            budget: None,
            per_call: None,
            policy: None,
        }
    }

    /// Opens a planned campaign again, after a crash or from another process, without its audience.
    ///
    /// # Errors
    /// [`CampaignError::Unknown`] when none was planned, or its plan was cut: plan it again.
    pub async fn open_campaign(&self, name: impl AsRef<str>) -> Result<Campaign, CampaignError> {
        let name = CampaignName::new(name)?;
        let store = self.optin().store();
        let row = store.campaign(self.row().key, &name).await?.ok_or(CampaignError::Unknown)?;
        if row.phase == crate::store::Phase::Planning {
            return Err(CampaignError::Unknown);
        }
        let spec = open_spec(store.keyring(), &row)?;
        Campaign::assemble(self.clone(), spec, row).await
    }
}

impl CampaignBuilder {
    /// The text: the body alone. Signature and unsubscribe words are added, and cannot be written by the caller.
    /// `{name}` holes are filled per person from the audience's parameters.
    pub fn text(self, body: impl Into<String>) -> Self {
        self.variant("a", body)
    }

    /// One of several texts; each person gets one, by a hash of the person.
    pub fn variant(mut self, name: impl Into<String>, body: impl Into<String>) -> Self {
        self.variants.push((name.into(), body.into()));
        self
    }

    /// Declares the type of a hole; undeclared ones take text of at most 35 characters.
    pub fn param(mut self, name: impl Into<String>, kind: ParamKind) -> Self {
        self.params.push((name.into(), kind));
        self
    }

    /// Nothing is sent before; now when not called.
    pub fn starts(mut self, at: Timestamp) -> Self {
        self.starts = Some(at);
        self
    }

    /// Nothing is sent at or after; the window's close on the start day when not called.
    pub fn ends(mut self, at: Timestamp) -> Self {
        self.ends = Some(at);
        self
    }

    /// The audience or text was chosen by automated decision about each person (R-CONSENT-14).
    pub fn personalised(mut self) -> Self {
        self.personalised = true;
        self
    }

    /// The segment was built on sensitive data (R-SENS-1).
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// The account to send through, or several that share the rows by weight: `via([(a, 3), (b, 1)])` begins three rows of
    /// four through `a`. While one of them rests or is held, the others take its share; it is not made up for later.
    pub fn via(mut self, accounts: impl Into<Rank>) -> Self {
        self.route.insert(0, accounts.into());
        self
    }

    /// The next account, or several by weight, for rows that the ones before did not take for a reason of their own.
    pub fn or_via(mut self, accounts: impl Into<Rank>) -> Self {
        self.route.push(accounts.into());
        self
    }

    /// Orders the route by the price of a part, cheapest first, as the accounts are set when the campaign is opened.
    /// Accounts of equal price keep the order, and the weights, that they were named with.
    pub fn cheapest(mut self) -> Self {
        self.cheapest = true;
        self
    }

    /// The most that it may cost; rows beyond expire unsent.
    pub fn budget(mut self, most: Money) -> Self {
        self.budget = Some(most);
        self
    }

    /// At most so many numbers in one call to the platform; its own limit holds as well.
    pub fn numbers_per_call(mut self, most: u16) -> Self {
        self.per_call = Some(most.max(1));
        self
    }

    /// Makes the store's policy stricter for this campaign; nothing can loosen it.
    pub fn stricter(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// What a careful reader would question in the texts: absolute terms, links, symbols, more than one part.
    pub fn warnings(&self) -> Vec<(String, Vec<Warning>)> {
        let of = |text: &String| match Template::parse(text) {
            Ok(t) if t.holes().next().is_some() => lint_template(&t),
            _ => lint(text),
        };
        self.variants.iter().map(|(name, text)| (name.clone(), of(text))).collect()
    }

    /// Checks everything, then writes one row per person. Nothing is sent.
    ///
    /// A plan that was cut is discarded and done anew; the same content reopens a campaign.
    ///
    /// # Errors
    /// [`CampaignError`]; then nothing can be sent from what was written.
    pub async fn plan(self, audience: impl Into<Audience>) -> Result<Campaign, CampaignError> {
        let shop = self.shop.clone();
        let name = self.name.clone()?;
        let store = Arc::clone(shop.optin().store());
        let known = store.campaign(shop.row().key, &name).await?;
        let spec = self.spec(known.as_ref(), store.keyring()).await?;
        let sealed = seal_spec(store.keyring(), shop.row().key.0, &name, &spec);
        let row = store.open_campaign(shop.row().key, &name, sealed).await?;
        let campaign = Campaign::assemble(shop, spec, row).await?;
        super::plan::plan(campaign, audience.into()).await
    }

    async fn spec(&self, known: Option<&CampaignRow>, keyring: &Keyring) -> Result<Spec, CampaignError> {
        check_route(&self.route)?;
        if self.variants.is_empty() {
            return Err(CampaignError::NoText);
        }
        if self.variants.len() > 26 {
            return Err(CampaignError::Variants);
        }
        let variants = self
            .variants
            .iter()
            .map(|(name, text)| Ok((VariantName::new(name)?, text.clone())))
            .collect::<Result<Vec<_>, IdError>>()?;
        // Times that the caller left open keep the values of the first plan, so that the same call reopens it.
        let before = known.map(|row| open_spec(keyring, row)).transpose()?;
        let now = self.shop.optin().store().clock().now();
        let starts = self.starts.or(before.as_ref().map(|s| s.starts)).unwrap_or(now);
        let policy = self.shop.optin().policy().await?;
        let close = policy.window.close_after(policy.window.next_open(starts.millis()));
        let ends = self.ends.unwrap_or_else(|| close.map_or(starts, Timestamp::from_millis));
        if ends <= starts {
            return Err(CampaignError::Ends);
        }
        Ok(Spec {
            purpose: self.purpose,
            variants,
            params: self.params.clone(),
            starts,
            ends,
            personalised: self.personalised,
            sensitive: self.sensitive,
            route: self.route.clone(),
            cheapest: self.cheapest,
            budget: self.budget.map(Money::ten_thousandths),
            per_call: self.per_call,
            policy: self.policy.clone(),
        })
    }
}

fn check_route(route: &[Rank]) -> Result<(), CampaignError> {
    let mut accounts = route.iter().flat_map(Rank::accounts).peekable();
    if accounts.peek().is_none() {
        return Err(CampaignError::NoRoute);
    }
    match accounts.find(|(_, weight)| *weight == 0) {
        Some((account, _)) => Err(CampaignError::Weight { account: account.clone() }),
        None => Ok(()),
    }
}

fn spec_row(shop: u32, name: &CampaignName) -> Vec<u8> {
    let mut row = shop.to_be_bytes().to_vec();
    row.extend_from_slice(name.as_str().as_bytes());
    row
}

fn seal_spec(keyring: &Keyring, shop: u32, name: &CampaignName, spec: &Spec) -> Vec<u8> {
    let row = spec_row(shop, name);
    let plain = serde_json::to_vec(spec).expect("a specification serialises");
    keyring.seal(&Place { column: "campaign.spec", row: &row }, &plain)
}

fn open_spec(keyring: &Keyring, row: &CampaignRow) -> Result<Spec, StoreError> {
    let place = spec_row(row.shop.0, &row.name);
    let plain = keyring.open(&Place { column: "campaign.spec", row: &place }, &row.spec)?;
    serde_json::from_slice(&plain).map_err(|_| StoreError::Corrupt(None))
}

/// The longest value that each hole takes: to know the most parts before any parameter is seen.
fn template(text: &str, params: &[(String, ParamKind)]) -> Result<Option<Template>, TextError> {
    let mut template = Template::parse(text)?;
    let holes: Vec<String> = template.holes().map(|(name, _)| name.to_owned()).collect();
    if holes.is_empty() {
        return Ok(None);
    }
    for (name, kind) in params.iter().filter(|(name, _)| holes.contains(name)) {
        template = template.declare(name, *kind)?;
    }
    Ok(Some(template))
}

impl Campaign {
    pub(super) async fn assemble(shop: ShopHandle, spec: Spec, row: CampaignRow) -> Result<Self, CampaignError> {
        let optin = shop.optin().clone();
        let store = Arc::clone(optin.store());
        let policy_setting = store.setting(crate::optin::POLICY).await?;
        let mut policy = optin.policy().await?;
        if let Some(own) = &spec.policy {
            let first = spec.route.iter().flat_map(Rank::accounts).next();
            let (account, _) = first.ok_or(CampaignError::NoRoute)?;
            policy = policy.intersect(own).ok_or_else(|| CampaignError::Window { account: account.clone() })?;
        }
        let templates = spec
            .variants
            .iter()
            .map(|(name, text)| {
                template(text, &spec.params).map_err(|source| CampaignError::Text { variant: name.clone(), source })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut route = Vec::new();
        for (rank, accounts) in spec.route.iter().enumerate() {
            let accounts: Vec<_> = accounts.accounts().map(|(a, weight)| (a.clone(), weight)).collect();
            for (account, weight) in accounts {
                let leg = leg(&shop, &spec, &templates, &account, &policy).await?;
                // By price, those of one rank share only when they cost the same.
                let price = if spec.cheapest { leg.price } else { 0 };
                route.push(((price, rank), weight, leg));
            }
        }
        route.sort_by_key(|(order, ..)| *order);
        let rank = |order| route.partition_point(|(o, ..)| *o < order);
        let places =
            route.iter().map(|(order, weight, _)| RoutePlace { rank: rank(*order), weight: *weight }).collect();
        let legs = route.into_iter().map(|(.., leg)| leg).collect();
        let current = shop.current().await?;
        let ledger = Ledger {
            store,
            campaign: row.key,
            shop: current.key,
            owner: current.owner,
            owners: current.owners,
            policy_setting,
            purpose: spec.purpose,
            personalised: spec.personalised,
            sensitive: spec.sensitive,
            budget: spec.budget,
            templates,
        };
        let progress = tokio::sync::watch::Sender::new(Progress::default());
        Ok(Self { inner: Arc::new(Inner { shop, row, spec, ledger, legs, places, progress }) })
    }

    pub(super) fn with_row(self, row: CampaignRow) -> Self {
        match Arc::try_unwrap(self.inner) {
            Ok(inner) => Self { inner: Arc::new(Inner { row, ..inner }) },
            Err(inner) => Self { inner },
        }
    }
}

async fn leg(
    shop: &ShopHandle,
    spec: &Spec,
    templates: &[Option<Template>],
    account: &AccountId,
    policy: &Policy,
) -> Result<Leg, CampaignError> {
    let unknown = || CampaignError::Account { account: account.clone() };
    let row = shop.optin().store().account(account).await?.ok_or_else(unknown)?;
    let settings: AccountSettings = serde_json::from_str(&row.settings).map_err(|_| unknown())?;
    if !settings.purposes.is_empty() && !settings.purposes.contains(&spec.purpose) {
        return Err(CampaignError::Purpose { account: account.clone(), purpose: spec.purpose });
    }
    let provider = shop.optin().resolve(account).ok_or_else(unknown)?;
    let profile = provider.profile().clone();
    if profile.replies == Back::None && !settings.replies_by_hand {
        return Err(CampaignError::NoReplies { account: account.clone() });
    }
    let policy = policy.within(&profile).ok_or_else(|| CampaignError::Window { account: account.clone() })?;
    let personal = templates.iter().any(Option::is_some);
    if personal && profile.personal_max == 0 {
        return Err(CampaignError::NotPersonal { account: account.clone() });
    }
    let signature = shop.signature_at(account);
    if !signature.is_filed() {
        return Err(CampaignError::SignatureNotFiled { account: account.clone() });
    }
    let extension = shop.sends_from(account).await?;
    let name = &spec.variants[0].0;
    let parsed = Signature::parse(signature.signature())
        .map_err(|source| CampaignError::Text { variant: name.clone(), source })?;
    let mut renditions = Vec::new();
    for (i, (name, text)) in spec.variants.iter().enumerate() {
        let refused = |source| CampaignError::Text { variant: name.clone(), source };
        let (seen, parts) = as_seen(&parsed, text, templates[i].as_ref()).map_err(refused)?;
        let binding = bind(account, &profile, signature.templates(), &seen)?;
        renditions.push(Arc::new(rendition(
            &parsed,
            seen,
            binding,
            extension.as_ref().map(crate::id::Extension::as_str),
            parts,
            settings.price,
        )));
    }
    let most = if personal { profile.personal_max } else { profile.same_text_max };
    let per_request = most.min(spec.per_call.unwrap_or(u16::MAX));
    let mut leg = Leg {
        account: account.clone(),
        renditions,
        price: settings.price,
        pace: row.pace,
        concurrency: settings.concurrency,
        calls_per_second: settings.calls_per_second.unwrap_or(profile.calls_per_second),
        policy_hash: policy.hash(),
        policy: Arc::new(policy),
        per_request: usize::from(per_request).max(1),
        carriers: settings.carriers,
        excluded: Vec::new(),
        provider,
    };
    let may = |c: &Carrier| leg.serves(*c) && signature.filing(*c) == Filing::Filed;
    leg.excluded = Carrier::ALL.into_iter().filter(|c| !may(c)).collect();
    if leg.excluded.len() == Carrier::ALL.len() {
        return Err(CampaignError::SignatureNotFiled { account: account.clone() });
    }
    Ok(leg)
}

/// The text as the person sees it, with holes when personal, and its parts (of the holes' names then; rows count their
/// own).
fn as_seen(signature: &Signature, text: &str, template: Option<&Template>) -> Result<(String, u16), TextError> {
    match template {
        None => {
            let composed = compose(signature, &Body::parse(&unescaped(text))?)?;
            Ok((composed.text().to_owned(), composed.length().parts))
        }
        Some(template) => {
            let seen = format!("【{}】{}{}", signature.as_str(), template.source(), crate::message::UNSUBSCRIBE);
            let parts = crate::text::billed_cn(&seen).parts;
            Ok((seen, parts))
        }
    }
}

/// A text without holes may still write `{{` for a brace.
fn unescaped(text: &str) -> String {
    text.replace("{{", "{").replace("}}", "}")
}

/// For platforms that take only filed templates: the one that equals the text as seen, less what the platform adds.
fn bind(
    account: &AccountId,
    profile: &Profile,
    filed: &[TemplateBinding],
    seen: &str,
) -> Result<Option<TemplateBinding>, CampaignError> {
    if profile.form == Form::FreeText {
        return Ok(None);
    }
    let adds =
        PlatformAdds { signature: profile.signature == Writer::Platform, words: profile.words == Writer::Platform };
    let mut nearest = None;
    for binding in filed {
        match drift(&binding.filed, seen, adds) {
            Ok(()) => return Ok(Some(binding.clone())),
            Err(e) => nearest = nearest.or(Some(e)),
        }
    }
    Err(CampaignError::Drift { account: account.clone(), source: nearest })
}

fn rendition(
    signature: &Signature,
    text: String,
    template: Option<TemplateBinding>,
    extension: Option<&str>,
    parts: u16,
    price: u32,
) -> Rendition {
    let mut hash = Sha256::new();
    let code = template.as_ref().map_or("", |t| t.code.as_str());
    for part in [signature.as_str(), &text, code, extension.unwrap_or("")] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(price.to_be_bytes());
    Rendition {
        signature: signature.as_str().to_owned(),
        text,
        template,
        extension: extension.map(str::to_owned),
        parts,
        price: price * u32::from(parts),
        hash: hash.finalize().into(),
    }
}
