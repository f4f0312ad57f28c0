//! Firebase's variant of scrypt: what scrypt derives is the key under which AES-256-CTR encrypts the project's signer key, and
//! that is the hash. The form is the one that Supabase's GoTrue has for it, each hash with the project's parameters.

use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::encoding::{base64, digest, named, number, parts};
use super::{Cost, MALFORMED, Reason, scrypt};
use crate::error::ConfigError;
use crate::password::Password;

pub(super) const PREFIXES: &[&str] = &["$fbscrypt$"];

pub(crate) struct Firebase {
    log_n: u8,
    r: u32,
    p: u32,
    signer_key: Zeroizing<Vec<u8>>,
    /// With the project's separator after it.
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Firebase {
    /// `$fbscrypt$v=1,n=14,r=8,p=1,ss=…,sk=…$salt$hash`.
    pub(super) fn parse(text: &str) -> Result<Self, Reason> {
        let rest = text.strip_prefix(PREFIXES[0]).ok_or(MALFORMED)?;
        if rest.split('$').count() == 2 {
            return Err(
                "the Firebase hash comes without its project's parameters: name the file with them by --firebase-parameters",
            );
        }
        let [project, salt, hash] = parts(rest, '$')?;
        let [version, log_n, r, p, separator, key] =
            named(project, ["v", "n", "r", "p", "ss", "sk"])?;
        if version != "1" {
            return Err(MALFORMED);
        }
        let signer_key = Zeroizing::new(digest(base64(key)?)?);
        let hash = base64(hash)?;
        if hash.len() != signer_key.len() {
            return Err(MALFORMED);
        }
        Ok(Self {
            log_n: number(log_n)?,
            r: number(r)?,
            p: number(p)?,
            signer_key,
            salt: [base64(salt)?, base64(separator)?].concat(),
            hash,
        })
    }

    pub(super) fn cost(&self) -> Cost {
        Cost::Scrypt {
            log_n: self.log_n,
            r: self.r,
            p: self.p,
        }
    }

    pub(super) fn matches(&self, password: &Password) -> bool {
        let mut key = Zeroizing::new([0; 32]);
        let password = password.as_str().as_bytes();
        let done = scrypt::compute(self.log_n, self.r, self.p, password, &self.salt, &mut *key);
        let mut encrypted = self.signer_key.clone();
        Ctr128BE::<Aes256>::new(&(*key).into(), &[0; 16].into()).apply_keystream(&mut encrypted);
        done.is_some() && bool::from(encrypted.ct_eq(&self.hash))
    }
}

/// What a Firebase project's hashes are made with, as its console shows it under *Authentication, Password hash parameters*.
/// There is no `Debug`: the signer key is a secret.
pub struct FirebaseParameters(Zeroizing<String>);

impl FirebaseParameters {
    /// Reads what the console shows: lines such as `base64_signer_key: …,`. Lines that name nothing are passed over.
    ///
    /// # Errors
    /// One sentence that names what is missing, or cannot be read.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let value = |name: &str| {
            let lines = text.lines().map(|line| line.trim().trim_end_matches(','));
            let mut values =
                lines.filter_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
            let value = values.next().map(|value| value.trim().trim_matches('"'));
            value.ok_or_else(|| wrong(name, "is missing"))
        };
        let number = |name| number::<u8>(value(name)?).map_err(|_| wrong(name, "is no number"));
        let base64 = |name| {
            let text = value(name)?;
            base64(text)
                .map(|_| text)
                .map_err(|_| wrong(name, "is not Base64"))
        };
        if let Ok(other) = value("algorithm")
            && other != "SCRYPT"
        {
            return Err(wrong("algorithm", "is not SCRYPT"));
        }
        let (rounds, log_n) = (number("rounds")?, number("mem_cost")?);
        let (separator, key) = (
            base64("base64_salt_separator")?,
            base64("base64_signer_key")?,
        );
        Ok(Self(Zeroizing::new(format!(
            "v=1,n={log_n},r={rounds},p=1,ss={separator},sk={key}"
        ))))
    }

    /// Puts the parameters into a hash that comes as `$fbscrypt$SALT$HASH`, and leaves any other as it is.
    #[must_use]
    pub fn complete(&self, hash: &str) -> String {
        match hash.strip_prefix(PREFIXES[0]) {
            Some(rest) if rest.split('$').count() == 2 => {
                format!("{}{}${rest}", PREFIXES[0], *self.0)
            }
            _ => hash.to_owned(),
        }
    }
}

fn wrong(name: &str, how: &str) -> ConfigError {
    ConfigError::new(format!(
        "among the Firebase parameters {name} {how}: copy all that the console shows as 'Password hash parameters'"
    ))
}
