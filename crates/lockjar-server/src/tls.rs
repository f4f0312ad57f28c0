//! TLS by rustls, with its one crypto provider given explicitly.

use std::path::Path;
use std::sync::Arc;

use lockjar::ConfigError;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Reads certificate chain and key. TLS 1.2 and 1.3; HTTP/1.1.
pub(crate) fn acceptor(cert: &Path, key: &Path) -> Result<TlsAcceptor, ConfigError> {
    Ok(TlsAcceptor::from(Arc::new(server_config(cert, key)?)))
}

fn server_config(cert: &Path, key: &Path) -> Result<ServerConfig, ConfigError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let wrong = |error: rustls::Error| {
        ConfigError::new(format!(
            "{} and {} do not make a certificate with its key: {error}",
            cert.display(),
            key.display()
        ))
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(wrong)?
        .with_no_client_auth()
        .with_single_cert(chain(cert)?, private_key(key)?)
        .map_err(wrong)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The certificates of a PEM file, the site's own first.
pub(crate) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let unreadable = |error| {
        ConfigError::new(format!(
            "the certificate {} cannot be read: {error}",
            path.display()
        ))
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    if chain.is_empty() {
        return Err(ConfigError::new(format!(
            "{} holds no certificate; it must be a PEM file",
            path.display()
        )));
    }
    Ok(chain)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ConfigError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| {
        ConfigError::new(format!(
            "the private key {} cannot be read: {error}",
            path.display()
        ))
    })
}
