//! How far the children of an element have come in their sequence.

use super::model::Particle;
use crate::policy::xml::{Element, NAMESPACE};

/// How far a sequence has come.
pub(super) struct Place {
    pub(super) at: usize,
    /// Whether the particle there has had a child.
    filled: bool,
}

impl Place {
    pub(super) fn start() -> Self {
        Self {
            at: 0,
            filled: false,
        }
    }

    /// Takes a child of the particle `found`, if it may come now.
    pub(super) fn enter(&mut self, particles: &[Particle], found: Option<usize>) -> bool {
        let Some(found) = found else {
            return false;
        };
        let fits = if found == self.at {
            !self.filled || particles[found].repeats
        } else {
            found > self.at && self.open(particles, found).is_none()
        };
        if fits {
            self.at = found;
            self.filled = true;
        }
        fits
    }

    /// The first that is needed and still missing before the particle `until`.
    fn open<'p>(&self, particles: &'p [Particle], until: usize) -> Option<&'p Particle> {
        let mut between = particles.iter().enumerate().take(until).skip(self.at);
        between
            .find(|(at, particle)| particle.needed && !(*at == self.at && self.filled))
            .map(|(_, particle)| particle)
    }

    pub(super) fn missing(&self, particles: &[Particle]) -> Option<&'static str> {
        Some(self.open(particles, particles.len())?.name)
    }

    /// What may come next.
    pub(super) fn possible(&self, particles: &[Particle]) -> Vec<&'static str> {
        let mut names = Vec::new();
        for (at, particle) in particles.iter().enumerate().skip(self.at) {
            let filled = at == self.at && self.filled;
            if !filled || particle.repeats {
                names.push(particle.name);
            }
            if particle.needed && !filled {
                break;
            }
        }
        names
    }
}

/// Whether a child may stand in the place.
pub(super) fn names(particle: &Particle, child: &Element) -> bool {
    particle.name == &*child.name && child.namespace.as_deref() == Some(NAMESPACE)
}
