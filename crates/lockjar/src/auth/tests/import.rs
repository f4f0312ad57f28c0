//! Accounts that were imported.

use super::*;

/// Of `gravel umbrella seventeen`, by python-bcrypt.
const BCRYPT: &str = "$2b$04$9TwubRaGjU/AImPOE07J3ubQUaIywwUvxxQ2tDj2E/4vnCwTTlA3C";
/// Of 72 times `x`, where it stopped reading.
const BCRYPT_72: &str = "$2b$04$3zDSoNNUs1cJV3LkdBFR3esofIk28H5BdFVAThI2eh1.7FW80JrEe";

fn row(name: &str, hash: &str) -> ImportUser {
    ImportUser {
        username: name.to_owned(),
        password_hash: hash.to_owned(),
        email: None,
        created_at: None,
        disabled: false,
    }
}

impl Fixture {
    async fn import(&self, rows: &[ImportUser]) -> Vec<Imported> {
        self.auth.operator().import(rows).await.unwrap()
    }

    async fn try_to_log_in(&self, name: &str, password: &str) -> Result<SignedIn, Error> {
        self.auth.sign_in(SignIn::new(name, password)).await
    }

    async fn stored(&self, name: &str) -> Credentials {
        self.store.by_name(name).await.unwrap().unwrap()
    }

    /// Lets the renewal of a hash, which comes after the answer, come to its end.
    async fn renewed(&self, name: &str) -> PasswordHash {
        for _ in 0..500 {
            let hash = self.stored(name).await.hash;
            if hash.as_phc().starts_with("$argon2id$") {
                return hash;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the hash stayed as it was imported");
    }
}

#[tokio::test]
async fn the_first_log_in_puts_todays_hash_in_the_place_of_the_imported_one() {
    let fixture = Fixture::new().await;
    assert_eq!(
        fixture.import(&[row("alice", BCRYPT)]).await,
        [Imported::Made]
    );
    let wrong = fixture.try_to_log_in("alice", "gravel umbrella").await;
    assert!(matches!(wrong, Err(Error::InvalidCredentials)));
    assert_eq!(fixture.stored("alice").await.hash.as_phc(), BCRYPT);
    let first = fixture.log_in().await;
    let renewed = fixture.renewed("alice").await;
    assert!(fixture.is_in(&first.token()).await, "it ends no session");
    fixture.log_in().await;
    assert_eq!(fixture.stored("alice").await.hash, renewed);
    let wrong = fixture.try_to_log_in("alice", "gravel umbrella").await;
    assert!(matches!(wrong, Err(Error::InvalidCredentials)));
    assert_eq!(fixture.store.hash_schemes().await.unwrap(), ["bcrypt 4"]);
}

#[tokio::test]
async fn bcrypt_reads_72_bytes_once_and_then_the_whole_password_counts() {
    let fixture = Fixture::new().await;
    fixture.import(&[row("alice", BCRYPT_72)]).await;
    let long = format!("{} and more", "x".repeat(72));
    fixture.try_to_log_in("alice", &long).await.unwrap();
    fixture.renewed("alice").await;
    let short = fixture.try_to_log_in("alice", &"x".repeat(72)).await;
    assert!(matches!(short, Err(Error::InvalidCredentials)));
    fixture.try_to_log_in("alice", &long).await.unwrap();
}

/// Whoever can write the file must not be able to take an account over, nor to do more than to make accounts.
#[tokio::test]
async fn an_import_never_changes_an_account_that_is_there() {
    let fixture = Fixture::new().await;
    let alice = fixture.alice().await;
    let before = fixture.stored("alice").await;
    let rows = [
        row("ALICE", BCRYPT),
        row("bob", BCRYPT),
        row("Bob", BCRYPT_72),
    ];
    let outcomes = [
        Imported::AlreadyThere,
        Imported::Made,
        Imported::AlreadyThere,
    ];
    assert_eq!(fixture.import(&rows).await, outcomes);
    let after = fixture.stored("alice").await;
    assert_eq!((after.hash, after.epoch), (before.hash, before.epoch));
    assert!(fixture.is_in(&alice.token()).await);
    assert_eq!(fixture.stored("bob").await.hash.as_phc(), BCRYPT);
    assert_eq!(
        fixture.import(&rows).await,
        [const { Imported::AlreadyThere }; 3]
    );
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_alone_and_its_hash_is_in_no_reason() {
    let fixture = Fixture::new().await;
    let with_email = |email: &str| ImportUser {
        email: Some(email.to_owned()),
        ..row("carol", BCRYPT)
    };
    let rows = [
        row("a b", BCRYPT),
        row("alice", BCRYPT),
        with_email("carol@a.example,eve@b.example"),
        row("dave", "!aa0bb1cc2dd3"),
        row(
            "erin",
            "$2b$31$4ycYS9wlaGqmkVLwWpRPZezdlGv8sM.6jgiGvK3VpoDUyBw6lWCHq",
        ),
        row("frank", "5f4dcc3b5aa765d61d8327deb882cf99"),
    ];
    let outcomes = fixture.import(&rows).await;
    assert_eq!(outcomes[1], Imported::Made);
    for (row, outcome) in rows
        .iter()
        .zip(&outcomes)
        .filter(|(row, _)| row.username != "alice")
    {
        let Imported::Refused(reason) = outcome else {
            panic!("{row:?} {outcome:?}");
        };
        assert!(!reason.contains(&row.password_hash[1..]), "{reason}");
        assert!(!format!("{row:?}").contains(&row.password_hash[1..]));
    }
    assert_eq!(fixture.store.list().await.unwrap().len(), 1);
    let (tried, done) = (
        fixture.auth.operator().try_import(&rows).await.unwrap(),
        outcomes,
    );
    assert_eq!((&tried[0], &tried[1]), (&done[0], &Imported::AlreadyThere));
    assert_eq!(tried[2..], done[2..]);
}

#[tokio::test]
async fn what_is_only_tried_writes_nothing() {
    let fixture = Fixture::new().await;
    let tried = fixture
        .auth
        .operator()
        .try_import(&[row("alice", BCRYPT)])
        .await;
    assert_eq!(tried.unwrap(), [Imported::Made]);
    assert!(fixture.store.list().await.unwrap().is_empty());
    assert!(fixture.store.hash_schemes().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_account_that_was_disabled_there_is_disabled_here() {
    let fixture = Fixture::new().await;
    let disabled = ImportUser {
        disabled: true,
        created_at: Some(Timestamp::from_millis(7)),
        ..row("alice", BCRYPT)
    };
    fixture.import(&[disabled]).await;
    let refused = fixture.try_to_log_in("alice", PASSWORD).await;
    assert!(matches!(refused, Err(Error::InvalidCredentials)));
    let alice = fixture.stored("alice").await.user;
    assert_eq!(alice.created_at, Timestamp::from_millis(7));
    fixture.auth.operator().enable(alice.id).await.unwrap();
    fixture.try_to_log_in("alice", PASSWORD).await.unwrap();
}
