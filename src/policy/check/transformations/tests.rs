use std::path::PathBuf;

use super::*;
use crate::policy::source::Sources;
use crate::policy::xml::parse;

/// The claims of these tests are named for their types: `string1`, `boolean2`.
fn type_of(claim: &str) -> Option<Typed> {
    let name = claim.trim_end_matches(|c: char| c.is_ascii_digit());
    DataType::from_name(name).map(|data_type| (data_type, None))
}

/// (severity, line, column, message) of each finding.
fn findings(xml: &str) -> Vec<(Severity, usize, usize, String)> {
    checked(xml)
        .into_iter()
        .map(|(finding, line, column)| (finding.severity, line, column, finding.message))
        .collect()
}

fn checked(xml: &str) -> Vec<(Finding, usize, usize)> {
    let mut sources = Sources::default();
    let file = sources.add(PathBuf::from("p.xml"), xml);
    let mut found = Vec::new();
    check_one(&parse(file, xml).unwrap().root, &type_of, &mut found);
    found
        .into_iter()
        .map(|finding| {
            let at = sources.position(finding.span);
            (finding, at.line, at.column)
        })
        .collect()
}

#[test]
fn a_right_transformation_is_not_remarked_upon() {
    for xml in [
        r#"<ClaimsTransformation Id="Lower" TransformationMethod="ChangeCase">
             <InputClaims>
               <InputClaim ClaimTypeReferenceId="string1" TransformationClaimType="inputClaim1"/>
             </InputClaims>
             <InputParameters>
               <InputParameter Id="toCase" DataType="string" Value="lower"/>
             </InputParameters>
             <OutputClaims>
               <OutputClaim ClaimTypeReferenceId="string1" TransformationClaimType="outputClaim"/>
             </OutputClaims>
           </ClaimsTransformation>"#,
        // Groups of the expression come under their own ids.
        r#"<ClaimsTransformation Id="Alias" TransformationMethod="setClaimsIfRegexMatch">
             <InputClaims>
               <InputClaim ClaimTypeReferenceId="string1" TransformationClaimType="claimToMatch"/>
             </InputClaims>
             <InputParameters>
               <InputParameter Id="matchTo" DataType="string" Value="(.*)@"/>
               <InputParameter Id="extractGroups" DataType="boolean" Value="true"/>
             </InputParameters>
             <OutputClaims>
               <OutputClaim ClaimTypeReferenceId="boolean1" TransformationClaimType="regexCompareResultClaim"/>
               <OutputClaim ClaimTypeReferenceId="string2"/>
             </OutputClaims>
           </ClaimsTransformation>"#,
        // Paths, of any number and kind.
        r#"<ClaimsTransformation Id="Body" TransformationMethod="GenerateJson">
             <InputClaims>
               <InputClaim ClaimTypeReferenceId="string1" TransformationClaimType="to.0.email"/>
               <InputClaim ClaimTypeReferenceId="dateTime1" TransformationClaimType="to.0.since"/>
             </InputClaims>
             <InputParameters>
               <InputParameter Id="template" DataType="int" Value="3"/>
               <InputParameter Id="live" DataType="boolean" Value="{Settings:Live}"/>
             </InputParameters>
             <OutputClaims>
               <OutputClaim ClaimTypeReferenceId="string2" TransformationClaimType="outputClaim"/>
             </OutputClaims>
           </ClaimsTransformation>"#,
        // Unnamed claims fill the placeholders of a text, in their order.
        r#"<ClaimsTransformation Id="Text" TransformationMethod="FormatLocalizedString">
             <InputClaims>
               <InputClaim ClaimTypeReferenceId="string1"/>
               <InputClaim ClaimTypeReferenceId="string2"/>
             </InputClaims>
             <InputParameters>
               <InputParameter Id="stringFormatId" DataType="string" Value="Exists"/>
             </InputParameters>
             <OutputClaims>
               <OutputClaim ClaimTypeReferenceId="string3" TransformationClaimType="outputClaim"/>
             </OutputClaims>
           </ClaimsTransformation>"#,
        // One text may fill two claims.
        r#"<ClaimsTransformation Id="Texts" TransformationMethod="GetLocalizedStringsTransformation">
             <OutputClaims>
               <OutputClaim ClaimTypeReferenceId="string1" TransformationClaimType="subject"/>
               <OutputClaim ClaimTypeReferenceId="string2" TransformationClaimType="subject"/>
             </OutputClaims>
           </ClaimsTransformation>"#,
        // Nobody declares the claim: that is another rule's to say.
        r#"<ClaimsTransformation Id="Null" TransformationMethod="NullClaim">
             <OutputClaims>
               <OutputClaim ClaimTypeReferenceId="nobody" TransformationClaimType="claim_to_null"/>
             </OutputClaims>
           </ClaimsTransformation>"#,
    ] {
        assert_eq!(findings(xml), [], "{xml}");
    }
}

#[test]
fn a_method_that_is_none_is_named_with_its_neighbour() {
    let xml = "<ClaimsTransformation Id='A'\n    TransformationMethod='CopyClaims'/>";
    assert_eq!(
        findings(xml),
        [(
            Severity::Error,
            2,
            27,
            "`CopyClaims` is no claims-transformation method; did you mean `CopyClaim`?".into()
        )]
    );
    let xml = "<ClaimsTransformation Id='A' TransformationMethod='SendMail'/>";
    assert_eq!(
        findings(xml)[0].3,
        "`SendMail` is no claims-transformation method"
    );
}

#[test]
fn a_claim_of_another_type_is_an_error_in_the_words_of_b2c() {
    let xml = r#"<ClaimsTransformation Id="Revoked" TransformationMethod="AssertDateTimeIsGreaterThan">
<InputClaims>
  <InputClaim ClaimTypeReferenceId="string1" TransformationClaimType="leftOperand"/>
  <InputClaim ClaimTypeReferenceId="dateTime1" TransformationClaimType="rightOperand"/>
</InputClaims>
<InputParameters>
  <InputParameter Id="AssertIfRightOperandIsNotPresent" DataType="boolean" Value="true"/>
  <InputParameter Id="TreatAsEqualIfWithinMillseconds" DataType="int" Value="300000"/>
</InputParameters>
</ClaimsTransformation>"#;
    let found = checked(xml);
    let [(finding, line, column)] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!((finding.severity, *line, *column), (Severity::Error, 4, 37));
    assert_eq!(
        finding.message,
        "claim `dateTime1` is of type dateTime, but the input claim `rightOperand` of \
         AssertDateTimeIsGreaterThan is string"
    );
    // As reported in azure-ad-b2c/samples, issue 515.
    assert_eq!(
        finding.b2c.as_deref(),
        Some(
            "The InputClaims mismatched in ClaimsTransformation with id \"Revoked\" with \
             TransformationMethod \"AssertDateTimeIsGreaterThan\". The following InputClaims were \
             declared in the Policy but were not expected by the TransformMethod: \
             [DateTime]rightOperand. The following InputClaims were expected by the \
             TransformMethod but were not declared in the Policy: [String]rightOperand."
        )
    );
}

#[test]
fn what_is_missing_is_asked_for_in_its_list() {
    let xml = r#"<ClaimsTransformation Id="Mails" TransformationMethod="AddItemToStringCollection">
<InputClaims>
  <InputClaim ClaimTypeReferenceId="string1" TransformationClaimType="item"/>
</InputClaims>
<OutputClaims>
  <OutputClaim ClaimTypeReferenceId="stringCollection1" TransformationClaimType="collection"/>
</OutputClaims>
</ClaimsTransformation>"#;
    let found = checked(xml);
    let [(finding, line, column)] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!((finding.severity, *line, *column), (Severity::Error, 2, 2));
    assert_eq!(
        finding.message,
        "claims transformation `Mails` lacks the input claim `collection` of AddItemToStringCollection"
    );
    // As reported in MicrosoftDocs/azure-docs, issue 71139.
    assert_eq!(
        finding.b2c.as_deref(),
        Some(
            "The InputClaims mismatched in ClaimsTransformation with id \"Mails\" with \
             TransformationMethod \"AddItemToStringCollection\". The following InputClaims were \
             expected by the TransformMethod but were not declared in the Policy: \
             [StringCollection]collection."
        )
    );
    // Without the list, at the transformation.
    let xml = r#"<ClaimsTransformation Id="Text" TransformationMethod="CreateStringClaim">
<OutputClaims>
  <OutputClaim ClaimTypeReferenceId="string1" TransformationClaimType="createdClaim"/>
</OutputClaims>
</ClaimsTransformation>"#;
    assert_eq!(
        findings(xml),
        [(
            Severity::Error,
            1,
            2,
            "claims transformation `Text` lacks the input parameter `value` of CreateStringClaim"
                .into()
        )]
    );
}

#[test]
fn a_misnamed_claim_is_one_finding_not_two() {
    let xml = r#"<ClaimsTransformation Id="Copy" TransformationMethod="CopyClaim">
<InputClaims>
  <InputClaim ClaimTypeReferenceId="string1" TransformationClaimType="inputClaim1"/>
</InputClaims>
<OutputClaims>
  <OutputClaim ClaimTypeReferenceId="string2" TransformationClaimType="outputClaim"/>
</OutputClaims>
</ClaimsTransformation>"#;
    assert_eq!(
        findings(xml),
        [(
            Severity::Error,
            3,
            71,
            "`inputClaim1` is no input claim of CopyClaim, which needs `inputClaim`".into()
        )]
    );
}

#[test]
fn what_a_method_does_not_know_is_refused_of_claims_and_ignored_of_parameters() {
    let xml = r#"<ClaimsTransformation Id="Either" TransformationMethod="OrClaims">
<InputClaims>
  <InputClaim ClaimTypeReferenceId="boolean1" TransformationClaimType="inputClaim1"/>
  <InputClaim ClaimTypeReferenceId="boolean2" TransformationClaimType="inputClaim2"/>
  <InputClaim ClaimTypeReferenceId="boolean3" TransformationClaimType="third"/>
</InputClaims>
<InputParameters>
  <InputParameter Id="ignoreCase" DataType="string" Value="true"/>
</InputParameters>
<OutputClaims>
  <OutputClaim ClaimTypeReferenceId="boolean1" TransformationClaimType="outputClaim"/>
  <OutputClaim ClaimTypeReferenceId="boolean2" TransformationClaimType="outputClaim"/>
</OutputClaims>
</ClaimsTransformation>"#;
    assert_eq!(
        findings(xml),
        [
            (
                Severity::Error,
                5,
                72,
                "`third` is no input claim of OrClaims".into()
            ),
            (
                Severity::Warning,
                8,
                23,
                "`ignoreCase` is no input parameter of OrClaims".into()
            ),
            (
                Severity::Error,
                12,
                73,
                "claims transformation `Either` has the output claim `outputClaim` twice".into()
            ),
        ]
    );
}

#[test]
fn a_parameter_says_its_type_and_a_value_of_it() {
    let xml = r#"<ClaimsTransformation Id="Random" TransformationMethod="CreateRandomString">
<InputParameters>
  <InputParameter Id="randomGeneratorType" DataType="string" Value="INTGER"/>
  <InputParameter Id="maximumNumber" DataType="int" Value="a thousand"/>
  <InputParameter Id="base64" DataType="string" Value="false"/>
  <InputParameter Id="seed" DataType="int" Value="{Settings:Seed}"/>
  <InputParameter Id="StringFormat" DataType="string" Value="OTP_{0}"/>
</InputParameters>
<OutputClaims>
  <OutputClaim ClaimTypeReferenceId="string1" TransformationClaimType="outputClaim"/>
</OutputClaims>
</ClaimsTransformation>"#;
    assert_eq!(
        findings(xml),
        [
            (
                Severity::Error,
                3,
                69,
                "`INTGER` is no value of the input parameter `randomGeneratorType` of \
                 CreateRandomString; did you mean `INTEGER`?"
                    .into()
            ),
            (
                Severity::Error,
                4,
                60,
                "`a thousand` of the input parameter `maximumNumber` is no int".into()
            ),
            (
                Severity::Error,
                5,
                41,
                "the input parameter `base64` of CreateRandomString is boolean, not string".into()
            ),
            (
                Severity::Warning,
                7,
                23,
                "the input parameter is spelt `stringFormat` in B2C's reference; whether another \
                 casing is taken is not documented"
                    .into()
            ),
        ]
    );
    // A flag may be text, but not any text.
    let xml = r#"<ClaimsTransformation Id="Same" TransformationMethod="StringContains">
<InputClaims>
  <InputClaim ClaimTypeReferenceId="string1" TransformationClaimType="inputClaim"/>
</InputClaims>
<InputParameters>
  <InputParameter Id="contains" DataType="string" Value="admin"/>
  <InputParameter Id="ignoreCase" DataType="string" Value="yes"/>
</InputParameters>
<OutputClaims>
  <OutputClaim ClaimTypeReferenceId="boolean1" TransformationClaimType="outputClaim"/>
</OutputClaims>
</ClaimsTransformation>"#;
    assert_eq!(
        findings(xml),
        [(
            Severity::Error,
            7,
            60,
            "`yes` of the input parameter `ignoreCase` is no boolean".into()
        )]
    );
}

#[test]
fn a_value_is_needed_where_its_output_is_asked_for() {
    let with = |output: &str| {
        format!(
            r#"<ClaimsTransformation Id="Minor" TransformationMethod="SetClaimsIfStringsMatch">
<InputClaims>
  <InputClaim ClaimTypeReferenceId="string1" TransformationClaimType="claimToMatch"/>
</InputClaims>
<InputParameters>
  <InputParameter Id="matchTo" DataType="string" Value="Minor"/>
  <InputParameter Id="stringComparison" DataType="string" Value="ordinalIgnoreCase"/>
</InputParameters>
<OutputClaims>{output}</OutputClaims>
</ClaimsTransformation>"#
        )
    };
    let compared = r#"<OutputClaim ClaimTypeReferenceId="boolean1" TransformationClaimType="stringCompareResultClaim"/>"#;
    assert_eq!(findings(&with(compared)), []);
    let set =
        r#"<OutputClaim ClaimTypeReferenceId="string2" TransformationClaimType="outputClaim"/>"#;
    assert_eq!(
        findings(&with(set))[0].3,
        "claims transformation `Minor` lacks the input parameter `outputClaimIfMatched` of \
         SetClaimsIfStringsMatch"
    );
    assert_eq!(
        findings(&with("")),
        [(
            Severity::Error,
            9,
            2,
            "claims transformation `Minor` has no output claim: SetClaimsIfStringsMatch would do \
             nothing"
                .into()
        )]
    );
}

/// A use of every method with all that it knows: inputs, parameters with a
/// value, outputs. What may be left out ends in `?`.
const USES: &str = r#"
AddItemToAlternativeSecurityIdCollection | item:string collection:alternativeSecurityIdCollection | | collection:alternativeSecurityIdCollection
AddItemToStringCollection | item:string collection:stringCollection | | collection:stringCollection
AddItemToUserIdentityCollection | item:userIdentity collection:userIdentityCollection | | collection:userIdentityCollection
AddParameterToStringCollection | collection:stringCollection | item:string=reader | collection:stringCollection
AdjustNumber | inputClaim:int | Operator:string=decrement? | outputClaim:int
AndClaims | inputClaim1:boolean inputClaim2:boolean | | outputClaim:boolean
AssertBooleanClaimIsEqualToValue | inputClaim:boolean | valueToCompareTo:boolean=true |
AssertDateTimeIsGreaterThan | leftOperand:string rightOperand:string | AssertIfEqualTo:boolean=false? AssertIfRightOperandIsNotPresent:boolean=true TreatAsEqualIfWithinMillseconds:int=300000 |
AssertNumber | inputClaim:int | Operator:string=LessThan CompareToValue:int=20 throwError:boolean=true? | outputClaim:boolean?
AssertStringClaimsAreEqual | inputClaim1:string inputClaim2:string | stringComparison:string=ordinalIgnoreCase |
BuildUri | path:string? query.secret:string? | scheme:string=otpauth? host:string=totp? query.issuer:string=me? | outputClaim:string
ChangeCase | inputClaim1:string | toCase:string=LOWER | outputClaim:string
CompareBooleanClaimToValue | inputClaim:boolean | valueToCompareTo:boolean=false | compareResult:boolean
CompareClaimToValue | inputClaim1:string | compareTo:string=V2 operator:string=equal ignoreCase:string=true? | outputClaim:boolean
CompareClaims | inputClaim1:string inputClaim2:string | operator:string=EQUAL ignoreCase:string=true? | outputClaim:boolean
ConvertDateTimeToDateClaim | inputClaim:dateTime | | outputClaim:date
ConvertDateToDateTimeClaim | inputClaim:date | | outputClaim:dateTime
ConvertNumberToStringClaim | inputClaim:long | | outputClaim:string
ConvertPhoneNumberClaimToString | phoneNumber:phoneNumber | | phoneNumberString:string
ConvertStringToPhoneNumberClaim | country:string? phoneNumberString:string | | outputClaim:phoneNumber
CopyClaim | inputClaim:string | | outputClaim:string
CopyClaimIfPredicateMatch | inputClaim:string | | outputClaim:phoneNumber
CreateAlternativeSecurityId | key:string identityProvider:string | | alternativeSecurityId:string
CreateJsonArray | inputClaim:string | | outputClaim:string
CreateOtpSecret | | | outputClaim:string
CreateRandomString | | randomGeneratorType:string=INTEGER maximumNumber:int=1000? stringFormat:string=OTP_{0}? base64:boolean=false? seed:int=7? | outputClaim:string
CreateStringClaim | | value:string=terms | createdClaim:string
CreateUserIdentity | issuerUserId:string issuer:string | | userIdentity:userIdentity
DateTimeComparison | firstDateTime:dateTime secondDateTime:dateTime | operator:string=later-than timeSpanInSeconds:int=-80 | result:boolean
DoesClaimExist | inputClaim:long | | outputClaim:boolean
FormatLocalizedString | :string? | stringFormatId:string=Exists | outputClaim:string
FormatStringClaim | inputClaim:string | stringFormat:string=cpim_{0} | outputClaim:string
FormatStringMultipleClaims | inputClaim1:string inputClaim2:string | stringFormat:string={0}{1} | outputClaim:string
GenerateJson | to.0.email:string? to.0.since:dateTime? | template:int=3? | outputClaim:string
GetAgeGroupConsentProvidedAndRequiresConsent | dateOfBirth:date countryCode:string consentProvidedForMinor:string | | ageGroup:string? requiresParentalConsent:boolean? consentProvidedForMinor:string?
GetClaimFromJson | inputJson:string | claimToExtract:string=email | extractedClaim:string
GetClaimsFromJsonArray | jsonSource:string | errorOnMissingClaims:boolean=false includeEmptyClaims:boolean=false jsonSourceKeyName:string=key jsonSourceValueName:string=value | :string? :boolean?
GetClaimsFromJsonArrayV2 | jsonSource:stringCollection | errorOnMissingClaims:boolean=false includeEmptyClaims:boolean=false jsonSourceKeyName:string=key jsonSourceValueName:string=value | :int? :dateTime?
GetCurrentDateTime | | | currentDateTime:dateTime
GetIdentityProvidersFromAlternativeSecurityIdCollectionTransformation | alternativeSecurityIdCollection:alternativeSecurityIdCollection | | identityProvidersCollection:stringCollection
GetIssuersFromUserIdentityCollectionTransformation | userIdentityCollection:userIdentityCollection | | issuersCollection:stringCollection
GetLocalizedStringsTransformation | | | email_subject:string? email_code:string?
GetMappedValueFromLocalizedCollection | mapFromClaim:string | | restrictionValueClaim:string
GetNationalNumberAndCountryCodeFromPhoneNumberString | phoneNumber:string | throwExceptionOnFailure:boolean=true? countryCodeType:string=ISO3166? | nationalNumber:string? countryCode:string?
GetNumericClaimFromJson | inputJson:string | claimToExtract:string=id | extractedClaim:long
GetSingleItemFromJson | inputJson:string | | key:string? value:string?
GetSingleItemFromStringCollection | collection:stringCollection | | extractedItem:string
GetSingleValueFromJsonArray | inputJsonClaim:string | | extractedClaim:string
GuidAndRandomGenerator | | randomGeneratorType:string=GUID | outputClaim:string
Hash | plaintext:string salt:string | randomizerSecret:string=B2C_1A_Salt | hash:string
IsTermsOfUseConsentRequired | termsOfUseConsentDateTime:dateTime | termsOfUseTextUpdateDateTime:dateTime=2021-11-15 | result:boolean
LookupValue | inputParameterId:string | contoso.com:string=1? errorOnFailedLookup:boolean=false? | outputClaim:string
NotClaims | inputClaim:boolean | | outputClaim:boolean
NullClaim | | | claim_to_null:string
OrClaims | inputClaim1:boolean inputClaim2:boolean | | outputClaim:boolean
ParseDomain | emailAddress:string | | domain:string
RemoveAlternativeSecurityIdByIdentityProvider | identityProvider:string collection:alternativeSecurityIdCollection | | collection:alternativeSecurityIdCollection
RemoveUserIdentityFromCollectionByIssuer | issuer:string collection:userIdentityCollection | | collection:userIdentityCollection
SetClaimIfBooleansMatch | claimToMatch:boolean | matchTo:string=true outputClaimIfMatched:string=yes | outputClaim:string
SetClaimsIfRegexMatch | claimToMatch:string | matchTo:string=.* outputClaimIfMatched:string=yes extractGroups:boolean=true? | outputClaim:string? regexCompareResultClaim:boolean? :string?
SetClaimsIfStringsAreEqual | inputClaim:string | matchTo:string=v1 stringComparison:string=ordinal stringMatchMsg:string=a stringMatchMsgCode:string=b | outputClaim1:string? outputClaim2:string? stringCompareResultClaim:boolean?
SetClaimsIfStringsMatch | claimToMatch:string | matchTo:string=Minor stringComparison:string=ordinal outputClaimIfMatched:string=a | outputClaim:string? stringCompareResultClaim:boolean?
StringCollectionContains | inputClaim:stringCollection | item:string=mfa ignoreCase:string=true? | outputClaim:boolean
StringCollectionContainsClaim | collection:stringCollection item:string | ignoreCase:string=true? | outputClaim:boolean
StringContains | inputClaim:string | contains:string=admin ignoreCase:string=true? | outputClaim:boolean
StringJoin | inputClaim:stringCollection | delimiter:string=, | outputClaim:string
StringReplace | inputClaim:string | oldValue:string=- newValue:string= | outputClaim:string
StringSplit | inputClaim:string | delimiter:string=, | outputClaim:stringCollection
StringSubstring | inputClaim:string | startIndex:int=0 length:int=3 | outputClaim:string
XmlStringToJsonString | xml:string | | json:string
"#;

/// One thing of a use: where it stands among them, its name and type.
#[derive(Clone, Copy, PartialEq)]
struct Part<'a> {
    kind: &'static str,
    name: &'a str,
    data_type: &'a str,
    value: &'a str,
    needed: bool,
}

fn parts(line: &str) -> (&str, Vec<Part<'_>>) {
    let columns: Vec<_> = line.split('|').map(str::trim).collect();
    let kinds = ["InputClaim", "InputParameter", "OutputClaim"];
    let parts = kinds
        .into_iter()
        .zip(&columns[1..])
        .flat_map(|(kind, column)| {
            column.split_whitespace().map(move |written| {
                let needed = !written.ends_with('?');
                let (name, rest) = written.trim_end_matches('?').split_once(':').unwrap();
                let (data_type, value) = rest.split_once('=').unwrap_or((rest, ""));
                Part {
                    kind,
                    name,
                    data_type,
                    value,
                    needed,
                }
            })
        });
    (columns[0], parts.collect())
}

fn transformation(method: &str, parts: &[Part<'_>]) -> String {
    let list = |kind: &str| -> String {
        let parts = parts
            .iter()
            .enumerate()
            .filter(|(_, part)| part.kind == kind);
        let items: String = parts
            .map(|(at, part)| match (kind, part.name) {
                ("InputParameter", name) => format!(
                    "<InputParameter Id='{name}' DataType='{}' Value='{}'/>",
                    part.data_type,
                    part.value.replace("later-than", "later than")
                ),
                (_, "") => format!("<{kind} ClaimTypeReferenceId='{}{at}'/>", part.data_type),
                (_, name) => format!(
                    "<{kind} ClaimTypeReferenceId='{}{at}' TransformationClaimType='{name}'/>",
                    part.data_type
                ),
            })
            .collect();
        format!("<{kind}s>{items}</{kind}s>")
    };
    format!(
        "<ClaimsTransformation Id='A' TransformationMethod='{method}'>{}{}{}</ClaimsTransformation>",
        list("InputClaim"),
        list("InputParameter"),
        list("OutputClaim"),
    )
}

#[test]
fn all_seventy_methods_take_what_the_reference_says_and_need_it() {
    let lines: Vec<_> = USES.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!((lines.len(), methods::METHODS.len()), (70, 70));
    for line in lines {
        let (method, parts) = parts(line);
        let xml = transformation(method, &parts);
        assert_eq!(findings(&xml), [], "{xml}");
        assert_eq!(findings(&xml.replace(method, &method.to_lowercase())), []);

        for left_out in 0..parts.len() {
            let mut fewer = parts.clone();
            let part = fewer.remove(left_out);
            let found = findings(&transformation(method, &fewer));
            let expected: Vec<_> = part.needed.then_some(true).into_iter().collect();
            let got: Vec<_> = found
                .iter()
                .map(|(severity, _, _, message)| {
                    *severity == Severity::Error
                        && message.contains(" lacks the ")
                        && message.contains(&format!("`{}` of {method}", part.name))
                })
                .collect();
            assert_eq!(got, expected, "{method} without `{}`: {found:?}", part.name);
        }
    }
}

#[test]
fn no_method_takes_a_claim_of_any_type_but_those_that_should() {
    for line in USES.lines().filter(|line| !line.is_empty()) {
        let (method, parts) = parts(line);
        for at in 0..parts.len() {
            if parts[at].kind == "InputParameter" {
                continue;
            }
            let mut other = parts.clone();
            other[at].data_type = "duration";
            let found = findings(&transformation(method, &other));
            let input = parts[at].kind == "InputClaim";
            let any = match method {
                "CopyClaim" | "NullClaim" => true,
                "DoesClaimExist" => input,
                _ => false,
            };
            assert_eq!(
                found.is_empty(),
                any,
                "{method} `{}`: {found:?}",
                parts[at].name
            );
        }
    }
}

/// A base declares the transformation, its child another type of the claim.
#[test]
fn the_types_are_those_of_the_merged_policy() {
    use super::super::trial::{finds, policy};
    let claim = |id: &str, data_type: &str| {
        format!(
            r#"<ClaimType Id="{id}"><DisplayName>C</DisplayName><DataType>{data_type}</DataType></ClaimType>"#
        )
    };
    let base = policy(
        "B2C_1A_Base",
        None,
        &format!(
            r#"<BuildingBlocks><ClaimsSchema>{}{}</ClaimsSchema><ClaimsTransformations>
  <ClaimsTransformation Id="Domain" TransformationMethod="ParseDomain">
    <InputClaims><InputClaim ClaimTypeReferenceId="«Mail»" TransformationClaimType="emailAddress"/></InputClaims>
    <OutputClaims><OutputClaim ClaimTypeReferenceId="domain" TransformationClaimType="domain"/></OutputClaims>
  </ClaimsTransformation></ClaimsTransformations></BuildingBlocks>"#,
            claim("mail", "string"),
            claim("domain", "string"),
        ),
    );
    let child = |data_type: &str| {
        let schema = claim("MAIL", data_type);
        let blocks =
            format!("<BuildingBlocks><ClaimsSchema>{schema}</ClaimsSchema></BuildingBlocks>");
        policy("B2C_1A_Child", Some("B2C_1A_Base"), &blocks)
    };
    let plain = base.replace(['«', '»'], "");
    finds(38, &[&plain, &child("string")], &[]);
    finds(
        38,
        &[&base, &child("stringCollection")],
        &[(
            Severity::Error,
            "claim `Mail` is of type stringCollection, but the input claim `emailAddress` of ParseDomain is string",
        )],
    );
}
