//! The servers that tests need: [`Postgres`], [`Redis`] and [`PgBouncer`], from Debian's packages, each on a free port of
//! 127.0.0.1 and in a folder of its own. They can be killed, started again, frozen and thawed.
//!
//! ```no_run
//! let postgres = lockjar_testing::Postgres::start();
//! let url = postgres.database("a_test_of_its_own");
//! postgres.kill_9();
//! postgres.restart();
//! ```
//!
//! Dropping one stops it and removes its folder. So does the end of the process that started it, however it ends: even
//! one that is kept in a `static`, which Rust never drops, does not outlive its tests.
//!
//! A test that cannot start what it needs has failed, so everything here panics instead of returning errors. The
//! packages are `postgresql`, `redis-server` and `pgbouncer`; clusters that Debian itself may have started are neither
//! used nor touched. PostgreSQL and PgBouncer refuse to run as root, and are then run as the user `postgres`.

mod daemon;
mod folder;
mod guard;
mod pgbouncer;
mod port;
mod postgres;
mod redis;

pub use guard::Guard;
pub use pgbouncer::PgBouncer;
pub use port::free_port;
pub use postgres::Postgres;
pub use redis::Redis;
