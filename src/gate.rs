//! stub
/// stub
#[derive(Debug)]
pub struct Clearance {
    pub(crate) _p: (),
}
