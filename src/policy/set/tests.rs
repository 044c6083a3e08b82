use super::*;

fn policy(id: &str, base: Option<&str>, content: &str) -> String {
    let base = base.map_or(String::new(), |base| {
        format!("<BasePolicy><TenantId>t</TenantId><PolicyId>{base}</PolicyId></BasePolicy>")
    });
    format!(
        "<TrustFrameworkPolicy xmlns='http://schemas.microsoft.com/online/cpim/schemas/2013/06' \
         TenantId='t' PolicyId='{id}'>{base}{content}</TrustFrameworkPolicy>"
    )
}

fn set(files: &[(&str, String)]) -> PolicySet {
    PolicySet::from_texts(files.iter().map(|(path, text)| (*path, text.as_str())))
}

fn path_of(set: &PolicySet, file: FileId) -> String {
    set.sources.get(file).path().display().to_string()
}

/// The chain of the file with that path, the root first.
fn chain_of(set: &PolicySet, path: &str) -> Result<Vec<String>, ChainProblem> {
    let chain = set.chain(file(set, path))?;
    Ok(chain
        .iter()
        .map(|policy| path_of(set, policy.file))
        .collect())
}

fn file(set: &PolicySet, path: &str) -> FileId {
    set.sources
        .ids()
        .find(|file| path_of(set, *file) == path)
        .unwrap()
}

#[test]
fn the_nearest_policy_of_a_name_is_the_base() {
    let files = [
        ("s/a/rp.xml", policy("rp", Some("EXT"), "")),
        ("s/a/ext.xml", policy("ext", Some("base"), "")),
        ("s/a/base/b.xml", policy("base", None, "")),
        ("s/b/rp.xml", policy("rp", Some("ext"), "")),
        ("s/b/deep/rp.xml", policy("rp", Some("ext"), "")),
        ("s/b/ext.xml", policy("ext", Some("base"), "")),
        ("s/b/b.xml", policy("base", None, "")),
        ("s/c/shared/ext.xml", policy("ext", Some("base"), "")),
        ("s/c/rp/rp.xml", policy("rp", Some("ext"), "")),
        ("s/base.xml", policy("base", None, "")),
    ];
    let set = set(&files);
    let cases = [
        (
            "s/a/rp.xml",
            vec!["s/base.xml", "s/a/ext.xml", "s/a/rp.xml"],
            "around before beneath",
        ),
        (
            "s/b/rp.xml",
            vec!["s/b/b.xml", "s/b/ext.xml", "s/b/rp.xml"],
            "the same folder",
        ),
        (
            "s/b/deep/rp.xml",
            vec!["s/b/b.xml", "s/b/ext.xml", "s/b/deep/rp.xml"],
            "the folder around",
        ),
        (
            "s/c/rp/rp.xml",
            vec!["s/base.xml", "s/c/shared/ext.xml", "s/c/rp/rp.xml"],
            "beside",
        ),
    ];
    for (path, expected, why) in cases {
        assert_eq!(chain_of(&set, path).unwrap(), expected, "{why}");
    }
}

#[test]
fn a_chain_without_a_root_says_why_and_is_there_as_far_as_it_goes() {
    let files = [
        ("a/rp.xml", policy("rp", Some("ext"), "<RelyingParty/>")),
        ("a/ext.xml", policy("ext", Some("Gone"), "")),
        ("b/rp.xml", policy("rp2", Some("twice"), "")),
        ("c/one.xml", policy("twice", None, "")),
        ("d/two.xml", policy("twice", None, "")),
        ("e/one.xml", policy("one", Some("two"), "")),
        ("e/two.xml", policy("two", Some("one"), "")),
        ("e/rp.xml", policy("rp3", Some("one"), "")),
        ("e/self.xml", policy("self", Some("self"), "")),
        (
            "f/unnamed.xml",
            policy("x", None, "<BasePolicy><TenantId>t</TenantId></BasePolicy>"),
        ),
    ];
    let set = set(&files);
    let at = |path| file(&set, path);
    let cases = [
        (
            "a/rp.xml",
            ChainProblem::Missing {
                file: at("a/ext.xml"),
                policy: "Gone".into(),
            },
            2,
        ),
        (
            "b/rp.xml",
            ChainProblem::Ambiguous {
                file: at("b/rp.xml"),
                policy: "twice".into(),
                candidates: vec![at("c/one.xml"), at("d/two.xml")],
            },
            1,
        ),
        (
            "e/one.xml",
            ChainProblem::Cycle {
                file: at("e/two.xml"),
            },
            2,
        ),
        (
            "e/two.xml",
            ChainProblem::Cycle {
                file: at("e/one.xml"),
            },
            2,
        ),
        (
            "e/rp.xml",
            ChainProblem::Cycle {
                file: at("e/two.xml"),
            },
            3,
        ),
        (
            "e/self.xml",
            ChainProblem::Cycle {
                file: at("e/self.xml"),
            },
            1,
        ),
        (
            "f/unnamed.xml",
            ChainProblem::Unnamed {
                file: at("f/unnamed.xml"),
            },
            1,
        ),
    ];
    for (path, problem, length) in cases {
        assert_eq!(chain_of(&set, path).unwrap_err(), problem, "{path}");
        let effective = set.effective(at(path)).unwrap();
        assert_eq!(effective.chain.len(), length, "{path}");
        assert_eq!(
            effective.policy_id(),
            set.get(at(path)).unwrap().policy_id(),
            "{path}"
        );
    }
}

#[test]
fn the_policies_of_a_chain_share_what_they_have_in_common() {
    let journeys = "<UserJourneys><UserJourney Id='j'/></UserJourneys>";
    let files = [
        ("base.xml", policy("base", None, journeys)),
        ("one.xml", policy("one", Some("base"), "<RelyingParty/>")),
        ("two.xml", policy("two", Some("base"), "<RelyingParty/>")),
    ];
    let set = set(&files);
    let [one, two] = ["one.xml", "two.xml"].map(|path| set.effective(file(&set, path)).unwrap());
    let journey =
        |effective: &Effective| std::ptr::from_ref(effective.journey("J").unwrap().element);
    assert_eq!(journey(&one), journey(&two));
    let rps: Vec<_> = set
        .relying_parties()
        .filter_map(PolicyFile::policy_id)
        .collect();
    assert_eq!(rps, ["one", "two"]);
    let leaves: Vec<_> = set.leaves().filter_map(PolicyFile::policy_id).collect();
    assert_eq!(leaves, ["one", "two"]);
}

#[test]
fn twenty_thousand_policies_in_a_row_do_not_overflow_the_stack() {
    let texts: Vec<_> = (0..20_000)
        .map(|n| {
            let base = (n > 0).then(|| format!("p{}", n - 1));
            (
                format!("{n}.xml"),
                policy(&format!("p{n}"), base.as_deref(), ""),
            )
        })
        .collect();
    let set = PolicySet::from_texts(texts.iter().map(|(p, t)| (p.as_str(), t.as_str())));
    let last = set.files.last().unwrap().file;
    assert_eq!(set.chain(last).unwrap().len(), 20_000);
}

#[test]
fn what_cannot_be_read_is_a_finding_and_the_rest_is_read() {
    let files = [
        ("good.xml", policy("good", None, "")),
        (
            "open.xml",
            "<TrustFrameworkPolicy>\n<UserJourneys>\n  <UserJourney>\n".to_owned(),
        ),
        ("part.xml", "<ClaimsProviders/>".to_owned()),
        ("other.xml", "<project/>".to_owned()),
        (
            "entity.xml",
            format!("<!DOCTYPE a [<!ENTITY b 'b'>]>{}", policy("x", None, "&b;")),
        ),
    ];
    let set = set(&files);
    assert_eq!(set.files.len(), 1);
    let told: Vec<_> = set
        .broken
        .iter()
        .map(|finding| {
            let position = set.sources.position(finding.span);
            (
                path_of(&set, finding.span.file),
                position.line,
                finding.rule.to_string(),
            )
        })
        .collect();
    let expected = [
        ("open.xml", 3),
        ("part.xml", 1),
        ("other.xml", 1),
        ("entity.xml", 1),
    ];
    assert_eq!(
        told,
        expected.map(|(path, line)| (path.to_owned(), line, "P01".to_owned()))
    );
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn with(files: &[(&str, Vec<u8>)]) -> Self {
        let name = format!("idlink-policies-{}", uuid::Uuid::new_v4());
        let folder = Self(std::env::temp_dir().join(name));
        for (path, bytes) in files {
            let path = folder.0.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        folder
    }

    fn ids(&self, paths: &[&str]) -> Vec<String> {
        let paths: Vec<_> = paths.iter().map(|path| self.0.join(path)).collect();
        let set = PolicySet::read(&paths).unwrap();
        let ids = set.files.iter().filter_map(PolicyFile::policy_id);
        ids.map(str::to_owned).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left over is in the folder for temporary things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn bytes(id: &str) -> Vec<u8> {
    policy(id, None, "").into_bytes()
}

#[test]
fn folders_are_read_with_what_is_in_them_and_built_files_are_left_out() {
    let folder = Folder::with(&[
        ("p/b.XML", bytes("b")),
        ("p/a.xml", bytes("a")),
        ("p/deep/er/c.xml", bytes("c")),
        ("p/.git/d.xml", bytes("d")),
        ("p/readme.md", bytes("e")),
        ("p/appsettings.json", b"{}".to_vec()),
        ("p/Environments/Test/a.xml", bytes("built")),
        ("q/Environments/f.xml", bytes("f")),
        ("p/pom.xml", b"<project/>".to_vec()),
        ("p/broken.xml", b"<project>".to_vec()),
    ]);
    assert_eq!(folder.ids(&["p"]), ["a", "b", "c"]);
    assert_eq!(folder.ids(&["q"]), ["f"], "no appsettings.json beside it");
    assert_eq!(folder.ids(&["p/Environments"]), ["built"], "named itself");
    assert_eq!(
        folder.ids(&["p/b.XML", "p", "p/../p/a.xml"]),
        ["b", "a", "c"],
        "each once"
    );
    let set = PolicySet::read(&[folder.0.join("p")]).unwrap();
    assert_eq!(set.broken, [], "what is no policy is nobody's business");
    let named = PolicySet::read(&[folder.0.join("p/pom.xml")]).unwrap();
    assert_eq!(named.broken.len(), 1, "unless somebody names it");
}

#[test]
fn a_base_is_found_however_the_paths_are_written() {
    let folder = Folder::with(&[
        (
            "mine/local/rp.xml",
            policy("rp", Some("ext"), "").into_bytes(),
        ),
        (
            "mine/shared/ext.xml",
            policy("ext", Some("base"), "").into_bytes(),
        ),
        ("pack/base.xml", bytes("base")),
    ]);
    let paths = ["mine/../mine", "mine/local/../../pack/base.xml"];
    let paths = paths.map(|path| folder.0.join(path));
    let set = PolicySet::read(&paths).unwrap();
    let rp = set.with_id("RP").next().unwrap();
    let chain = set.chain(rp.file).unwrap();
    let ids: Vec<_> = chain
        .iter()
        .filter_map(|policy| policy.policy_id())
        .collect();
    assert_eq!(ids, ["base", "ext", "rp"]);
}

#[test]
fn a_path_that_is_not_there_is_an_error_and_a_file_that_is_too_large_a_finding() {
    let folder = Folder::with(&[(
        "large.xml",
        vec![b' '; usize::try_from(MAX_BYTES).unwrap() + 1],
    )]);
    let error = PolicySet::read(&[folder.0.join("gone")]).unwrap_err();
    assert!(matches!(error, ReadError::Missing(_)), "{error}");
    let set = PolicySet::read(std::slice::from_ref(&folder.0)).unwrap();
    let [finding] = set.broken.as_slice() else {
        panic!("one finding: {:?}", set.broken);
    };
    assert_eq!(
        finding.message,
        "the file is larger than 8192 KB and was not read"
    );
}

#[test]
fn an_encoding_that_contradicts_itself_is_told_and_the_policy_read() {
    let declared = format!(
        "<?xml version='1.0' encoding='utf-16'?>{}",
        policy("a", None, "")
    );
    let latin = policy(
        "b",
        None,
        "<BuildingBlocks><!-- \u{e9} --></BuildingBlocks>",
    );
    let latin = latin
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let folder = Folder::with(&[("a.xml", declared.into_bytes()), ("b.xml", latin)]);
    let set = PolicySet::read(std::slice::from_ref(&folder.0)).unwrap();
    let ids: Vec<_> = set.files.iter().filter_map(PolicyFile::policy_id).collect();
    assert_eq!(ids, ["a"]);
    let [one, other] = set.broken.as_slice() else {
        panic!("two findings: {:?}", set.broken);
    };
    assert!(
        one.message.contains("declared to be in utf-16"),
        "{}",
        one.message
    );
    assert!(
        other.message.contains("not valid UTF-8"),
        "{}",
        other.message
    );
}

#[test]
fn a_file_larger_than_b2c_takes_is_told() {
    let comment = format!("<!--{}-->", " ".repeat(B2C_BYTES));
    let set = set(&[("a.xml", policy("a", None, &comment))]);
    assert_eq!(set.files.len(), 1);
    let message = &set.broken[0].message;
    assert!(
        message.ends_with("bytes, and B2C takes 1048576"),
        "{message}"
    );
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_read() {
    let error = PolicySet::read(&[PathBuf::from("/dev/null")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/dev/null is neither a file nor a folder"
    );
}
