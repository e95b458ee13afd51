//! Which of the registered names does a set allow? (RFC 7518 §7.1.)

use std::fmt;
use std::marker::PhantomData;

/// One of the algorithms of a closed list, each with its name in the IANA registry.
pub trait Registered: Copy + 'static {
    /// All of them.
    const ALL: &'static [Self];
    /// The registered name.
    fn name(self) -> &'static str;
    /// Its place in the list, under 32.
    fn bit(self) -> u32;
}

/// A set of algorithms: one bit each.
pub struct RegisteredSet<A>(u32, PhantomData<A>);

impl<A: Registered> RegisteredSet<A> {
    /// The set without algorithms: it allows nothing.
    pub const EMPTY: Self = Self::of_bits(0);

    pub(super) const fn of_bits(bits: u32) -> Self {
        Self(bits, PhantomData)
    }

    pub(super) const fn bits(self) -> u32 {
        self.0
    }

    /// The set of this one algorithm.
    #[must_use]
    pub fn only(algorithm: A) -> Self {
        Self::of_bits(1 << algorithm.bit())
    }

    /// Whether the set allows this algorithm.
    #[must_use]
    pub fn contains(self, algorithm: A) -> bool {
        self.0 & Self::only(algorithm).0 != 0
    }

    /// The algorithms that are in both sets.
    #[must_use]
    pub const fn intersect(self, other: Self) -> Self {
        Self::of_bits(self.0 & other.0)
    }

    /// Whether the set allows nothing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The algorithms of the set, in the order of their list.
    pub fn iter(self) -> impl Iterator<Item = A> {
        A::ALL.iter().copied().filter(move |algorithm| self.contains(*algorithm))
    }
}

impl<A: Registered> FromIterator<A> for RegisteredSet<A> {
    fn from_iter<I: IntoIterator<Item = A>>(algorithms: I) -> Self {
        Self::of_bits(algorithms.into_iter().fold(0, |bits, algorithm| bits | Self::only(algorithm).0))
    }
}

// Derived, these would ask the same of `A`.
impl<A> Clone for RegisteredSet<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for RegisteredSet<A> {}

impl<A> PartialEq for RegisteredSet<A> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<A> Eq for RegisteredSet<A> {}

impl<A: Registered> fmt::Display for RegisteredSet<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, algorithm) in self.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(f, "{separator}{}", algorithm.name())?;
        }
        Ok(())
    }
}

impl<A: Registered> fmt::Debug for RegisteredSet<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}
