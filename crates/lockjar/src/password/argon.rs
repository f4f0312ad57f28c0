//! Argon2id (RFC 9106) in memory that the caller keeps: fresh blocks for every hash cost up to twice as much, by the
//! page faults alone.

use argon2::password_hash::phc::{self, ParamsString};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::foreign::{Cost, Foreign, Reason};
use super::{Password, PasswordHash};
use crate::error::ConfigError;
use crate::id::random;

const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// A stored hash that asks for more than this is refused rather than computed: 1 GiB·passes.
const MAX_COST: u64 = 1024 * 1024;
/// The same for memory alone, in KiB, of which each password thread keeps as much.
const MAX_MEMORY: u32 = 256 * 1024;
pub(super) const TOO_DEAR: Reason =
    "the Argon2 hash needs more than 256 MiB, or more than 1 GiB·passes (m·t), at every log-in";
const MALFORMED: Reason = "the Argon2 hash is damaged, or needs a key that is not in it";

/// What a hash costs. The default is OWASP's and ASVS 5.0's minimum for Argon2id: 19,456 KiB, 2 passes, 1 lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Params {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
}

impl Default for Argon2Params {
    fn default() -> Self {
        Self {
            memory_kib: 19_456,
            passes: 2,
        }
    }
}

impl Argon2Params {
    /// Refuses what Argon2 cannot compute.
    pub(crate) fn check(self) -> Result<(), ConfigError> {
        if self.params().is_none() || !is_bearable(self.memory_kib, self.passes) {
            return Err(ConfigError::new(
                "the Argon2 parameters are out of range: use from 8 KiB to 256 MiB, and at most 1 GiB·passes in all",
            ));
        }
        Ok(())
    }

    fn params(self) -> Option<Params> {
        Params::new(self.memory_kib, self.passes, 1, Some(HASH_BYTES)).ok()
    }

    /// What checking against a stored Argon2 hash costs, as many times as one of today's; none for what is of another scheme,
    /// whose cost its text does not tell.
    pub(crate) fn multiple(self, stored: &PasswordHash) -> Option<f64> {
        let stored = Stored::parse(stored.as_phc()).ok()?;
        Some((stored.cost() as f64 / self.cost() as f64).max(1.0))
    }

    /// Time is proportional to the blocks that are filled.
    fn cost(self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.passes)
    }

    /// The hash that takes as long as this one takes longer than `done`: none if it does not.
    fn remainder(self, done: u64) -> Option<Self> {
        let memory = self.cost().checked_sub(done)? / u64::from(self.passes);
        let memory_kib = u32::try_from(memory)
            .ok()
            .filter(|kib| *kib >= Params::MIN_M_COST)?;
        Some(Self { memory_kib, ..self })
    }
}

/// Blocks that are kept from one hash to the next.
#[derive(Default)]
pub(crate) struct Memory(Vec<Block>);

impl Memory {
    /// Gives the blocks back to the operating system.
    pub(crate) fn free(&mut self) {
        self.0 = Vec::new();
    }

    fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.0.len() < count {
            self.0.resize(count, Block::default());
        }
        &mut self.0[..count]
    }

    fn compute(
        &mut self,
        params: Params,
        password: &Password,
        salt: &[u8],
        out: &mut [u8],
    ) -> Result<(), argon2::Error> {
        let todays = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        self.compute_by(&todays, password, salt, out)
    }

    fn compute_by(
        &mut self,
        argon: &Argon2<'_>,
        password: &Password,
        salt: &[u8],
        out: &mut [u8],
    ) -> Result<(), argon2::Error> {
        let blocks = self.blocks(argon.params().block_count());
        let password = password.as_str().as_bytes();
        argon.hash_password_into_with_memory(password, salt, out, blocks)
    }

    /// Hashes a password under a new random salt. `None` only where [`Argon2Params::check`] would have refused.
    pub(crate) fn hash(
        &mut self,
        params: Argon2Params,
        password: &Password,
    ) -> Option<PasswordHash> {
        let salt: [u8; SALT_BYTES] = random();
        let mut out = [0; HASH_BYTES];
        let params = params.params()?;
        self.compute(params.clone(), password, &salt, &mut out)
            .ok()?;
        let phc = phc::PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).ok()?,
            salt: Some(phc::Salt::new(&salt).ok()?),
            hash: Some(phc::Output::new(&out).ok()?),
        };
        out.zeroize();
        Some(PasswordHash(phc.to_string()))
    }

    /// Compares a password with a stored hash. Where the stored hash is cheaper than today's parameters the difference
    /// is worked off too, so that time does not tell an old account from one that does not exist (Django's
    /// CVE-2025-13473); without a stored hash, or beside one of another scheme, whose time is another's, the whole of it is.
    pub(crate) fn verify(
        &mut self,
        today: Argon2Params,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Verdict {
        let (verdict, done) = match stored.map(|hash| (hash, Stored::parse(hash.as_phc()))) {
            Some((_, Ok(known))) => (known.verify(self, today, password), known.cost()),
            Some((hash, Err(_))) => (verify_foreign(hash, password), 0),
            None => (Verdict::Wrong, 0),
        };
        if let Some(params) = today.remainder(done).and_then(Argon2Params::params) {
            let mut out = [0; HASH_BYTES];
            // Nothing depends on the result; the time it took is the point.
            let _ = self.compute(params, password, &[0; SALT_BYTES], &mut out);
        }
        verdict
    }

    /// Computes one hash of this cost, as if a password were compared with such a hash. `false` where there can be none.
    pub(crate) fn rehearse(&mut self, cost: Cost, password: &Password) -> bool {
        let Cost::Argon2 {
            algorithm,
            memory_kib,
            passes,
            lanes,
        } = cost
        else {
            cost.work_off(password);
            return true;
        };
        let Ok(params) = Params::new(memory_kib, passes, lanes, Some(HASH_BYTES)) else {
            return false;
        };
        let argon = Argon2::new(algorithm, Version::V0x13, params);
        let (salt, mut out) = ([0; SALT_BYTES], [0; HASH_BYTES]);
        self.compute_by(&argon, password, &salt, &mut out).is_ok()
    }
}

/// A hash that came with its account from elsewhere is always to be renewed.
fn verify_foreign(hash: &PasswordHash, password: &Password) -> Verdict {
    match Foreign::parse(hash.as_phc()) {
        Ok(foreign) if foreign.matches(password) => Verdict::RightButOld,
        _ => Verdict::Wrong,
    }
}

/// What verifying an Argon2 hash costs, or why it is not taken.
pub(super) fn cost_of(text: &str) -> Result<Cost, Reason> {
    Stored::parse(text).map(|stored| stored.label())
}

/// Whether so much memory in KiB and so many passes are computed at all.
pub(super) fn is_bearable(memory_kib: u32, passes: u32) -> bool {
    memory_kib <= MAX_MEMORY && u64::from(memory_kib) * u64::from(passes) <= MAX_COST
}

/// Whether Argon2 has such parameters.
pub(super) fn is_possible(memory_kib: u32, passes: u32, lanes: u32) -> bool {
    Params::new(memory_kib, passes, lanes, Some(HASH_BYTES)).is_ok()
}

/// What comparing a password with a hash says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Another password, or no hash to compare with.
    Wrong,
    /// The right password.
    Right,
    /// The right password under a hash with other parameters than today's.
    RightButOld,
}

/// An Argon2 hash of any kind.
struct Stored {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: phc::Salt,
    hash: phc::Output,
}

impl Stored {
    /// Refuses anything but an Argon2 hash of a bearable cost.
    fn parse(text: &str) -> Result<Self, Reason> {
        let phc = phc::PasswordHash::new(text).map_err(|_| MALFORMED)?;
        // Before there were two versions nobody wrote which.
        let version = phc.version.unwrap_or(Version::V0x10.into());
        let stored = Self {
            algorithm: Algorithm::new(phc.algorithm).map_err(|_| MALFORMED)?,
            version: Version::try_from(version).map_err(|_| MALFORMED)?,
            params: Params::try_from(&phc).map_err(|_| MALFORMED)?,
            salt: phc.salt.ok_or(MALFORMED)?,
            hash: phc.hash.ok_or(MALFORMED)?,
        };
        if !stored.params.keyid().is_empty() {
            return Err(MALFORMED);
        }
        match is_bearable(stored.params.m_cost(), stored.params.t_cost()) {
            true => Ok(stored),
            false => Err(TOO_DEAR),
        }
    }

    fn cost(&self) -> u64 {
        u64::from(self.params.m_cost()) * u64::from(self.params.t_cost())
    }

    fn label(&self) -> Cost {
        Cost::Argon2 {
            algorithm: self.algorithm,
            memory_kib: self.params.m_cost(),
            passes: self.params.t_cost(),
            lanes: self.params.p_cost(),
        }
    }

    fn verify(&self, memory: &mut Memory, today: Argon2Params, password: &Password) -> Verdict {
        let mut out = vec![0; self.hash.len()];
        let argon = Argon2::new(self.algorithm, self.version, self.params.clone());
        let computed = memory
            .compute_by(&argon, password, &self.salt, &mut out)
            .is_ok();
        let equal: bool = out.ct_eq(self.hash.as_bytes()).into();
        out.zeroize();
        match computed && equal {
            false => Verdict::Wrong,
            true if self.differs_from(today) => Verdict::RightButOld,
            true => Verdict::Right,
        }
    }

    /// A dearer hash is renewed as well: after the parameters were lowered, time would tell its account from none.
    fn differs_from(&self, today: Argon2Params) -> bool {
        (self.algorithm, self.version) != (Algorithm::Argon2id, Version::V0x13)
            || self.params.m_cost() != today.memory_kib
            || self.params.t_cost() != today.passes
            || self.params.p_cost() != 1
            || self.hash.len() != HASH_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Argon2Params = Argon2Params {
        memory_kib: 64,
        passes: 1,
    };
    const TODAY: Argon2Params = Argon2Params {
        memory_kib: 128,
        passes: 2,
    };

    #[test]
    fn a_hash_is_a_phc_string_that_verifies() {
        let mut memory = Memory::default();
        let hash = memory
            .hash(Argon2Params::default(), &Password::new("tr\u{e8}s bien"))
            .unwrap();
        assert!(
            hash.as_phc().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            hash.as_phc()
        );
        let verdict = memory.verify(
            Argon2Params::default(),
            &Password::new("tre\u{300}s bien"),
            Some(&hash),
        );
        assert_eq!(verdict, Verdict::Right);
    }

    #[test]
    fn the_same_password_never_hashes_the_same() {
        let (mut memory, password) = (Memory::default(), Password::new("x"));
        assert_ne!(memory.hash(CHEAP, &password), memory.hash(CHEAP, &password));
    }

    #[test]
    fn a_wrong_password_and_a_missing_hash_are_the_same_answer() {
        let mut memory = Memory::default();
        let hash = memory.hash(TODAY, &Password::new("right")).unwrap();
        assert_eq!(
            memory.verify(TODAY, &Password::new("wrong"), Some(&hash)),
            Verdict::Wrong
        );
        assert_eq!(
            memory.verify(TODAY, &Password::new("wrong"), None),
            Verdict::Wrong
        );
    }

    #[test]
    fn a_hash_of_other_parameters_is_said_to_be_old() {
        let mut memory = Memory::default();
        for (then, now, verdict) in [
            (CHEAP, CHEAP, Verdict::Right),
            (CHEAP, TODAY, Verdict::RightButOld),
            (TODAY, CHEAP, Verdict::RightButOld),
        ] {
            let hash = memory.hash(then, &Password::new("right")).unwrap();
            let said = memory.verify(now, &Password::new("right"), Some(&hash));
            assert_eq!(said, verdict, "{then:?} {now:?}");
        }
    }

    #[test]
    fn an_old_hash_an_unknown_user_and_todays_hash_cost_the_same() {
        assert_eq!(TODAY.remainder(TODAY.cost()), None);
        assert_eq!(TODAY.remainder(0), Some(TODAY));
        let rest = TODAY.remainder(CHEAP.cost()).unwrap();
        assert_eq!(rest.cost() + CHEAP.cost(), TODAY.cost());
    }

    #[test]
    fn a_stored_hash_that_would_exhaust_the_machine_is_not_computed() {
        let dear = "$argon2id$v=19$m=4194304,t=9,p=1$c29tZXNhbHRzYWx0$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI";
        assert_eq!(Stored::parse(dear).err(), Some(TOO_DEAR));
        let cheap = dear.replace("4194304,t=9", "64,t=1");
        assert!(Stored::parse(&cheap).is_ok());
        for bad in [
            "",
            "plain",
            &cheap.replace("argon2id", "argon3"),
            &cheap.replace("v=19", "v=18"),
            &cheap.replace("p=1", "p=1,keyid=Hj5+dsK0"),
        ] {
            assert!(Stored::parse(bad).is_err(), "{bad:?}");
        }
    }
}
