//! The HTML pages: what each shows, as plain data. The markup is in `templates/`, the looks in `assets/`.
//!
//! Nothing here knows axum or a store. Every value is escaped by the templates, and no page carries a script or
//! an inline style, so that the Content-Security-Policy needs no exception.

use askama::Template;

/// What the frame of every page needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chrome<'a> {
    /// The name shown to people: the service's, "Lockjar" by default.
    pub(crate) service: &'a str,
    /// The URL of the stylesheet.
    pub(crate) css: &'a str,
    /// The URL of the mark, an SVG.
    pub(crate) icon: &'a str,
    /// Who is logged in, if anybody is.
    pub(crate) username: Option<&'a str>,
}

/// What just happened, as `?notice=` says after a redirect.
///
/// The URL only chooses among these fixed texts: were it shown itself, a link could put words in our mouth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// This session was logged out.
    LoggedOut,
    /// Every session of the user was logged out.
    LoggedOutEverywhere,
    /// The password was changed, and every other session ended.
    PasswordChanged,
    /// One session was revoked.
    SessionRevoked,
    /// Every session but this one was revoked.
    OthersRevoked,
    /// The user has just signed up.
    Welcome,
    /// A new password was set by a recovery link.
    Recovered,
}

impl Notice {
    const ALL: [Self; 7] = [
        Self::LoggedOut,
        Self::LoggedOutEverywhere,
        Self::PasswordChanged,
        Self::SessionRevoked,
        Self::OthersRevoked,
        Self::Welcome,
        Self::Recovered,
    ];

    /// The notice that the query's `notice` parameter names, if it names one.
    pub(crate) fn from_query(value: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.slug() == value)
    }

    /// How the notice is named in a URL.
    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::LoggedOut => "logged-out",
            Self::LoggedOutEverywhere => "logged-out-everywhere",
            Self::PasswordChanged => "password-changed",
            Self::SessionRevoked => "session-revoked",
            Self::OthersRevoked => "others-revoked",
            Self::Welcome => "welcome",
            Self::Recovered => "recovered",
        }
    }

    /// What the page says.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::LoggedOut => "You are logged out.",
            Self::LoggedOutEverywhere => "You are logged out on every device.",
            Self::PasswordChanged => {
                "Your password is changed. Every other session has been logged out."
            }
            Self::SessionRevoked => {
                "The session has been revoked. That device has to log in again."
            }
            Self::OthersRevoked => "Every other session has been logged out.",
            Self::Welcome => "Your account is ready, and you are logged in.",
            Self::Recovered => "Your new password is set. Log in with it.",
        }
    }
}

/// What is wrong with one field of a form, and so what to change.
#[derive(Clone, Debug)]
pub(crate) struct FieldError {
    /// The field's name in the form, which is also its id on the page.
    pub(crate) field: String,
    /// The whole sentence to show.
    pub(crate) message: String,
}

/// How one field of a form is marked.
struct Field<'a> {
    id: &'static str,
    problem: Option<&'a str>,
    /// The ids of what explains the field, most pressing first.
    described_by: String,
    focused: bool,
}

/// A form as it came back: what is wrong with it, and which field to begin with.
struct Form<'a> {
    /// The fields that can be marked, in order.
    fields: &'static [&'static str],
    /// Those of them with a hint below.
    hinted: &'static [&'static str],
    errors: &'a [FieldError],
    error: Option<&'a str>,
    /// The field to begin with where no field in particular is wrong.
    focus: Option<&'static str>,
}

impl<'a> Form<'a> {
    fn problem(&self, id: &str) -> Option<&'a str> {
        self.errors
            .iter()
            .find(|error| error.field == id)
            .map(|error| error.message.as_str())
    }

    /// The field that takes the focus: the first that is wrong, so that its error is what is read first.
    fn focus(&self) -> Option<&'static str> {
        self.fields
            .iter()
            .copied()
            .find(|id| self.problem(id).is_some())
            .or(self.focus)
    }

    fn field(&self, id: &'static str) -> Field<'a> {
        let problem = self.problem(id);
        let focused = self.focus() == Some(id);
        let ids = [
            (focused && !self.alerts().is_empty()).then(|| "alert".to_owned()),
            problem.map(|_| format!("{id}-error")),
            self.hinted.contains(&id).then(|| format!("{id}-hint")),
        ];
        let described_by = ids.into_iter().flatten().collect::<Vec<_>>().join(" ");
        Field {
            id,
            problem,
            described_by,
            focused,
        }
    }

    /// What to say above the form: all that no field says, so that nothing is lost, or else to look at the fields.
    fn alerts(&self) -> Vec<&'a str> {
        let elsewhere = self
            .errors
            .iter()
            .filter(|error| !self.fields.contains(&error.field.as_str()));
        let mut texts: Vec<_> = self
            .error
            .into_iter()
            .chain(elsewhere.map(|error| error.message.as_str()))
            .collect();
        if texts.is_empty() && !self.errors.is_empty() {
            texts.push("Change what is marked below, then try again.");
        }
        texts
    }
}

/// A link below the buttons of the welcome page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link<'a> {
    /// Where it leads.
    pub(crate) href: &'a str,
    /// What it says.
    pub(crate) text: &'a str,
}

/// `GET /`: what this is, and the way in; or a greeting and the way to the account.
#[derive(Debug, Template)]
#[template(path = "welcome.html")]
pub(crate) struct Welcome<'a> {
    /// The frame.
    pub(crate) chrome: Chrome<'a>,
    /// What just happened.
    pub(crate) notice: Option<Notice>,
    /// Further places to go, such as the protected route and the API's documentation; may be empty.
    pub(crate) links: &'a [Link<'a>],
}

/// `GET /login`, and what a refused `POST /login` answers.
#[derive(Debug, Template)]
#[template(path = "log_in.html")]
pub(crate) struct LogIn<'a> {
    /// The frame.
    pub(crate) chrome: Chrome<'a>,
    /// What was typed before; empty at first.
    pub(crate) username: &'a str,
    /// Where to go afterwards, already checked; empty for the default.
    pub(crate) next: &'a str,
    /// Whether 'Keep me logged in' is ticked.
    pub(crate) remember: bool,
    /// Why the log-in was refused. It never says which of the two fields was wrong.
    pub(crate) error: Option<String>,
    /// What just happened.
    pub(crate) notice: Option<Notice>,
}

impl LogIn<'_> {
    fn form(&self) -> Form<'_> {
        let focus = Some(if self.username.is_empty() {
            "username"
        } else {
            "password"
        });
        Form {
            fields: &["username", "password"],
            hinted: &[],
            errors: &[],
            error: self.error.as_deref(),
            focus,
        }
    }
}

/// `GET /register`, and what a refused `POST /register` answers.
#[derive(Debug, Template)]
#[template(path = "register.html")]
pub(crate) struct Register<'a> {
    /// The frame.
    pub(crate) chrome: Chrome<'a>,
    /// What was typed before; empty at first.
    pub(crate) username: &'a str,
    /// What was typed before; empty at first.
    pub(crate) email: &'a str,
    /// Where to go afterwards, already checked; empty for the default.
    pub(crate) next: &'a str,
    /// What is wrong with `username`, `email` or `password`.
    pub(crate) errors: Vec<FieldError>,
    /// What is wrong with none of them in particular.
    pub(crate) error: Option<String>,
    /// The fewest characters a password may have.
    pub(crate) min_length: usize,
}

impl Register<'_> {
    fn form(&self) -> Form<'_> {
        Form {
            fields: &["username", "email", "password"],
            hinted: &["password"],
            errors: &self.errors,
            error: self.error.as_deref(),
            focus: Some(if self.username.is_empty() {
                "username"
            } else {
                "password"
            }),
        }
    }
}

/// `GET /recover`, and what a refused `POST /recover` answers while the link is good.
#[derive(Debug, Template)]
#[template(path = "recover.html")]
pub(crate) struct Recover<'a> {
    /// The frame.
    pub(crate) chrome: Chrome<'a>,
    /// Whose password it sets.
    pub(crate) username: &'a str,
    /// What the link shows.
    pub(crate) token: &'a str,
    /// What is wrong with `new_password`.
    pub(crate) errors: Vec<FieldError>,
    /// What is wrong with nothing in particular.
    pub(crate) error: Option<String>,
    /// The fewest characters a password may have.
    pub(crate) min_length: usize,
}

impl Recover<'_> {
    fn form(&self) -> Form<'_> {
        Form {
            fields: &["new_password"],
            hinted: &["new_password"],
            errors: &self.errors,
            error: self.error.as_deref(),
            focus: Some("new_password"),
        }
    }
}

/// One session in the list of the account page. The times are shown as given, in words beside RFC 3339.
#[derive(Clone, Debug)]
pub(crate) struct SessionRow {
    /// The public session id, safe to show.
    pub(crate) id: String,
    /// The device in words, as [`describe`](super::device::describe) gives it.
    pub(crate) device: String,
    /// When it was logged in, for people.
    pub(crate) created: String,
    /// When it was logged in, for machines.
    pub(crate) created_iso: String,
    /// When it was last used, for people.
    pub(crate) last_used: String,
    /// When it was last used, for machines.
    pub(crate) last_used_iso: String,
    /// Whether it is the session that asks.
    pub(crate) current: bool,
}

/// `GET /account`, and what a refused `POST /password` answers. Its `chrome.username` is always there.
#[derive(Debug, Template)]
#[template(path = "account.html")]
pub(crate) struct Account<'a> {
    /// The frame.
    pub(crate) chrome: Chrome<'a>,
    /// The user's live sessions, in the order to show them.
    pub(crate) sessions: Vec<SessionRow>,
    /// What just happened.
    pub(crate) notice: Option<Notice>,
    /// What is wrong with `current_password` or `new_password`.
    pub(crate) errors: Vec<FieldError>,
    /// What is wrong with the password form, but with neither field in particular.
    pub(crate) error: Option<String>,
    /// The fewest characters a password may have.
    pub(crate) min_length: usize,
}

impl Account<'_> {
    fn form(&self) -> Form<'_> {
        Form {
            fields: &["current_password", "new_password"],
            hinted: &["new_password"],
            errors: &self.errors,
            error: self.error.as_deref(),
            focus: self.error.is_some().then_some("current_password"),
        }
    }

    fn has_others(&self) -> bool {
        self.sessions.iter().any(|session| !session.current)
    }
}

/// An error as a page: 403, 404, 405, 500 or 503.
#[derive(Debug, Template)]
#[template(path = "message.html")]
pub(crate) struct Message<'a> {
    /// The frame.
    pub(crate) chrome: Chrome<'a>,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The heading.
    pub(crate) title: &'a str,
    /// What happened and what can be done about it.
    pub(crate) text: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVIL: &str = r#""><script>alert('x')</script>"#;

    fn chrome(username: Option<&str>) -> Chrome<'_> {
        Chrome {
            service: "Lockjar",
            css: "/assets/lockjar.css",
            icon: "/assets/lockjar.svg",
            username,
        }
    }

    fn wrong(fields: &[&str], message: &str) -> Vec<FieldError> {
        fields
            .iter()
            .map(|field| FieldError {
                field: (*field).to_owned(),
                message: message.to_owned(),
            })
            .collect()
    }

    fn session(id: &str, current: bool) -> SessionRow {
        SessionRow {
            id: id.to_owned(),
            device: "Firefox on Linux".to_owned(),
            created: "12 November 2026".to_owned(),
            created_iso: "2026-11-12T09:30:00Z".to_owned(),
            last_used: "3 minutes ago".to_owned(),
            last_used_iso: "2026-11-22T09:30:00Z".to_owned(),
            current,
        }
    }

    fn welcome(username: Option<&str>) -> String {
        let links = [Link {
            href: "/protected",
            text: "The protected route",
        }];
        Welcome {
            chrome: chrome(username),
            notice: Some(Notice::LoggedOut),
            links: &links,
        }
        .render()
        .unwrap()
    }

    fn log_in(text: &str, error: Option<String>) -> String {
        let page = LogIn {
            chrome: chrome(None),
            username: text,
            next: text,
            remember: true,
            error,
            notice: None,
        };
        page.render().unwrap()
    }

    fn register(text: &str, errors: Vec<FieldError>, error: Option<String>) -> String {
        let chrome = chrome(None);
        let page = Register {
            chrome,
            username: text,
            email: text,
            next: text,
            errors,
            error,
            min_length: 15,
        };
        page.render().unwrap()
    }

    fn recover(text: &str, errors: Vec<FieldError>, error: Option<String>) -> String {
        let page = Recover {
            chrome: chrome(None),
            username: text,
            token: text,
            errors,
            error,
            min_length: 15,
        };
        page.render().unwrap()
    }

    fn account(
        username: &str,
        sessions: Vec<SessionRow>,
        errors: Vec<FieldError>,
        error: Option<String>,
    ) -> String {
        let chrome = chrome(Some(username));
        Account {
            chrome,
            sessions,
            notice: Some(Notice::Welcome),
            errors,
            error,
            min_length: 15,
        }
        .render()
        .unwrap()
    }

    fn message(text: &str) -> String {
        Message {
            chrome: chrome(None),
            status: 404,
            title: text,
            text,
        }
        .render()
        .unwrap()
    }

    /// Every page, each filled with `text` wherever a caller's text can come in, without and with errors.
    fn every_page(text: &str) -> Vec<String> {
        let row = SessionRow {
            device: text.to_owned(),
            ..session(text, false)
        };
        let sessions = vec![session("aaaa", true), row];
        let passwords = wrong(&["current_password", "new_password"], text);
        vec![
            welcome(None),
            welcome(Some(text)),
            log_in("", None),
            log_in(text, Some(text.to_owned())),
            register("", Vec::new(), None),
            register(
                text,
                wrong(&["username", "email", "password"], text),
                Some(text.to_owned()),
            ),
            recover(text, Vec::new(), None),
            recover(text, wrong(&["new_password"], text), Some(text.to_owned())),
            account(text, sessions.clone(), Vec::new(), None),
            account(text, sessions, passwords, Some(text.to_owned())),
            message(text),
        ]
    }

    /// The opening tags named `name`, without their angle brackets.
    fn tags<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
        let opens = html
            .split('<')
            .filter_map(|piece| piece.split_once('>'))
            .map(|(tag, _)| tag);
        opens
            .filter(|tag| tag.split_whitespace().next() == Some(name))
            .collect()
    }

    fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        rest.split_once('"').map(|(value, _)| value)
    }

    /// The forms of a page as `action: field field`, in order.
    fn forms(html: &str) -> Vec<String> {
        let bodies = html
            .split("<form")
            .skip(1)
            .filter_map(|piece| piece.split_once("</form>"));
        let described = bodies.map(|(body, _)| {
            assert!(
                body.starts_with(r#" method="post" action="#)
                    || body.starts_with(r#" class="stack" method="post""#)
            );
            let names = tags(body, "input")
                .into_iter()
                .filter_map(|tag| attribute(tag, "name"));
            format!(
                "{}: {}",
                attribute(body, "action").unwrap(),
                names.collect::<Vec<_>>().join(" ")
            )
        });
        described.collect()
    }

    #[test]
    fn text_from_outside_is_escaped_on_every_page() {
        for (evil, plain) in every_page(EVIL).into_iter().zip(every_page("ada")) {
            assert!(!evil.contains("<script"), "{evil}");
            for mark in ['<', '>', '"', '\''] {
                assert_eq!(
                    evil.matches(mark).count(),
                    plain.matches(mark).count(),
                    "{mark} in {evil}"
                );
            }
        }
        assert!(account(EVIL, Vec::new(), Vec::new(), None).contains("&#60;script&#62;"));
    }

    #[test]
    fn no_page_needs_an_exception_from_the_content_security_policy() {
        for html in every_page("ada") {
            for forbidden in [
                "<script",
                "<style",
                " style=",
                "javascript:",
                "http://",
                "https://",
                "src=\"data:",
            ] {
                assert!(!html.contains(forbidden), "{forbidden} in {html}");
            }
            let handler = |word: &&str| word.starts_with("on") && word.contains('=');
            assert_eq!(html.split_whitespace().find(handler), None);
        }
    }

    #[test]
    fn every_input_has_a_label_or_is_not_shown() {
        for html in every_page("ada") {
            for input in tags(&html, "input") {
                if attribute(input, "type") == Some("hidden") || input.ends_with(" hidden") {
                    continue;
                }
                let id = attribute(input, "id").unwrap();
                assert!(html.contains(&format!("<label for=\"{id}\">")), "{input}");
            }
        }
    }

    #[test]
    fn what_describes_an_input_is_on_the_page() {
        for html in every_page("ada") {
            for input in tags(&html, "input") {
                for id in attribute(input, "aria-describedby")
                    .unwrap_or_default()
                    .split_whitespace()
                {
                    assert_eq!(
                        html.matches(&format!(" id=\"{id}\"")).count(),
                        1,
                        "{id} in {html}"
                    );
                }
            }
        }
    }

    #[test]
    fn forms_post_the_fields_of_the_wire_contract() {
        assert_eq!(
            forms(&log_in("ada", None)),
            ["/login: next username password remember"]
        );
        assert_eq!(
            forms(&register("ada", Vec::new(), None)),
            ["/register: next username email password"]
        );
        let html = account(
            "ada",
            vec![session("aaaa", true), session("b-_b", false)],
            Vec::new(),
            None,
        );
        let expected = [
            "/logout: ",
            "/logout/others: ",
            "/logout: ",
            "/sessions/b-_b/revoke: ",
            "/password: current_password new_password",
            "/logout/all: ",
        ];
        assert_eq!(forms(&html), expected);
    }

    #[test]
    fn passwords_are_left_to_managers_and_never_sent_back() {
        for html in every_page("ada") {
            for input in tags(&html, "input")
                .into_iter()
                .filter(|tag| tag.contains("type=\"password\""))
            {
                assert!(
                    attribute(input, "autocomplete")
                        .unwrap()
                        .ends_with("-password"),
                    "{input}"
                );
                assert_eq!(attribute(input, "value"), None, "{input}");
                assert_eq!(attribute(input, "maxlength"), None, "{input}");
            }
        }
    }

    /// The input of `html` with this id.
    fn input<'a>(html: &'a str, id: &str) -> &'a str {
        tags(html, "input")
            .into_iter()
            .find(|tag| attribute(tag, "id") == Some(id))
            .unwrap()
    }

    /// The ids of the inputs that take the focus.
    fn focused(html: &str) -> Vec<&str> {
        let inputs = tags(html, "input")
            .into_iter()
            .filter(|tag| tag.ends_with(" autofocus"));
        inputs.filter_map(|tag| attribute(tag, "id")).collect()
    }

    #[test]
    fn a_field_with_an_error_says_so_and_the_others_do_not() {
        let html = register(
            "ada",
            wrong(&["password"], "Use at least 15 characters."),
            None,
        );
        let invalid: Vec<_> = tags(&html, "input")
            .into_iter()
            .filter(|tag| tag.contains("aria-invalid=\"true\""))
            .collect();
        assert_eq!(invalid, [input(&html, "password")]);
        assert_eq!(
            attribute(invalid[0], "aria-describedby"),
            Some("alert password-error password-hint")
        );
        assert!(html.contains(r#"id="password-error">Use at least 15 characters.</p>"#));
        assert!(html.contains("<title>Error: Sign up"));
    }

    #[test]
    fn an_error_of_no_shown_field_is_said_above_the_form() {
        let html = register("ada", wrong(&["body"], "Send a form."), None);
        let alert = "role=\"alert\">\n        <p>Send a form.</p>\n      </div>";
        assert!(html.contains(alert), "{html}");
        assert!(!html.contains("aria-invalid"));
    }

    #[test]
    fn the_focus_is_where_the_typing_goes_on() {
        assert_eq!(focused(&log_in("", None)), ["username"]);
        assert_eq!(
            focused(&log_in("ada", Some("Wrong.".to_owned()))),
            ["password"]
        );
        assert_eq!(focused(&register("", Vec::new(), None)), ["username"]);
        assert_eq!(
            focused(&register("ada", wrong(&["password", "email"], "No."), None)),
            ["email"]
        );
        assert_eq!(
            focused(&register("ada", Vec::new(), Some("Busy.".to_owned()))),
            ["password"]
        );
        assert_eq!(
            focused(&account("ada", Vec::new(), Vec::new(), None)),
            [""; 0]
        );
        assert_eq!(
            focused(&account(
                "ada",
                Vec::new(),
                wrong(&["new_password"], "No."),
                None
            )),
            ["new_password"]
        );
    }

    #[test]
    fn a_refused_log_in_blames_neither_field() {
        let html = log_in("ada", Some("Wrong.".to_owned()));
        assert!(!html.contains("aria-invalid"));
        assert_eq!(
            attribute(input(&html, "password"), "aria-describedby"),
            Some("alert")
        );
    }

    #[test]
    fn where_to_go_afterwards_survives_the_way_to_the_other_form() {
        let page = |next| {
            LogIn {
                chrome: chrome(None),
                username: "",
                next,
                remember: false,
                error: None,
                notice: None,
            }
            .render()
        };
        assert!(
            page("/a?b=c&d")
                .unwrap()
                .contains(r#"<a href="/register?next=%2Fa%3Fb%3Dc%26d">"#)
        );
        assert!(page("").unwrap().contains(r#"<a href="/register">"#));
        assert!(!page("").unwrap().contains("name=\"next\""));
    }

    #[test]
    fn only_sessions_of_other_devices_can_be_revoked_here() {
        let alone = account("ada", vec![session("aaaa", true)], Vec::new(), None);
        assert!(!alone.contains("/revoke") && !alone.contains("/logout/others"));
        let two = account(
            "ada",
            vec![session("aaaa", true), session("bbbb", false)],
            Vec::new(),
            None,
        );
        assert!(two.contains("/sessions/bbbb/revoke") && !two.contains("/sessions/aaaa/revoke"));
        assert_eq!(two.matches("This device").count(), 1);
    }

    #[test]
    fn a_notice_is_one_of_our_own_texts_or_nothing() {
        for notice in Notice::ALL {
            assert_eq!(Notice::from_query(notice.slug()), Some(notice));
        }
        for value in ["", "LOGGED-OUT", "logged-out ", "You have won", EVIL] {
            assert_eq!(Notice::from_query(value), None, "{value}");
        }
        assert!(welcome(None).contains(Notice::LoggedOut.text()));
    }
}
