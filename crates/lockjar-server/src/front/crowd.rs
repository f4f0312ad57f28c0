//! How many connections there are, in all and from one address.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::turns::Counter;

/// Who is here.
pub(super) struct Crowd {
    places: usize,
    /// When more than so many places are taken, it is tight.
    roomy: usize,
    /// Changed under the lock of `here`, read without.
    taken: AtomicUsize,
    here: Mutex<HashMap<Network, Guests>>,
}

/// Those of one network.
#[derive(Default)]
struct Guests {
    connections: usize,
    /// The requests under way on all of these connections.
    turns: Counter,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// None is left.
    Full,
    /// The address has as many as one may have.
    TooMany,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "every place is taken: see --max-connections",
            Self::TooMany => "its address has a quarter of all places: name it with --trusted-proxies if it is a proxy",
        })
    }
}

impl Crowd {
    /// It is tight when more than half of the places are taken.
    pub(super) fn new(places: usize) -> Arc<Self> {
        Self::roomy(places, places / 2)
    }

    /// It is never tight.
    pub(super) fn of_operators(places: usize) -> Arc<Self> {
        Self::roomy(places, places)
    }

    fn roomy(places: usize, roomy: usize) -> Arc<Self> {
        Arc::new(Self {
            places,
            roomy,
            taken: AtomicUsize::new(0),
            here: Mutex::default(),
        })
    }

    /// A place for a connection from `address`; `None` where it comes from a trusted proxy, behind which everybody may be.
    pub(super) fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Place, Refused> {
        let mut place = self.enter()?;
        if let Some(address) = address {
            place.count(address)?;
        }
        Ok(place)
    }

    fn enter(self: &Arc<Self>) -> Result<Place, Refused> {
        let _here = self.here();
        if self.taken.load(Ordering::Relaxed) >= self.places {
            return Err(Refused::Full);
        }
        self.taken.fetch_add(1, Ordering::Relaxed);
        Ok(Place {
            crowd: Arc::clone(self),
            networks: Vec::new(),
        })
    }

    /// Whether more than half of the places are taken.
    pub(super) fn is_tight(&self) -> bool {
        self.taken.load(Ordering::Relaxed) > self.roomy
    }

    fn here(&self) -> MutexGuard<'_, HashMap<Network, Guests>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, given up when it is dropped.
pub(super) struct Place {
    crowd: Arc<Crowd>,
    /// Where it counts, and the requests under way from there.
    networks: Vec<(Network, Counter)>,
}

impl Place {
    /// Counts the place as one of this address, unless that has as many as it may have.
    pub(super) fn count(&mut self, address: IpAddr) -> Result<(), Refused> {
        let mut here = self.crowd.here();
        for network in Network::of(address) {
            let guests = here.entry(network).or_default();
            if guests.connections >= network.share.of(self.crowd.places) {
                return Err(Refused::TooMany);
            }
            guests.connections += 1;
            self.networks.push((network, Arc::clone(&guests.turns)));
        }
        Ok(())
    }

    /// The requests under way from wherever this place counts, and which part of all these may be.
    pub(super) fn counters(&self) -> impl Iterator<Item = (&AtomicUsize, Share)> {
        let networks = self.networks.iter();
        networks.map(|(network, turns)| (&**turns, network.share))
    }

    pub(super) fn is_tight(&self) -> bool {
        self.crowd.is_tight()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut here = self.crowd.here();
        self.crowd.taken.fetch_sub(1, Ordering::Relaxed);
        for (network, _) in &self.networks {
            let Some(guests) = here.get_mut(network) else {
                continue;
            };
            guests.connections -= 1;
            if guests.connections == 0 {
                here.remove(network);
            }
        }
    }
}

/// One address, or all of those that are given out together.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Network {
    first: IpAddr,
    share: Share,
}

/// Which part of all there is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Share {
    Quarter,
    Half,
}

impl Share {
    pub(super) fn of(self, whole: usize) -> usize {
        match self {
            Self::Quarter => whole.div_ceil(4),
            Self::Half => whole.div_ceil(2),
        }
    }
}

impl Network {
    /// Of IPv6 a customer is given a /64 at the least, and a /48 at the most (RFC 6177): whoever has one has as many addresses
    /// as they like.
    fn of(address: IpAddr) -> Vec<Self> {
        let network = |first, share| Self { first, share };
        match address.to_canonical() {
            IpAddr::V6(six) => vec![
                network(prefix(six, 64), Share::Quarter),
                network(prefix(six, 48), Share::Half),
            ],
            four @ IpAddr::V4(_) => vec![network(four, Share::Quarter)],
        }
    }
}

/// The first address of the network that begins with so many bits, fewer than all and more than none.
fn prefix(address: Ipv6Addr, length: u32) -> IpAddr {
    let others = Ipv6Addr::BITS - length;
    Ipv6Addr::from_bits(address.to_bits() >> others << others).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn one_address_cannot_take_every_place() {
        let crowd = Crowd::new(8);
        let first = crowd.admit(at("192.0.2.1")).unwrap();
        let _second = crowd.admit(at("::ffff:192.0.2.1")).unwrap();
        assert_eq!(crowd.admit(at("192.0.2.1")).err(), Some(Refused::TooMany));
        assert!(crowd.admit(at("192.0.2.2")).is_ok());
        drop(first);
        assert!(crowd.admit(at("192.0.2.1")).is_ok());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let crowd = Crowd::new(4);
        let _one = crowd.admit(at("2001:db8::1")).unwrap();
        assert_eq!(crowd.admit(at("2001:db8::2")).err(), Some(Refused::TooMany));
        assert!(crowd.admit(at("2001:db8:0:1::1")).is_ok());
    }

    #[test]
    fn a_site_of_ipv6_has_half_of_the_places_however_many_networks_it_takes() {
        let crowd = Crowd::new(8);
        let places: Vec<_> = (0..4)
            .map(|subnet| crowd.admit(at(&format!("2001:db8:1:{subnet}::1"))).unwrap())
            .collect();
        let refused = crowd.admit(at("2001:db8:1:4::1")).err();
        assert_eq!(refused, Some(Refused::TooMany));
        assert!(crowd.admit(at("2001:db8:2::1")).is_ok());
        drop(places);
        assert!(crowd.here().is_empty(), "nobody is remembered who has left");
    }

    #[test]
    fn whom_a_proxy_names_counts_as_if_they_had_come_themselves() {
        let crowd = Crowd::new(8);
        let named = || {
            let mut place = crowd.admit(None).unwrap();
            place.count("192.0.2.1".parse().unwrap()).map(|()| place)
        };
        let _places = [named().unwrap(), named().unwrap()];
        assert_eq!(named().err(), Some(Refused::TooMany));
        assert!(crowd.admit(None).is_ok());
    }

    #[test]
    fn a_full_house_lets_nobody_in_until_somebody_leaves() {
        let crowd = Crowd::new(2);
        let first = crowd.admit(None).unwrap();
        assert!(!first.is_tight());
        let second = crowd.admit(None).unwrap();
        assert!(first.is_tight(), "now it is for everybody");
        assert_eq!(crowd.admit(None).err(), Some(Refused::Full));
        drop((first, second));
        let place = crowd.admit(at("192.0.2.1")).unwrap();
        assert!(!place.is_tight());
        drop(place);
        assert!(crowd.here().is_empty(), "nobody is remembered who has left");
    }

    #[test]
    fn among_operators_it_is_never_tight() {
        let crowd = Crowd::of_operators(2);
        let places: Vec<_> = (0..2).map(|_| crowd.admit(None).unwrap()).collect();
        assert!(!places[0].is_tight());
        assert_eq!(crowd.admit(None).err(), Some(Refused::Full));
    }
}
