//! A server as a client knows it: what is asked there is answered, or it is not.

use std::time::Duration;

use ureq::http::Response;
use ureq::{Agent, Body};

/// Nobody waits longer. A server that was killed has its connections closed at once.
const PATIENCE: Duration = Duration::from_secs(30);
const FORM: &str = "application/x-www-form-urlencoded";

/// The way to one server, for many clients at once.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    url: String,
    agent: Agent,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// What the audit log calls the request by.
    pub(crate) request: String,
    /// What was set, as `name=value`, but for the cookie by which a device is known again.
    pub(crate) cookies: Vec<String>,
    pub(crate) body: String,
}

impl Door {
    pub(crate) fn to(port: u16) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(PATIENCE));
        Self {
            url: format!("http://127.0.0.1:{port}"),
            agent: config.build().into(),
        }
    }

    /// None where no whole answer came.
    pub(crate) fn get(&self, path: &str, cookies: &str) -> Option<Answer> {
        let request = self.agent.get(format!("{}{path}", self.url));
        read(request.header("cookie", cookies).call().ok()?)
    }

    /// None where no whole answer came: it may have been done.
    pub(crate) fn post(&self, path: &str, cookies: &str, form: &str) -> Option<Answer> {
        let request = self.agent.post(format!("{}{path}", self.url));
        let request = request.header("cookie", cookies);
        read(request.content_type(FORM).send(form).ok()?)
    }
}

fn read(mut response: Response<Body>) -> Option<Answer> {
    let text = |name: &str| {
        let values = response.headers().get_all(name).iter();
        let values = values.filter_map(|value| value.to_str().ok().map(str::to_owned));
        values.collect::<Vec<_>>()
    };
    let set = text("set-cookie");
    let cookies = set.iter().filter_map(|cookie| cookie.split(';').next());
    let cookies = cookies.filter(|cookie| !cookie.starts_with("lockjar_device"));
    let (cookies, request) = (cookies.map(str::to_owned).collect(), text("x-request-id"));
    Some(Answer {
        status: response.status().as_u16(),
        request: request.into_iter().next().unwrap_or_default(),
        cookies,
        body: response.body_mut().read_to_string().ok()?,
    })
}
