//! Findings in the certificate: L03x.

use std::path::Path;

use lockjar::PublicUrl;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Finding;
use crate::config::Config;
use crate::tls;

/// Time enough to renew it.
const SOON_DAYS: i64 = 14;

pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let Some((cert, key)) = &config.tls else {
        return Vec::new();
    };
    if let Err(error) = tls::acceptor(cert, key) {
        return vec![Finding::serious(
            "L030",
            error.to_string(),
            "Give a PEM chain and the key that belongs to it",
        )];
    }
    let Ok(chain) = tls::chain(cert) else {
        return Vec::new();
    };
    let host = config
        .public_url(config.listen_port())
        .ok()
        .and_then(|url| PublicUrl::parse(&url).ok());
    let own = &chain[0];
    [
        expiry(cert, own),
        host.and_then(|host| name(cert, own, &host.host())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// How long a certificate is good.
pub(super) enum Validity {
    NotNow { until: String },
    Soon { days: i64, until: String },
    Long,
}

/// `None` for what is no certificate.
pub(super) fn validity(certificate: &CertificateDer<'_>) -> Option<Validity> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let until = parsed.validity().not_after.to_string();
    let left = parsed.validity().time_to_expiration();
    Some(match left.map(|left| left.whole_days()) {
        None => Validity::NotNow { until },
        Some(days) if days < SOON_DAYS => Validity::Soon { days, until },
        Some(_) => Validity::Long,
    })
}

fn expiry(path: &Path, certificate: &CertificateDer<'_>) -> Option<Finding> {
    match validity(certificate)? {
        Validity::NotNow { until } => Some(Finding::serious(
            "L031",
            format!(
                "the certificate {} is not valid now (it ends {until})",
                path.display()
            ),
            "Renew it; browsers refuse it",
        )),
        Validity::Soon { days, until } => Some(Finding::slight(
            "L032",
            format!(
                "the certificate {} ends in {days} days ({until})",
                path.display()
            ),
            "Renew it, and see why it was not renewed by itself",
        )),
        Validity::Long => None,
    }
}

fn name(path: &Path, certificate: &CertificateDer<'_>, host: &str) -> Option<Finding> {
    let host = host.trim_matches(['[', ']']);
    let server = ServerName::try_from(host).ok()?;
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    rustls::client::verify_server_name(&parsed, &server)
        .err()
        .map(|_| {
            Finding::serious(
                "L033",
                format!("the certificate {} is not for {host}", path.display()),
                "Get one for the host of the public URL",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::load;

    fn numbers(host: &str, days: i64, other_key: bool) -> Vec<&'static str> {
        let folder = tempfile::tempdir().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.not_before = time::OffsetDateTime::now_utc() - time::Duration::days(100);
        params.not_after = time::OffsetDateTime::now_utc() + time::Duration::days(days);
        let key = rcgen::KeyPair::generate().unwrap();
        let cert = params.self_signed(&key).unwrap();
        let written = if other_key {
            rcgen::KeyPair::generate().unwrap()
        } else {
            key
        };
        let (cert_file, key_file) = (
            folder.path().join("cert.pem"),
            folder.path().join("key.pem"),
        );
        std::fs::write(&cert_file, cert.pem()).unwrap();
        std::fs::write(&key_file, written.serialize_pem()).unwrap();
        let (cert, key) = (
            cert_file.display().to_string(),
            key_file.display().to_string(),
        );
        let found = findings(&load(&["--tls-cert", &cert, "--tls-key", &key], "").unwrap());
        found.iter().map(|finding| finding.number).collect()
    }

    #[test]
    fn a_good_certificate_has_no_findings() {
        assert_eq!(numbers("localhost", 60, false), [""; 0]);
    }

    #[test]
    fn each_mistake_has_its_number() {
        assert_eq!(numbers("localhost", 60, true), ["L030"]);
        assert_eq!(numbers("localhost", -1, false), ["L031"]);
        assert_eq!(numbers("localhost", 3, false), ["L032"]);
        assert_eq!(numbers("other.example", 60, false), ["L033"]);
    }

    #[test]
    fn a_certificate_that_is_not_there_is_found() {
        let found =
            findings(&load(&["--tls-cert", "/nowhere/c", "--tls-key", "/nowhere/k"], "").unwrap());
        assert_eq!(found[0].number, "L030");
    }
}
