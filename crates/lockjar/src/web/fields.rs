//! The fields of a request's body: an urlencoded or multipart form, or JSON. What is wrong with them is told in
//! FastAPI's shape, so that a client written for it needs no change, and the value of a secret field is never echoed.

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use percent_encoding::percent_decode;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::timeout;
use utoipa::ToSchema;

use super::answer::Refusal;
use super::pages::FieldError;
use crate::error::Problem;
use crate::password::Password;

/// A body may have this many bytes.
const MAX_BODY: usize = 64 * 1024;
/// And take this long to arrive.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// What is wrong with one field.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InvalidField)]
pub(super) struct Issue {
    /// The kind of problem; stable.
    #[serde(rename = "type")]
    #[schema(example = "missing")]
    kind: &'static str,
    /// Where: `body`, then the field's name.
    #[schema(example = json!(["body", "password"]))]
    loc: Vec<String>,
    /// For people.
    #[schema(example = "Field required")]
    msg: String,
    /// What was sent; null for a secret.
    #[schema(value_type = Value)]
    input: Value,
    /// The rule that was broken, where it has parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    ctx: Option<Value>,
}

impl Issue {
    fn new(kind: &'static str, field: &str, msg: impl Into<String>) -> Self {
        let loc = vec!["body".to_owned(), field.to_owned()];
        Self {
            kind,
            loc,
            msg: msg.into(),
            input: Value::Null,
            ctx: None,
        }
    }

    pub(super) fn from_problem(problem: &Problem) -> Self {
        Self::new(problem.code, problem.field, problem.message.clone())
    }

    pub(super) fn into_page(self) -> FieldError {
        let message = if self.kind == "missing" {
            "Fill in this field.".to_owned()
        } else {
            self.msg
        };
        FieldError {
            field: self.loc.into_iter().next_back().unwrap_or_default(),
            message,
        }
    }
}

/// What a field held.
enum Field {
    Text(String),
    /// Bytes that are not UTF-8.
    NotUnicode,
    /// A file, or a JSON value that is no text.
    NotText(Value),
}

/// The fields of a body, the last of each name.
#[derive(Default)]
pub(super) struct Fields {
    values: HashMap<String, Field>,
    is_json: bool,
    /// What was read wrong so far.
    issues: Vec<Issue>,
}

/// Reads a body; what went wrong is the handler's to tell, as JSON or as a page.
pub(super) struct ReadFields(pub(super) Result<Fields, Refusal>);

impl<S: Send + Sync> FromRequest<S> for ReadFields {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        Ok(Self(read(&parts.headers, body).await))
    }
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Fields, Refusal> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let bytes = collect(body).await?;
    match media_type.as_str() {
        "application/x-www-form-urlencoded" => Ok(urlencoded(&bytes)),
        "multipart/form-data" => multipart(kind, bytes).await,
        "application/json" => from_json(&bytes),
        // As FastAPI has it: a body of another kind has none of the fields.
        _ => Ok(Fields::default()),
    }
}

async fn collect(body: Body) -> Result<Bytes, Refusal> {
    let refuse = |status, code, detail| Err(Refusal::Body(status, code, detail));
    match timeout(MAX_WAIT, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => refuse(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "The body is too large: send at most 64 KiB",
        ),
        Ok(Err(_)) => refuse(
            StatusCode::BAD_REQUEST,
            "body_broken",
            "The body did not arrive whole",
        ),
        Err(_) => refuse(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            "The body took more than 10 seconds to arrive",
        ),
    }
}

fn urlencoded(body: &[u8]) -> Fields {
    let mut fields = Fields::default();
    for pair in body
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
    {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let (name, value) = (
            halves.next().unwrap_or_default(),
            halves.next().unwrap_or_default(),
        );
        fields.insert(&form_decoded(name), form_decoded(value));
    }
    fields
}

/// The bytes that a form wrote as this text.
pub(super) fn form_decoded(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_decode(&spaced).collect()
}

async fn multipart(content_type: &str, body: Bytes) -> Result<Fields, Refusal> {
    const BROKEN: &str = "Invalid multipart data.";
    const NAMELESS: &str = "The Content-Disposition header field \"name\" must be provided.";
    let refuse = |detail| Refusal::Body(StatusCode::BAD_REQUEST, "multipart_invalid", detail);
    let boundary = match multer::parse_boundary(content_type) {
        Ok(boundary) => boundary,
        Err(multer::Error::NoBoundary) if !content_type.contains("boundary=") => {
            return Err(refuse("Missing boundary in multipart."));
        }
        Err(_) => return Err(refuse(BROKEN)),
    };
    if body.is_empty() || body.starts_with(format!("--{boundary}--").as_bytes()) {
        return Ok(Fields::default());
    }
    // Cut-off forms and text before the first part are refused; lenient readers differ in what they make of them.
    let (first, last) = (format!("--{boundary}\r\n"), format!("\r\n--{boundary}--"));
    let whole = body
        .windows(last.len())
        .any(|window| window == last.as_bytes());
    if !body.starts_with(first.as_bytes()) || !whole {
        return Err(refuse(BROKEN));
    }
    let stream = http_body_util::Full::new(body).into_data_stream();
    let mut parts = multer::Multipart::new(stream, boundary);
    let mut fields = Fields::default();
    while let Some(part) = parts.next_field().await.map_err(|_| refuse(BROKEN))? {
        let name = part.name().ok_or_else(|| refuse(NAMELESS))?.to_owned();
        let is_file = part.file_name().is_some();
        let value = part.bytes().await.map_err(|_| refuse(BROKEN))?;
        match is_file {
            true => drop(fields.values.insert(name, Field::NotText(Value::Null))),
            false => fields.insert(name.as_bytes(), value.to_vec()),
        }
    }
    Ok(fields)
}

fn from_json(body: &[u8]) -> Result<Fields, Refusal> {
    let broken = |kind, msg: String| {
        let issue = Issue {
            kind,
            loc: vec!["body".to_owned()],
            msg,
            input: Value::Null,
            ctx: None,
        };
        Err(Refusal::Fields(vec![issue]))
    };
    let object = match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return broken("model_type", "Input should be an object".to_owned()),
        Err(error) => {
            return broken(
                "json_invalid",
                format!(
                    "JSON decode error at line {}, column {}",
                    error.line(),
                    error.column()
                ),
            );
        }
    };
    let values = object.into_iter().map(|(name, value)| match value {
        Value::String(text) => (name, Field::Text(text)),
        other => (name, Field::NotText(other)),
    });
    Ok(Fields {
        values: values.collect(),
        is_json: true,
        issues: Vec::new(),
    })
}

impl Fields {
    fn insert(&mut self, name: &[u8], value: Vec<u8>) {
        let value = String::from_utf8(value).map_or(Field::NotUnicode, Field::Text);
        self.values
            .insert(String::from_utf8_lossy(name).into_owned(), value);
    }

    /// What a text field holds, without taking it: to be shown again in a form that was refused.
    pub(super) fn peek(&self, name: &str) -> Option<&str> {
        match self.values.get(name)? {
            Field::Text(text) => Some(text),
            Field::NotUnicode | Field::NotText(_) => None,
        }
    }

    /// A field's text. An empty one counts as missing, as in FastAPI's forms; JSON's null too.
    fn text(&mut self, name: &str, secret: bool) -> Option<String> {
        let issue = match self.values.remove(name)? {
            Field::Text(text) => return Some(text).filter(|text| !text.is_empty()),
            Field::NotText(Value::Null) if self.is_json => return None,
            Field::NotText(value) => {
                let input = if secret { Value::Null } else { value };
                Issue {
                    input,
                    ..Issue::new("string_type", name, "Input should be a valid string")
                }
            }
            Field::NotUnicode => Issue::new(
                "string_unicode",
                name,
                "Input should be a valid string, unable to parse raw data as a unicode string",
            ),
        };
        self.issues.push(issue);
        None
    }

    /// A field that may be missing.
    pub(super) fn optional(&mut self, name: &str) -> Option<String> {
        self.text(name, false)
    }

    /// A field that may be missing and is never echoed.
    pub(super) fn secret(&mut self, name: &str) -> Option<String> {
        self.text(name, true)
    }

    /// A field that must be there; an empty text where it is not, which [`finish`](Self::finish) then refuses.
    pub(super) fn required(&mut self, name: &str) -> String {
        let before = self.issues.len();
        let text = self.text(name, false);
        self.expect(name, text, before)
    }

    /// A field that must be there and is never echoed.
    pub(super) fn required_secret(&mut self, name: &str) -> String {
        let before = self.issues.len();
        let text = self.text(name, true);
        self.expect(name, text, before)
    }

    /// A password, which must be there and is never echoed.
    pub(super) fn password(&mut self, name: &str) -> Password {
        Password::from(self.required_secret(name))
    }

    fn expect(&mut self, name: &str, text: Option<String>, before: usize) -> String {
        if text.is_none() && self.issues.len() == before {
            self.issues
                .push(Issue::new("missing", name, "Field required"));
        }
        text.unwrap_or_default()
    }

    /// A ticked box, or JSON's `true`.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        match self.values.remove(name) {
            Some(Field::NotText(Value::Bool(value))) if self.is_json => value,
            Some(Field::Text(text)) => matches!(text.as_str(), "true" | "on" | "1"),
            Some(Field::NotText(Value::Null)) | None => false,
            Some(_) => {
                self.issues.push(Issue::new(
                    "bool_parsing",
                    name,
                    "Input should be a valid boolean",
                ));
                false
            }
        }
    }

    /// The OAuth2 password form's `grant_type`: `password`, where it is there at all.
    pub(super) fn grant_type(&mut self) -> Option<String> {
        let text = self.text("grant_type", false)?;
        if text != "password" {
            let msg = "String should match pattern '^password$'";
            let (input, ctx) = (
                Value::String(text.clone()),
                Some(json!({ "pattern": "^password$" })),
            );
            self.issues.push(Issue {
                input,
                ctx,
                ..Issue::new("string_pattern_mismatch", "grant_type", msg)
            });
        }
        Some(text)
    }

    /// Refuses what was read wrong, and in JSON what nobody asked for: a misspelt field would otherwise be ignored.
    /// A form's further fields are ignored, as in FastAPI.
    pub(super) fn finish(mut self) -> Result<(), Refusal> {
        if self.is_json {
            let mut unknown: Vec<&String> = self.values.keys().collect();
            unknown.sort();
            let issues = unknown.into_iter().map(|name| {
                let name: String = name.chars().take(100).collect();
                Issue::new("extra_forbidden", &name, "Extra inputs are not permitted")
            });
            self.issues.extend(issues);
        }
        if self.issues.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Fields(self.issues))
        }
    }
}
