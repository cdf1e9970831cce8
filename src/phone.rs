//! stub
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
/// stub
pub struct Phone(u64);
impl Phone {
    /// stub
    pub fn to_u64(self) -> u64 { self.0 }
    /// stub
    pub fn from_u64(n: u64) -> Option<Self> { Some(Self(n)) }
    /// stub
    pub fn national(self) -> String { self.0.to_string() }
}
