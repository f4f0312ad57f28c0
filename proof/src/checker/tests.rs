//! Histories made by hand: those that must be refused, one for each way to break a promise, and those that must pass.

use super::*;
use crate::history::User;

const ALICE: User = User(1);
const S: Session = Session(1);
const T: Session = Session(2);
const OK: Answer = Answer::Yes(None);

const BOUNDS: Bounds = Bounds {
    staleness: Duration::from_millis(1000),
    recovery: Duration::from_millis(3000),
};

/// Three nodes that are healthy all the time; the sweep begins at 50 s.
struct Story(History);

impl Story {
    fn new() -> Self {
        let mut story = Self(History {
            nodes: 3,
            sweep: millis(50_000),
            end: millis(60_000),
            ..History::default()
        });
        for node in 0..3 {
            for at in (0..59_900).step_by(500) {
                story.event(at, at + 5, Some(node), Asked::Ready, OK);
                let stranger = Asked::Check(Session(99));
                story.event(at, at + 5, Some(node), stranger, OK);
            }
        }
        story
    }

    /// Alice registered, and logged in as S at 1.1 s.
    fn of_alice() -> Self {
        Self::new()
            .node(0, 0, 100, Asked::Register(ALICE), OK)
            .node(0, 1000, 1100, Asked::LogIn(ALICE), Answer::Yes(Some(S)))
    }

    fn node(mut self, node: Node, begin: u64, end: u64, asked: Asked, answer: Answer) -> Self {
        self.event(begin, end, Some(node), asked, answer);
        self
    }

    fn operator(mut self, begin: u64, end: u64, asked: Asked, answer: Answer) -> Self {
        self.event(begin, end, None, asked, answer);
        self
    }

    fn check(self, node: Node, begin: u64, session: Session, answer: Answer) -> Self {
        self.node(node, begin, begin + 5, Asked::Check(session), answer)
    }

    fn event(&mut self, begin: u64, end: u64, node: Option<Node>, asked: Asked, answer: Answer) {
        self.0.events.push(Event {
            begin: millis(begin),
            end: millis(end),
            node,
            asked,
            answer,
        });
    }

    fn fault(mut self, begin: u64, end: u64) -> Self {
        self.0.faults.push(Fault {
            kind: "freeze",
            node: Some(1),
            begin: millis(begin),
            end: millis(end),
        });
        self
    }

    /// Nothing of this is known of the node between these times.
    fn without(mut self, node: Node, from: u64, to: u64, what: fn(&Asked) -> bool) -> Self {
        let within = |event: &Event| event.begin >= millis(from) && event.begin < millis(to);
        self.0
            .events
            .retain(|event| event.node != Some(node) || !within(event) || !what(&event.asked));
        self
    }

    fn verdict(mut self) -> Verdict {
        self.0.events.sort_by_key(|event| event.begin);
        check(&self.0, &BOUNDS)
    }

    #[track_caller]
    fn breaks(self, rule: Rule) {
        let found: Vec<_> = self.verdict().violations;
        let rules: Vec<_> = found.iter().map(|violation| violation.rule).collect();
        assert_eq!(rules, [rule], "{found:?}");
    }

    #[track_caller]
    fn passes(self) -> Verdict {
        let verdict = self.verdict();
        assert!(verdict.violations.is_empty(), "{:?}", verdict.violations);
        verdict
    }
}

fn millis(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

fn everywhere() -> Asked {
    Asked::LogOutEverywhere(ALICE, T)
}

#[test]
fn a_check_begun_too_late_after_the_log_out_must_fail() {
    Story::of_alice()
        .node(0, 2000, 2010, Asked::LogOut(S), OK)
        .check(1, 3011, S, OK)
        .breaks(Rule::AcceptedTooLate);
}

#[test]
fn a_check_begun_in_time_passes_however_late_its_answer() {
    let verdict = Story::of_alice()
        .node(0, 2000, 2010, Asked::LogOut(S), OK)
        .node(1, 3010, 6000, Asked::Check(S), OK)
        .passes();
    assert_eq!(verdict.lag, millis(1000));
    assert_eq!(verdict.stale, 1);
}

#[test]
fn every_revocation_counts() {
    for revocation in [everywhere(), Asked::ChangePassword(ALICE, T)] {
        Story::of_alice()
            .node(0, 1500, 1600, Asked::LogIn(ALICE), Answer::Yes(Some(T)))
            .node(0, 2000, 2010, revocation, OK)
            .check(1, 3011, S, OK)
            .breaks(Rule::AcceptedTooLate);
    }
    Story::of_alice()
        .operator(2000, 2010, Asked::Disable(ALICE), OK)
        .check(1, 3011, S, OK)
        .breaks(Rule::AcceptedTooLate);
}

#[test]
fn the_first_acknowledgement_counts_not_the_last() {
    Story::of_alice()
        .node(0, 2000, 2010, Asked::LogOut(S), OK)
        .node(0, 2500, 2600, Asked::LogOut(S), OK)
        .check(1, 3020, S, OK)
        .breaks(Rule::AcceptedTooLate);
}

#[test]
fn the_node_that_acknowledged_has_no_time_at_all() {
    Story::of_alice()
        .node(0, 2000, 2010, Asked::LogOut(S), OK)
        .check(0, 2011, S, OK)
        .breaks(Rule::AcceptedWhereAcknowledged);
    Story::of_alice()
        .node(0, 2000, 2010, Asked::LogOut(S), OK)
        .check(0, 2009, S, OK)
        .passes();
}

#[test]
fn a_session_that_ends_by_its_own_request_was_accepted_by_it() {
    Story::of_alice()
        .node(0, 2000, 2010, Asked::LogOutEverywhere(ALICE, S), OK)
        .check(0, 2011, S, Answer::Refused)
        .passes();
    Story::of_alice()
        .node(0, 2000, 2010, Asked::LogOut(S), OK)
        .node(1, 3500, 3510, Asked::LogOutEverywhere(ALICE, S), OK)
        .breaks(Rule::AcceptedTooLate);
}

#[test]
fn a_session_refused_by_one_node_must_not_come_back_on_another() {
    let in_doubt = || Story::of_alice().node(0, 2000, 5000, Asked::LogOut(S), Answer::Silent);
    in_doubt()
        .check(0, 2500, S, Answer::Refused)
        .check(1, 3506, S, OK)
        .breaks(Rule::CameBack);
    in_doubt()
        .check(0, 2500, S, Answer::Refused)
        .check(1, 3504, S, OK)
        .passes();
    in_doubt()
        .check(1, 2500, S, Answer::Refused)
        .check(1, 2510, S, OK)
        .breaks(Rule::CameBack);
}

#[test]
fn what_is_in_doubt_may_have_happened_or_not() {
    for answer in [Answer::Silent, Answer::Unavailable] {
        for outcome in [OK, Answer::Refused] {
            Story::of_alice()
                .node(0, 2000, 5000, Asked::LogOut(S), answer)
                .check(1, 9000, S, outcome)
                .passes();
            Story::of_alice()
                .node(0, 2000, 5000, everywhere(), answer)
                .node(1, 7000, 7100, Asked::LogIn(ALICE), Answer::Yes(Some(T)))
                .check(1, 9000, T, outcome)
                .passes();
        }
    }
}

#[test]
fn what_was_never_taken_on_excuses_nothing() {
    for answer in [Answer::Overloaded, Answer::Refused] {
        Story::of_alice()
            .node(0, 2000, 2010, Asked::LogOut(S), answer)
            .check(1, 9000, S, Answer::Refused)
            .breaks(Rule::RefusedWithoutCause);
    }
}

#[test]
fn a_refusal_before_the_revocation_began_must_fail() {
    Story::of_alice()
        .check(1, 1900, S, Answer::Refused)
        .node(0, 2000, 2010, Asked::LogOut(S), OK)
        .breaks(Rule::RefusedWithoutCause);
    Story::of_alice()
        .node(1, 1900, 2001, Asked::Check(S), Answer::Refused)
        .node(0, 2000, 2010, Asked::LogOut(S), OK)
        .passes();
}

#[test]
fn a_refused_session_that_nothing_ended_must_fail() {
    Story::of_alice()
        .check(2, 4000, S, Answer::Refused)
        .breaks(Rule::RefusedWithoutCause);
    Story::of_alice()
        .node(0, 4000, 4010, everywhere(), OK)
        .node(0, 4020, 4100, Asked::LogIn(ALICE), Answer::Yes(Some(T)))
        .check(2, 5000, T, Answer::Refused)
        .breaks(Rule::RefusedWithoutCause);
}

#[test]
fn a_503_says_nothing() {
    Story::of_alice()
        .fault(1500, 3000)
        .check(1, 2000, S, Answer::Unavailable)
        .check(1, 2500, S, Answer::Silent)
        .check(1, 2700, S, OK)
        .passes();
}

#[test]
fn a_log_in_that_is_gone_at_the_end_must_fail() {
    Story::of_alice()
        .check(2, 51_000, S, Answer::Refused)
        .breaks(Rule::Lost);
}

#[test]
fn a_revocation_that_is_gone_at_the_end_must_fail() {
    Story::of_alice()
        .node(0, 2000, 2010, Asked::LogOut(S), OK)
        .check(2, 51_000, S, OK)
        .breaks(Rule::Lost);
}

#[test]
fn a_registration_that_is_gone_must_fail() {
    Story::of_alice()
        .node(2, 9000, 9100, Asked::LogIn(ALICE), Answer::Refused)
        .breaks(Rule::Lost);
    Story::new()
        .node(0, 0, 3000, Asked::Register(ALICE), Answer::Silent)
        .node(2, 9000, 9100, Asked::LogIn(ALICE), Answer::Refused)
        .passes();
}

#[test]
fn a_log_in_that_meets_a_change_of_its_account_may_be_refused() {
    for (begin, end, answer) in [
        (9050, 9200, OK),
        (8900, 9050, OK),
        (8000, 8100, Answer::Silent),
    ] {
        Story::of_alice()
            .fault(7500, 8500)
            .node(0, begin, end, everywhere(), answer)
            .node(2, 9000, 9100, Asked::LogIn(ALICE), Answer::Refused)
            .passes();
    }
    Story::of_alice()
        .node(0, 8000, 8100, everywhere(), OK)
        .node(2, 9000, 9100, Asked::LogIn(ALICE), Answer::Refused)
        .breaks(Rule::Lost);
}

#[test]
fn a_session_opened_while_its_account_was_logged_out_may_be_either() {
    for outcome in [OK, Answer::Refused] {
        Story::of_alice()
            .node(0, 8000, 8100, everywhere(), OK)
            .node(1, 8050, 8150, Asked::LogIn(ALICE), Answer::Yes(Some(T)))
            .check(1, 12_000, T, outcome)
            .passes();
    }
}

#[test]
fn the_session_that_a_changed_password_brings_lives_on() {
    let changed = || {
        let asked = Asked::ChangePassword(ALICE, S);
        Story::of_alice().node(0, 2000, 2100, asked, Answer::Yes(Some(T)))
    };
    changed().check(1, 9000, T, OK).passes();
    changed()
        .check(1, 9000, T, Answer::Refused)
        .breaks(Rule::RefusedWithoutCause);
    changed()
        .check(1, 9000, S, OK)
        .breaks(Rule::AcceptedTooLate);
}

#[test]
fn the_disabled_cannot_log_in_until_they_are_enabled() {
    let disabled = || Story::of_alice().operator(2000, 2100, Asked::Disable(ALICE), OK);
    let log_in = Asked::LogIn(ALICE);
    disabled()
        .node(1, 3000, 3100, log_in, Answer::Refused)
        .passes();
    disabled()
        .node(1, 3000, 3100, log_in, Answer::Yes(Some(T)))
        .breaks(Rule::Lost);
    let enabled = |answer| disabled().operator(4000, 4100, Asked::Enable(ALICE), answer);
    enabled(OK)
        .node(1, 5000, 5100, log_in, Answer::Yes(Some(T)))
        .passes();
    enabled(OK)
        .node(1, 5000, 5100, log_in, Answer::Refused)
        .breaks(Rule::Lost);
    for outcome in [Answer::Yes(Some(T)), Answer::Refused] {
        enabled(Answer::Silent)
            .node(1, 5000, 5100, log_in, outcome)
            .passes();
    }
}

#[test]
fn a_node_that_stays_sick_after_a_fault_must_fail() {
    Story::new()
        .fault(10_000, 12_000)
        .without(1, 11_000, 16_000, |asked| *asked == Asked::Ready)
        .breaks(Rule::Unhealthy);
    Story::new()
        .fault(10_000, 12_000)
        .without(1, 11_000, 16_000, |asked| matches!(asked, Asked::Check(_)))
        .breaks(Rule::Unhealthy);
    Story::new()
        .fault(10_000, 12_000)
        .node(1, 16_000, 16_010, Asked::Ready, Answer::Unavailable)
        .breaks(Rule::Unhealthy);
    Story::new()
        .fault(10_000, 12_000)
        .node(1, 14_900, 14_910, Asked::Ready, Answer::Unavailable)
        .passes();
}

#[test]
fn a_node_that_is_sick_without_a_fault_must_fail() {
    for asked in [Asked::Check(S), Asked::LogIn(ALICE), Asked::LogOut(S)] {
        Story::of_alice()
            .node(1, 30_000, 30_010, asked, Answer::Unavailable)
            .breaks(Rule::Unhealthy);
        Story::of_alice()
            .node(1, 30_000, 30_010, asked, Answer::Overloaded)
            .passes();
    }
    Story::of_alice()
        .node(1, 30_000, 33_000, Asked::LogOut(S), Answer::Silent)
        .breaks(Rule::Unhealthy);
    Story::of_alice()
        .node(1, 30_000, 33_000, Asked::LogIn(ALICE), Answer::Silent)
        .passes();
}

#[test]
fn lag_is_measured_with_faults_and_without() {
    let story = || {
        Story::of_alice()
            .node(0, 20_000, 20_010, Asked::LogOut(S), OK)
            .check(1, 20_610, S, OK)
    };
    let verdict = story().passes();
    assert_eq!(
        (verdict.lag, verdict.healthy_lag),
        (millis(600), millis(600))
    );
    let verdict = story().fault(18_000, 20_005).passes();
    assert_eq!((verdict.lag, verdict.healthy_lag), (millis(600), millis(0)));
}

#[test]
fn while_faults_overlap_nobody_has_to_be_healthy() {
    Story::new()
        .fault(10_000, 20_000)
        .fault(11_000, 12_000)
        .node(1, 16_000, 16_010, Asked::Ready, Answer::Silent)
        .passes();
}

#[test]
fn a_node_that_ended_by_itself_must_fail() {
    let mut story = Story::new();
    story.0.exits.push(Exit {
        at: millis(5000),
        node: 1,
    });
    story.breaks(Rule::Ended);
}

#[test]
fn an_answer_outside_the_contract_must_fail() {
    Story::of_alice()
        .node(0, 2000, 2010, Asked::LogOut(S), Answer::Other(500))
        .breaks(Rule::Unexpected);
}
