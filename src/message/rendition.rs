//! A variant as one account sends it.

use std::fmt;

/// The text of a campaign as one account sends it: as the person sees it, and as the platform must be told.
///
/// Made by the campaign from a composed text; read by providers.
#[derive(Clone, Eq, PartialEq)]
pub struct Rendition {
    pub(crate) signature: String,
    pub(crate) text: String,
    pub(crate) template: Option<TemplateBinding>,
    pub(crate) extension: Option<String>,
    pub(crate) parts: u16,
    pub(crate) price: u32,
    pub(crate) hash: [u8; 32],
}

impl Rendition {
    /// The sender's signature (签名) as filed at this account, without brackets.
    pub fn signature(&self) -> &str {
        &self.signature
    }

    /// The full text as the person sees it: signature, body, unsubscribe words. With holes when personalised; then
    /// each ticket carries its own text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The filed template, for platforms that take no free text.
    pub fn template(&self) -> Option<&TemplateBinding> {
        self.template.as_ref()
    }

    /// The sub-port extension to send from, if one is bound.
    pub fn extension(&self) -> Option<&str> {
        self.extension.as_deref()
    }

    /// Billed parts per person.
    pub fn parts(&self) -> u16 {
        self.parts
    }

    /// Price per person, in ten-thousandths of a yuan (all parts).
    pub fn price(&self) -> u32 {
        self.price
    }

    /// SHA-256 of everything above: the row that proves itself names it.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }
}

impl fmt::Debug for Rendition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rendition({} parts, {})", self.parts, crate::id::hex(&self.hash[..4]))
    }
}

/// A template filed and approved at a platform.
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct TemplateBinding {
    /// The platform's template code, such as `SMS_000000001`.
    pub code: String,
    /// The text as filed, with the platform's own placeholders.
    pub filed: String,
}
