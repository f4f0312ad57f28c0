//! `CurrentUser` and `Option<CurrentUser>` as arguments of handlers.

use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use super::guard::Asked;
use super::{Mounted, answer};
use crate::auth::Auth;
use crate::cookie::Presented;
use crate::current::CurrentUser;
use crate::error::Error;

/// A state that holds [`Mounted`]: what a router needs before its handlers may ask who is logged in.
#[diagnostic::on_unimplemented(
    message = "this router has no `Auth`, so its handlers cannot ask who is logged in",
    label = "`{Self}` holds no `lockjar::web::Mounted`",
    note = "pass the router to `auth.mount(router)`, or to `auth.mount_with(router, …)` if it has a state of its own"
)]
pub trait MountedState: Send + Sync {
    /// The part of the state that [`Auth::mount`] put there.
    fn mounted(&self) -> Mounted;
}

#[diagnostic::do_not_recommend]
impl<S: Send + Sync> MountedState for S
where
    Mounted: FromRef<S>,
{
    fn mounted(&self) -> Mounted {
        Mounted::from_ref(self)
    }
}

/// Why a request got no further: 401 without a session, 503 where it cannot be known.
#[derive(Debug)]
pub struct Rejection {
    error: Error,
    auth: Auth,
}

impl Rejection {
    /// The reason, for a handler that takes `Result<CurrentUser, Rejection>` and answers for itself.
    #[must_use]
    pub fn into_error(self) -> Error {
        self.error
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        answer::error(&self.error, &self.auth)
    }
}

impl<S: MountedState> FromRequestParts<S> for CurrentUser {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let Mounted { auth } = state.mounted();
        authenticate(parts, &auth)
            .await
            .map_err(|error| Rejection { error, auth })
    }
}

/// `None` means that nobody is logged in. That it cannot be known is a rejection here too, never `None`.
impl<S: MountedState> OptionalFromRequestParts<S> for CurrentUser {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        let Mounted { auth } = state.mounted();
        match authenticate(parts, &auth).await {
            Ok(user) => Ok(Some(user)),
            Err(Error::NotAuthenticated) => Ok(None),
            Err(error) => Err(Rejection { error, auth }),
        }
    }
}

async fn authenticate(parts: &Parts, auth: &Auth) -> Result<CurrentUser, Error> {
    let asked = parts.extensions.get::<Asked>();
    if let Some(asked) = asked {
        asked.note();
    }
    let known = match auth.cookie().read(&parts.headers) {
        Presented::Nothing => Err(Error::NotAuthenticated),
        Presented::One(value) => auth.authenticate(value).await,
        Presented::Conflicting => Err(Error::DuplicateCookie),
    };
    match (known, asked, auth.refresh_cookie()) {
        (Err(Error::NotAuthenticated), Some(asked), Some(cookie)) => {
            match cookie.read(&parts.headers) {
                Presented::Nothing => Err(Error::NotAuthenticated),
                Presented::One(value) => renew(auth, value, asked).await,
                Presented::Conflicting => Err(Error::DuplicateCookie),
            }
        }
        (known, ..) => known,
    }
}

/// The access token has expired and the refresh token is there: the request goes on, and its answer brings new ones. The
/// cross-site guard has let it pass already, and to refresh twice is to refresh once, so this is right for every method.
async fn renew(auth: &Auth, refresh: &[u8], asked: &Asked) -> Result<CurrentUser, Error> {
    if let Some(user) = asked.renewed() {
        return Ok(user);
    }
    let renewed = auth.refresh(refresh).await?;
    asked.renew(auth, renewed.user.clone(), auth.set_cookies(&renewed));
    Ok(renewed.user)
}
