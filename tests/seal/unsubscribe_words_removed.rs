//! The text as seen ends with the unsubscribe words: a rendition cannot be written or changed by hand.
use optin106::message::UNSUBSCRIBE;
use optin106::message::rendition::Rendition;

fn strip(rendition: &mut Rendition) {
    rendition.text = rendition.text().replace(UNSUBSCRIBE, "");
}

fn main() {}
