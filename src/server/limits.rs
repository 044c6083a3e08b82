//! What holds for every request, and what is said where no route speaks.

use actix_web::body::{BodySize, BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::{InternalError, PathError};
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::state::State;

/// Platforms and sites send well under a kilobyte of headers beside a token.
const MOST_HEADER_BYTES: usize = 16 * 1024;

const LONGEST_PATH_AND_QUERY: usize = 4 * 1024;

const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// RFC 9457, with nothing of the request in it.
#[derive(Serialize)]
struct Problem {
    title: &'static str,
    status: u16,
}

/// Middleware: refuses heads beyond any use, and asks connections to close
/// while we drain.
pub(super) async fn hold(
    state: Data<State>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, actix_web::Error> {
    let mut response = match excess(&request) {
        Some(status) => request
            .into_response(HttpResponse::new(status))
            .map_into_right_body(),
        None => next.call(request).await?.map_into_left_body(),
    };
    if state.is_draining() {
        let head = response.response_mut().head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

fn excess(request: &ServiceRequest) -> Option<StatusCode> {
    let headers: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    let target = request.uri().path_and_query();
    if headers > MOST_HEADER_BYTES {
        Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
    } else if target.is_some_and(|target| target.as_str().len() > LONGEST_PATH_AND_QUERY) {
        Some(StatusCode::URI_TOO_LONG)
    } else {
        None
    }
}

/// Middleware: a refusal without a body (no such route, wrong method) says in
/// JSON what it is. What a route worded itself is left alone.
pub(super) async fn explain(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, actix_web::Error> {
    let response = next.call(request).await?;
    let status = response.status();
    let is_worded = !matches!(
        response.response().body().size(),
        BodySize::None | BodySize::Sized(0)
    );
    if is_worded || !(status.is_client_error() || status.is_server_error()) {
        return Ok(response.map_into_left_body());
    }
    let mut response = response.map_body(|_, _| BoxBody::new(problem(status)));
    response.headers_mut().insert(CONTENT_TYPE, PROBLEM);
    Ok(response.map_into_right_body())
}

fn problem(status: StatusCode) -> Vec<u8> {
    let problem = Problem {
        title: status.canonical_reason().unwrap_or("Refused"),
        status: status.as_u16(),
    };
    serde_json::to_vec(&problem).unwrap_or_default()
}

/// For every path that no route has.
pub(super) async fn nothing_here() -> HttpResponse {
    HttpResponse::NotFound().finish()
}

/// A path whose parts are not what a route asks for belongs to nobody. The
/// framework's own answer repeats them.
pub(super) fn unreadable_path(error: PathError, _: &HttpRequest) -> actix_web::Error {
    InternalError::from_response(error, HttpResponse::NotFound().finish()).into()
}

#[cfg(test)]
mod tests {
    use actix_web::web::{self, PathConfig};
    use actix_web::{App, test};

    use super::*;

    #[actix_web::test]
    async fn a_path_that_cannot_be_read_is_not_repeated() {
        let route = web::resource("/{number}").to(|_: web::Path<u32>| HttpResponse::Ok());
        let app = App::new()
            .app_data(PathConfig::default().error_handler(unreadable_path))
            .service(route);
        let app = test::init_service(app).await;
        let request = test::TestRequest::with_uri("/canary").to_request();
        let response = test::call_service(&app, request).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert!(test::read_body(response).await.is_empty());
    }
}
