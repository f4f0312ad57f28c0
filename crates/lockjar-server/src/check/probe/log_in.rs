//! A log-in with an account that the operator gave: only then is the session's cookie seen. L15x.

use std::collections::BTreeMap;

use url::Url;

use super::super::Finding;
use super::answer::{Answer, told};
use super::asking::Asker;
use super::browser::{cookie_header, nonsense, own_headers};
use super::cookie::{self, SetCookie};
use super::escaped::short;
use super::form::{Form, Page};

/// Whose session is looked at. It has no `Debug`.
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) password: String,
}

/// The cookies that a browser holds.
pub(super) type Jar = BTreeMap<String, String>;

/// What two log-ins showed.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) findings: Vec<Finding>,
    pub(super) unseen: Vec<String>,
    pub(super) jars: Vec<Jar>,
}

/// Logs in twice: as whoever has been to the page, and with session cookies that somebody planted.
pub(super) fn look(
    asker: &mut Asker<'_>,
    page: &Url,
    form: &Form,
    account: &Account,
    held: &Jar,
) -> Result<Seen, String> {
    let mut seen = Seen::default();
    let (before, answer, jar) = log_in(asker, page, form, account, held.clone())?;
    if !is_in(&answer) {
        seen.findings.push(Finding::serious(
            "L150",
            format!(
                "the log-in as {} was answered with {}",
                short(&account.name),
                answer.status
            ),
            "Give --username and the password of an account that exists and needs no second factor",
        ));
        return Ok(seen);
    }
    seen.findings.extend(cookie::findings(&answer));
    seen.findings.extend(adopted(&before, &answer));
    seen.jars.push(jar);
    let names: Vec<_> = sessions(&answer).map(|cookie| cookie.name).collect();
    if names.is_empty() {
        seen.unseen.push(
            "the session cookie: none of the log-in's cookies looks like one, or browsers drop it"
                .to_owned(),
        );
        return Ok(seen);
    }
    let mut planted = held.clone();
    planted.extend(names.into_iter().map(|name| (name, nonsense())));
    let (before, answer, jar) = log_in(asker, page, form, account, planted)?;
    match is_in(&answer) {
        true => seen.findings.extend(adopted(&before, &answer)),
        false => seen.unseen.push(
            "whether a planted session is adopted, since the second log-in was refused".to_owned(),
        ),
    }
    seen.jars.push(jar);
    Ok(seen)
}

/// The cookies that were sent, the answer, and what the browser holds then.
fn log_in(
    asker: &mut Asker<'_>,
    page: &Url,
    form: &Form,
    account: &Account,
    mut jar: Jar,
) -> Result<(Jar, Answer, Jar), String> {
    let cookies = cookie_header(&jar);
    let opened = asker.get(page, &[("Cookie", &cookies)])?;
    let fresh = Page::read(&opened.body, &opened.url).form;
    // A token may be new each time, but the password goes where the first look said it would.
    let form = fresh
        .filter(|it| it.action == form.action)
        .unwrap_or_else(|| form.clone());
    keep(&mut jar, &opened);
    let cookies = cookie_header(&jar);
    let headers = own_headers(page, &form.action);
    let mut headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    headers.push(("Cookie", &cookies));
    let answer = asker.post(
        &form.action,
        &headers,
        &form.filled(&account.name, &account.password),
    )?;
    let before = jar.clone();
    keep(&mut jar, &answer);
    Ok((before, answer, jar))
}

/// As a browser does.
pub(super) fn keep(jar: &mut Jar, answer: &Answer) {
    let kept = cookie::kept(answer).into_iter();
    jar.extend(kept.map(|cookie| (cookie.name, cookie.value)));
}

fn sessions(answer: &Answer) -> impl Iterator<Item = SetCookie> {
    cookie::kept(answer).into_iter().filter(cookie::is_session)
}

/// Neither refused nor shown the form again.
fn is_in(answer: &Answer) -> bool {
    match answer.redirect() {
        Some(to) => to.path() != answer.url.path(),
        None => {
            let again = Page::read(&answer.body, &answer.url).form;
            (200..300).contains(&answer.status) && again.is_none()
        }
    }
}

/// A session cookie that was there before the log-in and is the session afterwards: whoever planted it is logged in too. One
/// that the log-in did not touch is not the session if another is new.
fn adopted(before: &Jar, answer: &Answer) -> Vec<Finding> {
    let after: Jar = cookie::all(answer)
        .filter(cookie::is_session)
        .map(|cookie| (cookie.name, cookie.value))
        .collect();
    let is_new = |(name, value): (&String, &String)| before.get(name) != Some(value);
    let replaced = after.iter().any(is_new);
    let adopted = before
        .iter()
        .filter(|(name, value)| match after.get(*name) {
            Some(new) => new == *value,
            None => cookie::is_session_of(name, value) && !replaced,
        });
    adopted
        .map(|(name, _)| {
            Finding::serious(
                "L151",
                format!(
                    "the cookie {} is the same after the log-in, so that whoever planted it is logged in too (session fixation)",
                    short(name)
                ),
                "Make a new session with a new id at every log-in",
            )
        })
        .collect()
}

/// Logs out of Lockjar, and looks whether the cookie is worth nothing then.
pub(super) fn log_out(
    asker: &mut Asker<'_>,
    page: &Url,
    jar: &Jar,
) -> Result<Option<Finding>, String> {
    let place = |path: &str| page.join(path).map_err(|error| error.to_string());
    let (leave, protected) = (place("/logout")?, place("/protected")?);
    let cookies = cookie_header(jar);
    let headers = own_headers(page, &leave);
    let mut headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    headers.push(("Cookie", &cookies));
    let left = asker.post(&leave, &headers, &[])?;
    let after = asker.get(&protected, &[("Cookie", &cookies)])?;
    Ok((after.status != 401).then(|| {
        Finding::serious(
            "L152",
            format!(
                "after a log-out, answered with {}, the session's cookie still opens {} ({})",
                left.status,
                told(&protected),
                after.status
            ),
            "See that the proxy caches no answer and passes POST /logout through",
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::super::answer::tests::answer;
    use super::*;

    const OLD: &str = "0123456789abcdef";

    #[test]
    fn a_session_that_was_there_before_must_not_be_the_same_afterwards() {
        let before: Jar = [
            ("session".to_owned(), OLD.to_owned()),
            ("theme".to_owned(), "dark".to_owned()),
        ]
        .into();
        let numbers = |cookies: &[&str]| {
            let headers: Vec<_> = cookies
                .iter()
                .map(|cookie| ("set-cookie", *cookie))
                .collect();
            let found = adopted(&before, &answer("http://localhost/login", 303, &headers));
            found
                .iter()
                .map(|finding| finding.number)
                .collect::<Vec<_>>()
        };
        assert_eq!(numbers(&["session=ffffffffffffffff"]), [""; 0]);
        assert_eq!(
            numbers(&["session=; Max-Age=0"]),
            [""; 0],
            "it was taken away"
        );
        assert_eq!(numbers(&["session=0123456789abcdef"]), ["L151"]);
        assert_eq!(numbers(&[]), ["L151"], "it was left in place");
        assert_eq!(numbers(&["theme=light"]), ["L151"]);
        let other = "auth=ffffffffffffffff";
        assert_eq!(numbers(&[other]), [""; 0], "the session is another cookie");
    }

    #[test]
    fn a_log_in_is_known_by_not_showing_the_form_again() {
        let made = |status, location: &str, body: &str| {
            let mut answer = answer("http://localhost/login", status, &[("location", location)]);
            answer.body = body.as_bytes().to_vec();
            is_in(&answer)
        };
        assert!(made(303, "/account", "") && made(200, "", "{\"ok\":true}") && made(204, "", ""));
        assert!(!made(303, "/login?error", "") && !made(401, "", ""));
        assert!(!made(
            200,
            "",
            "<form method=post><input type=password name=p></form>"
        ));
    }
}
