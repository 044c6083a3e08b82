//! `idlink simulate`, against customers that were counted by hand.

use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use tokio::process::Command;

use crate::support::postgres::{Database, database};
use crate::support::program::{Folder, connection_string};

const ISSUER: &str = "https://contoso.b2clogin.com/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/v2.0/";

fn settings(shop: &str) -> String {
    format!(
        "[legal_entities.USMF]\n\
         [legal_entities.DEMF]\n\
         [tenants.contoso]\n\
         issuer = \"{ISSUER}\"\n\
         metadata_url = \"https://contoso.b2clogin.com/contoso/{{policy}}/v2.0/.well-known/openid-configuration\"\n\
         policies = [\"B2C_1_signupsignin\"]\n\
         trusted_providers = [\"local\", \"google.com\"]\n\
         credentials = [{{ username = \"b2c\", password = \"canary-password\" }}]\n\
         [sites.shop]\n\
         customer_type = \"b2c\"\n\
         legal_entity = \"USMF\"\n\
         tenant = \"contoso\"\n\
         mode = \"enforce\"\n\
         {shop}\n\
         client_ids = [\"0c8f0c8a-51c5-4a44-9d57-5b1d7a6a5f11\"]\n\
         [sites.trade]\n\
         customer_type = \"b2b\"\n\
         legal_entity = \"USMF\"\n\
         tenant = \"contoso\"\n\
         mode = \"observe\"\n\
         client_ids = [\"0c8f0c8a-51c5-4a44-9d57-5b1d7a6a5f12\"]\n"
    )
}

/// Whatever the order, one of each kind, and two of some.
const CUSTOMERS: &str = "\
legal_entity,customer_number,kind,type,name,email,state,replaced_by
USMF,C01,person,b2c,Canary One,one@example.org,active,
USMF,C02,person,b2c,Canary Two,TWO@Example.org,active,
USMF,C03,person,b2c,Canary Three,shared@example.org,active,
USMF,C04,person,b2c,Canary Four,Shared@example.org,active,
USMF,C05,person,b2b,Canary Five,shared@example.org,active,
USMF,C06,person,b2c,Canary Six,,active,
USMF,C07,person,b2c,Canary Seven,\"\"\"a b\"\"@example.org\",active,
USMF,C08,organisation,b2c,Canary Eight,eight@example.org,active,
USMF,C09,person,b2c,Canary Nine,nine@example.org,pending,
USMF,C10,person,b2c,Canary Ten,ten@example.org,blocked,
USMF,T11,person,b2c,Canary Eleven,eleven@example.org,active,C11
USMF,C11,person,b2c,Canary Eleven,eleven@example.org,active,
USMF,C12,person,b2c,Canary Twelve,x1@privaterelay.appleid.com,active,
USMF,C13,person,b2c,Canary Thirteen,x2@mailinator.com,active,
DEMF,D01,person,b2c,Canary German,one@example.org,active,
";

struct Simulated {
    folder: Folder,
    output: Output,
}

impl Simulated {
    fn said(&self) -> Vec<String> {
        let errors = String::from_utf8_lossy(&self.output.stderr);
        assert!(self.output.status.success(), "{errors}");
        let text = String::from_utf8(self.output.stdout.clone()).unwrap();
        assert!(!text.contains("@"), "{text}");
        text.lines().map(str::to_owned).collect()
    }

    fn file(&self, name: &str) -> String {
        let path = self.folder.0.join("out").join(name);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
        std::fs::read_to_string(path).unwrap()
    }
}

fn command(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlink"));
    command
        .current_dir(&folder.0)
        .args(["--config", "idlink.toml"])
        .args(arguments);
    command
}

async fn simulate(customers: &str, more: &[&str]) -> Simulated {
    let folder = Folder::new();
    folder.write("idlink.toml", &settings(""));
    folder.write("other.toml", &settings("customer_email = \"proven\""));
    folder.write("customers.csv", customers);
    folder.write(
        "identities.csv",
        &format!(
            "issuer,subject,email,verified,provider\n\
             {ISSUER},s1,one@example.org,true,local\n\
             {ISSUER},s2,shared@example.org,,google.com\n\
             {ISSUER},s3,one@example.org,false,local\n\
             {ISSUER},s4,one@example.org,true,facebook.com\n\
             {ISSUER},s5,stranger@example.org,true,\n\
             https://else.example/,s6,one@example.org,true,local\n"
        ),
    );
    let mut arguments = vec!["simulate", "customers.csv", "--output", "out"];
    arguments.extend(more);
    let output = command(&folder, &arguments).output().await.unwrap();
    Simulated { folder, output }
}

const SAID: [&str; 19] = [
    "legal entity USMF: 14 customers",
    "  site shop",
    "             3    21.4 %  would be linked",
    "             1     7.1 %  address of a relay service",
    "             1     7.1 %  disposable address",
    "             2    14.3 %  address shared by several",
    "             1     7.1 %  no address",
    "             1     7.1 %  address cannot be compared",
    "             1     7.1 %  waiting for approval",
    "             1     7.1 %  blocked",
    "             1     7.1 %  merged, gone or erased",
    "             1     7.1 %  not a person",
    "             1     7.1 %  of the other customer type",
    "    of 9 addresses 5 link, 1 are ambiguous, 3 unknown here, 0 refused",
    "  site trade",
    "             1     7.1 %  would be linked",
    "             1     7.1 %  not a person",
    "            12    85.7 %  of the other customer type",
    "    of 9 addresses 1 link, 0 are ambiguous, 8 unknown here, 0 refused",
];

#[tokio::test]
async fn every_customer_is_counted_once_at_each_site() {
    let simulated = simulate(CUSTOMERS, &[]).await;
    let said = simulated.said();
    assert_eq!(said[..SAID.len()], SAID);
    assert_eq!(said[SAID.len()], "legal entity DEMF: 1 customers");
    assert_eq!(
        simulated.file("records-to-fix.csv"),
        "\"legal_entity\",\"customer_number\",\"reason\",\"shares_address_with\"\r\n\
         \"USMF\",\"C03\",\"shared_address\",\"\"\r\n\
         \"USMF\",\"C04\",\"shared_address\",\"C03\"\r\n\
         \"USMF\",\"C06\",\"no_address\",\"\"\r\n\
         \"USMF\",\"C07\",\"address_not_comparable\",\"\"\r\n\
         \"USMF\",\"C12\",\"relay_address\",\"\"\r\n\
         \"USMF\",\"C13\",\"disposable_address\",\"\"\r\n"
    );
    let page = simulated.file("report.html");
    for figure in [
        "<data value=\"15\">15</data><div>customers</div>",
        "<data value=\"4\">4</data><div>would be linked</div>",
        "<data value=\"2\">2</data><div>share an address</div>",
        "<data value=\"6\">6</data><div>records to fix</div>",
        "<data value=\"3\">3</data></span> of <data value=\"12\">12</data> customers of this site",
        "DEMF has customers, and no site sells for it.",
    ] {
        assert!(page.contains(figure), "{figure}");
    }
    for secret in [
        "Canary",
        "@example",
        "C03",
        "example.org",
        "http:",
        "https:",
        "<script",
    ] {
        assert!(!page.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn what_was_imported_is_counted_as_its_file_was() {
    let database = database().await;
    let simulated = simulate(CUSTOMERS, &[]).await;
    let run = async |arguments: &[&str]| run(&simulated.folder, &database, arguments).await;
    let import = [
        "import",
        "customers",
        "customers.csv",
        "--legal-entity",
        "USMF",
        "--legal-entity",
        "DEMF",
    ];
    let imported = run(&import).await;
    let complaint = String::from_utf8_lossy(&imported.stderr);
    assert!(imported.status.success(), "{complaint}");
    let counted = Simulated {
        output: run(&["simulate", "--output", "out2"]).await,
        folder: Folder::new(),
    };
    let lines = |simulated: &Simulated| {
        let said = simulated.said();
        said.into_iter()
            .take_while(|line| !line.is_empty())
            .collect::<Vec<_>>()
    };
    assert_eq!(lines(&counted), lines(&simulated));
}

async fn run(folder: &Folder, database: &Database, arguments: &[&str]) -> Output {
    command(folder, arguments)
        .env(
            "IDLINK__DATABASE__URL",
            connection_string(&database.config()),
        )
        .output()
        .await
        .unwrap()
}

#[tokio::test]
async fn existing_accounts_get_what_their_next_sign_in_would() {
    let simulated = simulate(CUSTOMERS, &["--identities", "identities.csv"]).await;
    let table = simulated.file("identities.csv");
    let rows: Vec<_> = table
        .lines()
        .skip(1)
        .map(|line| line.replace(ISSUER, "contoso").replace('"', ""))
        .collect();
    assert_eq!(
        rows,
        [
            "contoso,s1,local,shop,link,C01",
            "contoso,s1,local,trade,CommerceIdentityNotFound,",
            "contoso,s2,google.com,shop,\
             CustomerServiceMultipleCustomerAccountsFoundErrorOccurredWhenAutoLinking,",
            "contoso,s2,google.com,trade,link,C05",
            "contoso,s3,local,shop,EmailAddressNotVerified,",
            "contoso,s3,local,trade,EmailAddressNotVerified,",
            "contoso,s4,facebook.com,shop,EmailAddressNotVerified,",
            "contoso,s4,facebook.com,trade,EmailAddressNotVerified,",
            "contoso,s5,,shop,create,",
            "contoso,s5,,trade,CommerceIdentityNotFound,",
            "https://else.example/,s6,local,,unknown_issuer,",
        ]
    );
    let page = simulated.file("report.html");
    assert!(page.contains("What each of 6 accounts would get"), "{page}");
}

#[tokio::test]
async fn other_settings_are_compared_customer_by_customer() {
    let simulated = simulate(CUSTOMERS, &["--against", "other.toml"]).await;
    let said = simulated.said();
    let begin = said
        .iter()
        .position(|line| line == "against other.toml")
        .unwrap();
    assert_eq!(
        said[begin + 1..begin + 4],
        [
            "             1  shop: disposable_address → address_not_proven",
            "             3  shop: link → address_not_proven",
            "             1  shop: relay_address → address_not_proven",
        ]
    );
    let table = simulated.file("changes.csv");
    let mut rows: Vec<_> = table.lines().skip(1).collect();
    rows.sort_unstable();
    assert_eq!(
        rows,
        [
            "\"USMF\",\"C01\",\"shop\",\"link\",\"address_not_proven\"",
            "\"USMF\",\"C02\",\"shop\",\"link\",\"address_not_proven\"",
            "\"USMF\",\"C11\",\"shop\",\"link\",\"address_not_proven\"",
            "\"USMF\",\"C12\",\"shop\",\"relay_address\",\"address_not_proven\"",
            "\"USMF\",\"C13\",\"shop\",\"disposable_address\",\"address_not_proven\"",
        ]
    );
}

#[tokio::test]
async fn the_last_row_of_a_number_counts_and_unreadable_ones_are_told() {
    let customers = format!(
        "{CUSTOMERS}USMF,C01,person,b2c,Canary One,elsewhere@example.org,blocked,\n\
         USMF,C99,person,b2c,Canary Nobody,nowhere,active,\n"
    );
    let simulated = simulate(&customers, &["--legal-entity", "USMF"]).await;
    let said = simulated.said();
    assert_eq!(said[0], "legal entity USMF: 14 customers");
    assert_eq!(said[1], "             1  unreadable rows");
    assert_eq!(said[3], "             2    14.3 %  would be linked");
    let superseded = "1 rows in place of which a later one of the same number counts";
    assert!(said.iter().any(|line| line == superseded), "{said:?}");
    let rejected = simulated.file("rejected-rows.csv");
    assert!(
        rejected.contains("is no e-mail address: it has no @"),
        "{rejected}"
    );
}

#[tokio::test]
async fn customers_of_several_sites_are_counted_once_in_all() {
    let folder = Folder::new();
    let second = settings("").replace("[sites.shop]", "[sites.outlet]");
    let (_, second) = second.split_once("[sites.outlet]").unwrap();
    let (second, _) = second.split_once("[sites.trade]").unwrap();
    let second = second.replace("5b1d7a6a5f11", "5b1d7a6a5f13");
    let both = format!("{}[sites.outlet]{second}", settings(""));
    folder.write("idlink.toml", &both);
    folder.write("customers.csv", CUSTOMERS);
    let arguments = ["simulate", "customers.csv", "--output", "out"];
    let output = command(&folder, &arguments).output().await.unwrap();
    let simulated = Simulated { folder, output };
    simulated.said();
    let page = simulated.file("report.html");
    for figure in [
        "<data value=\"4\">4</data><div>would be linked</div>",
        "<data value=\"2\">2</data><div>share an address</div>",
        "<li>1 customers have no address",
        "<li>2 customers have an address of a relay",
    ] {
        assert!(page.contains(figure), "{figure}");
    }
}

#[tokio::test]
async fn rows_of_other_companies_are_told_and_capitals_make_none() {
    let customers = CUSTOMERS
        .replace("DEMF", "FRSI")
        .replace("USMF,C06", "usmf,C06");
    let simulated = simulate(&customers, &[]).await;
    let said = simulated.said();
    assert_eq!(said[0], "legal entity USMF: 14 customers");
    let told = "1 rows of the legal entity FRSI, which is not looked at";
    assert!(said.iter().any(|line| line == told), "{said:?}");
    let page = simulated.file("report.html");
    assert!(page.contains("1 rows are of the legal entity FRSI"));
}

#[tokio::test]
async fn accounts_that_cannot_be_read_are_kept_with_the_reason() {
    let simulated = simulate(CUSTOMERS, &[]).await;
    simulated.folder.write(
        "accounts.csv",
        "issuer,subject,email,verified\nhttps://else.example/,=s1,,perhaps\n",
    );
    let arguments = [
        "simulate",
        "customers.csv",
        "--output",
        "out",
        "--identities",
        "accounts.csv",
    ];
    let output = command(&simulated.folder, &arguments)
        .output()
        .await
        .unwrap();
    let simulated = Simulated {
        output,
        ..simulated
    };
    simulated.said();
    assert_eq!(
        simulated.file("rejected-accounts.csv").lines().nth(1),
        Some(
            "\"https://else.example/\",\"'=s1\",\"\",\"perhaps\",\"accounts.csv\",\"2\",\
             \"verified\",\"must be one of true, false\",\"\""
        )
    );
}

#[tokio::test]
async fn what_is_read_is_not_written_over() {
    let customers = CUSTOMERS.replace("C01,person", "C01,robot");
    let simulated = simulate(&customers, &[]).await;
    let rejected = simulated.file("rejected-rows.csv");
    let report = simulated.file("report.html");
    let arguments = ["simulate", "./out/rejected-rows.csv", "--output", "out"];
    let output = command(&simulated.folder, &arguments)
        .output()
        .await
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "idlink: out/rejected-rows.csv is read, and would be written over: name another --output\n"
    );
    assert_eq!(simulated.file("rejected-rows.csv"), rejected);
    assert_eq!(simulated.file("report.html"), report);
}

#[tokio::test]
async fn what_cannot_be_simulated_is_said() {
    let nobodys = CUSTOMERS.replace("legal_entity,", "company,");
    let output = simulate(&nobodys, &[]).await.output;
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "idlink: customers.csv: has no column for the legal entity, and there are several: name \
         one with --legal-entity, or give it as a constant of a mapping file\n"
    );
    let output = simulate(CUSTOMERS, &["--legal-entity", "FRRT"])
        .await
        .output;
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "idlink: there is no legal entity `FRRT` in the settings\n"
    );
    let output = simulate("", &[]).await.output;
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "idlink: customers.csv: is empty\n"
    );
}
