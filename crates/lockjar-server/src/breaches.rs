//! Asks a service which passwords were stolen, as Have I Been Pwned answers: `GET URL/5BAA6`.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use lockjar::ConfigError;
use lockjar::password::BreachedPasswords;
use ureq::Agent;
use ureq::http::{StatusCode, Uri};

/// From the look-up of the name to the last byte.
const PATIENCE: Duration = Duration::from_secs(2);
/// A range has some thousand lines of forty bytes.
const MAX_BYTES: u64 = 1024 * 1024;

pub(crate) struct BreachApi {
    agent: Agent,
    /// With a slash at its end.
    url: String,
}

impl BreachApi {
    /// A service at this address. Only on this machine may it be asked over plain http: elsewhere whoever is on the way could
    /// answer in its place.
    pub(crate) fn new(url: &str) -> Result<Self, ConfigError> {
        let parsed: Option<Uri> = url.parse().ok();
        let (scheme, host) = parsed
            .as_ref()
            .map_or((None, None), |url| (url.scheme_str(), url.host()));
        let is_here = host.is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
        let is_fit = match scheme {
            Some("https") => host.is_some(),
            Some("http") => is_here,
            _ => false,
        };
        if !is_fit || url.contains(['?', '#']) {
            return Err(ConfigError::new(format!(
                "--password-breach-api {url:?} is no address of a service: write it like https://api.pwnedpasswords.com/range/"
            )));
        }
        Ok(Self {
            agent: agent(is_here),
            url: format!("{}/", url.trim_end_matches('/')),
        })
    }
}

/// What is for this machine alone does not go through the proxy of the environment.
fn agent(is_here: bool) -> Agent {
    let mut config = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .user_agent(concat!("lockjar/", env!("CARGO_PKG_VERSION")));
    if is_here {
        config = config.proxy(None);
    }
    config.build().into()
}

#[async_trait]
impl BreachedPasswords for BreachApi {
    async fn range(&self, prefix: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
        let (agent, url) = (self.agent.clone(), format!("{}{prefix}", self.url));
        tokio::task::spawn_blocking(move || Ok(get(&agent, &url)?)).await?
    }
}

/// Padding keeps whoever sees the encrypted answer from telling by its length what was asked.
fn get(agent: &Agent, url: &str) -> Result<String, ureq::Error> {
    let mut answer = agent.get(url).header("Add-Padding", "true").call()?;
    if answer.status() != StatusCode::OK {
        // A redirect is not followed: whoever was named is asked, and nobody else.
        return Err(ureq::Error::StatusCode(answer.status().as_u16()));
    }
    answer
        .body_mut()
        .with_config()
        .limit(MAX_BYTES)
        .read_to_string()
}
