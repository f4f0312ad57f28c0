//! What is written down of who did what.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use lockjar::audit::{Event, Query, Record};
use lockjar::clock::Clock;

use super::flaky_store::flaky;
use super::support::{Answer, FORM, PASSWORD, Site, encoded, request, session_id};

const FROM: &str = "192.0.2.7";
const NEXT: &str = "another gravel umbrella";

async fn post(site: &Site, path: &str, cookie: &str, form: &[(&str, &str)]) -> Answer {
    let headers = [("content-type", FORM), ("cookie", cookie)];
    let mut asked = request("POST", path, &headers, &encoded(form));
    let peer = SocketAddr::new(FROM.parse().unwrap(), 40_000);
    asked.extensions_mut().insert(ConnectInfo(peer));
    site.ask(asked).await
}

/// Every record, the first first. Refusals are written within a second or two.
async fn records(site: &Site, at_least: usize) -> Vec<Record> {
    let mut found = Vec::new();
    for _ in 0..200 {
        found = site
            .auth
            .operator()
            .audit(&Query::default(), 1_000)
            .await
            .unwrap();
        if found.len() >= at_least {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    found.into_iter().rev().map(|(_, record)| record).collect()
}

fn events(records: &[Record]) -> Vec<Event> {
    records.iter().map(|record| record.event).collect()
}

#[tokio::test]
async fn all_that_a_user_does_is_written_down_with_who_when_and_from_where() {
    let site = Site::new().await;
    let form = [("username", "alice"), ("password", PASSWORD)];
    let signed_up = post(&site, "/register", "", &form).await;
    let cookie = signed_up.cookie();
    let passwords = [("current_password", PASSWORD), ("new_password", NEXT)];
    let changed = post(&site, "/password", &cookie, &passwords).await;
    let cookie = changed.cookie();
    post(&site, "/logout/all", &cookie, &[]).await;
    let logged_in = post(&site, "/login", "", &[form[0], ("password", NEXT)]).await;
    let left = logged_in.cookie();
    post(&site, "/logout", &left, &[]).await;
    let records = records(&site, 5).await;
    let expected = [
        Event::SignUp,
        Event::PasswordChanged,
        Event::SessionsEnded,
        Event::LogIn,
        Event::LogOut,
    ];
    assert_eq!(events(&records), expected);
    let user = site.auth.operator().user("alice").await.unwrap();
    for record in &records {
        assert_eq!(record.user, Some(user.id), "{record:?}");
        assert_eq!(record.address, Some(FROM.parse().unwrap()), "{record:?}");
        assert_eq!(record.at, site.clock.now(), "{record:?}");
        assert!(!record.by_operator && record.times == 1, "{record:?}");
    }
    let request = |answer: &Answer| Some(answer.header("x-request-id").to_owned());
    assert_eq!(records[0].request, request(&signed_up));
    assert_eq!(records[3].request, request(&logged_in));
    let session = records[4].session.unwrap().to_string();
    assert_eq!(session, session_id(&left));
}

/// What is typed for a name is often a password.
#[tokio::test]
async fn refusals_are_written_down_without_what_was_typed() {
    let site = Site::new().await;
    let cookie = site.register("alice").await;
    let typed = "my-passw0rd-by-mistake";
    for (name, times) in [(typed, 2), ("alice", 3)] {
        for _ in 0..times {
            post(
                &site,
                "/login",
                "",
                &[("username", name), ("password", "wrong")],
            )
            .await;
        }
    }
    let passwords = [("current_password", "wrong"), ("new_password", NEXT)];
    post(&site, "/password", &cookie, &passwords).await;
    site.auth.close().await;
    let stored = std::fs::read(site.database()).unwrap();
    let found = |text: &str| {
        stored
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(
        !found(typed) && !found("wrong"),
        "the store knows what was typed"
    );
    assert!(found("log_in_refused") && found("password_refused"));
}

#[tokio::test]
async fn refusals_of_one_kind_account_and_address_are_one_record() {
    let site = Site::new().await;
    site.register("alice").await;
    for name in ["alice", "nobody", "alice", "nobody-else"] {
        post(
            &site,
            "/login",
            "",
            &[("username", name), ("password", "wrong")],
        )
        .await;
    }
    let user = site.auth.operator().user("alice").await.unwrap().id;
    let mut times = (0, 0);
    for _ in 0..200 {
        let refused = records(&site, 3).await.into_iter();
        let refused = refused.filter(|record| record.event == Event::LogInRefused);
        times = refused.fold((0, 0), |(of_alice, of_nobody), record| match record.user {
            Some(id) if id == user => (of_alice + record.times, of_nobody),
            Some(other) => panic!("{other} was not named"),
            None => (of_alice, of_nobody + record.times),
        });
        if times == (2, 2) {
            break;
        }
    }
    assert_eq!(times, (2, 2));
}

#[tokio::test]
async fn what_is_throttled_is_written_down() {
    let site = Site::new().await;
    for _ in 0..15 {
        post(
            &site,
            "/login",
            "",
            &[("username", "nobody"), ("password", "wrong")],
        )
        .await;
    }
    let records = records(&site, 2).await;
    assert!(events(&records).contains(&Event::Throttled), "{records:?}");
}

#[tokio::test]
async fn what_an_operator_does_is_written_down_as_theirs() {
    let site = Site::new().await;
    let operator = site.auth.operator();
    let user = operator
        .add_user("alice", PASSWORD.into(), None)
        .await
        .unwrap();
    let cookie = site.log_in("alice").await;
    operator
        .revoke(session_id(&cookie).parse().unwrap())
        .await
        .unwrap();
    operator.revoke_all(user).await.unwrap();
    operator.disable(user).await.unwrap();
    operator.enable(user).await.unwrap();
    operator.unlock("alice").await.unwrap();
    let known = operator.user("alice").await.unwrap();
    operator.set_password(&known, NEXT.into()).await.unwrap();
    let hour = std::time::Duration::from_secs(3600);
    let link = operator.issue_recovery("alice", hour).await.unwrap();
    site.auth.recover(&link, PASSWORD.into()).await.unwrap();
    operator.delete(user).await.unwrap();
    let records = records(&site, 11).await;
    let expected = [
        (Event::UserAdded, true),
        (Event::LogIn, false),
        (Event::SessionsEnded, true),
        (Event::SessionsEnded, true),
        (Event::UserDisabled, true),
        (Event::UserEnabled, true),
        (Event::UserUnlocked, true),
        (Event::PasswordSet, true),
        (Event::RecoveryLink, true),
        (Event::Recovered, false),
        (Event::UserDeleted, true),
    ];
    let found: Vec<_> = records
        .iter()
        .map(|record| (record.event, record.by_operator))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(records[2].detail.as_deref(), Some(session_id(&cookie)));
    let deleted = records.last().unwrap();
    assert_eq!(
        (deleted.user, deleted.detail.as_deref()),
        (Some(user), Some("alice"))
    );
}

/// Whoever uses a stolen link takes the account over: where from is the one thing to go by.
#[tokio::test]
async fn a_recovery_is_written_down_with_where_it_came_from() {
    let site = Site::new().await;
    site.register("alice").await;
    let hour = std::time::Duration::from_secs(3600);
    let link = site.auth.operator().issue_recovery("alice", hour).await;
    let token = link.unwrap().reveal().to_string();
    let form = [("token", token.as_str()), ("new_password", NEXT)];
    let recovered = post(&site, "/recover", "", &form).await;
    assert_eq!(recovered.status, 200, "{}", recovered.text);
    let records = records(&site, 3).await;
    let recovery = records.last().unwrap();
    assert_eq!(recovery.event, Event::Recovered);
    assert_eq!(recovery.address, Some(FROM.parse().unwrap()));
    let request = recovered.header("x-request-id").to_owned();
    assert_eq!(recovery.request, Some(request));
}

/// An attacker who hangs up gets nothing done that is not written down.
#[tokio::test]
async fn what_somebody_does_who_hangs_up_is_written_down_too() {
    let (site, store) = flaky(|builder| builder).await;
    let cookie = site.register("alice").await;
    let held = store.hold_records().await;
    let until_out = async {
        while site.is_in(&cookie).await {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        answer = post(&site, "/logout", &cookie, &[]) => panic!("{} came before the record", answer.status),
        () = until_out => {}
    }
    drop(held);
    assert_eq!(
        events(&records(&site, 2).await),
        [Event::SignUp, Event::LogOut]
    );
}

#[tokio::test]
async fn what_cannot_be_written_at_once_is_written_as_soon_as_it_can_be() {
    let (site, store) = flaky(|builder| builder).await;
    let cookie = site.register("alice").await;
    store.set_forgets_records(true);
    assert_eq!(post(&site, "/logout", &cookie, &[]).await.status, 200);
    assert_eq!(events(&records(&site, 1).await), [Event::SignUp]);
    store.set_forgets_records(false);
    assert_eq!(
        events(&records(&site, 2).await),
        [Event::SignUp, Event::LogOut]
    );
}
