//! The words of a message: what the merchant writes, what the crate adds, and what may never stand in it.
//!
//! [`compose`] makes the text as the person sees it: `【signature】`, body, [`UNSUBSCRIBE`] as the very last characters.
//! [`Template`] fills holes with typed parameters, [`drift`] compares a platform's filed text with the text as seen,
//! [`lint`] warns. Source: rules R-OPT-1, R-ID-1, R-CONT-2, R-CONT-5, R-CONT-6, R-LEN-1 to R-LEN-4.

mod chars;
mod compose;
mod drift;
mod lint;
pub mod rendition;
mod template;

pub use compose::{Body, Composed, LONGEST_TEXT, Signature, UNSUBSCRIBE, compose};
pub(crate) use drift::holes;
pub use drift::{Drift, PlatformAdds, drift};
pub use lint::{Warning, lint, lint_template};
pub use template::{ParamKind, Params, Template};

/// Why a text is refused. Positions are counted in characters from 0; the text itself is never repeated.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// A bracket of a signature, or a look-alike where a signature would stand: only the crate writes signatures.
    #[error("signature bracket at character {at}; write the body alone, the signature is put in front of it")]
    Bracket {
        /// Position in characters.
        at: usize,
    },
    /// A control character or line break.
    #[error("control character or line break at character {at}; write the text in one line")]
    Control {
        /// Position in characters.
        at: usize,
    },
    /// Nothing to read.
    #[error("the text is empty; write what the person is to read")]
    Empty,
    /// A parameter that the template has no hole for, by its position in the map.
    #[error("parameter {index} has no hole in the text; leave it out, or write its hole")]
    ExtraParameter {
        /// Position in the map.
        index: usize,
    },
    /// A character that shows nothing or steers others: zero-width, bidirectional, filler, unusual space, piled marks.
    #[error("invisible character at character {at}; delete it, it often comes with copied text")]
    Invisible {
        /// Position in characters.
        at: usize,
    },
    /// A value that is not of its hole's kind.
    #[error("the value is not of its declared kind at character {at}; correct it, or declare another kind")]
    Kind {
        /// Position in characters.
        at: usize,
    },
    /// A hole without a parameter, by its position among the distinct holes.
    #[error("hole {index} has no parameter; give one for every hole of the text")]
    MissingParameter {
        /// Position among the distinct holes.
        index: usize,
    },
    /// Three or more spaces in a row, or padding before the unsubscribe words.
    #[error("padding at character {at}; write at most two spaces in a row and none at the end")]
    Padding {
        /// Position in characters.
        at: usize,
    },
    /// A parameter whose value is refused; the source says why and where.
    #[error("parameter {index} is refused: {source}")]
    Parameter {
        /// Position in the map.
        index: usize,
        /// Why.
        source: Box<TextError>,
    },
    /// Words that tell another way to refuse, imitate the unsubscribe words, or deny them.
    #[error("words of refusal at character {at}; leave them out, the unsubscribe words are added")]
    RefusalWords {
        /// Position in characters.
        at: usize,
    },
    /// A brace without its partner, or a name that is no name.
    #[error("malformed hole at character {at}; write {{name}} with letters, digits and _, and {{{{ for a brace")]
    Template {
        /// Position in characters.
        at: usize,
    },
    /// More characters than allowed.
    #[error("longer than {max} characters; shorten it")]
    TooLong {
        /// The most that is allowed.
        max: usize,
    },
    /// More parameters or holes than allowed, or one name twice.
    #[error("too many parameters, or one name twice; use each name once, and at most as many as documented")]
    TooManyParameters,
    /// A character without an agreed look: private use or unassigned.
    #[error("a character without an agreed look at character {at}; use another")]
    Unassigned {
        /// Position in characters.
        at: usize,
    },
    /// An address in a parameter (R-CONT-5).
    #[error("link in a parameter at character {at}; write links in the text, where they are checked")]
    Url {
        /// Position in characters.
        at: usize,
    },
}

impl TextError {
    /// The stable code of the reason; that of the source for a refused parameter.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bracket { .. } => "bracket",
            Self::Control { .. } => "control",
            Self::Empty => "empty",
            Self::ExtraParameter { .. } => "extra_parameter",
            Self::Invisible { .. } => "invisible",
            Self::Kind { .. } => "kind",
            Self::MissingParameter { .. } => "missing_parameter",
            Self::Padding { .. } => "padding",
            Self::Parameter { source, .. } => source.code(),
            Self::RefusalWords { .. } => "refusal_words",
            Self::Template { .. } => "template",
            Self::TooLong { .. } => "too_long",
            Self::TooManyParameters => "too_many_parameters",
            Self::Unassigned { .. } => "unassigned",
            Self::Url { .. } => "url",
        }
    }

    /// Position of the offending character, where one character is at fault.
    #[must_use]
    pub fn at(&self) -> Option<usize> {
        match self {
            Self::Bracket { at }
            | Self::Control { at }
            | Self::Invisible { at }
            | Self::Kind { at }
            | Self::Padding { at }
            | Self::RefusalWords { at }
            | Self::Template { at }
            | Self::Unassigned { at }
            | Self::Url { at } => Some(*at),
            Self::Parameter { source, .. } => source.at(),
            Self::Empty
            | Self::ExtraParameter { .. }
            | Self::MissingParameter { .. }
            | Self::TooLong { .. }
            | Self::TooManyParameters => None,
        }
    }
}
