//! The words in which the content model is written down.

/// What an element may hold.
pub(super) struct Type {
    pub(super) content: Content,
    pub(super) attributes: &'static [AttributeRule],
    pub(super) keys: &'static [Key],
}

pub(super) enum Content {
    Empty,
    Text(Simple),
    /// Each in its turn.
    Sequence(&'static [Particle]),
    /// Of one kind only.
    Choice(&'static [Particle]),
    /// Whatever the author likes: it is not looked at.
    Anything,
}

/// A place for children of one name.
pub(super) struct Particle {
    pub(super) name: &'static str,
    pub(super) needed: bool,
    pub(super) repeats: bool,
    pub(super) of: &'static Type,
}

pub(super) struct AttributeRule {
    pub(super) name: &'static str,
    pub(super) needed: bool,
    pub(super) value: Simple,
}

/// Elements, found along a path, whose attribute no two may share. Values are
/// compared as written: `a` and `A` differ here, though nowhere else.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) path: &'static [&'static str],
    pub(super) attribute: &'static str,
}

/// What a text or an attribute may say.
#[derive(Clone, Copy)]
pub(super) enum Simple {
    Any,
    Boolean,
    /// Of 32 bits.
    Int,
    Integer,
    Uri,
    /// The name of the type, and its values.
    OneOf(&'static str, &'static [&'static str]),
    /// The name of the type.
    NotEmpty(&'static str),
    Guid(&'static str),
    /// The name of the type, and how many numbers of one digit it has.
    Version(&'static str, usize),
    Culture,
    TenantId,
    PolicyId,
    PolicyIdPattern,
    ContentUri,
}

pub(super) const ANY: Simple = Simple::Any;
pub(super) const EMPTY: Type = holds(Content::Empty);
pub(super) const STRING: Type = text(ANY);
pub(super) const ANYTHING: Type = holds(Content::Anything);

const fn holds(content: Content) -> Type {
    Type {
        content,
        attributes: &[],
        keys: &[],
    }
}

pub(super) const fn text(value: Simple) -> Type {
    holds(Content::Text(value))
}

pub(super) const fn sequence(particles: &'static [Particle]) -> Type {
    holds(Content::Sequence(particles))
}

pub(super) const fn choice(particles: &'static [Particle]) -> Type {
    holds(Content::Choice(particles))
}

impl Type {
    pub(super) const fn with(mut self, attributes: &'static [AttributeRule]) -> Self {
        self.attributes = attributes;
        self
    }

    pub(super) const fn keyed(mut self, keys: &'static [Key]) -> Self {
        self.keys = keys;
        self
    }
}

/// Exactly one.
pub(super) const fn one(name: &'static str, of: &'static Type) -> Particle {
    particle(name, of, true, false)
}

/// At most one.
pub(super) const fn maybe(name: &'static str, of: &'static Type) -> Particle {
    particle(name, of, false, false)
}

/// At least one.
pub(super) const fn some(name: &'static str, of: &'static Type) -> Particle {
    particle(name, of, true, true)
}

/// Any number.
pub(super) const fn any(name: &'static str, of: &'static Type) -> Particle {
    particle(name, of, false, true)
}

const fn particle(name: &'static str, of: &'static Type, needed: bool, repeats: bool) -> Particle {
    Particle {
        name,
        needed,
        repeats,
        of,
    }
}

pub(super) const fn required(name: &'static str, value: Simple) -> AttributeRule {
    AttributeRule {
        name,
        needed: true,
        value,
    }
}

pub(super) const fn optional(name: &'static str, value: Simple) -> AttributeRule {
    AttributeRule {
        name,
        needed: false,
        value,
    }
}

pub(super) const fn key(
    name: &'static str,
    path: &'static [&'static str],
    attribute: &'static str,
) -> Key {
    Key {
        name,
        path,
        attribute,
    }
}
