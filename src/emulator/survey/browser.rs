//! Somebody's browser: keeps cookies, follows redirections, and sees when it is
//! sent back to the application.

use std::collections::BTreeMap;

use reqwest::{
    Client, Response,
    header::{COOKIE, LOCATION, SET_COOKIE},
};
use url::Url;

use super::page::{Kind, Page};
use crate::emulator::params::Params;

const MAX_REDIRECTIONS: usize = 20;

/// Where the application would be.
pub(super) const REDIRECT_URI: &str = "https://survey.example.test/callback";

pub(super) struct Browser {
    http: Client,
    cookies: BTreeMap<String, String>,
}

/// Where a browser has come to.
pub(super) enum Landed {
    Page {
        url: Url,
        status: u16,
        page: Box<Page>,
    },
    /// Back at the application, with what it is told.
    Away(Params),
}

/// Why a browser got nowhere: an error of the emulator, or of this robot.
#[derive(Debug, thiserror::Error)]
pub(super) enum BrowseError {
    #[error("no answer: {0}")]
    Unreachable(#[from] reqwest::Error),
    #[error("the answer leads to `{0}`, which is no address")]
    Nowhere(String),
    #[error("redirected in circles")]
    Circles,
}

impl Browser {
    pub(super) fn new(http: Client) -> Self {
        Self {
            http,
            cookies: BTreeMap::new(),
        }
    }

    pub(super) async fn open(&mut self, url: Url) -> Result<Landed, BrowseError> {
        let request = self.http.get(url.clone());
        let response = request.header(COOKIE, self.cookie()).send().await?;
        self.arrive(url, response).await
    }

    pub(super) async fn send(
        &mut self,
        url: Url,
        form: &[(String, String)],
    ) -> Result<Landed, BrowseError> {
        let request = self.http.post(url.clone()).form(form);
        let response = request.header(COOKIE, self.cookie()).send().await?;
        self.arrive(url, response).await
    }

    async fn arrive(
        &mut self,
        mut url: Url,
        mut response: Response,
    ) -> Result<Landed, BrowseError> {
        for _ in 0..MAX_REDIRECTIONS {
            self.keep_cookies(&response);
            let location = response.headers().get(LOCATION);
            let location = location.map(|value| String::from_utf8_lossy(value.as_bytes()));
            let Some(location) = location.map(|location| location.into_owned()) else {
                return self.read(url, response).await;
            };
            if let Some(answer) = location.strip_prefix(REDIRECT_URI) {
                let told = answer.trim_start_matches(['?', '#']);
                return Ok(Landed::Away(Params::parse(told.as_bytes())));
            }
            url = url
                .join(&location)
                .map_err(|_| BrowseError::Nowhere(location))?;
            let request = self.http.get(url.clone());
            response = request.header(COOKIE, self.cookie()).send().await?;
        }
        Err(BrowseError::Circles)
    }

    async fn read(&self, url: Url, response: Response) -> Result<Landed, BrowseError> {
        let status = response.status().as_u16();
        let page = Page::read(&response.text().await?);
        if page.kind == Kind::FormPost {
            let encoded = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(&page.hidden)
                .finish();
            return Ok(Landed::Away(Params::parse(encoded.as_bytes())));
        }
        Ok(Landed::Page {
            url,
            status,
            page: Box::new(page),
        })
    }

    fn cookie(&self) -> String {
        let cookies = self.cookies.iter();
        let cookies = cookies.map(|(name, value)| format!("{name}={value}"));
        cookies.collect::<Vec<_>>().join("; ")
    }

    fn keep_cookies(&mut self, response: &Response) {
        for header in response.headers().get_all(SET_COOKIE) {
            let text = String::from_utf8_lossy(header.as_bytes()).into_owned();
            let pair = text.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
                match value.is_empty() {
                    true => self.cookies.remove(&name),
                    false => self.cookies.insert(name, value),
                };
            }
        }
    }
}
