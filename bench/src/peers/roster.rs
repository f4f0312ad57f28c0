//! Who is compared, and what has to be known to read its figures.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::{
    account::{Endpoint, Kind},
    commands::{self, Commands, Site},
};

/// One of those that are compared.
#[derive(Debug)]
pub struct Peer {
    /// Its name in the table, and for `--only`.
    pub name: &'static str,
    /// Where its version is pinned: a file below the root of the project, and what precedes the version there.
    pub(super) pin: (&'static str, &'static str),
    /// How it runs.
    pub(super) setting: &'static str,
    /// How it hashes passwords.
    pub(super) hash: &'static str,
    /// What a checked request looks at.
    pub(super) check: &'static str,
    /// For how long a session that was ended may still be answered.
    pub(super) lives_on: &'static str,
    /// Whether it looks at what a cookie says.
    pub(super) reads_cookies: bool,
    /// Where accounts are made, if they are.
    pub(super) sign_up: Option<Endpoint>,
    pub(super) log_in: Endpoint,
    pub(super) commands: fn(&Site) -> Commands,
}

/// Lockjar first: the others are set against it.
pub const PEERS: &[Peer] = &[
    Peer {
        name: "Lockjar",
        pin: ("Cargo.toml", "version = \""),
        setting: "`lockjar serve`, every default",
        hash: "Argon2id m=19456 t=2 p=1",
        check: "memory, which follows the changes in the database",
        lives_on: "not at all; 1 s at most by another process on its database",
        reads_cookies: true,
        sign_up: Some(form("/register", NAME_AND_PASSWORD)),
        log_in: form("/login", NAME_AND_PASSWORD),
        commands: commands::lockjar,
    },
    Peer {
        name: "axum-login",
        pin: ("bench/peers/axum-login/Cargo.toml", "axum-login = \""),
        setting: "tower-sessions in SQLite by sqlx; release build",
        hash: "Argon2id m=19456 t=2 p=1",
        check: "the session's row, then the user's",
        lives_on: "not at all",
        reads_cookies: true,
        sign_up: Some(form("/register", NAME_AND_PASSWORD)),
        log_in: form("/login", NAME_AND_PASSWORD),
        commands: commands::axum_login,
    },
    Peer {
        name: "fastapi-users",
        pin: (
            "bench/peers/fastapi-users/requirements.txt",
            "fastapi-users==",
        ),
        setting: "cookie and database strategy, SQLAlchemy on aiosqlite; uvicorn, a worker a core",
        hash: "Argon2id m=65536 t=3 p=4",
        check: "the token's row, then the user's",
        lives_on: "not at all",
        reads_cookies: true,
        sign_up: Some(json(
            "/auth/register",
            &[("email", EMAIL), ("password", "{password}")],
        )),
        log_in: form(
            "/auth/login",
            &[("username", EMAIL), ("password", "{password}")],
        ),
        commands: commands::fastapi_users,
    },
    Peer {
        name: "Django",
        pin: ("bench/peers/django/requirements.txt", "Django=="),
        setting: "sessions in the database, all middleware of `startproject`; gunicorn, 2 × cores + 1 workers",
        hash: "PBKDF2-SHA256, 1,000,000 iterations",
        check: "the session's row, then the user's",
        lives_on: "not at all",
        reads_cookies: true,
        sign_up: Some(django_form(
            "/register",
            &[
                CSRF_FIELD,
                ("username", "{name}"),
                ("password1", "{password}"),
                ("password2", "{password}"),
            ],
        )),
        log_in: django_form(
            "/login",
            &[
                CSRF_FIELD,
                ("username", "{name}"),
                ("password", "{password}"),
            ],
        ),
        commands: commands::django,
    },
    Peer {
        name: "better-auth",
        pin: BETTER_AUTH,
        setting: "cookie cache off, better-sqlite3; Hono on Node, a process a core",
        hash: SCRYPT,
        check: "the session's row, then the user's",
        lives_on: "not at all",
        reads_cookies: true,
        sign_up: Some(BETTER_AUTH_SIGN_UP),
        log_in: BETTER_AUTH_LOG_IN,
        commands: |site| commands::better_auth(site, "off"),
    },
    Peer {
        name: "better-auth, cookie cache",
        pin: BETTER_AUTH,
        setting: "the same with its cookie cache on, for 5 minutes as its documentation has it",
        hash: SCRYPT,
        check: "the signature of the cookie, and no database",
        lives_on: "**5 minutes**",
        reads_cookies: true,
        sign_up: Some(BETTER_AUTH_SIGN_UP),
        log_in: BETTER_AUTH_LOG_IN,
        commands: |site| commands::better_auth(site, "on"),
    },
    Peer {
        name: "the tutorial",
        pin: ("tests/differential/requirements.txt", "fastapi=="),
        setting: "FastAPI's HttpOnly-cookie tutorial as it stands (the version is FastAPI's); uvicorn, a worker a core",
        hash: "**none**: compares plain text",
        check: "**nothing**: any cookie will do",
        lives_on: "**for ever**",
        reads_cookies: false,
        sign_up: None,
        log_in: form(
            "/login",
            &[("username", "user1"), ("password", "password1")],
        ),
        commands: commands::tutorial,
    },
];

const EMAIL: &str = "{name}@example.com";
const NAME_AND_PASSWORD: &[(&str, &str)] = &[("username", "{name}"), ("password", "{password}")];

/// Django takes any value of the right length, if cookie and form agree.
const CSRF_COOKIE: &str = "csrftoken=abcdefghijklmnopqrstuvwxyz012345";
const CSRF_FIELD: (&str, &str) = ("csrfmiddlewaretoken", "abcdefghijklmnopqrstuvwxyz012345");

const BETTER_AUTH: (&str, &str) = (
    "bench/peers/better-auth/package.json",
    "\"better-auth\": \"",
);
const SCRYPT: &str = "scrypt N=16384 r=16 p=1";
const BETTER_AUTH_SIGN_UP: Endpoint = json(
    "/api/auth/sign-up/email",
    &[
        ("name", "{name}"),
        ("email", EMAIL),
        ("password", "{password}"),
    ],
);
const BETTER_AUTH_LOG_IN: Endpoint = json(
    "/api/auth/sign-in/email",
    &[("email", EMAIL), ("password", "{password}")],
);

const fn form(path: &'static str, fields: &'static [(&'static str, &'static str)]) -> Endpoint {
    Endpoint {
        path,
        cookie: None,
        kind: Kind::Form,
        fields,
    }
}

const fn json(path: &'static str, fields: &'static [(&'static str, &'static str)]) -> Endpoint {
    Endpoint {
        path,
        cookie: None,
        kind: Kind::Json,
        fields,
    }
}

const fn django_form(
    path: &'static str,
    fields: &'static [(&'static str, &'static str)],
) -> Endpoint {
    Endpoint {
        path,
        cookie: Some(CSRF_COOKIE),
        kind: Kind::Form,
        fields,
    }
}

impl Peer {
    /// The version that is pinned.
    ///
    /// # Errors
    /// When the pin is not where it should be.
    pub(super) fn version(&self, root: &Path) -> Result<String> {
        let (file, before) = self.pin;
        let text = fs::read_to_string(root.join(file))?;
        let (_, rest) = text
            .split_once(before)
            .with_context(|| format!("{file} pins no {before}"))?;
        let end = rest.find(['"', '\n']).unwrap_or(rest.len());
        Ok(rest[..end].to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_every_peer_is_pinned() -> Result<()> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for peer in PEERS {
            let version = peer.version(&root)?;
            assert!(
                version.starts_with(|it: char| it.is_ascii_digit()),
                "{}: {version}",
                peer.name
            );
        }
        Ok(())
    }
}
