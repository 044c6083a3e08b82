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
