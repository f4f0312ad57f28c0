//! The web: a router, extractors, pages and the OpenAPI document. axum lives here and nowhere else.
//!
//! One call mounts all of it, [`Auth::mount`]: the routes, the check of sessions and the guard against cross-site
//! requests come together, so none can be forgotten. `routes.rs` is the table of contents.

mod answer;
mod asking;
mod assets;
mod device;
#[cfg(feature = "docs")]
mod docs;
mod extract;
mod fields;
mod forms;
mod guard;
mod next;
mod openapi;
mod pages;
mod pieces;
mod routes;

pub use answer::{method_not_allowed, not_found};
pub use extract::{MountedState, Rejection};
pub use openapi::openapi_json;

use axum::Router;
use axum::extract::FromRef;

use crate::auth::Auth;
use guard::Guard;

/// The state of a router whose handlers may ask who is logged in. Only [`Auth::mount`] can make one, so a router that
/// was never mounted does not compile into a service.
#[derive(Clone, Debug)]
pub struct Mounted {
    auth: Auth,
}

impl Mounted {
    /// The verbs, for handlers that need more than [`CurrentUser`](crate::CurrentUser).
    #[must_use]
    pub const fn auth(&self) -> &Auth {
        &self.auth
    }
}

impl Auth {
    /// Mounts log-in, sign-up, log-out, the account's own routes and the pages beside `app`'s routes, and puts the
    /// guard around everything: an unsafe request from another site changes nothing, in `app`'s handlers either.
    ///
    /// Routes that are added to what is returned are outside the guard. The router belongs at the root of its origin,
    /// since redirects and the cookie's path are absolute. It takes these paths:
    /// `/login`, `/register`, `/password`, `/recover`, `/logout`, `/logout/all`, `/logout/others`, `/me`, `/sessions`,
    /// `/sessions/{id}`, `/sessions/{id}/revoke`, and with its pages `/account`, `/assets/lockjar.css` and
    /// `/assets/lockjar.svg`; with [`Builder::jwt`](crate::Builder::jwt) those that it names too. A log-out leads to `/`,
    /// which is the app's.
    ///
    /// # Panics
    /// As axum does where two handlers claim one path and method, when the program starts.
    pub fn mount(&self, app: Router<Mounted>) -> Router {
        self.mount_with(app, |mounted| mounted)
    }

    /// [`mount`](Self::mount) for an app with a state of its own, which holds the [`Mounted`] that it is made from:
    /// `#[derive(Clone, FromRef)] struct App { mounted: Mounted, … }` (the derive needs axum's feature `macros`).
    ///
    /// # Panics
    /// As [`mount`](Self::mount).
    pub fn mount_with<S>(&self, app: Router<S>, state: impl FnOnce(Mounted) -> S) -> Router
    where
        S: Clone + Send + Sync + 'static,
        Mounted: FromRef<S>,
    {
        let mounted = Mounted { auth: self.clone() };
        let ours = routes::account(self.has_pages(), self.strategy()).with_state(mounted.clone());
        app.merge(ours)
            .with_state(state(mounted))
            .layer(Guard::new(self.clone()))
    }

    /// Everything that the program `lockjar` serves: what [`mount`](Self::mount) adds, the welcome page, a protected
    /// route to try, health, the OpenAPI document and, with the feature `docs`, Swagger UI.
    pub fn router(&self) -> Router {
        self.mount(routes::program(self))
    }

    /// Health, and `/metrics` in Prometheus' text format: for a listener of its own that only operators reach.
    pub fn operations(&self) -> Router {
        routes::operations().with_state(Mounted { auth: self.clone() })
    }
}
