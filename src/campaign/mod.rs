//! A campaign: its audience, its plan, its run and its report.

pub mod audience;
pub mod report;
pub mod sort;
