//! P38: claims transformations, by the table of methods.

mod list;
pub mod method;
pub mod methods;

use super::data_type::{DataType, Typed, one_of, type_of};
use super::scope::Scope;
use super::spelling::did_you_mean;
use crate::policy::finding::{Finding, Severity};
use crate::policy::source::Span;
use crate::policy::xml::{Attribute, Element};
use list::{Item, Kind, List, items, same};
use method::{Argument, Method, Presence};

const RULE: u8 = 38;

pub(super) fn check(scope: &Scope<'_>, findings: &mut Vec<Finding>) {
    let type_of = |id: &str| type_of(scope.effective, id);
    for transformation in scope.effective.claims_transformations() {
        check_one(transformation.element, &type_of, findings);
    }
}

/// One merged `ClaimsTransformation`. `type_of` answers `None` for a claim
/// that nobody declares (which P06 reports) or that has no known type.
fn check_one(
    transformation: &Element,
    type_of: &dyn Fn(&str) -> Option<Typed>,
    findings: &mut Vec<Finding>,
) {
    let Some(named) = transformation.attribute("TransformationMethod") else {
        return;
    };
    let Some(method) = methods::method(&named.value) else {
        findings.push(unknown_method(named));
        return;
    };
    let id = transformation.value("Id").unwrap_or_default();
    for list in [
        List::inputs(method),
        List::parameters(method),
        List::outputs(method),
    ] {
        let check = Check {
            id,
            method,
            list,
            transformation,
            type_of,
        };
        check.run(findings);
    }
}

fn unknown_method(named: &Attribute) -> Finding {
    let known = methods::METHODS.iter().map(|method| method.name);
    Finding::new(
        RULE,
        Severity::Error,
        named.value_span,
        format!(
            "`{}` is no claims-transformation method{}",
            named.value,
            did_you_mean(&named.value, known),
        ),
    )
}

struct Check<'a> {
    id: &'a str,
    method: &'static Method,
    list: List,
    transformation: &'a Element,
    type_of: &'a dyn Fn(&str) -> Option<Typed>,
}

impl Check<'_> {
    fn run(&self, findings: &mut Vec<Finding>) {
        let items: Vec<_> = items(self.transformation, self.list.kind).collect();
        let mut missing: Vec<_> = self
            .list
            .known
            .iter()
            .filter(|argument| {
                self.needs(argument) && !items.iter().any(|item| argument.is(item.name))
            })
            .collect();
        for (at, item) in items.iter().enumerate() {
            let argument = self.list.known.iter().find(|known| known.is(item.name));
            if let Some(first) = items[..at]
                .iter()
                .find(|earlier| same(earlier, item, argument))
            {
                self.repeated(item, first, argument.is_some(), findings);
                continue;
            }
            match argument {
                Some(argument) => self.known(item, argument, findings),
                None if self.list.others.is_empty() => {
                    let meant = (!missing.is_empty()).then(|| missing.remove(0).name);
                    findings.push(self.unknown(item, meant));
                }
                None => self.typed(item, self.list.others, findings),
            }
        }
        for argument in missing {
            findings.push(self.missing(argument.name));
        }
        let silent = self.list.kind == Kind::Output
            && items.is_empty()
            && self.method.is_for_its_output()
            && !self.list.known.iter().any(|known| self.needs(known));
        if silent {
            findings.push(self.finding(
                Severity::Error,
                self.place(),
                format!(
                    "claims transformation `{}` has no output claim: {} would do nothing",
                    self.id, self.method.name
                ),
            ));
        }
    }

    fn needs(&self, argument: &Argument) -> bool {
        match argument.presence {
            Presence::Required => true,
            Presence::Optional => false,
            Presence::RequiredWith(output) => {
                items(self.transformation, Kind::Output).any(|item| item.name == output)
            }
        }
    }

    /// Where something is missing: in its list, if there is one.
    fn place(&self) -> Span {
        self.transformation
            .child(self.list.kind.wrapper())
            .unwrap_or(self.transformation)
            .name_span
    }

    fn missing(&self, name: &str) -> Finding {
        let Self {
            id, method, list, ..
        } = self;
        let (noun, item, key) = (list.kind.noun(), list.kind.item(), list.kind.key());
        let finding = self
            .finding(
                Severity::Error,
                self.place(),
                format!(
                    "claims transformation `{id}` lacks the {noun} `{name}` of {}",
                    method.name
                ),
            )
            .mend(format!("add an <{item}> with {key}=\"{name}\""));
        self.mismatched(finding, None, self.expected(name))
    }

    fn unknown(&self, item: &Item<'_>, meant: Option<&str>) -> Finding {
        let kind = self.list.kind;
        let name = item.name;
        let what = format!("`{name}` is no {} of {}", kind.noun(), self.method.name);
        if let Some(meant) = meant {
            let what = format!("{what}, which needs `{meant}`");
            let finding = self.finding(Severity::Error, item.name_span, what);
            return self.mismatched(finding, self.declared(item), self.expected(meant));
        }
        let known = self.list.known.iter().map(|argument| argument.name);
        let what = format!("{what}{}", did_you_mean(name, known));
        match kind {
            // Published policies that work carry some along.
            Kind::Parameter => self.finding(Severity::Warning, item.name_span, what),
            Kind::Input | Kind::Output => {
                let finding = self.finding(Severity::Error, item.name_span, what);
                self.mismatched(finding, self.declared(item), None)
            }
        }
    }

    /// `[String]inputClaim1`: a claim as B2C writes it in its message.
    fn declared(&self, item: &Item<'_>) -> Option<String> {
        let reference = item.element.value("ClaimTypeReferenceId")?;
        let (data_type, _) = (self.type_of)(reference)?;
        Some(in_brackets(data_type, item.name))
    }

    fn expected(&self, name: &str) -> Option<String> {
        let argument = self.list.known.iter().find(|known| known.is(name))?;
        Some(in_brackets(*argument.types.first()?, argument.name))
    }

    /// Adds what B2C says, which is known of input claims
    /// (azure-ad-b2c/samples, issue 515; MicrosoftDocs/azure-docs, 71139).
    fn mismatched(
        &self,
        finding: Finding,
        declared: Option<String>,
        expected: Option<String>,
    ) -> Finding {
        if self.list.kind != Kind::Input {
            return finding;
        }
        let mut text = format!(
            "The InputClaims mismatched in ClaimsTransformation with id \"{}\" with TransformationMethod \"{}\".",
            self.id, self.method.name,
        );
        if let Some(declared) = declared {
            text += &format!(
                " The following InputClaims were declared in the Policy but were not expected by the TransformMethod: {declared}."
            );
        }
        if let Some(expected) = expected {
            text += &format!(
                " The following InputClaims were expected by the TransformMethod but were not declared in the Policy: {expected}."
            );
        }
        finding.b2c(text)
    }

    fn repeated(
        &self,
        item: &Item<'_>,
        first: &Item<'_>,
        known: bool,
        findings: &mut Vec<Finding>,
    ) {
        // Two claims may well be filled with one localized string.
        if !known && self.list.kind == Kind::Output {
            return;
        }
        let message = format!(
            "claims transformation `{}` has the {} `{}` twice",
            self.id,
            self.list.kind.noun(),
            item.name,
        );
        findings.push(
            self.finding(Severity::Error, item.name_span, message)
                .related(first.name_span, "first here"),
        );
    }

    fn known(&self, item: &Item<'_>, argument: &Argument, findings: &mut Vec<Finding>) {
        let exact = [Some(argument.name), argument.alias].contains(&Some(item.name));
        if !exact {
            findings.push(self.finding(
                Severity::Warning,
                item.name_span,
                format!(
                    "the {} is spelt `{}` in B2C's reference; whether another casing is taken is not documented",
                    self.list.kind.noun(),
                    argument.name,
                ),
            ));
        }
        let before = findings.len();
        self.typed(item, argument.types, findings);
        if findings.len() == before {
            self.chosen(item, argument, findings);
        }
    }

    fn typed(&self, item: &Item<'_>, types: &[DataType], findings: &mut Vec<Finding>) {
        if self.list.kind == Kind::Parameter {
            self.parameter(item, types, findings);
        } else {
            self.claim(item, types, findings);
        }
    }

    fn claim(&self, item: &Item<'_>, types: &[DataType], findings: &mut Vec<Finding>) {
        let Some(reference) = item.element.attribute("ClaimTypeReferenceId") else {
            return;
        };
        let Some((data_type, declared)) = (self.type_of)(&reference.value) else {
            return;
        };
        if types.contains(&data_type) {
            return;
        }
        let finding = self.finding(
            Severity::Error,
            reference.value_span,
            format!(
                "claim `{}` is of type {data_type}, but the {} `{}` of {} is {}",
                reference.value,
                self.list.kind.noun(),
                item.name,
                self.method.name,
                one_of(types),
            ),
        );
        let finding = self.mismatched(finding, self.declared(item), self.expected(item.name));
        findings.push(match declared {
            Some(span) => finding.related(span, "its type is declared here"),
            None => finding,
        });
    }

    fn parameter(&self, item: &Item<'_>, types: &[DataType], findings: &mut Vec<Finding>) {
        let Some(written) = item.element.attribute("DataType") else {
            return;
        };
        // A type that is none is P02's to report.
        let Some(data_type) = DataType::from_name(&written.value) else {
            return;
        };
        if !types.contains(&data_type) {
            findings.push(self.finding(
                Severity::Error,
                written.value_span,
                format!(
                    "the input parameter `{}` of {} is {}, not {data_type}",
                    item.name,
                    self.method.name,
                    one_of(types),
                ),
            ));
            return;
        }
        // A flag may be written as text and must still say true or false.
        let flag = types.contains(&DataType::Boolean) && types.len() == 2;
        let read_as = if flag { DataType::Boolean } else { data_type };
        let Some(value) = item
            .element
            .attribute("Value")
            .filter(|value| is_final(value))
        else {
            return;
        };
        if !read_as.reads(&value.value) {
            findings.push(
                self.finding(
                    Severity::Error,
                    value.value_span,
                    format!(
                        "`{}` of the input parameter `{}` is no {read_as}",
                        value.value, item.name
                    ),
                )
                .b2c(NOT_A_VALUE),
            );
        }
    }

    fn chosen(&self, item: &Item<'_>, argument: &Argument, findings: &mut Vec<Finding>) {
        let Some(value) = item
            .element
            .attribute("Value")
            .filter(|value| is_final(value))
        else {
            return;
        };
        let known = argument.values;
        if known.is_empty()
            || known
                .iter()
                .any(|one| one.eq_ignore_ascii_case(value.value.trim()))
        {
            return;
        }
        let suggestion = did_you_mean(&value.value, known.iter().copied());
        findings.push(
            self.finding(
                Severity::Error,
                value.value_span,
                format!(
                    "`{}` is no value of the input parameter `{}` of {}{suggestion}",
                    value.value, item.name, self.method.name,
                ),
            )
            .mend(format!("one of: {}", known.join(", "))),
        );
    }

    fn finding(&self, severity: Severity, span: Span, message: String) -> Finding {
        Finding::new(RULE, severity, span, message)
    }
}

fn in_brackets(data_type: DataType, name: &str) -> String {
    let mut letters = data_type.name().chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    let data_type: String = first.into_iter().chain(letters).collect();
    format!("[{data_type}]{name}")
}

const NOT_A_VALUE: &str = "Input string was not in a correct format.";

/// Whether the value stands as it is, and is no setting to be filled in.
fn is_final(value: &Attribute) -> bool {
    !value.value.contains("{Settings:")
}

#[cfg(test)]
mod tests;
