//! Asking a service by k-anonymity: it is told five digits of a hash of forty, and answers all that it knows with these;
//! which of them was meant it never learns.
//!
//! A service that is down, slow or talks nonsense keeps nobody from choosing a password: it is accepted, and a warning is
//! logged in which nothing stands of password or hash.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::Fingerprint;
use crate::password::Password;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Questions at once. Whoever comes when there are as many is not kept waiting behind a slow service.
const AT_ONCE: usize = 16;
/// Digits of the hash that are told.
const TOLD: usize = 5;
/// Digits that are not.
const KEPT: usize = 35;

/// Who knows which passwords were stolen from other sites, such as
/// [Have I Been Pwned](https://haveibeenpwned.com/API/v3#PwnedPasswords) or a copy of it.
#[async_trait]
pub trait BreachedPasswords: Send + Sync + 'static {
    /// All known SHA-1 hashes of passwords that begin with these five hexadecimal digits, in upper case: the other 35 digits
    /// and `:` and how often the password was found, each on a line. Lines with a count of 0 are padding.
    ///
    /// It is given up after 2 seconds. At most 16 are asked at once.
    ///
    /// # Errors
    /// In words that are logged: they should not repeat the digits.
    async fn range(&self, prefix: &str)
    -> Result<String, Box<dyn std::error::Error + Send + Sync>>;
}

/// Somebody who is asked, a bounded number of times at once.
#[derive(Clone)]
pub(crate) struct Asked {
    source: Arc<dyn BreachedPasswords>,
    turns: Arc<Semaphore>,
}

impl Asked {
    pub(crate) fn new(source: Arc<dyn BreachedPasswords>) -> Self {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        Self { source, turns }
    }

    /// Whether the password is known to be stolen. Where nobody can tell, it is not.
    pub(crate) async fn knows(&self, password: &Password) -> bool {
        let found = self.find(password).await;
        found.unwrap_or_else(|reason| {
            tracing::warn!(
                event = "breached_passwords_unknown",
                reason,
                "a new password was accepted although nobody could say whether it is in a breach"
            );
            false
        })
    }

    /// The same, or why nobody can tell, in words that repeat nothing of the hash.
    async fn find(&self, password: &Password) -> Result<bool, String> {
        let hash = Fingerprint::of(password).hex();
        let (told, kept) = hash.split_at(TOLD);
        let answer = self.ask(told).await;
        let lines = answer.map_err(|reason| without(&reason, told))?;
        has(&lines, kept).ok_or_else(|| "the answer is no list of hashes".to_owned())
    }

    /// In a task of its own, so that a turn lasts as long as the question, also where whoever wanted to know has gone.
    async fn ask(&self, told: &str) -> Result<String, String> {
        let turn = Arc::clone(&self.turns).try_acquire_owned();
        let turn = turn.map_err(|_| format!("{AT_ONCE} questions are under way already"))?;
        let (source, told) = (Arc::clone(&self.source), told.to_owned());
        let asking = tokio::spawn(async move {
            let answer = tokio::time::timeout(PATIENCE, source.range(&told)).await;
            drop(turn);
            answer
        });
        match asking.await {
            Ok(Ok(Ok(lines))) => Ok(lines),
            Ok(Ok(Err(error))) => Err(error.to_string()),
            Ok(Err(_)) => Err(format!("no answer within {} seconds", PATIENCE.as_secs())),
            Err(_) => Err("asking was interrupted".to_owned()),
        }
    }
}

/// Whether the hash that goes on with `kept` is in the answer; none where that is no list. An empty one is none either:
/// every range of the service has hundreds, and whoever answers nothing to everything would turn the check off.
fn has(lines: &str, kept: &str) -> Option<bool> {
    let mut found = None;
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let (digits, count) = line.split_once(':')?;
        let is_hash = digits.len() == KEPT && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let count: u64 = count.trim().parse().ok().filter(|_| is_hash)?;
        found = Some(found == Some(true) || (count > 0 && digits.eq_ignore_ascii_case(kept)));
    }
    found
}

/// An error's words, without what was asked, in case that they repeat it.
fn without(reason: &str, told: &str) -> String {
    [told.to_owned(), told.to_lowercase()]
        .iter()
        .fold(reason.to_owned(), |text, digits| text.replace(digits, "…"))
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Mutex;

    use super::*;

    const STOLEN: &str = "gravel umbrella seventeen";

    /// What a service does, and what it was asked.
    enum Fake {
        Answers(String),
        Fails,
        Sleeps,
    }

    struct Service(Fake, Mutex<Vec<String>>);

    #[async_trait]
    impl BreachedPasswords for Service {
        async fn range(
            &self,
            prefix: &str,
        ) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
            self.1.lock().unwrap().push(prefix.to_owned());
            match &self.0 {
                Fake::Answers(lines) => Ok(lines.clone()),
                Fake::Fails => Err(format!("GET /range/{prefix}: 500").into()),
                Fake::Sleeps => pending().await,
            }
        }
    }

    fn service(fake: Fake) -> (Asked, Arc<Service>) {
        let service = Arc::new(Service(fake, Mutex::default()));
        (Asked::new(service.clone()), service)
    }

    fn kept(password: &str) -> String {
        Fingerprint::of(&Password::new(password)).hex()[TOLD..].to_owned()
    }

    #[tokio::test]
    async fn only_five_digits_are_told_and_only_the_very_hash_is_found() {
        let other = "0".repeat(KEPT);
        for (lines, known) in [
            (format!("{}:3\r\n{other}:1", kept(STOLEN)), true),
            (
                format!("{other}:1\n{}:9", kept(STOLEN).to_lowercase()),
                true,
            ),
            (format!("{}:0\r\n{other}:1", kept(STOLEN)), false),
            (format!("{other}:1\r\n"), false),
        ] {
            let (asked, service) = service(Fake::Answers(lines.clone()));
            let said = asked.find(&Password::new(STOLEN)).await;
            assert_eq!(said, Ok(known), "{lines}");
            let hash = Fingerprint::of(&Password::new(STOLEN)).hex();
            assert_eq!(*service.1.lock().unwrap(), [&hash[..TOLD]]);
        }
    }

    #[tokio::test]
    async fn nonsense_and_failures_let_pass_and_their_words_hold_nothing_of_the_hash() {
        let truncated = format!("{}:3\r\n0018A45C4D1DEF", kept(STOLEN));
        for fake in [
            Fake::Fails,
            Fake::Answers(String::new()),
            Fake::Answers("<html>Log in to this network</html>".to_owned()),
            Fake::Answers(truncated),
        ] {
            let (asked, password) = (service(fake).0, Password::new(STOLEN));
            let reason = asked.find(&password).await.unwrap_err();
            let hash = Fingerprint::of(&password).hex();
            assert!(!reason.to_uppercase().contains(&hash[..TOLD]), "{reason}");
            assert!(!asked.knows(&password).await, "nobody is kept out");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_never_answers_holds_up_few_and_not_for_long() {
        let (asked, service) = service(Fake::Sleeps);
        let ask = || {
            let asked = asked.clone();
            tokio::spawn(async move { asked.knows(&Password::new(STOLEN)).await })
        };
        let waiting: Vec<_> = (0..AT_ONCE).map(|_| ask()).collect();
        while service.1.lock().unwrap().len() < AT_ONCE {
            tokio::task::yield_now().await;
        }
        // Those who hang up do not make room: the service is as busy as before.
        waiting[0].abort();
        let began = tokio::time::Instant::now();
        assert!(!ask().await.unwrap());
        assert!(began.elapsed().is_zero(), "one more does not wait");
        for one in waiting.into_iter().skip(1) {
            assert!(!one.await.unwrap());
        }
        assert_eq!(began.elapsed(), PATIENCE);
        assert_eq!(service.1.lock().unwrap().len(), AT_ONCE);
        assert_eq!(asked.turns.available_permits(), AT_ONCE);
    }
}
