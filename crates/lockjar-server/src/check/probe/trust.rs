//! The handshake itself, which `ureq` does not show: whose certificate, whether a browser trusts it, and why not.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use lockjar::ConfigError;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use ureq::tls::Certificate;
use url::Url;

use crate::tls;

/// The authorities that are believed: the web's, or those of a file.
pub(crate) struct Roots(Option<Vec<CertificateDer<'static>>>);

impl Roots {
    pub(crate) fn read(file: Option<&Path>) -> Result<Self, ConfigError> {
        file.map(tls::chain).transpose().map(Self)
    }

    /// Those of the file, for `ureq`.
    pub(super) fn own(&self) -> Option<Arc<Vec<Certificate<'static>>>> {
        let own = self.0.as_ref()?.iter();
        let certificates = own.map(|it| Certificate::from_der(it).to_owned());
        Some(Arc::new(certificates.collect()))
    }

    fn store(&self) -> RootCertStore {
        let mut store = RootCertStore::empty();
        match &self.0 {
            Some(own) => drop(store.add_parsable_certificates(own.iter().cloned())),
            None => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        store
    }
}

/// What the site showed.
pub(super) struct Handshake {
    pub(super) certificate: CertificateDer<'static>,
    /// Why a browser would stop here.
    pub(super) refused: Option<rustls::Error>,
}

/// Shakes hands with whoever is there, and says nothing to them.
pub(super) fn shake(url: &Url, roots: &Roots, patience: Duration) -> Result<Handshake, String> {
    let (config, verifier) = config(roots).map_err(|error| error.to_string())?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let mut connection =
        ClientConnection::new(Arc::new(config), name).map_err(|error| error.to_string())?;
    let mut stream = Bounded::connect(url, patience).map_err(|error| error.to_string())?;
    while connection.is_handshaking() {
        connection
            .complete_io(&mut stream)
            .map_err(|error| error.to_string())?;
    }
    let chain = connection.peer_certificates().unwrap_or_default();
    let certificate = chain.first().ok_or("no certificate was shown")?;
    Ok(Handshake {
        certificate: certificate.clone().into_owned(),
        refused: verifier.refused.lock().ok().and_then(|mut it| it.take()),
    })
}

fn config(
    roots: &Roots,
) -> Result<(ClientConfig, Arc<Remembering>), Box<dyn std::error::Error + Send + Sync>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let judge = WebPkiServerVerifier::builder_with_provider(roots.store().into(), provider.clone());
    let verifier = Arc::new(Remembering {
        judge: judge.build()?,
        refused: Mutex::new(None),
    });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone())
        .with_no_client_auth();
    Ok((config, verifier))
}

/// Lets every certificate pass and remembers what is wrong with it. Nothing is sent over such a connection.
#[derive(Debug)]
struct Remembering {
    judge: Arc<WebPkiServerVerifier>,
    refused: Mutex<Option<rustls::Error>>,
}

impl ServerCertVerifier for Remembering {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let judged = self.judge.verify_server_cert(own, others, name, ocsp, now);
        if let (Err(error), Ok(mut refused)) = (judged, self.refused.lock()) {
            *refused = Some(error);
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls12_signature(message, own, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls13_signature(message, own, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

/// A connection that ends when its time is over: one byte now and then does not prolong it.
pub(super) struct Bounded {
    stream: TcpStream,
    until: Instant,
}

impl Bounded {
    pub(super) fn connect(url: &Url, patience: Duration) -> io::Result<Self> {
        let until = Instant::now() + patience;
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses(url, patience)? {
            match TcpStream::connect_timeout(&address, left(until)?) {
                Ok(stream) => return Ok(Self { stream, until }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// The system looks names up for as long as it likes, so it is left to do that.
fn addresses(url: &Url, patience: Duration) -> io::Result<Vec<SocketAddr>> {
    let (tell, told) = mpsc::channel();
    let url = url.clone();
    std::thread::spawn(move || tell.send(url.socket_addrs(|| None)));
    told.recv_timeout(patience)
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(io::ErrorKind::TimedOut.into()),
        false => Ok(left),
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.until)?))?;
        self.stream.read(buffer)
    }
}

impl Write for Bounded {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(left(self.until)?))?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Without a bound it would never end.
    #[test]
    fn a_handshake_that_trickles_for_ever_is_left() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            while stream.write_all(&[0]).is_ok() {
                // The attacker's pace; nothing is asserted of time.
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let url = Url::parse(&url).unwrap();
        let stream = Bounded::connect(&url, Duration::from_secs(1)).unwrap();
        let mut all = Vec::new();
        let ended = stream.take(u64::MAX).read_to_end(&mut all).unwrap_err();
        let over = [io::ErrorKind::TimedOut, io::ErrorKind::WouldBlock];
        assert!(over.contains(&ended.kind()) && !all.is_empty(), "{ended}");
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Roots::read(Some(file.path())).is_err());
        assert!(Roots::read(None).is_ok());
    }
}
