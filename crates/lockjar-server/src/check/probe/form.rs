//! The log-in form in a page, found as a browser would: by WHATWG's tokenizer, not by searching text.

use std::collections::{BTreeMap, BTreeSet};

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};
use url::Url;

use super::super::Finding;
use super::answer::{is_https, is_loopback, told};

/// More fields than a log-in has are a hostile page's.
const FIELDS: usize = 100;
/// More links than these are not followed up. Each costs as much as the base is long, which a hostile page chooses.
const LINKS: usize = 2000;
/// In bytes, of what links are taken from and of a host.
const LONG: usize = 2048;

/// What the page holds that a check looks at.
#[derive(Default)]
pub(super) struct Page {
    /// Of several the one that asks for a password once, as opposed to a sign-up or a change of password.
    pub(super) form: Option<Form>,
    /// A password field that belongs to no form: a script reads it.
    pub(super) has_loose_password: bool,
    /// `<meta name="referrer">`.
    pub(super) referrer: Option<String>,
    /// The hosts to which links, forms, pictures and scripts lead.
    pub(super) hosts: BTreeSet<String>,
    /// Whether this is a page of Lockjar's own.
    pub(super) is_lockjar: bool,
}

#[derive(Clone)]
pub(super) struct Form {
    pub(super) action: Url,
    pub(super) is_get: bool,
    /// What a browser would send of its own accord: hidden fields and the button.
    pub(super) given: Vec<(String, String)>,
    pub(super) username: Option<String>,
    pub(super) password: String,
    passwords: usize,
}

type Attributes = BTreeMap<String, String>;

impl Page {
    pub(super) fn read(html: &[u8], url: &Url) -> Self {
        let mut reader = Reader::new(url);
        let mut emitter = DefaultEmitter::default();
        // In a script, a style and a text area nothing is a tag.
        emitter.naively_switch_states(true);
        for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
            match token {
                Token::StartTag(tag) => {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    let attributes = tag
                        .attributes
                        .iter()
                        .map(|(name, value)| (text(name), text(value)));
                    reader.start(&text(&tag.name), &attributes.collect());
                }
                Token::EndTag(tag) if **tag.name == *b"form" => reader.end_form(),
                _ => {}
            }
        }
        reader.end_form();
        reader.page
    }
}

impl Form {
    /// For what takes a log-in by POST and has no page: FastAPI's `/login` and `/token`, and Lockjar without pages.
    pub(super) fn bare(action: Url) -> Self {
        Self {
            action,
            is_get: false,
            given: Vec::new(),
            username: Some("username".to_owned()),
            password: "password".to_owned(),
            passwords: 1,
        }
    }

    /// Everything that a browser would send.
    pub(super) fn filled(&self, username: &str, password: &str) -> Vec<(String, String)> {
        let mut fields = self.given.clone();
        let username = self
            .username
            .iter()
            .map(|name| (name.clone(), username.to_owned()));
        fields.extend(username);
        fields.push((self.password.clone(), password.to_owned()));
        fields
    }

    /// Whether a hidden field looks like a token against forged requests.
    pub(super) fn has_token(&self) -> bool {
        let known = [
            "csrf",
            "xsrf",
            "token",
            "nonce",
            "authenticity",
            "verification",
        ];
        let mut names = self.given.iter().map(|(name, _)| name.to_ascii_lowercase());
        names.any(|name| known.iter().any(|word| name.contains(word)))
    }

    /// L11x: where the password would go.
    pub(super) fn findings(&self, page: &Url) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.is_get {
            findings.push(Finding::serious(
                "L111",
                "the log-in form is sent by GET, so that the password stands in the address, in logs and in the history",
                "Give the form method=\"post\"",
            ));
        }
        if !is_https(&self.action) && !is_loopback(&self.action) {
            findings.push(Finding::serious(
                "L112",
                format!(
                    "the log-in form sends the password over plain http to {}",
                    told(&self.action)
                ),
                "Serve the page and take its form over https alone",
            ));
        }
        if self.action.host() != page.host() {
            findings.push(Finding::serious(
                "L113",
                format!("the log-in form sends the password to another host, {}", told(&self.action)),
                "See that this host is yours; if the proxy's own name was put into the form, give the app its public address",
            ));
        }
        findings
    }
}

/// What has been read so far.
struct Reader {
    base: Url,
    page: Page,
    form: Option<Draft>,
    links: usize,
}

/// A form that has not ended.
struct Draft {
    action: Url,
    is_get: bool,
    given: Vec<(String, String)>,
    text: Option<String>,
    username: Option<String>,
    passwords: Vec<String>,
    has_button: bool,
}

impl Reader {
    fn new(url: &Url) -> Self {
        Self {
            base: url.clone(),
            page: Page::default(),
            form: None,
            links: 0,
        }
    }

    fn start(&mut self, tag: &str, attributes: &Attributes) {
        self.note_hosts(attributes);
        let get = |name: &str| attributes.get(name).map_or("", String::as_str);
        match tag {
            "base" if get("href").len() < LONG => {
                self.base = self.base.join(get("href")).unwrap_or(self.base.clone());
            }
            "meta" if get("name").eq_ignore_ascii_case("referrer") => {
                self.page.referrer = Some(get("content").to_owned());
            }
            "link" => self.page.is_lockjar |= get("href").starts_with("/assets/lockjar.css"),
            // A form within a form is none.
            "form" if self.form.is_none() => {
                self.form = Some(Draft {
                    // Without an action it is the page's own address.
                    action: self.base.join(get("action")).unwrap_or(self.base.clone()),
                    is_get: !get("method").eq_ignore_ascii_case("post"),
                    given: Vec::new(),
                    text: None,
                    username: None,
                    passwords: Vec::new(),
                    has_button: false,
                });
            }
            "input" | "button" => self.field(tag, attributes),
            _ => {}
        }
    }

    fn note_hosts(&mut self, attributes: &Attributes) {
        for name in ["href", "src", "action", "formaction", "content"] {
            let Some(link) = attributes.get(name).filter(|link| link.len() < LONG) else {
                continue;
            };
            self.links += 1;
            if self.links > LINKS {
                return;
            }
            let url = self.base.join(link).ok();
            self.page
                .hosts
                .extend(url.and_then(|url| url.host_str().map(str::to_owned)));
        }
    }

    fn field(&mut self, tag: &str, attributes: &Attributes) {
        let get = |name: &str| attributes.get(name).map_or("", String::as_str);
        let kind = match (tag, get("type").to_ascii_lowercase()) {
            ("button", kind) if kind.is_empty() => "submit".to_owned(),
            (_, kind) => kind,
        };
        let Some(form) = &mut self.form else {
            self.page.has_loose_password |= kind == "password";
            return;
        };
        form.add(&kind, get("name"), get("value"), get("autocomplete"));
    }

    fn end_form(&mut self) {
        let Some(found) = self.form.take().and_then(Draft::finished) else {
            return;
        };
        let better = self
            .page
            .form
            .as_ref()
            .is_none_or(|known| found.passwords == 1 && known.passwords > 1);
        if better {
            self.page.form = Some(found);
        }
    }
}

impl Draft {
    fn add(&mut self, kind: &str, name: &str, value: &str, autocomplete: &str) {
        if name.is_empty() {
            return;
        }
        let name = name.to_owned();
        match kind {
            "password" if self.passwords.len() < FIELDS => self.passwords.push(name),
            "hidden" if self.given.len() < FIELDS => self.given.push((name, value.to_owned())),
            "submit" if !self.has_button => {
                self.has_button = true;
                self.given.push((name, value.to_owned()));
            }
            "text" | "email" | "tel" | "" => {
                if autocomplete.contains("username") {
                    self.username.get_or_insert(name);
                } else if self.passwords.is_empty() {
                    self.text.get_or_insert(name);
                }
            }
            _ => {}
        }
    }

    fn finished(self) -> Option<Form> {
        let passwords = self.passwords.len();
        Some(Form {
            password: self.passwords.into_iter().next()?,
            username: self.username.or(self.text),
            action: self.action,
            is_get: self.is_get,
            given: self.given,
            passwords,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(html: &str) -> Page {
        Page::read(
            html.as_bytes(),
            &Url::parse("https://a.example/accounts/login/?next=/").unwrap(),
        )
    }

    fn numbers(html: &str) -> Vec<&'static str> {
        let form = read(html).form.unwrap();
        let found = form.findings(&Url::parse("https://a.example/accounts/login/").unwrap());
        found.iter().map(|finding| finding.number).collect()
    }

    #[test]
    fn djangos_form_is_filled_as_a_browser_would() {
        let form = read(
            "<!doctype html><FORM METHOD=POST><input type=hidden name=csrfmiddlewaretoken value=abc>\
             <input name=username autofocus><input TYPE=Password name=password><input type=checkbox name=stay>\
             <button name=go value=1>Log in</button><button name=other>Other</button></FORM>",
        )
        .form
        .unwrap();
        assert_eq!(
            form.action.as_str(),
            "https://a.example/accounts/login/?next=/"
        );
        assert!(form.has_token() && !form.is_get);
        let sent = form.filled("alice", "secret");
        let sent: Vec<_> = sent
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        assert_eq!(
            sent,
            [
                ("csrfmiddlewaretoken", "abc"),
                ("go", "1"),
                ("username", "alice"),
                ("password", "secret")
            ]
        );
    }

    #[test]
    fn what_is_no_tag_is_no_form() {
        let form = "<form method=post><input type=password name=p></form>";
        assert!(read(form).form.is_some());
        for inert in [
            format!("<!-- {form} -->"),
            format!("<script>'{form}'</script>"),
            format!("<textarea>{form}</textarea>"),
            form.replace('<', "&lt;"),
            "<form><input name=password></form>".to_owned(),
        ] {
            assert!(read(&inert).form.is_none(), "{inert}");
        }
    }

    #[test]
    fn of_several_forms_the_log_in_is_taken() {
        let page = read(
            "<form action=/search><input name=q></form>\
             <form action=/join method=post><input type=password name=a><input type=password name=b></form>\
             <form action=/in method=post><input name=u><input type=password name=p></form>",
        );
        assert_eq!(page.form.unwrap().action.path(), "/in");
    }

    #[test]
    fn where_the_password_goes_is_looked_at() {
        let form = |rest: &str| format!("<form {rest}><input type=password name=p>");
        assert_eq!(numbers(&form("method=post")), [""; 0]);
        assert_eq!(numbers(&form("")), ["L111"]);
        assert_eq!(
            numbers(&form("method=post action=http://a.example/login")),
            ["L112"]
        );
        assert_eq!(numbers(&form("method=post action=//b.example/")), ["L113"]);
        assert_eq!(
            numbers(&form("method=post action=http://localhost/")),
            ["L113"]
        );
        let based = format!(
            "<base href=https://b.example/x/>{}",
            form("method=post action=y")
        );
        assert_eq!(numbers(&based), ["L113"]);
    }

    #[test]
    fn a_password_without_a_form_is_a_scripts() {
        assert!(read("<div><input type=password></div>").has_loose_password);
        assert!(!read("<form><input type=password name=p></form>").has_loose_password);
    }

    #[test]
    fn a_page_of_nothing_but_fields_takes_no_room() {
        let html = format!(
            "<form>{}<input type=password name=p>",
            "<input type=hidden name=a>".repeat(10_000)
        );
        assert_eq!(read(&html).form.unwrap().given.len(), FIELDS);
        let links = format!(
            "<base href=//{}.example/>{}",
            "x".repeat(60),
            "<a href=y>".repeat(50_000)
        );
        assert_eq!(read(&links).hosts.len(), 1);
        let long = format!("<base href=/{}><a href=//b.example>", "x".repeat(500_000));
        assert!(read(&long).hosts.contains("b.example"));
    }

    #[test]
    fn the_page_says_what_it_refers_to() {
        let page = read(
            "<meta name=Referrer content=no-referrer><a href=//b.example/x>b</a><link href=/assets/lockjar.css?v=1>",
        );
        assert_eq!(page.referrer.as_deref(), Some("no-referrer"));
        assert!(page.hosts.contains("b.example"));
        assert!(page.is_lockjar && !read("<link href=/assets/other.css>").is_lockjar);
    }

    /// Pieces in every order that a small generator makes.
    #[test]
    fn no_page_makes_the_reader_fall_over() {
        let pieces: [&[u8]; 14] = [
            b"<form action=",
            b"<input type=password name=",
            b"</form>",
            b"<base href=",
            b"//[::1",
            b"<!--",
            b"-->",
            b"'",
            b">",
            b"&#x110000;",
            b"\xff\x00",
            b"<script>",
            b"</script",
            b"<meta name=referrer content=",
        ];
        let mut state: u32 = 1;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            pieces[(state >> 16) as usize % pieces.len()]
        };
        let url = Url::parse("https://a.example/").unwrap();
        let with_form = (0..5000).filter(|_| {
            let html: Vec<u8> = (0..12).flat_map(|_| next()).copied().collect();
            Page::read(&html, &url).form.is_some()
        });
        assert!(with_form.count() > 0);
    }
}
