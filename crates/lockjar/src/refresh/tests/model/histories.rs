//! Thousands of histories, the same ones each time, and the few that tell most.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use super::*;

fn moment() -> impl Strategy<Value = Duration> {
    prop_oneof![
        4 => (1_u64..2_000).prop_map(Duration::from_millis),
        4 => (2_u64..19).prop_map(Duration::from_secs),
        2 => (20_u64..70).prop_map(Duration::from_secs),
        3 => (70_u64..400).prop_map(Duration::from_secs),
        1 => (1_u64..200).prop_map(|hours| Duration::from_secs(hours * 3600)),
    ]
}

fn which() -> impl Strategy<Value = usize> {
    0..8_usize
}

/// What an owner without thief or log-out can meet with.
fn alone() -> BoxedStrategy<Event> {
    prop_oneof![
        5 => Just(Event::Refresh(Who::Owner)),
        2 => Just(Event::RefreshAtOnce(Who::Owner)),
        2 => Just(Event::Use(Who::Owner)),
        6 => which().prop_map(Event::Step),
        3 => which().prop_map(Event::Finish),
        1 => which().prop_map(Event::Lose),
        1 => Just(Event::Garbage),
        4 => moment().prop_map(Event::Wait),
        1 => Just(Event::Restart),
    ]
    .boxed()
}

fn anything() -> BoxedStrategy<Event> {
    prop_oneof![
        12 => alone(),
        2 => Just(Event::Refresh(Who::Thief)),
        2 => Just(Event::RefreshAtOnce(Who::Thief)),
        2 => Just(Event::Use(Who::Thief)),
        2 => which().prop_map(Event::Replay),
        1 => Just(Event::Steal),
        1 => prop_oneof![Just(Event::LogOut), Just(Event::LogOutEverywhere), Just(Event::LogIn)],
    ]
    .boxed()
}

/// Lives through `cases` histories; the first that breaks a promise, made as short as can be.
fn search(
    world: impl Fn() -> World,
    event: BoxedStrategy<Event>,
    cases: u32,
    shorten: u32,
) -> Result<(), (Broken, Vec<Event>)> {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: shorten,
        ..Config::default()
    };
    let same_each_time = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, same_each_time);
    let history = prop::collection::vec(event, 1..60);
    let lived = runner.run(&history, |events| {
        let lived = world().live(&events);
        lived.map_err(|broken| TestCaseError::fail(format!("{broken:?}")))
    });
    match lived {
        Ok(()) => Ok(()),
        Err(TestError::Fail(_, events)) => Err((world().live(&events).unwrap_err(), events)),
        Err(other) => panic!("{other}"),
    }
}

fn holds(world: impl Fn() -> World, event: BoxedStrategy<Event>) {
    if let Err((broken, events)) = search(world, event, 2_000, 4_000) {
        panic!("{broken:?} by {events:#?}");
    }
}

#[test]
fn an_owner_who_is_alone_is_never_logged_out() {
    holds(|| World::new(Rules::Given, None, true), alone());
}

#[test]
fn every_promise_holds_among_thieves_and_log_outs() {
    holds(|| World::new(Rules::Given, None, true), anything());
}

#[test]
fn settled_rules_hold_for_an_owner_who_refreshes_at_any_time() {
    holds(|| World::new(Rules::Settled, None, false).strict(), alone());
    holds(
        || World::new(Rules::Settled, None, false).strict(),
        anything(),
    );
}

#[test]
fn each_mistake_breaks_a_promise() {
    use Mutant as M;
    for (mutant, promise) in [
        (M::WritesOverAnyGeneration, Broken::AnotherSuccessor),
        (M::WritesOverTheDead, Broken::AcceptedAfterTheEnd),
        (M::WritesOverANewerEpoch, Broken::AcceptedAfterTheEnd),
        (M::AnswersBeforeTheCommit, Broken::AnotherSuccessor),
        (M::ClearsTheLosersCookie, Broken::ClearedALiveCookie),
        (M::ClearsTheRefusedCookie, Broken::ClearedALiveCookie),
        (M::TheftWithoutTheFamily, Broken::GarbageNotRefused),
        (M::AcceptsTheDead, Broken::AcceptedAfterTheEnd),
        (M::AcceptsAnOldEpoch, Broken::AcceptedAfterTheEnd),
        (M::RandomSuccessor, Broken::AnotherSuccessor),
        (M::ForgetsThePrevious, Broken::LoggedOutAlone),
        (M::ForgetsTheSalt, Broken::AnotherSuccessor),
        (M::GraceWithoutEnd, Broken::CopyNotFound),
    ] {
        let world = || World::new(Rules::Given, Some(mutant), true);
        let event = if promise == Broken::LoggedOutAlone {
            alone()
        } else {
            anything()
        };
        let found = search(world, event, 20_000, 0).expect_err(&format!("{mutant:?}"));
        assert_eq!(found.0, promise, "{mutant:?}");
    }
}

/// Told by the settled rules, where nothing else logs an impatient owner out.
#[test]
fn a_confirmation_too_early_or_of_another_generation_logs_an_owner_out() {
    for mutant in [Mutant::ConfirmsAtOnce, Mutant::ConfirmsAnyGeneration] {
        let world = || World::new(Rules::Settled, Some(mutant), false);
        let found = search(world, alone(), 20_000, 0).expect_err(&format!("{mutant:?}"));
        assert_eq!(found.0, Broken::LoggedOutAlone, "{mutant:?}");
    }
}

fn lives(rules: Rules, events: &[Event]) -> Result<(), Broken> {
    World::new(rules, None, false).strict().live(events)
}

/// A tab's answer is committed and then slow, so that two more refreshes overtake it.
#[test]
fn an_answer_that_two_rotations_overtake_logs_an_owner_out_unless_rules_are_settled() {
    let owner = || Event::RefreshAtOnce(Who::Owner);
    let mut events = vec![Event::Refresh(Who::Owner)];
    events.extend([Event::Step(0), Event::Step(0), Event::Step(0)]);
    events.extend([owner(), owner(), owner(), Event::Finish(0)]);
    events.extend([Event::Wait(Duration::from_secs(31)), owner()]);
    assert_eq!(lives(Rules::Given, &events), Err(Broken::LoggedOutAlone));
    assert_eq!(lives(Rules::Settled, &events), Ok(()));
}

/// The same with one more refresh, which is then confirmed by a request that was sent before the slow answer came.
#[test]
fn an_answer_and_a_request_of_18_seconds_log_an_owner_out_unless_rules_are_settled() {
    let owner = || Event::RefreshAtOnce(Who::Owner);
    let wait = |seconds| Event::Wait(Duration::from_secs(seconds));
    let mut events = vec![Event::Refresh(Who::Owner)];
    events.extend([Event::Step(0), Event::Step(0), Event::Step(0)]);
    events.extend([owner(), owner(), wait(18), Event::Use(Who::Owner)]);
    events.extend([
        Event::Finish(0),
        wait(18),
        Event::Finish(0),
        wait(31),
        owner(),
    ]);
    assert_eq!(lives(Rules::Given, &events), Err(Broken::LoggedOutAlone));
    assert_eq!(lives(Rules::Settled, &events), Ok(()));
}

/// A thief who refreshes all the time keeps the owner's token too early to tell about, until the absolute limit.
#[test]
fn a_copy_that_rotates_every_20_seconds_is_not_found_out_unless_rules_are_settled() {
    let thief = || Event::RefreshAtOnce(Who::Thief);
    let wait = |seconds| Event::Wait(Duration::from_secs(seconds));
    let mut events = vec![Event::Steal, wait(66), thief(), wait(66)];
    events.extend([Event::Use(Who::Thief), Event::Finish(0)]);
    for _ in 0..20 {
        events.extend([wait(20), thief()]);
    }
    events.push(Event::RefreshAtOnce(Who::Owner));
    assert_eq!(lives(Rules::Given, &events), Err(Broken::CopyNotFound));
    assert_eq!(lives(Rules::Settled, &events), Ok(()));
    let (mut found, first) = log_in();
    let mut current = first.clone();
    for seconds in (0..86_400).step_by(20) {
        (found, current) = rotated(&found, &current, at(seconds));
        if found.chain.generation > 1 {
            let owner = ask(&found, &first, at(seconds + 19));
            assert!(matches!(owner, Decision::TooEarly));
        }
    }
}
