//! The bodies that routes take, as the OpenAPI document shows them and as they are read.

use utoipa::ToSchema;

use super::answer::Refusal;
use super::fields::Fields;
use crate::password::Password;

/// The OAuth2 password form, as FastAPI's `OAuth2PasswordRequestForm` has it. It is a first-party log-in form here,
/// and no OAuth grant (OWASP ASVS 5.0, 10.4.4).
#[derive(ToSchema)]
#[schema(as = LogIn)]
pub(super) struct LogInForm {
    /// The name, in any spelling that differs only by case or Unicode form.
    #[schema(example = "alice", min_length = 1)]
    pub(super) username: String,
    /// The password.
    #[schema(value_type = String, format = Password, min_length = 1)]
    pub(super) password: Password,
    /// Stay logged in when the browser is closed.
    #[schema(required = false, default = false)]
    pub(super) remember: bool,
    /// Where a browser goes after the log-in: a path of this origin.
    pub(super) next: Option<String>,
    /// `password`, where it is sent at all.
    #[schema(pattern = "^password$")]
    #[expect(dead_code, reason = "only read to be checked")]
    grant_type: Option<String>,
    /// Accepted for OAuth2 clients, and ignored.
    #[expect(dead_code, reason = "only read to be checked")]
    scope: Option<String>,
    /// Accepted for OAuth2 clients, and ignored.
    #[expect(dead_code, reason = "only read to be checked")]
    client_id: Option<String>,
    /// Accepted for OAuth2 clients, and ignored.
    #[schema(format = Password)]
    #[expect(dead_code, reason = "only read to be checked")]
    client_secret: Option<String>,
}

impl LogInForm {
    pub(super) fn read(mut fields: Fields) -> Result<Self, Refusal> {
        let form = Self {
            grant_type: fields.grant_type(),
            username: fields.required("username"),
            password: fields.password("password"),
            remember: fields.flag("remember"),
            next: fields.optional("next"),
            scope: fields.optional("scope"),
            client_id: fields.optional("client_id"),
            client_secret: fields.secret("client_secret"),
        };
        fields.finish().map(|()| form)
    }
}

/// A new account.
#[derive(ToSchema)]
#[schema(as = Register)]
pub(super) struct RegisterForm {
    /// 1 to 64 characters: letters, digits and signs, without spaces (RFC 8265).
    #[schema(example = "alice", min_length = 1, max_length = 64)]
    pub(super) username: String,
    /// 15 characters or more, unless the operator set another minimum.
    #[schema(value_type = String, format = Password, max_length = 1024)]
    pub(super) password: Password,
    /// An address, which identifies no one until it is confirmed.
    #[schema(format = "email", max_length = 254)]
    pub(super) email: Option<String>,
    /// Stay logged in when the browser is closed.
    #[schema(required = false, default = false)]
    pub(super) remember: bool,
    /// Where a browser goes afterwards: a path of this origin.
    pub(super) next: Option<String>,
}

impl RegisterForm {
    pub(super) fn read(mut fields: Fields) -> Result<Self, Refusal> {
        let form = Self {
            username: fields.required("username"),
            password: fields.password("password"),
            email: fields.optional("email"),
            remember: fields.flag("remember"),
            next: fields.optional("next"),
        };
        fields.finish().map(|()| form)
    }
}

/// A new password by a recovery link.
#[derive(ToSchema)]
#[schema(as = Recover)]
pub(super) struct RecoverForm {
    /// What the link shows behind `token=`.
    #[schema(min_length = 1)]
    pub(super) token: String,
    /// 15 characters or more, unless the operator set another minimum.
    #[schema(value_type = String, format = Password, max_length = 1024)]
    pub(super) new_password: Password,
}

impl RecoverForm {
    pub(super) fn read(mut fields: Fields) -> Result<Self, Refusal> {
        let form = Self {
            token: fields.required_secret("token"),
            new_password: fields.password("new_password"),
        };
        fields.finish().map(|()| form)
    }
}

/// For whom a token is to be made.
#[derive(ToSchema)]
#[schema(as = Audience)]
pub(super) struct AudienceForm {
    /// The service's name, as the operator wrote it.
    #[schema(example = "https://reports.example.com", min_length = 1)]
    pub(super) audience: String,
}

impl AudienceForm {
    pub(super) fn read(mut fields: Fields) -> Result<Self, Refusal> {
        let form = Self {
            audience: fields.required("audience"),
        };
        fields.finish().map(|()| form)
    }
}

/// A token to be judged.
#[derive(ToSchema)]
#[schema(as = Introspect)]
pub(super) struct IntrospectionForm {
    /// The token, for whichever audience.
    #[schema(min_length = 1)]
    pub(super) token: String,
    /// Accepted as RFC 7662 has it, and ignored.
    #[expect(dead_code, reason = "only read to be checked")]
    token_type_hint: Option<String>,
}

impl IntrospectionForm {
    pub(super) fn read(mut fields: Fields) -> Result<Self, Refusal> {
        let form = Self {
            token: fields.required_secret("token"),
            token_type_hint: fields.optional("token_type_hint"),
        };
        fields.finish().map(|()| form)
    }
}

/// A new password for the old one.
#[derive(ToSchema)]
#[schema(as = ChangePassword)]
pub(super) struct PasswordForm {
    /// The password until now.
    #[schema(value_type = String, format = Password, min_length = 1)]
    pub(super) current_password: Password,
    /// The password from now on.
    #[schema(value_type = String, format = Password, max_length = 1024)]
    pub(super) new_password: Password,
}

impl PasswordForm {
    pub(super) fn read(mut fields: Fields) -> Result<Self, Refusal> {
        let form = Self {
            current_password: fields.password("current_password"),
            new_password: fields.password("new_password"),
        };
        fields.finish().map(|()| form)
    }
}
