//! What Lockjar costs, measured: the programs that are compared, the load that is put on them, and the parts of the
//! report. `src/main.rs` is the one command; `README.md` says how to read what it prints.

pub mod accounts;
pub mod callgrind;
pub mod cpu;
pub mod filled;
pub mod http;
pub mod load;
pub mod machine;
pub mod parts;
pub mod peers;
pub mod plot;
pub mod ratio;
pub mod report;
pub mod servers;
