//! How many connections there are, in all and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One address, or one network of IPv6 that is given out as a whole, may have this part of all places.
const SHARE: usize = 4;

/// Who is here.
pub(super) struct Crowd {
    places: usize,
    here: Mutex<Here>,
}

#[derive(Default)]
struct Here {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// None is left.
    Full,
    /// The address has as many as one may have.
    TooMany,
}

impl Crowd {
    pub(super) fn new(places: usize) -> Arc<Self> {
        let here = Mutex::default();
        Arc::new(Self { places, here })
    }

    /// A place for a connection from `address`; `None` where it comes from a trusted proxy, behind which everybody may be.
    pub(super) fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Place, Refused> {
        let address = address.map(network);
        let mut here = self.here();
        if here.total >= self.places {
            return Err(Refused::Full);
        }
        if let Some(address) = address {
            let count = here.by_address.entry(address).or_insert(0);
            if *count >= self.places.div_ceil(SHARE) {
                return Err(Refused::TooMany);
            }
            *count += 1;
        }
        here.total += 1;
        Ok(Place {
            crowd: Arc::clone(self),
            address,
            is_tight: here.total > self.places / 2,
        })
    }

    fn here(&self) -> MutexGuard<'_, Here> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, address: Option<IpAddr>) {
        let mut here = self.here();
        here.total -= 1;
        let Some(address) = address else { return };
        if let Some(count) = here.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                here.by_address.remove(&address);
            }
        }
    }
}

/// Whoever has one has as many addresses as they like.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() >> 64 << 64)),
        four @ IpAddr::V4(_) => four,
    }
}

/// A connection's place, given up when it is dropped.
pub(super) struct Place {
    crowd: Arc<Crowd>,
    address: Option<IpAddr>,
    /// More than half of the places were taken when this one was given.
    pub(super) is_tight: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.leave(self.address);
    }
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
    fn a_full_house_lets_nobody_in_until_somebody_leaves() {
        let crowd = Crowd::new(2);
        let places: Vec<_> = (0..2).map(|_| crowd.admit(None).unwrap()).collect();
        assert!(!places[0].is_tight && places[1].is_tight);
        assert_eq!(crowd.admit(None).err(), Some(Refused::Full));
        drop(places);
        assert!(crowd.admit(at("192.0.2.1")).is_ok());
        assert!(
            crowd.here().by_address.is_empty(),
            "nobody is remembered who has left"
        );
    }
}
