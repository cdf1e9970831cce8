//! The states of a row and of a request.

use serde::{Deserialize, Serialize};

/// What became of one person's message.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum State {
    /// Waiting for its turn.
    Planned = 0,
    /// Recorded as begun; the outcome is not known yet.
    Begun = 1,
    /// Taken by the platform.
    Accepted = 2,
    /// The handset took it, by the delivery report.
    Delivered = 3,
    /// The handset did not, by the delivery report.
    Undelivered = 4,
    /// The platform refused it because of the person or the text.
    Failed = 5,
    /// The gate said no.
    Refused = 6,
    /// Not sent before the campaign's end.
    Expired = 7,
    /// In doubt; the platform can still be asked.
    Unknown = 8,
    /// In doubt; a person must resolve it.
    Unresolved = 9,
    /// Taken by the platform; no report came in time.
    NoReport = 10,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 11] = [
        Self::Planned,
        Self::Begun,
        Self::Accepted,
        Self::Delivered,
        Self::Undelivered,
        Self::Failed,
        Self::Refused,
        Self::Expired,
        Self::Unknown,
        Self::Unresolved,
        Self::NoReport,
    ];

    /// The stored form.
    pub fn to_u8(self) -> u8 {
        self as u8
    }

    /// Reads the stored form.
    pub fn from_u8(n: u8) -> Option<Self> {
        Self::ALL.get(n as usize).copied()
    }

    /// The stable name, such as `no_report`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Begun => "begun",
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
            Self::Unresolved => "unresolved",
            Self::NoReport => "no_report",
        }
    }

    /// In Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Delivered => "已送达",
            Self::Accepted => "已提交，待回执",
            Self::NoReport => "已提交，无回执",
            Self::Undelivered => "未送达",
            Self::Failed => "平台拒绝",
            Self::Refused => "不可发送",
            Self::Expired => "活动结束未发",
            Self::Unknown => "结果未知",
            Self::Unresolved => "结果未知，待人工确认",
            Self::Begun => "提交中",
            Self::Planned => "待发送",
        }
    }

    /// Whether the platform took it.
    pub fn is_taken(self) -> bool {
        matches!(self, Self::Accepted | Self::Delivered | Self::Undelivered | Self::NoReport)
    }

    /// Whether it counts against caps and budget: everything begun that is not proven unsent.
    pub fn is_charged(self) -> bool {
        self.is_taken() || matches!(self, Self::Begun | Self::Failed | Self::Unknown | Self::Unresolved)
    }

    /// Whether nothing but a person or a late report changes it.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Accepted | Self::Begun | Self::Planned | Self::Unknown)
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What became of one platform call. A row whose own state is [`State::Begun`] takes its request's.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum RequestState {
    /// Begun; no outcome yet.
    Open = 0,
    /// Its rows without a state of their own are accepted.
    Accepted = 1,
    /// Its rows without a state of their own are in doubt.
    Unknown = 2,
    /// Its rows without a state of their own are in doubt for a person to resolve.
    Unresolved = 3,
    /// Every row has a state of its own.
    Mixed = 4,
    /// Its rows without a state of their own are accepted and without a report.
    NoReport = 5,
}

impl RequestState {
    /// Reads the stored form.
    pub fn from_u8(n: u8) -> Option<Self> {
        [Self::Open, Self::Accepted, Self::Unknown, Self::Unresolved, Self::Mixed, Self::NoReport]
            .get(n as usize)
            .copied()
    }

    /// The state of a row that follows its request.
    pub fn of_row(self) -> State {
        match self {
            Self::Open | Self::Mixed => State::Begun,
            Self::Accepted => State::Accepted,
            Self::Unknown => State::Unknown,
            Self::Unresolved => State::Unresolved,
            Self::NoReport => State::NoReport,
        }
    }
}
