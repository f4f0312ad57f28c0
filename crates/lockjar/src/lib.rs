#![doc = include_str!("lib.md")]

mod auth;
pub mod clock;
pub mod cookie;
pub mod csrf;
mod current;
mod error;
mod id;
mod origin;
pub mod password;
pub mod session;
pub mod store;
mod token;
mod user;
#[cfg(feature = "web")]
pub mod web;

pub use auth::{Auth, Builder, Client, Operator, SignIn, SignUp, SignedIn};
pub use current::CurrentUser;
pub use error::{ConfigError, Error, OpenError, Problem, StoreError};
pub use id::{ParseIdError, SessionId, UserId};
pub use origin::PublicUrl;
pub use token::{HashedSecret, PlainToken};
pub use user::{EMAIL_MAX, USERNAME_MAX, User, Username, check_email};
