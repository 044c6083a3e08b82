//! `[policy_keys.…]`: what the portal calls policy keys.

use std::collections::BTreeMap;

use crate::emulator::{ClientCertificate, PolicyKey};

use super::super::reader::{SecretKeys, Section};

const SECRET: SecretKeys = SecretKeys {
    plain: "secret",
    env: "secret_env",
    file: "secret_file",
};

pub(super) fn read_all(root: &Section<'_>) -> BTreeMap<String, PolicyKey> {
    let entries = root.entries("policy_keys").into_iter();
    entries
        .filter_map(|(name, section)| Some((name, read(&section)?)))
        .collect()
}

fn read(section: &Section<'_>) -> Option<PolicyKey> {
    let given = [SECRET.plain, SECRET.env, SECRET.file].map(|key| section.has(key));
    let of_certificate = ["certificate", "private_key"].map(|key| section.has(key));
    match (given.contains(&true), of_certificate) {
        (true, [false, false]) => Some(PolicyKey::Secret(section.secret(SECRET)?.value)),
        (false, [true, true]) => {
            let (certificate, key) = (section.file("certificate"), section.file("private_key"));
            Some(PolicyKey::Certificates(vec![ClientCertificate {
                certificate: certificate?.value,
                key: key?.value,
            }]))
        }
        (true | false, _) => {
            section.problem(
                "must hold one of `secret`, `secret_env`, `secret_file`, or the files \
                 `certificate` and `private_key`",
            );
            None
        }
    }
}
