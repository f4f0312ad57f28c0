//! Who is logged in, as an app's handlers see it.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::user::User;

/// The user whose session came with the request. Reads as its [`User`]: `user.username`, `user.id`.
#[derive(Clone)]
pub struct CurrentUser {
    user: Arc<User>,
    session: SessionId,
}

impl CurrentUser {
    pub(crate) const fn new(user: Arc<User>, session: SessionId) -> Self {
        Self { user, session }
    }

    /// The session that the request came with.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// A user for the unit test of a handler. No store knows it.
    #[must_use]
    pub fn for_test(username: &str) -> Self {
        let user = User {
            id: UserId::random(),
            username: username.to_owned(),
            email: None,
            created_at: Timestamp::default(),
            disabled_at: None,
        };
        Self::new(Arc::new(user), SessionId::random())
    }
}

impl Deref for CurrentUser {
    type Target = User;

    fn deref(&self) -> &User {
        &self.user
    }
}

impl fmt::Debug for CurrentUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "CurrentUser({:?}, {:?})",
            self.user.username, self.session
        )
    }
}
