//! What is a secret by its name.

/// Whether something of this name is a secret whoever declares it.
pub(crate) fn is_secret_name(name: &str) -> bool {
    const PARTS: [&str; 8] = [
        "password",
        "passwd",
        "secret",
        "token",
        "apikey",
        "api_key",
        "api-key",
        "assertion",
    ];
    // These say of one what it is.
    const HARMLESS: [&str; 5] = [
        "token_type",
        "tokentype",
        "token_format",
        "passwordpolicies",
        "passwordexpired",
    ];
    let name = name.to_lowercase();
    !HARMLESS.contains(&name.as_str()) && PARTS.iter().any(|part| name.contains(part))
}
