//! The program from outside: the real binary, real files, real signals.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod audit;
mod breached;
mod checking;
mod command_line;
mod durability;
mod faults;
mod front;
mod importing;
mod keys;
mod logs;
mod moving;
mod nodes;
mod refreshing;
mod restoring;
mod serving;
mod sites;
mod support;
mod tls;
