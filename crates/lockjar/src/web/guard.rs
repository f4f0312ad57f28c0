//! The one layer around everything mounted: the cross-site guard, the request's id, the log line, the headers that
//! every answer carries, and the last resort when a handler panics. One layer and not six, because each generic one
//! costs more than all that is done here; header values are made once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::response::Response;
use http::header::{self, HeaderName};
use http::{HeaderValue, Method, StatusCode, Uri};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;
use tracing::Span;

use super::answer;
use crate::auth::Auth;
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
    ids: Arc<RequestIds>,
}

impl Guard {
    pub(super) fn new(auth: Auth) -> Self {
        Self {
            auth,
            ids: Arc::new(RequestIds::new()),
        }
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

/// Ids that are unique among processes by their first half and within one by their second.
struct RequestIds {
    process: u32,
    next: AtomicU64,
}

impl RequestIds {
    fn new() -> Self {
        Self {
            process: u32::from_ne_bytes(random()),
            next: AtomicU64::new(0),
        }
    }

    fn next(&self) -> HeaderValue {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let number = (u64::from(self.process) << 32)
            | (self.next.fetch_add(1, Ordering::Relaxed) & 0xffff_ffff);
        let mut text = [0; 16];
        for (place, digit) in text.iter_mut().rev().enumerate() {
            *digit = HEX[(number >> (4 * place)) as usize & 0xf];
        }
        HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static(""))
    }
}

/// Whether a handler has asked who is logged in, which makes its answer private.
#[derive(Clone, Default)]
pub(super) struct Asked(Arc<AtomicBool>);

impl Asked {
    pub(super) fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn was(&self) -> bool {
        self.0.load(Ordering::Relaxed)
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
        let (asked, id) = (Asked::default(), self.guard.ids.next());
        let visit = Visit::of(
            &request,
            id,
            asked.clone(),
            self.guard.auth.public_url().is_https(),
        );
        if let Err(refusal) = self
            .guard
            .auth
            .csrf()
            .check(request.method(), request.headers())
        {
            visit.span.in_scope(|| tracing::warn!(event = "cross_origin_refused", %refusal, "a request from elsewhere was refused"));
            let refused = Some(answer::cross_origin(&refusal, request.headers()));
            return Guarding {
                inner: None,
                refused,
                visit,
            };
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

/// What the answer will need to know of the request.
struct Visit {
    id: HeaderValue,
    asked: Asked,
    https: bool,
    span: Span,
    method: Method,
    /// Kept only where a log line will name it.
    uri: Option<Uri>,
}

impl Visit {
    /// A span costs more than a cached session, so a request that cannot change anything has one only at debug level.
    fn of(request: &Request, id: HeaderValue, asked: Asked, https: bool) -> Self {
        let method = request.method().clone();
        let logged = !method.is_safe() || tracing::enabled!(tracing::Level::DEBUG);
        let (method_name, path) = (method.as_str(), request.uri().path());
        let shown = id.to_str().unwrap_or_default();
        let span = match logged {
            true => tracing::info_span!("request", id = shown, method = method_name, path),
            false => Span::none(),
        };
        Self {
            uri: logged.then(|| request.uri().clone()),
            id,
            asked,
            https,
            span,
            method,
        }
    }

    fn finish(&self, response: &mut Response) {
        let private = self.asked.was() || response.headers().contains_key(header::SET_COOKIE);
        let headers = response.headers_mut();
        if private {
            headers.insert(header::CACHE_CONTROL, NO_STORE);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        headers.entry(header::REFERRER_POLICY).or_insert(REFERRER);
        if self.https {
            headers
                .entry(header::STRICT_TRANSPORT_SECURITY)
                .or_insert(HSTS);
        }
        headers.insert(REQUEST_ID, self.id.clone());
        self.log(response.status());
    }

    fn log(&self, status: StatusCode) {
        let (status, id) = (status.as_u16(), self.id.to_str().unwrap_or_default());
        match (&self.uri, status) {
            (_, 500..) => {
                tracing::error!(parent: &self.span, id, method = self.method.as_str(), status, "answered with a fault")
            }
            (Some(_), _) => tracing::debug!(parent: &self.span, status, "answered"),
            (None, _) => {}
        }
    }
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
                match catch_unwind(AssertUnwindSafe(|| inner.poll(cx))) {
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
