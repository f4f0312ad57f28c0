//! What a line says of an account. What is wrong with it is said without repeating a value: one of them is a password's hash.

use std::io::BufRead;

use csv::{ReaderBuilder, StringRecord};
use lockjar::clock::Timestamp;
use lockjar::password::FirebaseParameters;
use lockjar::{ConfigError, ImportUser};
use serde::Deserialize;
use serde_json::Value;

use super::Format;
use super::lines::Lines;
use crate::operate::{Result, moment};

type Row = std::result::Result<ImportUser, String>;

/// How the lines of a file are to be read.
pub(super) struct Rows {
    kind: Kind,
    firebase: Option<FirebaseParameters>,
}

enum Kind {
    Json,
    /// With its columns in their order.
    Csv(Vec<String>),
}

const COLUMNS: [&str; 5] = [
    "username",
    "password_hash",
    "email",
    "created_at",
    "disabled",
];

impl Rows {
    /// Reads the names of the columns, where the first line has them.
    pub(super) fn begin(
        format: Format,
        lines: &mut Lines<impl BufRead>,
        firebase: Option<FirebaseParameters>,
    ) -> Result<Self> {
        let kind = match format {
            Format::Jsonl => Kind::Json,
            Format::Csv => {
                let line = lines.next()?.map_or(Ok(String::new()), |line| line.text);
                Kind::Csv(columns(&line.map_err(ConfigError::new)?)?)
            }
        };
        Ok(Self { kind, firebase })
    }

    /// The account of this line; none where it is empty.
    pub(super) fn read(&self, line: &str) -> std::result::Result<Option<ImportUser>, String> {
        if line.trim().is_empty() {
            return Ok(None);
        }
        let mut user = match &self.kind {
            Kind::Json => json(line),
            Kind::Csv(columns) => csv(columns, line),
        }?;
        if let Some(firebase) = &self.firebase {
            user.password_hash = firebase.complete(&user.password_hash);
        }
        Ok(Some(user))
    }
}

/// Any value, so that what has the wrong type is not quoted by whoever reads JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    username: Option<Value>,
    password_hash: Option<Value>,
    email: Option<Value>,
    created_at: Option<Value>,
    disabled: Option<Value>,
}

fn json(line: &str) -> Row {
    let fields: Fields = serde_json::from_str(line).map_err(|error| why_not(&error))?;
    let disabled = match fields.disabled {
        None => false,
        Some(Value::Bool(disabled)) => disabled,
        Some(_) => return Err("disabled must be true or false".to_owned()),
    };
    let created_at = text("created_at", fields.created_at)?;
    Ok(ImportUser {
        username: needed("username", text("username", fields.username)?)?,
        password_hash: needed(
            "password_hash",
            text("password_hash", fields.password_hash)?,
        )?,
        email: text("email", fields.email)?,
        created_at: created_at.as_deref().map(time).transpose()?,
        disabled,
    })
}

fn why_not(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let names_a_field = ["unknown field", "duplicate field"]
        .iter()
        .any(|beginning| message.starts_with(beginning));
    match (error.is_data(), names_a_field) {
        (true, true) => printable(
            message
                .rsplit_once(" at line")
                .map_or(&message, |(said, _)| said),
        ),
        (true, false) => "the line is no JSON object".to_owned(),
        (false, _) => format!("the line is no JSON from column {} on", error.column()),
    }
}

fn text(name: &str, value: Option<Value>) -> std::result::Result<Option<String>, String> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{name} must be a string")),
    }
}

fn needed(name: &str, value: Option<String>) -> std::result::Result<String, String> {
    value.ok_or_else(|| format!("{name} is missing"))
}

/// A line break in quotes would be read as the row's end, so a row is a line and no more.
fn record(line: &str) -> std::result::Result<StringRecord, String> {
    if line.matches('"').count() % 2 == 1 {
        return Err("a quotation mark is not closed on the line".to_owned());
    }
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .buffer_capacity(line.len())
        .from_reader(line.as_bytes());
    let mut record = StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(true) => Ok(record),
        _ => Err("the line holds no comma-separated values".to_owned()),
    }
}

fn columns(line: &str) -> std::result::Result<Vec<String>, ConfigError> {
    let record = record(line).map_err(|why| ConfigError::new(format!("line 1: {why}")))?;
    let columns: Vec<String> = record.iter().map(|name| name.trim().to_owned()).collect();
    if let Some(unknown) = columns
        .iter()
        .find(|name| !COLUMNS.contains(&name.as_str()))
    {
        return Err(ConfigError::new(format!(
            "the column {:?} is unknown: the first line names some of {}",
            printable(unknown),
            COLUMNS.join(", ")
        )));
    }
    for name in COLUMNS {
        let times = columns.iter().filter(|column| *column == name).count();
        if times > 1 || (times == 0 && ["username", "password_hash"].contains(&name)) {
            return Err(ConfigError::new(format!(
                "the first line names the column {name} {times} times: it must be there once"
            )));
        }
    }
    Ok(columns)
}

fn csv(columns: &[String], line: &str) -> Row {
    let record = record(line)?;
    if record.len() != columns.len() {
        return Err(format!(
            "the line has {} values for {} columns",
            record.len(),
            columns.len()
        ));
    }
    let value = |name: &str| {
        let at = columns.iter().position(|column| column == name)?;
        record
            .get(at)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    };
    Ok(ImportUser {
        username: needed("username", value("username"))?,
        password_hash: needed("password_hash", value("password_hash"))?,
        email: value("email"),
        created_at: value("created_at").as_deref().map(time).transpose()?,
        disabled: match value("disabled")
            .unwrap_or_default()
            .to_lowercase()
            .as_str()
        {
            "" | "false" => false,
            "true" => true,
            _ => return Err("disabled must be true or false".to_owned()),
        },
    })
}

fn time(text: &str) -> std::result::Result<Timestamp, String> {
    moment::parse(text)
        .ok_or_else(|| "created_at must be RFC 3339, such as 2024-05-06T07:08:09Z".to_owned())
}

/// What a file says of itself, as it may be shown on a terminal.
fn printable(text: &str) -> String {
    let visible = text
        .chars()
        .map(|sign| if sign.is_control() { '?' } else { sign });
    visible.take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2b$04$V4lR2aY7FyTtQQfqNYmHzOuMjpk5XviYtKhpTeB1J204jA1u5SBca";

    fn read(format: Format, text: &str) -> Vec<std::result::Result<Option<ImportUser>, String>> {
        let mut lines = Lines::new(text.as_bytes());
        let rows = Rows::begin(format, &mut lines, None).unwrap();
        std::iter::from_fn(|| {
            Some(
                lines
                    .next()
                    .unwrap()?
                    .text
                    .and_then(|line| rows.read(&line)),
            )
        })
        .collect()
    }

    fn only(format: Format, text: &str) -> std::result::Result<Option<ImportUser>, String> {
        read(format, text).pop().unwrap()
    }

    #[test]
    fn both_formats_say_the_same() {
        let json = format!(
            r#"{{"username": "alice", "password_hash": "{HASH}", "email": "a@b.example", "created_at": "2024-05-06T09:08:09.5+02:00", "disabled": true}}"#
        );
        let csv = format!(
            "email,username,disabled,created_at,password_hash\r\na@b.example,\"alice\",True,2024-05-06T07:08:09.5Z,\"{HASH}\"\r\n"
        );
        for user in [only(Format::Jsonl, &json), only(Format::Csv, &csv)] {
            let user = user.unwrap().unwrap();
            assert_eq!(
                (user.username.as_str(), user.password_hash.as_str()),
                ("alice", HASH)
            );
            assert_eq!(user.email.as_deref(), Some("a@b.example"));
            assert_eq!(
                user.created_at,
                Some(Timestamp::from_millis(1_714_979_289_500))
            );
            assert!(user.disabled);
        }
    }

    #[test]
    fn what_is_left_out_is_unknown_and_an_empty_line_is_nobody() {
        for (format, text) in [
            (
                Format::Jsonl,
                format!(r#"{{"username":"alice","password_hash":"{HASH}","email":null}}"#),
            ),
            (
                Format::Csv,
                format!("username,password_hash,email,created_at,disabled\nalice,{HASH},,,"),
            ),
        ] {
            let user = only(format, &text).unwrap().unwrap();
            assert_eq!(
                (user.email, user.created_at, user.disabled),
                (None, None, false)
            );
            assert!(only(format, &format!("{text}\n  \n")).unwrap().is_none());
        }
    }

    #[test]
    fn a_wrong_row_is_told_without_its_values() {
        for (row, said) in [
            (
                format!(r#"{{"username":"alice","password_hash":"{HASH}","pasword":1}}"#),
                "unknown field `pasword`",
            ),
            (
                format!(r#"{{"username":"a","username":"b","password_hash":"{HASH}"}}"#),
                "duplicate field `username`",
            ),
            (
                format!(r#"{{"username":"alice","password_hash":["{HASH}"]}}"#),
                "password_hash must be a string",
            ),
            (
                format!(r#"{{"username":"alice","password_hash":"{HASH}","disabled":"{HASH}"}}"#),
                "disabled must be true or false",
            ),
            (
                format!(r#"{{"username":"alice","password_hash":"{HASH}","created_at":"{HASH}"}}"#),
                "created_at must be RFC 3339",
            ),
            (
                format!(r#"{{"password_hash":"{HASH}"}}"#),
                "username is missing",
            ),
            (
                r#"{"username":"alice"}"#.to_owned(),
                "password_hash is missing",
            ),
            (format!(r#""{HASH}""#), "no JSON object"),
            (format!(r#"["{HASH}"]"#), "JSON"),
            (
                format!(r#"{{"username":"alice","password_hash":"{HASH}"}} x"#),
                "no JSON",
            ),
            (
                format!(r#"{{"username":"alice","password_hash":"{HASH}"#),
                "no JSON",
            ),
            (
                format!("{{\"\\u001b[31m\":\"{HASH}\"}}"),
                "unknown field `?[31m`",
            ),
        ] {
            let why = only(Format::Jsonl, &row).unwrap_err();
            assert!(
                why.contains(said) && !why.contains("V4lR2a"),
                "{row}: {why}"
            );
        }
        for (row, said) in [
            (format!("alice,{HASH}"), "2 values for 3 columns"),
            (
                format!("alice,{HASH},{HASH}"),
                "disabled must be true or false",
            ),
            (format!(",{HASH},"), "username is missing"),
            ("alice,,".to_owned(), "password_hash is missing"),
            (format!("alice,\"{HASH},"), "not closed"),
        ] {
            let why = only(
                Format::Csv,
                &format!("username,password_hash,disabled\n{row}"),
            )
            .unwrap_err();
            assert!(
                why.contains(said) && !why.contains("V4lR2a"),
                "{row}: {why}"
            );
        }
    }

    #[test]
    fn a_first_line_without_the_right_names_stops_before_any_row() {
        for (header, said) in [
            ("username,password_hash,pasword", "\"pasword\""),
            ("username,email", "password_hash 0 times"),
            ("username,username,password_hash", "username 2 times"),
            ("", "line 1"),
        ] {
            let begun = Rows::begin(Format::Csv, &mut Lines::new(header.as_bytes()), None);
            let why = begun.err().unwrap().to_string();
            assert!(why.contains(said), "{header:?}: {why}");
        }
    }
}
