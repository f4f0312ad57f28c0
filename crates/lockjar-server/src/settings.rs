//! The settings as one source gives them: the command line with the environment, or the file.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use lockjar::OnOutage;
use serde::Deserialize;

/// A duration such as `30s`, `12h` or `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct HumanDuration(pub(crate) Duration);

impl FromStr for HumanDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = humantime::parse_duration(text);
        parsed
            .map(Self)
            .map_err(|_| format!("{text:?} is not a duration; write it like 30s, 12h or 7d"))
    }
}

impl TryFrom<String> for HumanDuration {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// The fewest events first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SameSiteSetting {
    Strict,
    Lax,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TokenSetting {
    Session,
    Jwt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ForwardedHeaderSetting {
    XForwardedFor,
    Forwarded,
}

/// `refuse`, or `serve-stale:DURATION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct OnOutageSetting(pub(crate) OnOutage);

impl FromStr for OnOutageSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "refuse" {
            return Ok(Self(OnOutage::Refuse));
        }
        let wrong = || format!("{text:?} is neither refuse nor a span like serve-stale:5m");
        let span = text.strip_prefix("serve-stale:").ok_or_else(wrong)?;
        let HumanDuration(span) = span.parse().map_err(|_| wrong())?;
        Ok(Self(OnOutage::ServeStale(span)))
    }
}

impl TryFrom<String> for OnOutageSetting {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

macro_rules! settings {
    ($($(#[$meta:meta])* $name:ident: $type:ty,)*) => {
        /// Every setting as one source gives it.
        #[derive(Args, Clone, Debug, Default, Deserialize, PartialEq)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct Settings {
            /// The configuration file [default: lockjar.toml, if it is there]
            #[arg(long, global = true, env = "LOCKJAR_CONFIG", value_name = "FILE")]
            #[serde(skip)]
            pub(crate) config: Option<PathBuf>,
            $($(#[$meta])* pub(crate) $name: Option<$type>,)*
        }

        impl Settings {
            /// What this source says, and what `weaker` says where this one is silent.
            pub(crate) fn or(self, weaker: Self) -> Self {
                Self { config: self.config, $($name: self.$name.or(weaker.$name),)* }
            }
        }
    };
}

settings! {
    /// Address and port to listen on; localhost is 127.0.0.1 and [::1], port 0 a free one [default: localhost:8000]
    #[arg(long, global = true, env = "LOCKJAR_LISTEN", value_name = "ADDRESS")]
    listen: String,
    /// Address and port where operators ask /metrics, /health/live and /health/ready, over plain http: keep others away from it [default: nowhere;
    /// /health alone is at --listen too]
    #[arg(long, global = true, env = "LOCKJAR_OPERATIONS_LISTEN", value_name = "ADDRESS")]
    operations_listen: String,
    /// The address that people open [default: http://localhost:PORT, or https with TLS]
    #[arg(long, global = true, env = "LOCKJAR_PUBLIC_URL", value_name = "URL")]
    public_url: String,
    /// The database: sqlite://FILE, or postgres://USER:PASSWORD@HOST/DATABASE for more nodes than one [default: sqlite://lockjar.db]
    #[arg(long, global = true, env = "LOCKJAR_DATABASE", value_name = "URL", hide_env_values = true)]
    database: String,
    /// PostgreSQL's own address where --database leads to a pooler: the change feed is read from there, and what has ended wakes
    /// this node [default: --database]
    #[arg(long, global = true, env = "LOCKJAR_DATABASE_WAKE_URL", value_name = "URL", hide_env_values = true)]
    database_wake_url: String,
    /// Connections to PostgreSQL, beside two for the change feed [default: 16]
    #[arg(long, global = true, env = "LOCKJAR_DATABASE_CONNECTIONS", value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    database_connections: u16,
    /// Keep sessions in Redis or Valkey, everything else in the database: redis://HOST:PORT, or rediss:// for TLS; not
    /// with --token jwt [default: in the database]
    #[arg(long, global = true, env = "LOCKJAR_SESSIONS", value_name = "URL", hide_env_values = true)]
    sessions: String,
    /// How long after another node ended a session this one may still accept it [default: 1s]
    #[arg(long, global = true, env = "LOCKJAR_STALENESS", value_name = "DURATION")]
    staleness: HumanDuration,
    /// Who is known while the database cannot be asked: refuse answers 503, serve-stale:5m lets them in for so long although
    /// their sessions may have been ended meanwhile [default: refuse]
    #[arg(long, global = true, env = "LOCKJAR_ON_OUTAGE", value_name = "POLICY")]
    on_outage: OnOutageSetting,
    /// Certificate chain (PEM) for TLS; with --tls-key [default: no TLS]
    #[arg(long, global = true, env = "LOCKJAR_TLS_CERT", value_name = "FILE")]
    tls_cert: PathBuf,
    /// Private key (PEM) for TLS; with --tls-cert [default: no TLS]
    #[arg(long, global = true, env = "LOCKJAR_TLS_KEY", value_name = "FILE")]
    tls_key: PathBuf,
    /// How log lines look [default: text]
    #[arg(long, global = true, env = "LOCKJAR_LOG_FORMAT")]
    log_format: LogFormat,
    /// The least important events that are logged [default: info]
    #[arg(long, global = true, env = "LOCKJAR_LOG_LEVEL")]
    log_level: LogLevel,
    /// The name that pages show [default: Lockjar]
    #[arg(long, global = true, env = "LOCKJAR_SERVICE", value_name = "NAME")]
    service: String,
    /// The cookie's name [default: __Host-Http-session; __Secure-session with a domain or path; lockjar_PORT on http]
    #[arg(long, global = true, env = "LOCKJAR_COOKIE_NAME", value_name = "NAME")]
    #[serde(rename = "cookie.name")]
    cookie_name: String,
    /// A fixed Max-Age for the cookie [default: as long as a remembered session; none otherwise]
    #[arg(long, global = true, env = "LOCKJAR_COOKIE_MAX_AGE", value_name = "DURATION")]
    #[serde(rename = "cookie.max_age")]
    cookie_max_age: HumanDuration,
    /// The cookie's Path [default: /]
    #[arg(long, global = true, env = "LOCKJAR_COOKIE_PATH", value_name = "PATH")]
    #[serde(rename = "cookie.path")]
    cookie_path: String,
    /// Share the cookie, with JWTs the access token alone, with this domain and all below it [default: the public host alone]
    #[arg(long, global = true, env = "LOCKJAR_COOKIE_DOMAIN", value_name = "DOMAIN")]
    #[serde(rename = "cookie.domain")]
    cookie_domain: String,
    /// The cookie's SameSite [default: lax]
    #[arg(long, global = true, env = "LOCKJAR_COOKIE_SAME_SITE")]
    #[serde(rename = "cookie.same_site")]
    cookie_same_site: SameSiteSetting,
    /// One cookie for each site that embeds this one (CHIPS) [default: false]
    #[arg(long, global = true, env = "LOCKJAR_COOKIE_PARTITIONED", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[serde(rename = "cookie.partitioned")]
    cookie_partitioned: bool,
    /// A session ends when it was not used for this long [default: 7d]
    #[arg(long, global = true, env = "LOCKJAR_SESSION_IDLE", value_name = "DURATION")]
    #[serde(rename = "session.idle")]
    session_idle: HumanDuration,
    /// A remembered session ends this long after log-in [default: 30d]
    #[arg(long, global = true, env = "LOCKJAR_SESSION_ABSOLUTE", value_name = "DURATION")]
    #[serde(rename = "session.absolute")]
    session_absolute: HumanDuration,
    /// A session that is not remembered ends this long after log-in [default: 12h]
    #[arg(long, global = true, env = "LOCKJAR_SESSION_BROWSER", value_name = "DURATION")]
    #[serde(rename = "session.browser")]
    session_browser: HumanDuration,
    /// Sessions that an account may have at once [default: 100]
    #[arg(long, global = true, env = "LOCKJAR_SESSION_PER_USER", value_name = "COUNT")]
    #[serde(rename = "session.per_user")]
    session_per_user: u32,
    /// The fewest characters of a new password [default: 15]
    #[arg(long, global = true, env = "LOCKJAR_PASSWORD_MIN_LENGTH", value_name = "COUNT")]
    #[serde(rename = "password.min_length")]
    password_min_length: usize,
    /// Passwords that were stolen from other sites and cannot be set here: what `lockjar blocklist build` made [default: none]
    #[arg(long, global = true, env = "LOCKJAR_PASSWORD_BLOCKLIST", value_name = "FILE")]
    #[serde(rename = "password.blocklist")]
    password_blocklist: PathBuf,
    /// Ask this service whether a new password was stolen from another site, by five digits of its hash; without an answer it
    /// is accepted [default: off; without a URL https://api.pwnedpasswords.com/range/]
    #[arg(long, global = true, env = "LOCKJAR_PASSWORD_BREACH_API", value_name = "URL", num_args = 0..=1, require_equals = true,
        default_missing_value = "https://api.pwnedpasswords.com/range/")]
    #[serde(rename = "password.breach_api")]
    password_breach_api: String,
    /// What the cookie holds: one session token, or a short-lived JWT and a refresh token [default: session]
    #[arg(long, global = true, env = "LOCKJAR_TOKEN")]
    token: TokenSetting,
    /// How JWTs are signed: EdDSA, ES256 or HS256 [default: EdDSA]
    #[arg(long, global = true, env = "LOCKJAR_JWT_ALGORITHM", value_name = "NAME")]
    #[serde(rename = "jwt.algorithm")]
    jwt_algorithm: String,
    /// How long a JWT is good, from a minute to a day [default: 5m]
    #[arg(long, global = true, env = "LOCKJAR_JWT_LIFETIME", value_name = "DURATION")]
    #[serde(rename = "jwt.lifetime")]
    jwt_lifetime: HumanDuration,
    /// How long others may keep the published keys [default: 10m]
    #[arg(long, global = true, env = "LOCKJAR_JWT_JWKS_MAX_AGE", value_name = "DURATION")]
    #[serde(rename = "jwt.jwks_max_age")]
    jwt_jwks_max_age: HumanDuration,
    /// How long a key signs before the next takes over [default: 30d]
    #[arg(long, global = true, env = "LOCKJAR_JWT_ROTATE_EVERY", value_name = "DURATION")]
    #[serde(rename = "jwt.rotate_every")]
    jwt_rotate_every: HumanDuration,
    /// Services for which POST /token makes tokens, separated by commas [default: none]
    #[arg(long, global = true, env = "LOCKJAR_JWT_AUDIENCES", value_name = "NAMES", value_delimiter = ',')]
    #[serde(rename = "jwt.audiences")]
    jwt_audiences: Vec<String>,
    /// The file with the key that encrypts the signing keys, made if it is not there [default: lockjar.key]
    #[arg(long, global = true, env = "LOCKJAR_JWT_KEY_FILE", value_name = "FILE")]
    #[serde(rename = "jwt.key_file")]
    jwt_key_file: PathBuf,
    /// The file with the secret of services that ask POST /introspect [default: nobody may ask]
    #[arg(long, global = true, env = "LOCKJAR_JWT_INTROSPECTION_SECRET_FILE", value_name = "FILE")]
    #[serde(rename = "jwt.introspection_secret_file")]
    jwt_introspection_secret_file: PathBuf,
    /// Proxies that say where requests come from: addresses or networks like 10.0.0.0/8, separated by commas. Failed log-ins are
    /// counted by address, so behind a proxy that is not named here all share one [default: none]
    #[arg(long, global = true, env = "LOCKJAR_TRUSTED_PROXIES", value_name = "NETWORKS", value_delimiter = ',')]
    trusted_proxies: Vec<String>,
    /// The header that they write [default: x-forwarded-for]
    #[arg(long, global = true, env = "LOCKJAR_FORWARDED_HEADER", value_name = "HEADER")]
    forwarded_header: ForwardedHeaderSetting,
    /// Trusted proxies say where each connection comes from by the PROXY protocol, version 2, and no header does; nobody else is
    /// let in [default: false]
    #[arg(long, global = true, env = "LOCKJAR_PROXY_PROTOCOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    proxy_protocol: bool,
    /// Connections at once, of which one address that is no trusted proxy may have a quarter, and a /48 of IPv6 half. When more
    /// than half are taken, a newcomer has 2 seconds for its headers instead of 10, and each answer ends its connection. When
    /// all are, a connection is closed, over plain http after a 503 (64 at a time) [default: 10000]
    #[arg(long, global = true, env = "LOCKJAR_MAX_CONNECTIONS", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections: u32,
    /// Failed log-ins an hour from one address [default: 100]
    #[arg(long, global = true, env = "LOCKJAR_THROTTLE_FAILURES", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    #[serde(rename = "throttle.failures")]
    throttle_failures: u32,
    /// Sign-ups an hour from one address [default: 30]
    #[arg(long, global = true, env = "LOCKJAR_THROTTLE_SIGN_UPS", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    #[serde(rename = "throttle.sign_ups")]
    throttle_sign_ups: u32,
    /// How long the audit log keeps what happened, a day or more; what is older is deleted for good [default: 90d]
    #[arg(long, global = true, env = "LOCKJAR_AUDIT_RETENTION", value_name = "DURATION")]
    audit_retention: HumanDuration,
    /// Other origins whose pages may change state here, separated by commas [default: none]
    #[arg(long, global = true, env = "LOCKJAR_TRUSTED_ORIGINS", value_name = "URLS", value_delimiter = ',')]
    trusted_origins: Vec<String>,
    /// Serve plain http off loopback: everyone on the way can read the cookie [default: false]
    #[arg(long, global = true, env = "LOCKJAR_INSECURE_PLAIN_HTTP", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    insecure_plain_http: bool,
    /// How long a stop waits for requests that are under way [default: 10s]
    #[arg(long, global = true, env = "LOCKJAR_SHUTDOWN_GRACE", value_name = "DURATION")]
    shutdown_grace: HumanDuration,
}
