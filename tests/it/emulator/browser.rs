//! A browser without scripts, for the mock tenant's pages.

use std::collections::BTreeMap;

use reqwest::{Response, StatusCode};

/// A browser without scripts: it keeps cookies, follows redirects inside the
/// tenant and stops at those that leave it.
pub(crate) struct Browser {
    http: reqwest::Client,
    base: String,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) language: &'static str,
}

pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) url: String,
    pub(crate) location: Option<String>,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn new(base: &str) -> Self {
        Self::sharing(super::http(), base)
    }

    /// One of many, whose connections are kept together.
    pub(crate) fn sharing(http: reqwest::Client, base: &str) -> Self {
        Self {
            http,
            base: base.to_owned(),
            cookies: BTreeMap::new(),
            language: "en-US",
        }
    }

    pub(crate) async fn get(&mut self, url: &str) -> Page {
        let url = self.absolute(url);
        self.go(url, None).await
    }

    pub(crate) async fn post(&mut self, url: &str, form: &[(&str, &str)]) -> Page {
        let url = self.absolute(url);
        self.go(url, Some(form)).await
    }

    /// Sends a page's form: its hidden fields and what is given.
    pub(crate) async fn fill(&mut self, page: &Page, form: &[(&str, &str)]) -> Page {
        let hidden = page.hidden();
        let mut all: Vec<(&str, &str)> = hidden.iter().map(|(n, v)| (&**n, &**v)).collect();
        all.extend(form);
        let action = page.between("method=\"post\" action=\"", "\"").unwrap();
        self.post(&at(&page.url, &action), &all).await
    }

    /// Presses a button: its form is sent with what the page holds hidden and
    /// what is given.
    pub(crate) async fn press(&mut self, page: &Page, button: &str, form: &[(&str, &str)]) -> Page {
        let action = page.value(button);
        assert!(
            action.is_some(),
            "no button {button}: {} {}",
            page.status,
            page.body
        );
        let action = action.unwrap();
        let mut all = vec![("action", action.as_str())];
        all.extend(form);
        self.fill(page, &all).await
    }

    fn absolute(&self, url: &str) -> String {
        match url.starts_with('/') {
            true => format!("{}{url}", self.base),
            false => url.to_owned(),
        }
    }

    async fn go(&mut self, mut url: String, mut form: Option<&[(&str, &str)]>) -> Page {
        loop {
            let request = match form.take() {
                Some(form) => self.http.post(&url).form(form),
                None => self.http.get(&url),
            };
            let cookies: Vec<_> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let response = request
                .header("Cookie", cookies.join("; "))
                .header("Accept-Language", self.language)
                .header("Accept", "text/html,*/*")
                .send()
                .await
                .unwrap();
            self.keep_cookies(&response);
            let location = response.headers().get("location");
            let location = location.map(|l| l.to_str().unwrap().to_owned());
            match location {
                Some(inside) if inside.starts_with('/') => url = at(&url, &inside),
                location => {
                    return Page {
                        status: response.status(),
                        url,
                        location,
                        body: response.text().await.unwrap(),
                    };
                }
            }
        }
    }

    fn keep_cookies(&mut self, response: &Response) {
        for cookie in response.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            match value.is_empty() {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
    }
}

/// What a page calls `path` when it is at `url`.
fn at(url: &str, path: &str) -> String {
    url::Url::parse(url).unwrap().join(path).unwrap().into()
}

impl Page {
    pub(crate) fn between(&self, before: &str, after: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(before)?;
        Some(rest.split_once(after)?.0.replace("&amp;", "&"))
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.body.contains(&format!("id=\"{id}\""))
    }

    /// Text of an element that contains no other.
    pub(crate) fn text(&self, id: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(&format!("id=\"{id}\""))?;
        let (_, rest) = rest.split_once('>')?;
        let text = rest.split_once('<')?.0;
        Some(
            text.replace("&#39;", "'")
                .replace("&#34;", "\"")
                .replace("&amp;", "&"),
        )
    }

    pub(crate) fn value(&self, id: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(&format!("id=\"{id}\""))?;
        let tag = rest.split_once('>')?.0;
        let (_, value) = tag.split_once("value=\"")?;
        Some(value.split_once('"')?.0.to_owned())
    }

    pub(crate) fn hidden(&self) -> Vec<(String, String)> {
        let inputs = self.body.split("<input type=\"hidden\" name=\"").skip(1);
        inputs
            .map(|input| {
                let (name, rest) = input.split_once("\" value=\"").unwrap();
                (name.to_owned(), rest.split_once('"').unwrap().0.to_owned())
            })
            .collect()
    }

    /// A parameter that went to the application with the redirect.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let location = self.location.as_deref()?;
        let (_, parameters) = location.split_once(['?', '#'])?;
        let mut pairs = url::form_urlencoded::parse(parameters.as_bytes());
        pairs
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    }

    pub(crate) fn code(&self) -> String {
        let code = self.parameter("code");
        assert!(
            code.is_some(),
            "no code: {} {:?} {}",
            self.status,
            self.location,
            self.body
        );
        code.unwrap()
    }
}
