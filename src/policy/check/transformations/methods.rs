//! The claims-transformation methods, with what each takes and gives.
//!
//! From Microsoft's reference (articles `boolean-`, `date-`, `general-`,
//! `integer-`, `json-`, `phone-number-claims-`, `social-`, `string-` and
//! `stringcollection-transformations` of Azure AD B2C), and for the few that
//! it does not describe from published policies. Where the two disagree, what
//! works in published policies counts: a type too many is harmless, a finding
//! on a working policy is not.

use super::super::data_type::DataType;
use super::method::Method;

use DataType::{
    AlternativeSecurityIdCollection, Boolean, Date, DateTime, Duration, Int, Long, ObjectIdentity,
    ObjectIdentityCollection, PhoneNumber, String, StringCollection, UserIdentity,
    UserIdentityCollection,
};

const TEXT: &[DataType] = &[String];
const FLAG: &[DataType] = &[Boolean];
/// The reference says string in one place and boolean in another.
const FLAG_OR_TEXT: &[DataType] = &[Boolean, String];
const NUMBER: &[DataType] = &[Int, Long];
const WHOLE: &[DataType] = &[Int];
const DAY: &[DataType] = &[Date];
const MOMENT: &[DataType] = &[DateTime];
const PHONE: &[DataType] = &[PhoneNumber];
const PHONE_OR_TEXT: &[DataType] = &[PhoneNumber, String];
const LIST: &[DataType] = &[StringCollection];
const SOCIAL: &[DataType] = &[AlternativeSecurityIdCollection];
const IDENTITY: &[DataType] = &[UserIdentity];
const IDENTITIES: &[DataType] = &[UserIdentityCollection];
const PLAIN: &[DataType] = &[String, Boolean, Int, Long, DateTime, Date, PhoneNumber];
const ANY: &[DataType] = &[
    String,
    Boolean,
    Int,
    Long,
    DateTime,
    Date,
    Duration,
    PhoneNumber,
    StringCollection,
    AlternativeSecurityIdCollection,
    UserIdentity,
    UserIdentityCollection,
    ObjectIdentity,
    ObjectIdentityCollection,
];

const COMPARISON: &[&str] = &["Ordinal", "OrdinalIgnoreCase"];
const EQUALITY: &[&str] = &["EQUAL", "NOT EQUAL"];

/// The method of that name, in any casing: published policies write
/// `setClaimsIfRegexMatch` and `SetClaimsIfRegexMatch`.
pub fn method(name: &str) -> Option<&'static Method> {
    METHODS
        .iter()
        .find(|method| method.name.eq_ignore_ascii_case(name))
}

/// All of them, by name.
pub const METHODS: &[Method] = &[
    Method::new("AddItemToAlternativeSecurityIdCollection")
        .input("item", TEXT)
        .input("collection", SOCIAL)
        .output("collection", SOCIAL),
    Method::new("AddItemToStringCollection")
        .input("item", TEXT)
        .input("collection", LIST)
        .output("collection", LIST),
    Method::new("AddItemToUserIdentityCollection")
        .input("item", IDENTITY)
        .input("collection", IDENTITIES)
        .output("collection", IDENTITIES),
    Method::new("AddParameterToStringCollection")
        .input("collection", LIST)
        .parameter("item", TEXT)
        .output("collection", LIST),
    Method::new("AdjustNumber")
        .input("inputClaim", NUMBER)
        .may_choice("Operator", &["INCREMENT", "DECREMENT"])
        .output("outputClaim", NUMBER),
    Method::new("AndClaims")
        .input("inputClaim1", FLAG)
        .input("inputClaim2", FLAG)
        .output("outputClaim", FLAG),
    Method::new("AssertBooleanClaimIsEqualToValue")
        .input("inputClaim", FLAG)
        .parameter("valueToCompareTo", FLAG),
    Method::new("AssertDateTimeIsGreaterThan")
        // Strings, although they hold dates: azure-ad-b2c/samples, issue 515.
        .input("leftOperand", TEXT)
        .input("rightOperand", TEXT)
        .may_parameter("AssertIfEqualTo", FLAG)
        .parameter("AssertIfRightOperandIsNotPresent", FLAG)
        // Spelt so by B2C.
        .parameter("TreatAsEqualIfWithinMillseconds", WHOLE),
    Method::new("AssertNumber")
        .input("inputClaim", NUMBER)
        .choice(
            "Operator",
            &[
                "LessThan",
                "GreaterThan",
                "GreaterThanOrEqual",
                "LessThanOrEqual",
                "Equal",
                "NotEqual",
            ],
        )
        .parameter("CompareToValue", NUMBER)
        .may_parameter("throwError", FLAG)
        // Only where it does not throw.
        .may_output("outputClaim", FLAG),
    Method::new("AssertStringClaimsAreEqual")
        .input("inputClaim1", TEXT)
        .input("inputClaim2", TEXT)
        .choice("stringComparison", COMPARISON),
    // `scheme`, `host`, `path`, `query.NAME`: each as a claim or a parameter.
    Method::new("BuildUri")
        .any_inputs(PLAIN)
        .any_parameters(PLAIN)
        .output("outputClaim", TEXT),
    Method::new("ChangeCase")
        .input("inputClaim1", TEXT)
        .choice("toCase", &["LOWER", "UPPER"])
        .output("outputClaim", TEXT),
    Method::new("CompareBooleanClaimToValue")
        .input("inputClaim", FLAG)
        .parameter("valueToCompareTo", FLAG)
        .output("compareResult", FLAG),
    Method::new("CompareClaimToValue")
        .input("inputClaim1", TEXT)
        .parameter("compareTo", TEXT)
        .choice("operator", EQUALITY)
        .may_parameter("ignoreCase", FLAG_OR_TEXT)
        .output("outputClaim", FLAG),
    Method::new("CompareClaims")
        .input("inputClaim1", TEXT)
        .input("inputClaim2", TEXT)
        .choice("operator", EQUALITY)
        .may_parameter("ignoreCase", FLAG_OR_TEXT)
        .output("outputClaim", FLAG),
    Method::new("ConvertDateTimeToDateClaim")
        .input("inputClaim", MOMENT)
        .output("outputClaim", DAY),
    Method::new("ConvertDateToDateTimeClaim")
        .input("inputClaim", DAY)
        .output("outputClaim", MOMENT),
    Method::new("ConvertNumberToStringClaim")
        .input("inputClaim", NUMBER)
        .output("outputClaim", TEXT),
    Method::new("ConvertPhoneNumberClaimToString")
        .input("phoneNumber", PHONE)
        .output("phoneNumberString", TEXT),
    Method::new("ConvertStringToPhoneNumberClaim")
        .input_or("phoneNumberString", "inputClaim", PHONE_OR_TEXT)
        .may_input("country", TEXT)
        .output("outputClaim", PHONE),
    // Documented for strings and numbers of one type; used with more.
    Method::new("CopyClaim")
        .input("inputClaim", ANY)
        .output("outputClaim", ANY),
    Method::new("CopyClaimIfPredicateMatch")
        .input("inputClaim", PHONE_OR_TEXT)
        .output("outputClaim", PHONE_OR_TEXT),
    Method::new("CreateAlternativeSecurityId")
        .input("key", TEXT)
        .input("identityProvider", TEXT)
        .output("alternativeSecurityId", TEXT),
    Method::new("CreateJsonArray")
        .input("inputClaim", TEXT)
        .output("outputClaim", TEXT),
    Method::new("CreateOtpSecret").output("outputClaim", TEXT),
    Method::new("CreateRandomString")
        .choice("randomGeneratorType", &["GUID", "INTEGER"])
        .may_parameter("stringFormat", TEXT)
        .may_parameter("base64", FLAG)
        .may_parameter("maximumNumber", WHOLE)
        .may_parameter("seed", WHOLE)
        .output("outputClaim", TEXT),
    Method::new("CreateStringClaim")
        .parameter("value", TEXT)
        .output("createdClaim", TEXT),
    Method::new("CreateUserIdentity")
        .input("issuerUserId", TEXT)
        .input("issuer", TEXT)
        .output("userIdentity", IDENTITY),
    Method::new("DateTimeComparison")
        .input("firstDateTime", MOMENT)
        // A claim without a value stands for now.
        .input("secondDateTime", MOMENT)
        .choice("operator", &["same", "later than", "earlier than"])
        .parameter("timeSpanInSeconds", WHOLE)
        .output("result", FLAG),
    Method::new("DoesClaimExist")
        .input("inputClaim", ANY)
        .output("outputClaim", FLAG),
    // The claims that fill {0}, {1}, … carry no name.
    Method::new("FormatLocalizedString")
        .any_inputs(TEXT)
        .parameter("stringFormatId", TEXT)
        .output("outputClaim", TEXT),
    Method::new("FormatStringClaim")
        .input("inputClaim", TEXT)
        .parameter("stringFormat", TEXT)
        .output("outputClaim", TEXT),
    Method::new("FormatStringMultipleClaims")
        .input("inputClaim1", TEXT)
        .input("inputClaim2", TEXT)
        .any_inputs(TEXT)
        .parameter("stringFormat", TEXT)
        .output("outputClaim", TEXT),
    // Names are paths: `emails.0.address`.
    Method::new("GenerateJson")
        .any_inputs(PLAIN)
        .any_parameters(PLAIN)
        .output("outputClaim", TEXT),
    Method::new("GetAgeGroupConsentProvidedAndRequiresConsent")
        .input("dateOfBirth", &[Date, DateTime])
        .input("countryCode", TEXT)
        .input("consentProvidedForMinor", TEXT)
        .may_output("ageGroup", TEXT)
        .may_output("requiresParentalConsent", FLAG)
        .may_output("consentProvidedForMinor", TEXT),
    Method::new("GetClaimFromJson")
        .input("inputJson", TEXT)
        .parameter("claimToExtract", TEXT)
        .output("extractedClaim", TEXT),
    // Each output claim is found in the JSON under its own id.
    Method::new("GetClaimsFromJsonArray")
        .input_or("jsonSource", "jsonSourceClaim", TEXT)
        .parameter("errorOnMissingClaims", FLAG)
        .parameter("includeEmptyClaims", FLAG_OR_TEXT)
        .parameter("jsonSourceKeyName", TEXT)
        .parameter("jsonSourceValueName", TEXT)
        .any_outputs(PLAIN),
    Method::new("GetClaimsFromJsonArrayV2")
        .input_or("jsonSource", "jsonSourceClaim", &[StringCollection, String])
        .parameter("errorOnMissingClaims", FLAG)
        .parameter("includeEmptyClaims", FLAG_OR_TEXT)
        .parameter("jsonSourceKeyName", TEXT)
        .parameter("jsonSourceValueName", TEXT)
        .any_outputs(PLAIN),
    Method::new("GetCurrentDateTime").output("currentDateTime", MOMENT),
    Method::new("GetIdentityProvidersFromAlternativeSecurityIdCollectionTransformation")
        .input("alternativeSecurityIdCollection", SOCIAL)
        .output("identityProvidersCollection", LIST),
    Method::new("GetIssuersFromUserIdentityCollectionTransformation")
        .input("userIdentityCollection", IDENTITIES)
        .output("issuersCollection", LIST),
    // Each output claim is named for the StringId of a localized string.
    Method::new("GetLocalizedStringsTransformation").any_outputs(TEXT),
    Method::new("GetMappedValueFromLocalizedCollection")
        .input("mapFromClaim", TEXT)
        .output("restrictionValueClaim", TEXT),
    Method::new("GetNationalNumberAndCountryCodeFromPhoneNumberString")
        .input("phoneNumber", PHONE_OR_TEXT)
        .may_parameter("throwExceptionOnFailure", FLAG)
        .may_choice("countryCodeType", &["CallingCode", "ISO3166"])
        .may_output("nationalNumber", TEXT)
        .may_output("countryCode", TEXT),
    Method::new("GetNumericClaimFromJson")
        .input("inputJson", TEXT)
        .parameter("claimToExtract", TEXT)
        .output("extractedClaim", NUMBER),
    Method::new("GetSingleItemFromJson")
        .input("inputJson", TEXT)
        .may_output("key", TEXT)
        .may_output("value", TEXT),
    Method::new("GetSingleItemFromStringCollection")
        .input("collection", LIST)
        .output("extractedItem", TEXT),
    Method::new("GetSingleValueFromJsonArray")
        .input("inputJsonClaim", TEXT)
        .output("extractedClaim", TEXT),
    Method::new("GuidAndRandomGenerator")
        .choice("randomGeneratorType", &["GUID", "INTEGER"])
        .may_parameter("stringFormat", TEXT)
        .may_parameter("base64", FLAG)
        .may_parameter("maximumNumber", WHOLE)
        .may_parameter("seed", WHOLE)
        .output("outputClaim", TEXT),
    // The secret is the name of a policy key.
    Method::new("Hash")
        .input("plaintext", TEXT)
        .input("salt", TEXT)
        .parameter("randomizerSecret", TEXT)
        .output("hash", TEXT),
    Method::new("IsTermsOfUseConsentRequired")
        .input("termsOfUseConsentDateTime", MOMENT)
        .parameter("termsOfUseTextUpdateDateTime", MOMENT)
        .output("result", FLAG),
    // Every other parameter is a value to look for and what to give for it.
    Method::new("LookupValue")
        .input("inputParameterId", TEXT)
        .may_parameter("errorOnFailedLookup", FLAG)
        .any_parameters(TEXT)
        .output("outputClaim", TEXT),
    Method::new("NotClaims")
        .input("inputClaim", FLAG)
        .output("outputClaim", FLAG),
    Method::new("NullClaim").output("claim_to_null", ANY),
    Method::new("OrClaims")
        .input("inputClaim1", FLAG)
        .input("inputClaim2", FLAG)
        .output("outputClaim", FLAG),
    Method::new("ParseDomain")
        .input("emailAddress", TEXT)
        .output("domain", TEXT),
    Method::new("RemoveAlternativeSecurityIdByIdentityProvider")
        .input("identityProvider", TEXT)
        .input("collection", SOCIAL)
        .output("collection", SOCIAL),
    Method::new("RemoveUserIdentityFromCollectionByIssuer")
        .input("issuer", TEXT)
        .input("collection", IDENTITIES)
        .output("collection", IDENTITIES),
    Method::new("SetClaimIfBooleansMatch")
        .input("claimToMatch", FLAG_OR_TEXT)
        .parameter("matchTo", FLAG_OR_TEXT)
        .parameter("outputClaimIfMatched", TEXT)
        .output("outputClaim", TEXT),
    // Further outputs are the named groups of the expression.
    Method::new("SetClaimsIfRegexMatch")
        .input("claimToMatch", TEXT)
        .parameter("matchTo", TEXT)
        .parameter_with("outputClaim", "outputClaimIfMatched", TEXT)
        .may_parameter("extractGroups", FLAG)
        .may_output("outputClaim", TEXT)
        .may_output("regexCompareResultClaim", FLAG)
        .any_outputs(TEXT),
    Method::new("SetClaimsIfStringsAreEqual")
        .input("inputClaim", TEXT)
        .parameter("matchTo", TEXT)
        .choice("stringComparison", COMPARISON)
        .parameter_with("outputClaim1", "stringMatchMsg", TEXT)
        .parameter_with("outputClaim2", "stringMatchMsgCode", TEXT)
        .may_output("outputClaim1", TEXT)
        .may_output("outputClaim2", TEXT)
        .may_output("stringCompareResultClaim", FLAG),
    Method::new("SetClaimsIfStringsMatch")
        .input("claimToMatch", TEXT)
        .parameter("matchTo", TEXT)
        .choice("stringComparison", COMPARISON)
        .parameter_with("outputClaim", "outputClaimIfMatched", TEXT)
        .may_output("outputClaim", TEXT)
        .may_output("stringCompareResultClaim", FLAG),
    Method::new("StringCollectionContains")
        .input("inputClaim", LIST)
        .parameter("item", TEXT)
        .may_parameter("ignoreCase", FLAG_OR_TEXT)
        .output("outputClaim", FLAG),
    Method::new("StringCollectionContainsClaim")
        .input("collection", LIST)
        .input("item", TEXT)
        .may_parameter("ignoreCase", FLAG_OR_TEXT)
        .output("outputClaim", FLAG),
    Method::new("StringContains")
        .input("inputClaim", TEXT)
        .parameter("contains", TEXT)
        .may_parameter("ignoreCase", FLAG_OR_TEXT)
        .output("outputClaim", FLAG_OR_TEXT),
    Method::new("StringJoin")
        .input("inputClaim", LIST)
        .parameter("delimiter", TEXT)
        .output("outputClaim", TEXT),
    Method::new("StringReplace")
        .input("inputClaim", PHONE_OR_TEXT)
        .parameter("oldValue", TEXT)
        .parameter("newValue", TEXT)
        .output("outputClaim", PHONE_OR_TEXT),
    Method::new("StringSplit")
        .input("inputClaim", TEXT)
        .parameter("delimiter", TEXT)
        .output("outputClaim", LIST),
    Method::new("StringSubstring")
        .input("inputClaim", PHONE_OR_TEXT)
        .parameter("startIndex", WHOLE)
        .parameter("length", WHOLE)
        .output("outputClaim", TEXT),
    Method::new("XmlStringToJsonString")
        .input("xml", TEXT)
        .output("json", TEXT),
];
