//! Black-box tests over HTTP; the files mirror the URLs.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod anything;
mod audit;
mod bad_input;
mod breached;
mod cookies;
mod csrf;
mod flaky_store;
mod forged;
mod headers;
mod health;
mod jar;
mod log;
mod login;
mod logout;
mod me;
mod mount;
mod negative;
mod openapi;
mod pages;
mod password;
mod protected;
mod recover;
mod register;
mod secrets;
mod sessions;
mod smuggling;
mod support;
mod throttle;
mod tokens;
mod unavailable;
mod wire;
