//! How many requests are under way, in all, from one address, and with a body that is waited for.
//!
//! A request has its turn before its body is there, since a body is only read by whoever answers. Without the two bounds
//! below, one address that sends bodies slowly would have every turn for as long as a body may take.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use super::crowd::Place;

/// Requests that are answered at once; more than that are waiting for a database that does not keep up.
const MOST: usize = 2_048;
/// A server of few connections has a turn for every so many of them.
const CONNECTIONS: usize = 4;
/// One part of so many is kept for requests without a body.
const BODILESS: usize = 4;

/// How many are at something.
pub(super) type Counter = Arc<AtomicUsize>;

/// The requests under way, on all connections.
pub(super) struct Turns {
    most: usize,
    taken: AtomicUsize,
    with_body: AtomicUsize,
}

impl Turns {
    /// For a server of so many connections, to which anybody may come.
    pub(super) fn for_anybody(connections: usize) -> Arc<Self> {
        Self::new((connections / CONNECTIONS).clamp(1, MOST))
    }

    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            taken: AtomicUsize::new(0),
            with_body: AtomicUsize::new(0),
        })
    }

    /// A turn for a request from there, if there is one. It costs a few atomic additions and no lock.
    pub(super) fn begin(self: &Arc<Self>, place: &Arc<Place>, has_body: bool) -> Option<Turn> {
        let turn = Turn {
            turns: Arc::clone(self),
            place: Arc::clone(place),
            has_body,
        };
        // All of them are added to, since all are subtracted from at the end.
        let fits = |(counter, most): (&AtomicUsize, _)| counter.fetch_add(1, Relaxed) < most;
        let fitting = turn.counters().filter(|it| fits(*it)).count();
        (fitting == turn.counters().count()).then_some(turn)
    }
}

/// A request's turn, over when it is dropped.
pub(super) struct Turn {
    turns: Arc<Turns>,
    place: Arc<Place>,
    has_body: bool,
}

impl Turn {
    /// Where it counts, and how many there may be.
    fn counters(&self) -> impl Iterator<Item = (&AtomicUsize, usize)> {
        let Turns {
            most,
            taken,
            with_body,
        } = &*self.turns;
        let there = self.place.counters();
        let bodies = (with_body, most - most / BODILESS);
        there
            .map(|(counter, share)| (counter, share.of(*most)))
            .chain(self.has_body.then_some(bodies))
            .chain([(taken, *most)])
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        for (counter, _) in self.counters() {
            counter.fetch_sub(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::crowd::Crowd;
    use super::*;

    const CONNECTIONS: usize = 64;

    fn place(crowd: &Arc<Crowd>, address: &str) -> Arc<Place> {
        let address = Some(address.parse().unwrap());
        Arc::new(crowd.admit(address).unwrap())
    }

    fn proxy() -> Arc<Place> {
        Arc::new(Crowd::new(CONNECTIONS).admit(None).unwrap())
    }

    #[test]
    fn requests_above_the_limit_have_no_turn_until_one_has_ended() {
        let turns = Turns::for_anybody(CONNECTIONS);
        let proxy = proxy();
        let mut begun: Vec<_> = (0..16)
            .map(|_| turns.begin(&proxy, false).unwrap())
            .collect();
        assert!(turns.begin(&proxy, false).is_none());
        begun.pop();
        assert!(turns.begin(&proxy, false).is_some());
    }

    #[test]
    fn one_address_has_a_quarter_of_the_turns_on_all_its_connections() {
        let (turns, crowd) = (Turns::for_anybody(CONNECTIONS), Crowd::new(CONNECTIONS));
        let [one, two] = [(), ()].map(|()| place(&crowd, "192.0.2.1"));
        let mut begun: Vec<_> = [&one, &two, &one, &two]
            .map(|place| turns.begin(place, false).unwrap())
            .into();
        assert!(turns.begin(&one, false).is_none());
        assert!(turns.begin(&place(&crowd, "192.0.2.2"), false).is_some());
        begun.pop();
        assert!(turns.begin(&one, false).is_some());
    }

    #[test]
    fn a_network_of_ipv6_has_half_of_the_turns_however_many_addresses_it_takes() {
        let (turns, crowd) = (Turns::for_anybody(CONNECTIONS), Crowd::new(CONNECTIONS));
        let begin = |last: u16| {
            let place = place(&crowd, &format!("2001:db8:1:{last:x}::1"));
            turns.begin(&place, false)
        };
        let begun: Vec<_> = (0..8).map(|last| begin(last).unwrap()).collect();
        assert!(begin(8).is_none());
        drop(begun);
        assert!(begin(8).is_some());
    }

    #[test]
    fn bodies_that_are_waited_for_leave_a_quarter_of_the_turns_to_the_others() {
        let turns = Turns::for_anybody(CONNECTIONS);
        let proxy = proxy();
        let _slow: Vec<_> = (0..12)
            .map(|_| turns.begin(&proxy, true).unwrap())
            .collect();
        assert!(turns.begin(&proxy, true).is_none());
        let quick: Vec<_> = (0..4).map(|_| turns.begin(&proxy, false)).collect();
        assert!(quick.iter().all(Option::is_some));
        assert!(turns.begin(&proxy, false).is_none());
    }

    #[test]
    fn a_server_has_a_turn_for_every_four_connections_and_not_more_than_it_can_answer() {
        for (connections, most) in [(1, 1), (7, 1), (64, 16), (10_000, MOST)] {
            assert_eq!(Turns::for_anybody(connections).most, most);
        }
    }
}
