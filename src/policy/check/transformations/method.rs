//! What a claims-transformation method takes and gives: the shape of the
//! table in `methods.rs`.

use super::super::data_type::DataType;

/// A method of `ClaimsTransformation/@TransformationMethod`.
///
/// A claim is handed over under its `TransformationClaimType`, or, where that
/// is left out, under its own id.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// As Microsoft's reference spells it. Policies are found with other
    /// casings: compare with [`method`](super::methods::method).
    pub name: &'static str,
    inputs: Arguments,
    parameters: Arguments,
    outputs: Arguments,
}

/// One claim or parameter that a method knows.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    /// `TransformationClaimType` of a claim, `Id` of a parameter.
    pub name: &'static str,
    /// Another name that documents or older policies use.
    pub alias: Option<&'static str>,
    /// The data types of the claim, or the `DataType` of the parameter.
    pub types: &'static [DataType],
    pub presence: Presence,
    /// What a parameter may say; any case. Empty: anything.
    pub values: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Required,
    Optional,
    /// Required where the transformation has an output claim of that name.
    RequiredWith(&'static str),
}

/// The most that any method names in one of its three lists.
const MOST: usize = 5;

#[derive(Clone, Copy, Debug)]
struct Arguments {
    named: [Option<Argument>; MOST],
    /// The types of further arguments under names that the author chooses;
    /// empty where there may be none.
    others: &'static [DataType],
}

impl Method {
    pub fn inputs(&self) -> impl Iterator<Item = &Argument> {
        self.inputs.named.iter().flatten()
    }

    pub fn parameters(&self) -> impl Iterator<Item = &Argument> {
        self.parameters.named.iter().flatten()
    }

    pub fn outputs(&self) -> impl Iterator<Item = &Argument> {
        self.outputs.named.iter().flatten()
    }

    /// The types of input claims under any further name: the paths of
    /// `GenerateJson`. Empty where the list is closed.
    pub fn other_inputs(&self) -> &'static [DataType] {
        self.inputs.others
    }

    pub fn other_parameters(&self) -> &'static [DataType] {
        self.parameters.others
    }

    pub fn other_outputs(&self) -> &'static [DataType] {
        self.outputs.others
    }

    /// Whether it would do nothing without an output claim.
    pub fn is_for_its_output(&self) -> bool {
        !self.name.starts_with("Assert")
    }
}

/// The words that the table is written in.
impl Method {
    pub(super) const fn new(name: &'static str) -> Self {
        const NONE: Arguments = Arguments {
            named: [None; MOST],
            others: &[],
        };
        Self {
            name,
            inputs: NONE,
            parameters: NONE,
            outputs: NONE,
        }
    }

    pub(super) const fn input(mut self, name: &'static str, types: &'static [DataType]) -> Self {
        self.inputs = self.inputs.with(Argument::new(name, types));
        self
    }

    pub(super) const fn may_input(
        mut self,
        name: &'static str,
        types: &'static [DataType],
    ) -> Self {
        self.inputs = self.inputs.with(Argument::new(name, types).optional());
        self
    }

    pub(super) const fn input_or(
        mut self,
        name: &'static str,
        alias: &'static str,
        types: &'static [DataType],
    ) -> Self {
        let mut argument = Argument::new(name, types);
        argument.alias = Some(alias);
        self.inputs = self.inputs.with(argument);
        self
    }

    pub(super) const fn any_inputs(mut self, types: &'static [DataType]) -> Self {
        self.inputs.others = types;
        self
    }

    pub(super) const fn output(mut self, name: &'static str, types: &'static [DataType]) -> Self {
        self.outputs = self.outputs.with(Argument::new(name, types));
        self
    }

    pub(super) const fn may_output(
        mut self,
        name: &'static str,
        types: &'static [DataType],
    ) -> Self {
        self.outputs = self.outputs.with(Argument::new(name, types).optional());
        self
    }

    pub(super) const fn any_outputs(mut self, types: &'static [DataType]) -> Self {
        self.outputs.others = types;
        self
    }

    pub(super) const fn parameter(
        mut self,
        name: &'static str,
        types: &'static [DataType],
    ) -> Self {
        self.parameters = self.parameters.with(Argument::new(name, types));
        self
    }

    pub(super) const fn may_parameter(
        mut self,
        name: &'static str,
        types: &'static [DataType],
    ) -> Self {
        self.parameters = self.parameters.with(Argument::new(name, types).optional());
        self
    }

    pub(super) const fn choice(
        mut self,
        name: &'static str,
        values: &'static [&'static str],
    ) -> Self {
        let mut argument = Argument::new(name, &[DataType::String]);
        argument.values = values;
        self.parameters = self.parameters.with(argument);
        self
    }

    pub(super) const fn may_choice(
        mut self,
        name: &'static str,
        values: &'static [&'static str],
    ) -> Self {
        let mut argument = Argument::new(name, &[DataType::String]).optional();
        argument.values = values;
        self.parameters = self.parameters.with(argument);
        self
    }

    pub(super) const fn parameter_with(
        mut self,
        output: &'static str,
        name: &'static str,
        types: &'static [DataType],
    ) -> Self {
        let mut argument = Argument::new(name, types);
        argument.presence = Presence::RequiredWith(output);
        self.parameters = self.parameters.with(argument);
        self
    }

    pub(super) const fn any_parameters(mut self, types: &'static [DataType]) -> Self {
        self.parameters.others = types;
        self
    }
}

impl Argument {
    const fn new(name: &'static str, types: &'static [DataType]) -> Self {
        Self {
            name,
            alias: None,
            types,
            presence: Presence::Required,
            values: &[],
        }
    }

    const fn optional(mut self) -> Self {
        self.presence = Presence::Optional;
        self
    }

    /// Whether it goes by that name, whatever the casing.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
            || self
                .alias
                .is_some_and(|alias| alias.eq_ignore_ascii_case(name))
    }
}

impl Arguments {
    /// Evaluated while compiling: a sixth argument does not compile.
    const fn with(mut self, argument: Argument) -> Self {
        let mut free = 0;
        while self.named[free].is_some() {
            free += 1;
        }
        self.named[free] = Some(argument);
        self
    }
}
