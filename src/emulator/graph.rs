//! A little of Microsoft Graph (v1.0): users, read only, for those who test
//! what a journey has written.

mod filter;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::{StatusCode, header},
    middleware::from_fn,
    web,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use self::filter::Filter;
use super::{
    control::names,
    directory::{Extensions, Key, User},
    params::Params,
    state::{Tenant, rfc3339},
};

/// What Graph returns unless `$select` says otherwise ("user resource type").
const DEFAULT: [&str; 11] = [
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
];

/// Graph's name, and the directory's where it differs ("User profile
/// attributes").
const RENAMED: [(&str, &str); 3] = [
    ("mobilePhone", "mobile"),
    ("officeLocation", "physicalDeliveryOfficeName"),
    ("mailNickname", "mailNickName"),
];

const PAGE: usize = 100;
const LARGEST_PAGE: usize = 999;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.service(
        web::scope("/graph/v1.0")
            .wrap(from_fn(names::check))
            .route("/users", web::get().to(users))
            .route("/users/{user}", web::get().to(user)),
    );
}

/// An error as Graph words it.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Refused {
    status: StatusCode,
    code: &'static str,
    text: String,
}

impl Refused {
    fn unsupported(text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "Request_UnsupportedQuery",
            text: text.into(),
        }
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let error = json!({ "error": { "code": self.code, "message": self.text } });
        HttpResponse::build(self.status).json(error)
    }
}

/// What a request asks for besides its path.
struct Query {
    select: Vec<String>,
    filter: Option<Filter>,
    top: usize,
    after: Option<Uuid>,
}

impl Query {
    fn parse(request: &HttpRequest) -> Result<Self, Refused> {
        let parsed: Vec<(String, String)> =
            url::form_urlencoded::parse(request.query_string().as_bytes())
                .into_owned()
                .collect();
        let known = ["$select", "$filter", "$top", "$skiptoken"];
        if let Some((other, _)) = parsed.iter().find(|(name, _)| !known.contains(&&**name)) {
            return Err(Refused::unsupported(format!(
                "The query option '{other}' is not understood here. Understood are {}.",
                known.join(", ")
            )));
        }
        let parameters = Params::parse(request.query_string().as_bytes());
        let select = parameters.trimmed("$select").unwrap_or_default();
        let select = select.split(',').map(str::trim);
        let top = parameters.trimmed("$top").map(str::parse::<usize>);
        Ok(Self {
            select: select
                .filter(|s| !s.is_empty())
                .map(str::to_owned)
                .collect(),
            filter: parameters
                .trimmed("$filter")
                .map(Filter::parse)
                .transpose()?,
            top: match top {
                None => PAGE,
                Some(Ok(top)) if (1..=LARGEST_PAGE).contains(&top) => top,
                Some(_) => return Err(Refused::unsupported("$top is a number from 1 to 999.")),
            },
            after: match parameters.trimmed("$skiptoken").map(Uuid::parse_str) {
                None => None,
                Some(Ok(id)) => Some(id),
                Some(Err(_)) => {
                    return Err(Refused::unsupported("$skiptoken is not of this list."));
                }
            },
        })
    }
}

async fn users(tenant: web::Data<Tenant>, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let query = Query::parse(&request)?;
    let (found, is_more) = {
        let state = tenant.state();
        let mut found: Vec<User> = match &query.filter {
            Some(filter) => filter.find(&state.directory, &tenant.domain),
            None => {
                let users = state.directory.after(query.after);
                users.take(query.top + 1).cloned().collect()
            }
        };
        let is_more = query.filter.is_none() && found.len() > query.top;
        found.truncate(query.top);
        (found, is_more)
    };
    let value: Vec<Value> = found
        .iter()
        .map(|user| selected(&tenant, user, &query.select).into())
        .collect();
    let mut answer = Map::new();
    answer.insert("@odata.context".to_owned(), context(&tenant, "").into());
    if let Some(last) = found.last().filter(|_| is_more) {
        let link = next_link(&tenant, &query, last.object_id);
        answer.insert("@odata.nextLink".to_owned(), link.into());
    }
    answer.insert("value".to_owned(), value.into());
    Ok(json_answer(answer))
}

async fn user(
    tenant: web::Data<Tenant>,
    name: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Refused> {
    let query = Query::parse(&request)?;
    let key = match Uuid::parse_str(&name) {
        Ok(id) => Key::ObjectId(id),
        Err(_) => Key::PrincipalName(name.to_string()),
    };
    let found = tenant.state().directory.find(&key).cloned();
    let found = found.ok_or_else(|| Refused {
        status: StatusCode::NOT_FOUND,
        code: "Request_ResourceNotFound",
        text: format!(
            "Resource '{name}' does not exist or one of its queried reference-property objects \
             are not present."
        ),
    })?;
    let mut answer = Map::new();
    answer.insert(
        "@odata.context".to_owned(),
        context(&tenant, "/$entity").into(),
    );
    answer.extend(selected(&tenant, &found, &query.select));
    Ok(json_answer(answer))
}

fn json_answer(answer: Map<String, Value>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .json(answer)
}

fn context(tenant: &Tenant, what: &str) -> String {
    format!("{}/graph/v1.0/$metadata#users{what}", tenant.base_url)
}

fn next_link(tenant: &Tenant, query: &Query, last: Uuid) -> String {
    let select = match query.select.is_empty() {
        true => String::new(),
        false => format!("&$select={}", query.select.join(",")),
    };
    let (base, top) = (&tenant.base_url, query.top);
    format!("{base}/graph/v1.0/users?$top={top}{select}&$skiptoken={last}")
}

/// The members asked for. One that the user lacks is null where Graph knows it.
fn selected(tenant: &Tenant, user: &User, select: &[String]) -> Map<String, Value> {
    let mut all = members(tenant, user);
    let pick = |name: &str| (name.to_owned(), all.remove(name).unwrap_or(Value::Null));
    match select.is_empty() {
        true => DEFAULT.map(pick).into_iter().collect(),
        false => select.iter().map(String::as_str).map(pick).collect(),
    }
}

fn members(tenant: &Tenant, user: &User) -> Map<String, Value> {
    let extensions = Extensions::new(&tenant.extensions_app_id, None);
    let mut members: Map<String, Value> = user
        .attributes
        .iter()
        .map(|(name, value)| (spelled(&extensions.full(name)), value.clone()))
        .collect();
    let phone = members.remove("telephoneNumber");
    let is_local = !user.sign_in_names.is_empty();
    let own = json!({
        "id": user.object_id,
        "userPrincipalName": user.principal_name,
        "accountEnabled": user.is_enabled,
        "businessPhones": phone.into_iter().collect::<Vec<_>>(),
        "createdDateTime": rfc3339(user.created),
        "creationType": is_local.then_some("LocalAccount"),
        "identities": identities(tenant, user),
        "otherMails": user.other_mails,
        "passwordProfile": null,
        "signInSessionsValidFromDateTime": rfc3339(user.tokens_valid_from),
        "userType": "Member",
    });
    if let Value::Object(own) = own {
        members.extend(own);
    }
    members
}

fn spelled(name: &str) -> String {
    let mut renamed = RENAMED.iter();
    let found = renamed.find(|(_, own)| own.eq_ignore_ascii_case(name));
    found.map_or(name, |(graph, _)| graph).to_owned()
}

/// Sign-in names and the principal name count as identities of the tenant.
fn identities(tenant: &Tenant, user: &User) -> Vec<Value> {
    let identity = |kind: &str, issuer: &str, id: &str| json!({ "signInType": kind, "issuer": issuer, "issuerAssignedId": id });
    let domain = tenant.domain.as_str();
    let names = user.sign_in_names.iter();
    let names = names.map(|(kind, name)| identity(kind, domain, name));
    let federated = user.identities.iter();
    let federated =
        federated.map(|federated| identity("federated", &federated.issuer, &federated.subject));
    let principal = identity("userPrincipalName", domain, &user.principal_name);
    names.chain(federated).chain([principal]).collect()
}
