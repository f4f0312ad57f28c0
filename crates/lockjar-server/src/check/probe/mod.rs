//! Findings in the running site: L05x and from L070 on. Asked from outside, as a browser would.
//!
//! Every rule is a pure function of answers; [`asking`] gets them, [`trust`] and [`hello`] look at the handshake, all three
//! within one [`budget`]. What
//! could not be seen is told as such, and never taken for safe.

mod answer;
mod asking;
mod browser;
mod budget;
mod clock;
mod cookie;
mod csrf;
mod escaped;
mod form;
mod headers;
mod hello;
mod log_in;
mod proxy;
mod redirect;
mod tls;
mod trust;

use url::Url;

use super::Finding;
use answer::{Answer, is_https, is_loopback, told};
use asking::Asker;
use budget::{Budget, Patience};
use form::{Form, Page};
use log_in::Jar;

pub(crate) use log_in::Account;
pub(crate) use trust::Roots;

/// The number of a site that could not be asked.
pub(super) const UNREACHABLE: &str = "L050";

/// Where to look, and by what means.
pub(crate) struct Target {
    /// The site's root, or its log-in page.
    pub(crate) url: Url,
    pub(crate) roots: Roots,
    pub(crate) account: Option<Account>,
}

/// What was seen, and what was not.
#[derive(Default)]
pub(crate) struct Sight {
    pub(crate) findings: Vec<Finding>,
    /// Every request and handshake.
    pub(crate) asked: Vec<String>,
    /// What could not be judged, and why.
    pub(crate) unseen: Vec<String>,
}

impl Sight {
    /// Once, and without what a terminal would obey.
    fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for mut finding in findings {
            finding.what = escaped::escaped(&finding.what);
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
        }
    }

    fn miss(&mut self, what: impl AsRef<str>) {
        self.unseen.push(escaped::escaped(what.as_ref()));
    }
}

pub(crate) fn look(target: &Target) -> Sight {
    let mut budget = Budget::new(Patience::default());
    let mut sight = look_within(target, &mut budget);
    sight.asked = budget.asked();
    sight
}

fn look_within(target: &Target, budget: &mut Budget) -> Sight {
    let mut sight = Sight::default();
    let url = upgraded(target, budget, &mut sight);
    let trusted = !is_https(&url) || tls::look(&url, &target.roots, budget, &mut sight);
    let mut probe = Probe {
        account: target.account.as_ref(),
        trusted,
        asker: Asker::new(&target.roots, trusted, budget),
        jar: Jar::new(),
        sight,
    };
    match probe.asker.open(&url) {
        Ok(way) => probe.walk(&way),
        Err(error) => probe.sight.add([Finding::serious(
            UNREACHABLE,
            format!("{} did not answer: {error}", told(&url)),
            "Start the server, or give the address that people open",
        )]),
    }
    probe.sight
}

/// Where plain http leads, if that is https of the same host: there the rest is looked at.
fn upgraded(target: &Target, budget: &mut Budget, sight: &mut Sight) -> Url {
    let url = target.url.clone();
    if is_https(&url) || is_loopback(&url) {
        return url;
    }
    let mut asker = Asker::new(&target.roots, true, budget);
    let plain = asker.get(&url, &[]);
    let to = plain.as_ref().ok().and_then(|plain| {
        sight.add(redirect::findings(plain));
        plain
            .redirect()
            .filter(|to| asking::may_follow(&url, to) && is_https(to))
    });
    to.unwrap_or(url)
}

/// A look at a site, under way.
struct Probe<'a> {
    account: Option<&'a Account>,
    trusted: bool,
    asker: Asker<'a>,
    /// What a browser would hold by now.
    jar: Jar,
    sight: Sight,
}

impl Probe<'_> {
    fn walk(&mut self, way: &[Answer]) {
        for answer in way {
            self.sight.add(cookie::findings(answer));
            self.sight.add(redirect::downgrade(answer));
            log_in::keep(&mut self.jar, answer);
        }
        let Some((answer, page)) = self.log_in_page(way) else {
            return;
        };
        self.sight.add(unusable(&answer, &page));
        self.sight
            .add(headers::findings(&answer, page.referrer.as_deref()));
        self.sight.add(clock::findings(&answer));
        let form = self.form(&answer, &page);
        if let Some(form) = &form {
            self.cross_site(&answer, form, page.is_lockjar);
        }
        self.cors(&answer);
        self.planted(&answer);
        self.plain(&answer);
        if page.is_lockjar {
            self.protected(&answer);
        }
        self.account(&answer, form.as_ref(), page.is_lockjar);
    }

    /// The last page, or `/login` where the last is the site's root and nobody can log in on it.
    fn log_in_page(&mut self, way: &[Answer]) -> Option<(Answer, Page)> {
        let last = way.last()?;
        if let Some(to) = last.redirect() {
            self.sight.miss(format!(
                "what {} redirects to, {}: it is another site, or the redirects have no end",
                told(&last.url),
                told(&to)
            ));
        }
        let page = Page::read(&last.body, &last.url);
        let elsewhere = page.form.is_none() && last.url.path() == "/";
        let found = elsewhere.then(|| last.url.join("/login").ok()).flatten();
        let opened = found.and_then(|url| self.asker.open(&url).ok()?.pop());
        let answer = opened.filter(|opened| opened.status < 400 || opened.status == 405);
        match answer {
            Some(answer) => {
                self.sight.add(cookie::findings(&answer));
                log_in::keep(&mut self.jar, &answer);
                let page = Page::read(&answer.body, &answer.url);
                Some((answer, page))
            }
            None => Some((last.clone(), page)),
        }
    }

    /// The form, or the place that takes a log-in without one.
    fn form(&mut self, answer: &Answer, page: &Page) -> Option<Form> {
        let form = match &page.form {
            Some(form) => Some(form.clone()),
            None => (answer.status == 405).then(|| Form::bare(answer.url.clone())),
        };
        let why = match &form {
            None if page.has_loose_password => {
                "its password field is in no form: a script sends it"
            }
            None => "there is no form with a field for a password",
            Some(form) => {
                self.sight.add(form.findings(&answer.url));
                match form.is_get || form.action.origin() != answer.url.origin() {
                    true => "nothing is sent to such a form",
                    false => return Some(form.clone()),
                }
            }
        };
        self.sight
            .miss(format!("how {} answers a log-in: {why}", told(&answer.url)));
        None
    }

    /// One wrong name and password, twice: from the page's own origin and from another.
    fn cross_site(&mut self, answer: &Answer, form: &Form, is_lockjar: bool) {
        let mut name = browser::nonsense();
        if form
            .username
            .as_ref()
            .is_some_and(|field| field.contains("mail"))
        {
            name.push_str("@example.invalid");
        }
        let fields = form.filled(&name, &browser::nonsense());
        let cookies = browser::cookie_header(&self.jar);
        let headers = browser::own_headers(&answer.url, &form.action);
        let mut headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        headers.push(("Cookie", &cookies));
        let own = self.asker.post(&form.action, &headers, &fields);
        let forged = self.asker.post(
            &form.action,
            &browser::forged_headers(csrf::ELSEWHERE),
            &fields,
        );
        let (own, forged) = match (own, forged) {
            (Ok(own), Ok(forged)) => (own, forged),
            (Err(error), _) | (_, Err(error)) => {
                return self.sight.miss(format!(
                    "whether a log-in from another origin is refused: {error}"
                ));
            }
        };
        match csrf::judge(&own, &forged, form.has_token()) {
            csrf::Verdict::Refused => {}
            csrf::Verdict::Found(finding) => self.sight.add([finding]),
            csrf::Verdict::Unseen(why) => self.sight.miss(why),
        }
        self.sight
            .add(csrf::own_refused(&own).filter(|_| is_lockjar));
        self.sight.add(csrf::cors(&forged));
        self.sight.add(cookie::findings(&own));
        self.sight.add(cookie::findings(&forged));
    }

    fn cors(&mut self, answer: &Answer) {
        let elsewhere = [("Origin", csrf::ELSEWHERE)];
        match self.asker.get(&answer.url, &elsewhere) {
            Ok(answer) => self.sight.add(csrf::cors(&answer)),
            Err(error) => self
                .sight
                .miss(format!("whether other sites may read answers: {error}")),
        }
    }

    /// With a query that nobody else asks by, so that no cache hands a planted host to others.
    fn planted(&mut self, answer: &Answer) {
        let mut url = answer.url.clone();
        url.query_pairs_mut()
            .append_pair("lockjar-check", &browser::nonsense());
        let forwarded = format!("host={};proto=https", proxy::PLANTED);
        for (header, value) in [
            ("X-Forwarded-Host", proxy::PLANTED),
            ("Forwarded", &forwarded),
            ("Host", proxy::PLANTED),
        ] {
            match self.asker.get(&url, &[(header, value)]) {
                Ok(answer) => self.sight.add(proxy::reflected(header, &answer)),
                Err(error) => self
                    .sight
                    .miss(format!("whether {header} is believed: {error}")),
            }
        }
        let opposite = if is_https(&url) { "http" } else { "https" };
        match self.asker.get(&url, &[("X-Forwarded-Proto", opposite)]) {
            Ok(other) => self.sight.add(proxy::believes_scheme(answer, &other)),
            Err(error) => self
                .sight
                .miss(format!("whether X-Forwarded-Proto is believed: {error}")),
        }
    }

    /// The same page by plain http, and the root.
    fn plain(&mut self, answer: &Answer) {
        if !is_https(&answer.url) {
            return;
        }
        let Some(twin) = redirect::twin(&answer.url) else {
            return self
                .sight
                .miss("whether plain http redirects to https, since the site is not on port 443");
        };
        let root = twin.join("/").ok().filter(|root| *root != twin);
        for url in [Some(twin), root].into_iter().flatten() {
            match self.asker.get(&url, &[]) {
                Ok(plain) => self.sight.add(redirect::findings(&plain)),
                Err(error) => self
                    .sight
                    .miss(format!("plain http, which did not answer: {error}")),
            }
        }
    }

    /// Lockjar's own door.
    fn protected(&mut self, answer: &Answer) {
        let Ok(url) = answer.url.join("/protected") else {
            return;
        };
        let shut = self
            .asker
            .get(&url, &[])
            .is_ok_and(|answer| answer.status == 401);
        if !shut {
            self.sight.add([Finding::serious(
                "L056",
                "GET /protected without a cookie was not answered with 401",
                "See that the proxy adds no cookie and caches no answer",
            )]);
        }
    }

    fn account(&mut self, answer: &Answer, form: Option<&Form>, is_lockjar: bool) {
        let Some(account) = self.account else {
            return self.sight.miss(
                "the session's cookie, since this check has no account to log in with (--username and --password-stdin)",
            );
        };
        let Some(form) = form else {
            return self
                .sight
                .miss("the session's cookie, since there is no form to log in by");
        };
        if !is_private(&form.action, &answer.url, self.trusted) {
            return self.sight.miss(
                "the session's cookie: the password was not sent, since others could read it on the way",
            );
        }
        match log_in::look(&mut self.asker, &answer.url, form, account, &self.jar) {
            Ok(seen) => self.logged_in(answer, seen, is_lockjar),
            Err(error) => self.sight.miss(format!("the session's cookie: {error}")),
        }
    }

    fn logged_in(&mut self, answer: &Answer, seen: log_in::Seen, is_lockjar: bool) {
        self.sight.add(seen.findings);
        seen.unseen.into_iter().for_each(|why| self.sight.miss(why));
        if !is_lockjar {
            return match seen.jars.len() {
                0 => {}
                count => self
                    .sight
                    .miss(format!("the log-out: the check does not know where; sessions that it leaves behind: {count}")),
            };
        }
        for jar in seen.jars {
            match log_in::log_out(&mut self.asker, &answer.url, &jar) {
                Ok(finding) => self.sight.add(finding),
                Err(error) => self.sight.miss(format!("the log-out: {error}")),
            }
        }
    }
}

/// Whether nobody but the site reads a password on its way. `trusted`: a browser believes its certificate.
/// A site that is down, or another page than was meant, shows nothing of its log-in.
fn unusable(answer: &Answer, page: &Page) -> Option<Finding> {
    let is_page = answer.status < 400 || page.form.is_some() || answer.status == 405;
    (!is_page).then(|| {
        let what = format!(
            "{} was answered with {}, so that nothing of a log-in could be seen",
            told(&answer.url),
            answer.status
        );
        Finding::serious(
            "L057",
            what,
            "Give the address of the log-in page, or see why the site fails",
        )
    })
}

fn is_private(action: &Url, page: &Url, trusted: bool) -> bool {
    let private = match is_https(page) {
        true => trusted,
        false => is_loopback(page),
    };
    private && action.origin() == page.origin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_goes_to_the_pages_own_origin_over_what_nobody_else_reads() {
        let private = |page: &str, action: &str, trusted| {
            let [page, action] = [page, action].map(|url| Url::parse(url).unwrap());
            is_private(&action, &page, trusted)
        };
        let (site, local) = ("https://a.example/login", "http://localhost:8000/login");
        assert!(private(site, "https://a.example/in", true) && private(local, local, true));
        assert!(!private(site, site, false), "an untrusted certificate");
        assert!(!private("http://a.example/", "http://a.example/", true));
        assert!(
            !private("http://a.example/", site, true),
            "the page may have been changed"
        );
        assert!(!private(site, "https://b.example/in", true));
        assert!(!private(site, "http://a.example/in", true));
        assert!(!private(local, "http://localhost:9000/login", true));
    }

    #[test]
    fn when_the_budget_is_spent_nobody_is_asked_and_no_hand_is_shaken() {
        for url in [
            "https://192.0.2.1/",
            "http://192.0.2.1/",
            "http://127.0.0.1:9/",
        ] {
            let target = Target {
                url: Url::parse(url).unwrap(),
                roots: Roots::read(None).unwrap(),
                account: None,
            };
            let mut budget = Budget::new(Patience {
                all: std::time::Duration::ZERO,
                ..Patience::default()
            });
            let sight = look_within(&target, &mut budget);
            assert_eq!(sight.findings[0].number, UNREACHABLE);
            let missed = |what: &str| sight.unseen.iter().any(|it| it.contains(what));
            assert_eq!(missed("TLS 1.1"), url.starts_with("https"));
            assert!(budget.asked().is_empty(), "{url}");
        }
    }

    #[test]
    fn a_finding_is_told_once_and_escaped() {
        let mut sight = Sight::default();
        let finding = || Finding::slight("L084", "a\u{1b}b", "remedy");
        sight.add([finding(), finding()]);
        sight.miss("c\u{7}");
        assert_eq!(sight.findings.len(), 1);
        assert_eq!(sight.findings[0].what, "a\\u{1b}b");
        assert_eq!(sight.unseen, ["c\\u{7}"]);
    }
}
