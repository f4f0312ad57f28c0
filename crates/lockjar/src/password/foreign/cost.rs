//! What a hash costs to compute: the label under which a store remembers that it holds such hashes.

use std::fmt;

use argon2::Algorithm;

use super::encoding::{named, number};
use super::pbkdf2::Digest;
use super::{MALFORMED, Reason, bcrypt, pbkdf2, phpass, scrypt};
use crate::password::Password;
use crate::password::argon;

/// About two seconds of a processor of 2020; today's software uses 10 to 14.
const BCRYPT_MAX: u32 = 15;
/// In bytes that are filled: as much as `ln=18,r=8,p=1`, a quarter of a gibibyte and about a second.
const SCRYPT_MAX: u64 = 256 << 20;
/// HMACs, about two seconds of SHA-512; Django and OWASP are between 0.2 and 1.5 million.
const PBKDF2_MAX: u64 = 5_000_000;
/// Each round reads all of the password: a tenth of a second for one as people have them, three for one of 4 KiB. passlib has 19,
/// WordPress 13.
const PHPASS_MAX: u32 = 19;

/// A scheme and its cost parameters. Written out it is a label such as `bcrypt 12`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    Argon2 {
        algorithm: Algorithm,
        memory_kib: u32,
        passes: u32,
        lanes: u32,
    },
    Bcrypt {
        log_rounds: u32,
    },
    /// Firebase's variant too.
    Scrypt {
        log_n: u8,
        r: u32,
        p: u32,
    },
    /// Blocks of output, each of which costs all of the iterations.
    Pbkdf2 {
        digest: Digest,
        iterations: u32,
        blocks: u32,
    },
    Phpass {
        log_rounds: u32,
    },
}

impl Cost {
    /// Reads a label.
    pub(crate) fn parse(label: &str) -> Result<Self, Reason> {
        let (scheme, costs) = label.split_once(' ').ok_or(MALFORMED)?;
        let cost = match scheme {
            "bcrypt" => Self::Bcrypt {
                log_rounds: number(costs)?,
            },
            "phpass" => Self::Phpass {
                log_rounds: number(costs)?,
            },
            "scrypt" => {
                let [log_n, r, p] = named(costs, ["ln", "r", "p"])?;
                Self::Scrypt {
                    log_n: number(log_n)?,
                    r: number(r)?,
                    p: number(p)?,
                }
            }
            _ if scheme.starts_with("argon2") => {
                let [memory, passes, lanes] = named(costs, ["m", "t", "p"])?;
                Self::Argon2 {
                    algorithm: scheme.parse().map_err(|_| MALFORMED)?,
                    memory_kib: number(memory)?,
                    passes: number(passes)?,
                    lanes: number(lanes)?,
                }
            }
            _ => {
                let digest = scheme.strip_prefix("pbkdf2-").ok_or(MALFORMED)?;
                let [iterations, blocks] = named(costs, ["i", "b"])?;
                Self::Pbkdf2 {
                    digest: Digest::parse(digest)?,
                    iterations: number(iterations)?,
                    blocks: number(blocks)?,
                }
            }
        };
        cost.check().map(|()| cost)
    }

    /// Of each scheme the dearest, which are few however many there are.
    pub(crate) fn dearest(labels: &[String]) -> Vec<Self> {
        let mut dearest: Vec<Self> = Vec::new();
        for cost in labels.iter().filter_map(|label| Self::parse(label).ok()) {
            match dearest.iter_mut().find(|other| other.is_like(cost)) {
                Some(other) if other.work() >= cost.work() => {}
                Some(other) => *other = cost,
                None => dearest.push(cost),
            }
        }
        dearest
    }

    fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Self::Pbkdf2 { digest, .. }, Self::Pbkdf2 { digest: same, .. }) => digest == same,
            _ => std::mem::discriminant(&self) == std::mem::discriminant(&other),
        }
    }

    /// In units of its scheme.
    fn work(self) -> u64 {
        match self {
            Self::Argon2 {
                memory_kib, passes, ..
            } => u64::from(memory_kib) * u64::from(passes),
            Self::Bcrypt { log_rounds } | Self::Phpass { log_rounds } => log_rounds.into(),
            Self::Scrypt { log_n, r, p } => scrypt_bytes(log_n, r, p).unwrap_or(u64::MAX),
            Self::Pbkdf2 {
                iterations, blocks, ..
            } => u64::from(iterations) * u64::from(blocks),
        }
    }

    /// Refuses what would keep the machine busy for long, or take its memory; and what is no parameter at all.
    pub(crate) fn check(self) -> Result<(), Reason> {
        let (is_bearable, reason) = match self {
            Self::Argon2 {
                memory_kib, passes, ..
            } => (argon::is_bearable(memory_kib, passes), argon::TOO_DEAR),
            Self::Bcrypt { log_rounds } => (
                log_rounds <= BCRYPT_MAX,
                "the bcrypt hash has a cost above 15 and would keep the server busy for seconds at every log-in",
            ),
            Self::Scrypt { log_n, r, p } => (
                scrypt_bytes(log_n, r, p).is_some_and(|bytes| bytes <= SCRYPT_MAX),
                "the scrypt hash needs more than 256 MiB (128·N·r·p) at every log-in",
            ),
            Self::Pbkdf2 {
                iterations, blocks, ..
            } => (
                u64::from(iterations) * u64::from(blocks) <= PBKDF2_MAX,
                "the PBKDF2 hash has more than 5,000,000 iterations and would keep the server busy for seconds at every log-in",
            ),
            Self::Phpass { log_rounds } => (
                log_rounds <= PHPASS_MAX,
                "the phpass hash has more than 2^19 rounds and would keep the server busy for seconds at every log-in",
            ),
        };
        match (is_bearable, self.is_possible()) {
            (false, _) => Err(reason),
            (true, false) => Err(MALFORMED),
            (true, true) => Ok(()),
        }
    }

    /// Whether the scheme allows such parameters.
    fn is_possible(self) -> bool {
        match self {
            Self::Argon2 {
                memory_kib,
                passes,
                lanes,
                ..
            } => argon::is_possible(memory_kib, passes, lanes),
            Self::Bcrypt { log_rounds } => log_rounds >= 4,
            Self::Scrypt { log_n, r, p } => log_n > 0 && r > 0 && p > 0,
            Self::Pbkdf2 {
                iterations, blocks, ..
            } => iterations > 0 && blocks > 0,
            Self::Phpass { log_rounds } => log_rounds >= 7,
        }
    }

    /// Computes one hash of this cost, Argon2's apart, which needs memory that is kept. Nothing depends on the result; the
    /// time that it takes is the point.
    pub(in crate::password) fn work_off(self, password: &Password) {
        let password = password.as_str().as_bytes();
        let salt = [0; 16];
        match self {
            Self::Argon2 { .. } => {}
            Self::Bcrypt { log_rounds } => {
                let _ = bcrypt::compute(log_rounds, salt, password);
            }
            Self::Scrypt { log_n, r, p } => {
                let _ = scrypt::compute(log_n, r, p, password, &salt, &mut [0; 32]);
            }
            Self::Pbkdf2 {
                digest,
                iterations,
                blocks,
            } => {
                let mut out = vec![0; digest.len() * blocks as usize];
                pbkdf2::compute(digest, iterations, password, &salt, &mut out);
            }
            Self::Phpass { log_rounds } => {
                let _ = phpass::compute(log_rounds, &salt[..8], password);
            }
        }
    }
}

/// What scrypt fills: none where it is more than can be counted.
fn scrypt_bytes(log_n: u8, r: u32, p: u32) -> Option<u64> {
    let n = 1_u64.checked_shl(u32::from(log_n))?;
    let lanes = u64::from(r).checked_mul(u64::from(p))?;
    n.checked_mul(128)?.checked_mul(lanes)
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argon2 {
                algorithm,
                memory_kib,
                passes,
                lanes,
            } => {
                write!(f, "{algorithm} m={memory_kib},t={passes},p={lanes}")
            }
            Self::Bcrypt { log_rounds } => write!(f, "bcrypt {log_rounds}"),
            Self::Scrypt { log_n, r, p } => write!(f, "scrypt ln={log_n},r={r},p={p}"),
            Self::Pbkdf2 {
                digest,
                iterations,
                blocks,
            } => {
                write!(f, "pbkdf2-{} i={iterations},b={blocks}", digest.name())
            }
            Self::Phpass { log_rounds } => write!(f, "phpass {log_rounds}"),
        }
    }
}
