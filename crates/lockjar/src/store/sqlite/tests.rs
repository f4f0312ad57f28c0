use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::clock::Timestamp;
use crate::store::conformance::new_user;
use crate::store::{Feed, Users, conformance};

impl SqliteStore {
    /// Deletes a session's row and tells nobody, as nothing in Lockjar does.
    pub(crate) async fn lose(&self, session: crate::id::SessionId) {
        sqlx::query("DELETE FROM sessions WHERE id = ?")
            .bind(session.as_bytes().as_slice())
            .execute(&self.writer)
            .await
            .unwrap();
    }
}

fn url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicU32::new(0);
    let make = || {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let url = url(&folder.path().join(format!("{number}.db")));
        Box::pin(async move {
            std::sync::Arc::new(SqliteStore::open(&url).await.unwrap()) as std::sync::Arc<dyn Store>
        }) as std::pin::Pin<Box<dyn std::future::Future<Output = _>>>
    };
    conformance::check(&make).await;
}

#[tokio::test]
async fn the_file_is_the_owners_alone_and_durable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let store = SqliteStore::open(&url(&path)).await.unwrap();
    store.create(&new_user("alice"), None).await.unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{:?}",
            file.path()
        );
    }
    for (pragma, expected) in [
        ("PRAGMA journal_mode", "wal"),
        ("PRAGMA synchronous", "2"),
        ("PRAGMA foreign_keys", "1"),
    ] {
        let row: sqlx::sqlite::SqliteRow =
            sqlx::query(pragma).fetch_one(&store.writer).await.unwrap();
        let value = sqlx::Row::try_get::<String, _>(&row, 0)
            .or_else(|_| sqlx::Row::try_get::<i64, _>(&row, 0).map(|number| number.to_string()));
        assert_eq!(value.unwrap(), expected, "{pragma}");
    }
}

#[tokio::test]
async fn a_schema_from_the_future_is_refused_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let url = url(&folder.path().join("a.db"));
    let store = SqliteStore::open(&url).await.unwrap();
    sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0)")
        .execute(&store.writer).await.unwrap();
    store.close().await;
    let refused = SqliteStore::open(&url).await.map(drop).unwrap_err();
    assert!(refused.to_string().contains("newer Lockjar"), "{refused}");
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    std::fs::write(&path, "this is a letter to my aunt, and no database at all").unwrap();
    assert!(SqliteStore::open(&url(&path)).await.is_err());
    assert!(SqliteStore::open("postgres://localhost/x").await.is_err());
    assert!(
        SqliteStore::open(&url(&folder.path().join("no/such/folder/a.db")))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_backup_is_whole_private_and_never_written_over_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&url(&folder.path().join("a.db")))
        .await
        .unwrap();
    store.create(&new_user("alice"), None).await.unwrap();
    let target = folder.path().join("b.db");
    store.backup(&target).await.unwrap();
    assert!(
        store.backup(&target).await.is_err(),
        "an existing file is not written over"
    );
    assert_eq!(
        std::fs::metadata(&target).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let copy = SqliteStore::open(&url(&target)).await.unwrap();
    assert!(copy.by_name("alice").await.unwrap().is_some());
}

#[tokio::test]
async fn a_file_that_was_replaced_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let store = SqliteStore::open(&url(&path)).await.unwrap();
    assert!(store.beat(None).await.is_ok());
    std::fs::rename(&path, folder.path().join("old.db")).unwrap();
    assert!(store.beat(None).await.is_err(), "the file is gone");
    std::fs::write(&path, "").unwrap();
    assert!(
        store.beat(None).await.is_err(),
        "another file is in its place"
    );
}

#[tokio::test]
async fn another_process_on_the_file_is_heard() {
    use crate::store::{By, Change, Sessions, Which};
    let folder = tempfile::tempdir().unwrap();
    let url = url(&folder.path().join("a.db"));
    let (here, there) = (
        SqliteStore::open(&url).await.unwrap(),
        SqliteStore::open(&url).await.unwrap(),
    );
    let user = new_user("alice");
    here.create(&user, None).await.unwrap();
    let start = here.beat(None).await.unwrap();
    there
        .end(user.id, Which::All, By::Operator, Timestamp::default())
        .await
        .unwrap();
    let beat = here.beat(Some(start.cursor)).await.unwrap();
    assert_eq!(beat.changes, Some(vec![Change::User(user.id)]));
}

#[tokio::test]
async fn a_cursor_whose_rows_were_swept_is_told_of_the_gap() {
    use crate::store::{By, Sessions, Which};
    let folder = tempfile::tempdir().unwrap();
    let url = url(&folder.path().join("a.db"));
    let (here, there) = (
        SqliteStore::open(&url).await.unwrap(),
        SqliteStore::open(&url).await.unwrap(),
    );
    let user = new_user("alice");
    here.create(&user, None).await.unwrap();
    let start = here.beat(None).await.unwrap();
    for _ in 0..3 {
        there
            .end(user.id, Which::All, By::Operator, Timestamp::default())
            .await
            .unwrap();
    }
    there
        .sweep(
            Timestamp::default().after(Duration::from_secs(10 * 24 * 3600)),
            Duration::from_secs(1),
        )
        .await
        .unwrap();
    let beat = here.beat(Some(start.cursor)).await.unwrap();
    assert_eq!(beat.changes, None);
    assert_eq!(
        here.beat(Some(beat.cursor)).await.unwrap().changes,
        Some(Vec::new())
    );
}

#[tokio::test]
async fn a_closed_store_lets_go_of_the_file_and_answers_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let store = SqliteStore::open(&url(&path)).await.unwrap();
    let side = folder.path().join("a.db-wal");
    assert!(side.exists());
    store.close().await;
    assert!(!side.exists(), "the last connection takes the log with it");
    assert!(store.beat(None).await.is_err() && store.by_name("alice").await.is_err());
}

#[tokio::test]
async fn a_sweep_leaves_no_hole_where_a_clock_ran_behind() {
    use crate::store::{By, Change, Sessions, Which};
    const DAYS: Duration = Duration::from_secs(10 * 24 * 3600);
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&url(&folder.path().join("a.db")))
        .await
        .unwrap();
    let user = new_user("alice");
    store.create(&user, None).await.unwrap();
    let (behind, now) = (Timestamp::default(), Timestamp::default().after(DAYS));
    let start = store.beat(None).await.unwrap();
    for at in [now, behind, now] {
        store
            .end(user.id, Which::All, By::Operator, at)
            .await
            .unwrap();
    }
    store.sweep(now, DAYS).await.unwrap();
    let beat = store.beat(Some(start.cursor)).await.unwrap();
    assert_eq!(beat.changes, Some(vec![Change::User(user.id); 3]));
}

#[tokio::test]
async fn a_backup_does_not_wait_for_the_writer_nor_the_writer_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&url(&folder.path().join("a.db")))
        .await
        .unwrap();
    store.create(&new_user("alice"), None).await.unwrap();
    let writing = store.begin("being slow").await.unwrap();
    let target = folder.path().join("b.db");
    store.backup(&target).await.unwrap();
    writing.rollback().await.unwrap();
    let copy = SqliteStore::open(&url(&target)).await.unwrap();
    assert!(copy.by_name("alice").await.unwrap().is_some());
}

#[tokio::test]
async fn what_counts_nothing_any_longer_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["a.db", "b.db"] {
        let store = SqliteStore::open(&url(&folder.path().join(file)))
            .await
            .unwrap();
        match file {
            "a.db" => sweeping::names_that_nobody_has_make_way(&store).await,
            _ => sweeping::one_time_tokens_that_have_expired_go(&store).await,
        }
    }
}

/// SQLite itself rolls back what met a full disk, so that there is nothing left for `ROLLBACK` to do, which fails.
#[tokio::test]
async fn once_a_full_disk_has_room_again_the_store_writes_again() {
    let folder = tempfile::tempdir().unwrap();
    let url = url(&folder.path().join("a.db"));
    let store = SqliteStore::open(&url).await.unwrap();
    let limit = |pages| sqlx::query(pages).execute(&store.writer);
    limit("PRAGMA max_page_count = 1").await.unwrap();
    let mut refused = None;
    for number in 0..1_000 {
        let user = new_user(&format!("user{number}"));
        if store.create(&user, None).await.is_err() {
            refused = Some(user);
            break;
        }
    }
    let refused = refused.expect("there was always room");
    limit("PRAGMA max_page_count = 1000000").await.unwrap();
    let there = store.by_name(refused.name.as_str()).await.unwrap();
    assert!(there.is_none(), "what was refused is there");
    store.create(&refused, None).await.unwrap();
}
