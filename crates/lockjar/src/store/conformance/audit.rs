//! The audit log keeps what it was given, and nobody's words.

use super::{at, user};
use crate::audit::{Event, Query, Record};
use crate::id::{SessionId, UserId};
use crate::store::Store;

fn record(event: Event, user: Option<UserId>, seconds: i64) -> Record {
    Record {
        at: at(seconds),
        event,
        by_operator: false,
        user,
        session: None,
        address: None,
        request: None,
        detail: None,
        times: 1,
    }
}

async fn found(store: &dyn Store, query: Query) -> Vec<Record> {
    let found = store.audited(&query, 100).await.unwrap();
    found.into_iter().map(|(_, record)| record).collect()
}

pub(super) async fn what_is_written_is_read_again_the_latest_first(store: &dyn Store) {
    let full = Record {
        by_operator: true,
        user: Some(UserId::random()),
        session: Some(SessionId::random()),
        address: Some("2001:db8::1".parse().unwrap()),
        request: Some("0123456789abcdef".to_owned()),
        detail: Some("it's \"quoted\"; DROP TABLE audit --".to_owned()),
        times: u32::MAX,
        ..record(Event::SessionsEnded, None, 2)
    };
    let bare = record(Event::LogInRefused, None, 1);
    store.append(&[bare.clone(), full.clone()]).await.unwrap();
    assert_eq!(found(store, Query::default()).await, [full, bare]);
}

pub(super) async fn a_query_finds_what_it_asks_for_and_no_more(store: &dyn Store) {
    let (alice, bob) = (UserId::random(), UserId::random());
    let address = Some("192.0.2.7".parse().unwrap());
    let records = [
        record(Event::SignUp, Some(alice), 10),
        record(Event::LogIn, Some(bob), 20),
        Record {
            address,
            ..record(Event::LogIn, Some(alice), 30)
        },
    ];
    store.append(&records).await.unwrap();
    for (expected, query) in [
        (vec![2, 0], asking(|query| query.user = Some(alice))),
        (vec![2, 1], asking(|query| query.event = Some(Event::LogIn))),
        (vec![2], asking(|query| query.address = address)),
        (vec![2, 1], asking(|query| query.since = Some(at(20)))),
        (vec![0], asking(|query| query.until = Some(at(20)))),
        (vec![2, 1, 0], asking(|_| ())),
    ] {
        let expected = expected
            .into_iter()
            .map(|index: usize| records[index].clone());
        let expected: Vec<_> = expected.collect();
        assert_eq!(found(store, query.clone()).await, expected, "{query:?}");
    }
    let both = asking(|query| (query.user, query.event) = (Some(bob), Some(Event::SignUp)));
    assert_eq!(found(store, both).await, []);
    let first = store.audited(&Query::default(), 1).await.unwrap();
    let next = asking(|query| query.before = Some(first[0].0));
    let earlier = [records[1].clone(), records[0].clone()];
    assert_eq!(found(store, next).await, earlier);
}

fn asking(change: impl FnOnce(&mut Query)) -> Query {
    let mut query = Query::default();
    change(&mut query);
    query
}

pub(super) async fn a_record_outlives_its_account_and_ends_with_time(store: &dyn Store) {
    let user = user(store, "alice").await;
    let records = [
        record(Event::LogIn, Some(user), 10),
        record(Event::UserDeleted, Some(user), 20),
    ];
    store.append(&records).await.unwrap();
    store.delete(user, at(20)).await.unwrap();
    assert_eq!(found(store, Query::default()).await.len(), 2);
    assert!(!store.forget_audited(at(20)).await.unwrap());
    assert_eq!(found(store, Query::default()).await, records[1..]);
}
