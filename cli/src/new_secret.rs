//! A secret that is printed once, and what to do if it is lost.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewSecret {
    /// Its name, in the singular or plural: `the service key service-3f9c0a12be45 is made`.
    pub(crate) made: String,
    /// What to do if it is lost.
    pub(crate) if_lost: String,
}
