//! The three lists of a claims transformation.

use super::super::data_type::DataType;
use super::method::{Argument, Method};
use crate::policy::source::Span;
use crate::policy::xml::Element;

/// One of the three lists of a transformation.
pub(super) struct List {
    pub(super) kind: Kind,
    pub(super) known: Vec<&'static Argument>,
    pub(super) others: &'static [DataType],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Input,
    Parameter,
    Output,
}

impl Kind {
    pub(super) fn wrapper(self) -> &'static str {
        match self {
            Self::Input => "InputClaims",
            Self::Parameter => "InputParameters",
            Self::Output => "OutputClaims",
        }
    }

    pub(super) fn item(self) -> &'static str {
        match self {
            Self::Input => "InputClaim",
            Self::Parameter => "InputParameter",
            Self::Output => "OutputClaim",
        }
    }

    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Input => "input claim",
            Self::Parameter => "input parameter",
            Self::Output => "output claim",
        }
    }

    /// The attribute that says what the item is to the method.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Input | Self::Output => "TransformationClaimType",
            Self::Parameter => "Id",
        }
    }
}

impl List {
    pub(super) fn inputs(method: &'static Method) -> Self {
        Self {
            kind: Kind::Input,
            known: method.inputs().collect(),
            others: method.other_inputs(),
        }
    }

    pub(super) fn parameters(method: &'static Method) -> Self {
        Self {
            kind: Kind::Parameter,
            known: method.parameters().collect(),
            others: method.other_parameters(),
        }
    }

    pub(super) fn outputs(method: &'static Method) -> Self {
        Self {
            kind: Kind::Output,
            known: method.outputs().collect(),
            others: method.other_outputs(),
        }
    }
}

/// One item of a list, under the name that the method sees.
pub(super) struct Item<'a> {
    pub(super) element: &'a Element,
    pub(super) name: &'a str,
    /// Where the name is written.
    pub(super) name_span: Span,
}

pub(super) fn items(transformation: &Element, kind: Kind) -> impl Iterator<Item = Item<'_>> {
    let items = transformation.list(kind.wrapper(), kind.item());
    items.filter_map(move |element| {
        let named = element.attribute(kind.key());
        let named = named.or_else(|| element.attribute("ClaimTypeReferenceId"))?;
        Some(Item {
            element,
            name: &named.value,
            name_span: named.value_span,
        })
    })
}

pub(super) fn same(one: &Item<'_>, other: &Item<'_>, argument: Option<&&'static Argument>) -> bool {
    match argument {
        Some(argument) => argument.is(one.name),
        None => one.name == other.name,
    }
}
