//! What a request says of itself beside its body.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Query};
use axum::response::Response;
use http::request::Parts;
use http::{Extensions, HeaderMap, StatusCode, header};

use super::extract::MountedState;
use super::pages::Notice;
use super::{Mounted, answer};
use crate::auth::{Auth, Client};
use crate::current::CurrentUser;
use crate::error::Error;

/// Who asks, and for what kind of answer.
pub(super) struct Asking {
    pub(super) client: Client,
    /// A person's browser, which wants a page, or a program, which wants JSON. An app with pages of its own asks as a
    /// program does.
    pub(super) wants_page: bool,
}

impl<S: MountedState> FromRequestParts<S> for Asking {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let Ok(client) = Client::from_request_parts(parts, state).await;
        let has_pages = state.mounted().auth.has_pages();
        Ok(Self {
            client,
            wants_page: has_pages && wants_page(&parts.headers),
        })
    }
}

/// For handlers that call the verbs themselves: what a log-in has to know of the request, so that the session it came
/// with ends and the new one is listed with its device.
impl<S: MountedState> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let auth = state.mounted().auth;
        let presented = auth.presented(&parts.headers);
        let user_agent = parts.headers.get(header::USER_AGENT);
        let address = client_address(&auth, &parts.extensions, &parts.headers);
        if address.is_none() {
            say_that_addresses_are_missing();
        }
        Ok(Self {
            device: auth.presented_device(&parts.headers),
            address,
            user_agent: user_agent
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            presented,
        })
    }
}

/// Where a request comes from, if the server says where connections come from.
pub(super) fn client_address(
    auth: &Auth,
    extensions: &Extensions,
    headers: &HeaderMap,
) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(auth.client_address(peer.ip(), headers))
}

fn say_that_addresses_are_missing() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        tracing::warn!(
            "the server does not say where requests come from, so the failed log-ins of all addresses are counted together: \
             serve app.into_make_service_with_connect_info::<SocketAddr>()"
        );
    });
}

/// Browsers name `text/html` when they open a page or send a form; scripts and programs do not.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|kind| kind.trim_start().starts_with("text/html"))
}

impl Asking {
    /// What was done: a message for a program, the next page for a browser.
    pub(super) fn done(&self, message: &str, page: &str) -> Response {
        match self.wants_page {
            true => answer::see_other(page),
            false => answer::message(StatusCode::OK, message),
        }
    }

    /// What a verb refused: JSON for a program; for a browser a page, or the way to log in.
    pub(super) fn refuse(&self, site: &Mounted, error: Error) -> Response {
        match (self.wants_page, error) {
            (true, Error::NotAuthenticated) => answer::see_other("/login?next=%2Faccount"),
            (true, error) => answer::refusal_page(&site.auth, error.into()),
            (false, error) => answer::error(&error, &site.auth),
        }
    }
}

/// Whoever is logged in, for routes that pages lead to: a browser without a session is shown the way to log in.
pub(super) struct LoggedIn(pub(super) CurrentUser);

impl<S: MountedState> FromRequestParts<S> for LoggedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let Ok(asking) = Asking::from_request_parts(parts, state).await;
        let user = <CurrentUser as FromRequestParts<S>>::from_request_parts(parts, state).await;
        user.map(Self)
            .map_err(|rejection| asking.refuse(&state.mounted(), rejection.into_error()))
    }
}

/// What a page's address may say beside its path. What is malformed says nothing.
#[derive(Default)]
pub(super) struct PageQuery {
    /// Where to go after a log-in; not checked yet.
    pub(super) next: String,
    /// What a recovery link shows; not checked yet.
    pub(super) token: String,
    /// What has just happened.
    pub(super) notice: Option<Notice>,
}

impl<S: Send + Sync> FromRequestParts<S> for PageQuery {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let pairs: Vec<(String, String)> = Query::try_from_uri(&parts.uri)
            .map(|Query(pairs)| pairs)
            .unwrap_or_default();
        let value = |name| {
            pairs
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        Ok(Self {
            next: value("next").unwrap_or_default().to_owned(),
            token: value("token").unwrap_or_default().to_owned(),
            notice: value("notice").and_then(Notice::from_query),
        })
    }
}
