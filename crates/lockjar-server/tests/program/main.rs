//! The program from outside: the real binary, real files, real signals.

mod command_line;
mod durability;
mod faults;
mod logs;
mod support;
