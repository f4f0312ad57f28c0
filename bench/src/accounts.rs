//! Accounts on a server, for the load to use.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};

use crate::http::{self, Connection};

/// Someone who has signed up.
#[derive(Debug, Clone)]
pub struct Account {
    /// The form with which to log in.
    pub form: String,
    /// The cookie from signing up, `name=value`.
    pub cookie: String,
}

/// Signs up so many accounts.
///
/// # Errors
/// When the server refuses one.
pub fn sign_up(address: SocketAddr, count: usize) -> Result<Vec<Account>> {
    let mut connection = Connection::open(address)?;
    let mut sign_up_one = |index| {
        let form = form(index);
        let cookie = cookie_for(
            &mut connection,
            &http::post(address, "/register", &form),
            201,
        )?;
        Ok(Account { form, cookie })
    };
    (0..count).map(&mut sign_up_one).collect()
}

/// Logs in an account that signed up before, by its place among those, and returns its new cookie.
///
/// # Errors
/// When the server refuses.
pub fn log_in(address: SocketAddr, index: usize) -> Result<String> {
    cookie_for(
        &mut Connection::open(address)?,
        &http::post(address, "/login", &form(index)),
        200,
    )
}

/// The password is long, and neither common nor like the name, so that no policy minds it.
fn form(index: usize) -> String {
    format!("username=visitor{index}&password=quartz-lantern-fjord-{index}-umbrella")
}

fn cookie_for(connection: &mut Connection, request: &str, expected: u16) -> Result<String> {
    connection.send(request)?;
    let answer = connection.receive()?;
    let body = String::from_utf8_lossy(answer.body);
    ensure!(
        answer.status == expected,
        "the server answered {}: {body}",
        answer.status
    );
    Ok(answer
        .cookie()
        .context("the answer set no cookie")?
        .to_owned())
}

/// One `GET /protected` for each account.
#[must_use]
pub fn visits(address: SocketAddr, accounts: &[Account]) -> Vec<String> {
    accounts
        .iter()
        .map(|it| http::get(address, "/protected", Some(&it.cookie)))
        .collect()
}

/// One `POST /login` for each account.
#[must_use]
pub fn log_ins(address: SocketAddr, accounts: &[Account]) -> Vec<String> {
    accounts
        .iter()
        .map(|it| http::post(address, "/login", &it.form))
        .collect()
}
