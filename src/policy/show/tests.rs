use super::super::set::PolicySet;
use super::*;

const BASE: &str = include_str!("tests/base.xml");
const CHILD: &str = include_str!("tests/child.xml");

fn set() -> PolicySet {
    PolicySet::from_texts([("p/base.xml", BASE), ("p/child.xml", CHILD)])
}

fn journey(set: &PolicySet) -> Journey {
    Journey::of(set, choose(set, None).unwrap(), None).unwrap()
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn a_journey_is_told_step_by_step_with_its_places() {
    let expected = "\
Journey SignIn of B2C_1A_Child  p/child.xml:21, p/base.xml:66

  1  Sign in or sign up  p/base.xml:67
       page Sign in here (api.signin, unifiedssp 2.1.19)
       Button “Google” → GoogleExchange → Google
       Form → FormExchange → Page-SignIn
       Link “Sign up now” → SignUpExchange → Page-SignUp
     · Page-SignIn: page  p/base.xml:38
         page api.form, selfasserted 2.1.30
         asks for email
         then, in this order:
           1. login-NonInteractive: password check: login.example  p/base.xml:44
         session SM (kept: not asked again)

  2  One of 2, as chosen before  p/base.xml:77
       skipped if objectId exists
       skipped if kind exists and is not “new”
     · Google: sign-in elsewhere (OAuth 2.0): accounts.example  p/base.xml:50
     · Page-SignUp: page  p/child.xml:10, p/base.xml:54
         page api.form, selfasserted 2.1.30
         asks for code
         SendCode of code:
           1. Rest: REST call: POST api.example/{Settings:Path}/check (Basic)  p/base.xml:26
         then, in this order:
           1. Rest: REST call: POST api.example/{Settings:Path}/check (Basic)  p/child.xml:12
              goes on after an error
           2. Write: writes the directory  p/base.xml:58
              skipped if objectId exists
              stops here if it went well
           3. login-NonInteractive: password check: login.example  p/base.xml:44
         session SM (kept: not asked again)

  3  Sub-journey Block or Gone  p/child.xml:22
       skipped if email is missing
     · Gone: not in the policy

  4  Send the claims to the app  p/base.xml:90
     · Jwt: issues a JWT  p/base.xml:62

The app is sent: sub, mail

Sub-journey Block, does not come back  p/child.xml:28

  1  Send the claims to the app  p/child.xml:29
     · Nowhere: not in the policy";
    let set = set();
    let text = journey(&set).text();
    assert_eq!(lines(&text), lines(expected));
}

#[test]
fn each_line_of_a_technical_profile_has_its_origin() {
    let set = set();
    let file = choose(&set, Some("b2c_1a_CHILD")).unwrap();
    let profile = Profile::of(&set, file, "page-signup").unwrap();
    let expected = "\
p/child.xml:10  <TechnicalProfile Id=\"Page-SignUp\">
p/base.xml:55     <DisplayName>Sign &lt;up&gt;</DisplayName>
p/base.xml:39     <Protocol Name=\"Proprietary\" Handler=\"Web.TPEngine.Providers.SelfAssertedAttributeProvider\"/>
p/base.xml:40     <Metadata>
p/base.xml:40       <Item Key=\"ContentDefinitionReferenceId\">api.form</Item>
p/base.xml:41       <Item Key=\"SignUpTarget\">SignUpExchange</Item>
p/base.xml:40     </Metadata>
p/base.xml:56     <DisplayClaims>
p/base.xml:56       <DisplayClaim DisplayControlReferenceId=\"code\"/>
p/base.xml:56     </DisplayClaims>
p/child.xml:14    <OutputClaims>
p/child.xml:14      <OutputClaim ClaimTypeReferenceId=\"email\" Required=\"true\" PartnerClaimType=\"Verified.Email\"/>  <!-- Required: p/base.xml:56 -->
p/base.xml:42       <OutputClaim ClaimTypeReferenceId=\"objectId\"/>
p/child.xml:14    </OutputClaims>
p/child.xml:11    <ValidationTechnicalProfiles>
p/child.xml:12      <ValidationTechnicalProfile ReferenceId=\"Rest\" ContinueOnError=\"true\"/>
p/base.xml:58       <ValidationTechnicalProfile ReferenceId=\"Write\" ContinueOnSuccess=\"false\">
p/base.xml:58         <Preconditions>
p/base.xml:58           <Precondition Type=\"ClaimsExist\" ExecuteActionsIf=\"true\">
p/base.xml:58             <Value>objectId</Value>
p/base.xml:58             <Action>SkipThisValidationTechnicalProfile</Action>
p/base.xml:58           </Precondition>
p/base.xml:58         </Preconditions>
p/base.xml:58       </ValidationTechnicalProfile>
p/base.xml:44       <ValidationTechnicalProfile ReferenceId=\"login-NonInteractive\"/>
p/child.xml:11    </ValidationTechnicalProfiles>
p/base.xml:59     <IncludeTechnicalProfile ReferenceId=\"Page-SignIn\"/>
p/base.xml:45     <UseTechnicalProfileForSessionManagement ReferenceId=\"SM\"/>
p/child.xml:10  </TechnicalProfile>";
    assert_eq!(lines(&profile.text()), lines(expected));
}

/// A policy in which every name does its worst.
fn hostile() -> Journey {
    const NAME: &str =
        "&quot;];&lt;/style&gt;&lt;script&gt;alert(1)&lt;/script&gt;&#x9b;31m&#x202e;`end`|{x}";
    let text = format!(
        "<TrustFrameworkPolicy PolicyId='{NAME}'><ClaimsProviders><ClaimsProvider><TechnicalProfiles>\
         <TechnicalProfile Id='{NAME}'><DisplayName>{NAME}</DisplayName><Protocol Name='Proprietary' Handler='Web.TPEngine.Providers.RestfulProvider'/>\
         <Metadata><Item Key='ServiceUrl'>{NAME}</Item></Metadata></TechnicalProfile></TechnicalProfiles></ClaimsProvider></ClaimsProviders>\
         <UserJourneys><UserJourney Id='{NAME}'><OrchestrationSteps><OrchestrationStep Order='{NAME}' Type='ClaimsExchange'>\
         <Preconditions><Precondition Type='ClaimEquals' ExecuteActionsIf='true'><Value>{NAME}</Value><Value>{NAME}</Value></Precondition></Preconditions>\
         <ClaimsExchanges><ClaimsExchange Id='{NAME}' TechnicalProfileReferenceId='{NAME}'/></ClaimsExchanges></OrchestrationStep>\
         </OrchestrationSteps></UserJourney></UserJourneys><RelyingParty><DefaultUserJourney ReferenceId='{NAME}'/></RelyingParty>\
         </TrustFrameworkPolicy>"
    );
    let set = PolicySet::from_texts([("p.xml", text.as_str())]);
    assert_eq!(set.broken, []);
    journey(&set)
}

#[test]
fn hostile_names_are_text_wherever_they_are_shown() {
    let journey = hostile();
    assert!(journey.profile(&journey.steps[0].runs[0].profile).is_some());
    let (html, svg) = (journey.html().unwrap(), journey.svg());
    for (format, text) in [
        ("text", journey.text()),
        ("mermaid", journey.mermaid()),
        ("svg", svg.clone()),
        ("html", html.clone()),
    ] {
        assert!(text.contains("alert(1)"), "{format}: the name is there");
        assert!(
            !text.contains(['\u{9b}', '\u{202e}']),
            "{format}: steers nothing"
        );
    }
    assert!(!html.contains("<script"), "{html}");
    assert!(!svg.contains("<script"), "{svg}");
    let own_styles = 2;
    assert_eq!(html.matches("</style>").count(), own_styles);
    roxmltree::Document::parse(&svg).unwrap();
}

#[test]
fn a_label_of_a_chart_ends_only_where_it_should() {
    for line in hostile().mermaid().lines() {
        let quotes = line.matches('"').count();
        assert!(quotes == 0 || quotes == 2, "{line}");
        assert!(
            !line.contains(['`', '<']) || line.contains("<br/>"),
            "{line}"
        );
        let outside: String = line.split('"').step_by(2).collect();
        let ours = outside
            .chars()
            .all(|c| c.is_ascii() && c != '<' && c != '`');
        assert!(ours, "{line}");
    }
}

#[test]
fn a_chart_leads_around_steps_that_are_skipped() {
    let set = set();
    let chart = journey(&set).mermaid();
    let edges: Vec<_> = chart
        .lines()
        .map(str::trim)
        .filter(|line| line.contains("->"))
        .collect();
    let expected = [
        "begin --> s0",
        "s0 --> c1",
        "c1 -->|no| s1",
        "c1 -.->|skip| c2",
        "s1 --> c2",
        "c2 -->|no| s2",
        "c2 -.->|skip| s3",
        "s2 --> s3",
        "s3 --> done",
        "sub0_begin --> sub0_s0",
        "sub0_s0 --> sub0_done",
    ];
    assert_eq!(edges, expected);
    assert!(
        chart.contains("c1{{\"objectId exists, or kind exists and is not “new”?\"}}"),
        "{chart}"
    );
}

#[test]
fn the_page_has_everything_and_needs_nothing() {
    let set = set();
    let page = journey(&set).html().unwrap();
    for part in [
        "<h1>SignIn</h1>",
        "objectId exists",
        "id=\"step-4\"",
        "href=\"#picture-step-4\"",
        "id=\"picture-step-4\"",
        "href=\"#sub-1-step-all\"",
        "id=\"sub-1-step-all\"",
        "Skipped if <strong>objectId exists</strong>, or if <strong>kind exists and is not “new”</strong>",
        "href=\"#sub-1-step-1\"",
        "Sub-journey Block (does not come back)",
        "<code>Gone</code> <strong class=\"missing\">is not in the policy</strong>",
        "POST api.example/{Settings:Path}/check (Basic)",
        "goes on after an error",
        "<th colspan=\"2\" scope=\"rowgroup\">child.xml</th>",
        "title=\"base.xml:58\"",
        "Required from base.xml:56",
        "<code>mail</code>",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // The only addresses are those that policies and SVG have as names.
    for resource in ["src=", "<link rel=\"style", "@import", "url("] {
        assert!(!page.contains(resource), "{resource}");
    }
}

#[test]
fn the_picture_has_a_card_for_each_step_within_its_bounds() {
    let set = set();
    let svg = journey(&set).svg();
    let picture = roxmltree::Document::parse(&svg).unwrap();
    let all = || picture.descendants().filter(|node| node.is_element());
    let number = |node: &roxmltree::Node<'_, '_>, name| {
        node.attribute(name).unwrap().parse::<f64>().unwrap()
    };
    let cards: Vec<_> = all()
        .filter(|node| node.attribute("class") == Some("box"))
        .collect();
    assert_eq!(cards.len(), 5, "four steps and one of the sub-journey");
    let mut last = 0.0;
    for card in &cards {
        assert!(number(card, "y") > last, "one beneath the other");
        last = number(card, "y") + number(card, "height");
    }
    let height = number(&picture.root_element(), "height");
    assert!(last < height, "{last} of {height}");
    for text in all().filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "text"))) {
        assert!(number(&text, "y") < height);
    }
    let said: Vec<_> = all().filter_map(|node| node.text()).collect();
    assert!(
        said.contains(&"skipped if objectId exists, or if kind exists and is not “new”"),
        "{said:?}"
    );
}

#[test]
fn conditions_are_told_in_words() {
    let cases = [
        ("Type='ClaimsExist' ExecuteActionsIf='true'", "a exists"),
        (
            "Type='ClaimsExist' ExecuteActionsIf='false'",
            "a is missing",
        ),
        ("Type='ClaimEquals' ExecuteActionsIf='TRUE'", "a is “b”"),
        (
            "Type='ClaimEquals' ExecuteActionsIf='0'",
            "a exists and is not “b”",
        ),
        (
            "Type='ClaimEquals' ExecuteActionsIf='maybe'",
            "a: a condition that B2C does not know (ExecuteActionsIf=maybe)",
        ),
        (
            "Type='Odd' ExecuteActionsIf='true'",
            "a: a condition that B2C does not know (Type=Odd)",
        ),
    ];
    for (attributes, words) in cases {
        let text =
            format!("<Precondition {attributes}><Value>a</Value><Value>b</Value></Precondition>");
        let mut sources = crate::policy::source::Sources::default();
        let file = sources.add("p.xml".into(), text.as_str());
        let document = crate::policy::xml::parse(file, &text).unwrap();
        let condition = crate::policy::view::Precondition {
            element: &document.root,
        };
        assert_eq!(super::words::condition(&condition), words);
    }
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let set = set();
    let file = choose(&set, None).unwrap();
    let error = |result: Result<Journey, NotShown>| result.unwrap_err().to_string();
    assert_eq!(
        error(Journey::of(&set, file, Some("SignInn"))),
        "there is no journey SignInn; did you mean SignIn?; there are: SignIn"
    );
    assert_eq!(
        Profile::of(&set, file, "zzz").unwrap_err().to_string(),
        "there is no technical profile zzz; there are: Rest, Page-SignIn, login-NonInteractive, \
         Google, SM, Page-SignUp, Write, Jwt"
    );
    assert_eq!(
        choose(&set, Some("B2C_1A_Chidl")).unwrap_err().to_string(),
        "there is no policy B2C_1A_Chidl; did you mean B2C_1A_Child?; there are: B2C_1A_Base, B2C_1A_Child"
    );
    assert_eq!(
        choose(&set, Some("child.xml")).unwrap().file,
        file.file,
        "by its file"
    );
    let base = choose(&set, Some("B2C_1A_Base")).unwrap();
    assert_eq!(
        error(Journey::of(&set, base, None)),
        "the policy B2C_1A_Base names no journey of its own: name one with --journey; there are: SignIn"
    );
    let twice = PolicySet::from_texts([("a/x.xml", CHILD), ("b/x.xml", CHILD)]);
    assert_eq!(
        choose(&twice, None).unwrap_err().to_string(),
        "name one of the policies with --policy: B2C_1A_Child, B2C_1A_Child"
    );
    assert_eq!(
        choose(&twice, Some("B2C_1A_Child"))
            .unwrap_err()
            .to_string(),
        "the policy B2C_1A_Child is in several files; name one with --policy: a/x.xml, b/x.xml"
    );
    assert_eq!(
        choose(&PolicySet::default(), None).unwrap_err(),
        NotShown::NoPolicy
    );
}

#[test]
fn a_chain_that_is_not_whole_is_noted() {
    let set = PolicySet::from_texts([("p/child.xml", CHILD)]);
    let shown = journey(&set);
    let note = "p/child.xml inherits from B2C_1A_Base, which is not among the files: what it holds is missing here";
    assert_eq!(shown.notes, [note]);
    assert!(shown.text().contains(note));
    assert!(shown.html().unwrap().contains(note));
}
