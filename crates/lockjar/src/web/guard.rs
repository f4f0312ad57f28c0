//! The one layer around everything mounted: the cross-site guard, the log line and its id, the headers that every
//! answer carries, and the last resort when a handler panics. One layer and not six, because each generic one costs
//! more than all that is done here; header values are made once, and what nothing would use is not made at all: a
//! `Referrer-Policy` where no document is answered, an id where no log line names it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::response::Response;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Uri};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;
use tracing::Span;

use super::answer;
use super::asking::client_address;
use super::routes::INTROSPECT;
use crate::audit::Requester;
use crate::auth::{Auth, Strategy};
use crate::csrf::CrossOrigin;
use crate::current::CurrentUser;
use crate::id::random;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const NO_STORE: HeaderValue = HeaderValue::from_static("private, no-store");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
/// `no-referrer` would turn a form's Origin into `null`, and the guard would refuse it.
const REFERRER: HeaderValue = HeaderValue::from_static("same-origin");
/// Two years, as browsers' preload lists ask.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000");

#[derive(Clone)]
pub(super) struct Guard {
    auth: Auth,
}

impl Guard {
    pub(super) const fn new(auth: Auth) -> Self {
        Self { auth }
    }
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            inner,
            guard: self.clone(),
        }
    }
}

/// An id that is unique among processes by its first half and within this one by its second.
fn request_id() -> HeaderValue {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    static PROCESS: LazyLock<u32> = LazyLock::new(|| u32::from_ne_bytes(random()));
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = (u64::from(*PROCESS) << 32) | u64::from(NEXT.fetch_add(1, Ordering::Relaxed));
    let mut text = [0; 16];
    for (place, digit) in text.iter_mut().rev().enumerate() {
        *digit = HEX[(number >> (4 * place)) as usize & 0xf];
    }
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static(""))
}

/// Whether a handler has asked who is logged in, which makes its answer private, and the new tokens that came of it.
#[derive(Clone, Default)]
pub(super) struct Asked(Arc<Answered>);

#[derive(Default)]
struct Answered {
    asked: AtomicBool,
    renewed: OnceLock<Renewed>,
}

/// Tokens that were made while the request was answered.
struct Renewed {
    auth: Auth,
    user: CurrentUser,
    cookies: Vec<HeaderValue>,
}

impl Asked {
    pub(super) fn note(&self) {
        self.0.asked.store(true, Ordering::Relaxed);
    }

    fn was(&self) -> bool {
        self.0.asked.load(Ordering::Relaxed)
    }

    /// The answer will bring these cookies.
    pub(super) fn renew(&self, auth: &Auth, user: CurrentUser, cookies: Vec<HeaderValue>) {
        let auth = auth.clone();
        // Whoever asks twice at once is given the same successor twice.
        let _ = self.0.renewed.set(Renewed {
            auth,
            user,
            cookies,
        });
    }

    /// Whose tokens were renewed by this request already.
    pub(super) fn renewed(&self) -> Option<CurrentUser> {
        self.0.renewed.get().map(|renewed| renewed.user.clone())
    }

    /// Adds the new tokens, unless the handler has set others or taken them away, or their session has ended meanwhile: the
    /// browser may have those of a newer one by now. To leave them out costs no more than another refresh.
    fn hand_out(&self, headers: &mut HeaderMap) {
        let Some(renewed) = self.0.renewed.get() else {
            return;
        };
        if !renewed.auth.is_cached(renewed.user.session()) {
            return;
        }
        let name = |cookie: &HeaderValue| {
            cookie
                .as_bytes()
                .split(|b| *b == b'=')
                .next()
                .map(<[u8]>::to_vec)
        };
        let set: Vec<_> = headers
            .get_all(header::SET_COOKIE)
            .iter()
            .map(name)
            .collect();
        for cookie in &renewed.cookies {
            if !set.contains(&name(cookie)) {
                headers.append(header::SET_COOKIE, cookie.clone());
            }
        }
    }
}

#[derive(Clone)]
pub(super) struct Guarded<S> {
    inner: S,
    guard: Guard,
}

impl<S: Service<Request, Response = Response>> Service<Request> for Guarded<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Guarding<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let (auth, asked) = (&self.guard.auth, Asked::default());
        let mut visit = Visit::of(&request, asked.clone(), auth.public_url().is_https());
        if let Err(refusal) = check(auth, &request) {
            visit.identify();
            visit.span.in_scope(|| tracing::warn!(event = "cross_origin_refused", %refusal, "a request from elsewhere was refused"));
            let refused = Some(answer::cross_origin(&refusal, request.headers()));
            return Guarding {
                inner: None,
                refused,
                visit,
            };
        }
        if !request.method().is_safe() || auth.strategy() == Strategy::Jwt {
            visit.requester = Some(Arc::new(Requester {
                address: client_address(auth, request.extensions(), request.headers()),
                request: visit.id(),
            }));
        }
        request.extensions_mut().insert(asked);
        let inner = visit.span.in_scope(|| self.inner.call(request));
        Guarding {
            inner: Some(inner),
            refused: None,
            visit,
        }
    }
}

fn check(auth: &Auth, request: &Request) -> Result<(), CrossOrigin> {
    let headers = request.headers();
    let checked = auth
        .csrf()
        .check(request.method(), headers, || auth.presented(headers));
    match checked {
        // Services say nothing of where they come from, and strict mode is about what a cookie allows.
        Err(CrossOrigin::Unknown) if is_introspection(auth, request) => Ok(()),
        other => other,
    }
}

fn is_introspection(auth: &Auth, request: &Request) -> bool {
    auth.offers_introspection() && request.uri().path() == INTROSPECT
}

/// What the answer will need to know of the request.
struct Visit {
    asked: Asked,
    https: bool,
    method: Method,
    uri: Uri,
    /// Names the request in the log and in its answer, where there is anything in the log.
    id: Option<HeaderValue>,
    span: Span,
    /// What the audit log says of it, where anything that is written down may come of the request.
    requester: Option<Arc<Requester>>,
}

impl Visit {
    /// A span costs more than a cached session, so a request that cannot change anything has one only at debug level.
    fn of(request: &Request, asked: Asked, https: bool) -> Self {
        let mut visit = Self {
            asked,
            https,
            method: request.method().clone(),
            uri: request.uri().clone(),
            id: None,
            span: Span::none(),
            requester: None,
        };
        if !visit.method.is_safe() || tracing::enabled!(tracing::Level::DEBUG) {
            visit.identify();
        }
        visit
    }

    /// From now on what is logged of the request bears its id, and so will its answer.
    fn identify(&mut self) {
        if self.id.is_none() {
            let id = request_id();
            let (shown, method) = (id.to_str().unwrap_or_default(), self.method.as_str());
            self.span = tracing::info_span!("request", id = shown, method, path = self.uri.path());
            self.id = Some(id);
        }
    }

    fn id(&self) -> Option<String> {
        let id = self.id.as_ref()?.to_str().ok()?;
        Some(id.to_owned())
    }

    fn finish(&mut self, response: &mut Response) {
        self.log(response.status().as_u16());
        if self.asked.was() {
            self.asked.hand_out(response.headers_mut());
        }
        let private = self.asked.was() || response.headers().contains_key(header::SET_COOKIE);
        let headers = response.headers_mut();
        if private {
            headers.insert(header::CACHE_CONTROL, NO_STORE);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        if is_document(headers) {
            headers.entry(header::REFERRER_POLICY).or_insert(REFERRER);
        }
        if self.https {
            headers
                .entry(header::STRICT_TRANSPORT_SECURITY)
                .or_insert(HSTS);
        }
        if let Some(id) = self.id.take() {
            headers.insert(REQUEST_ID, id);
        }
    }

    fn log(&mut self, status: u16) {
        if status >= 500 {
            self.identify();
            tracing::error!(parent: &self.span, status, "answered with a fault");
        } else if self.id.is_some() {
            tracing::debug!(parent: &self.span, status, "answered");
        }
    }
}

/// What a browser shows as a page, and so may lead on from.
fn is_document(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

pin_project! {
    pub(super) struct Guarding<F> {
        #[pin]
        inner: Option<F>,
        refused: Option<Response>,
        visit: Visit,
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for Guarding<F> {
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = match this.inner.as_pin_mut() {
            Some(inner) => {
                let _entered = this.visit.span.enter();
                // A panic must not take the connection, with other requests' answers, along.
                let poll = || inner.poll(cx);
                let serve = || match &this.visit.requester {
                    Some(requester) => requester.serve(poll),
                    None => poll(),
                };
                match catch_unwind(AssertUnwindSafe(serve)) {
                    Ok(polled) => ready!(polled)?,
                    Err(_) => answer::panicked(),
                }
            }
            None => this.refused.take().unwrap_or_default(),
        };
        this.visit.finish(&mut response);
        Poll::Ready(Ok(response))
    }
}
