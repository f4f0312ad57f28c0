//! The front line: who gets a connection, for how long, and what everybody else is told.

mod crowd;
mod descriptors;
mod door;
mod proxy_protocol;
mod rate_limit;
mod seldom;
mod shed;
mod turns;

pub(crate) use descriptors::raise_limit;
pub(crate) use door::{Door, Front, MAX_CONNECTIONS};
