//! TLS: the certificates that a connection accepts.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Check of the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CertificateCheck {
    /// None: the connection is encrypted, but the server is not authenticated. These are libpq's
    /// semantics of `prefer` and `require`.
    Skip,
    /// Host name and chain, against the certificate authorities of the system.
    SystemRoots,
    /// Host name and chain, against the certificate authorities in this file.
    RootsFile(PathBuf),
}

/// Returns a connector with this check.
///
/// # Errors
/// There are no trusted certificates, or they cannot be read.
pub(crate) fn connector(check: &CertificateCheck) -> io::Result<MakeRustlsConnect> {
    // Passed explicitly: `ClientConfig::builder` panics unless the process has one default provider.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let config = match check {
        CertificateCheck::Skip => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AcceptAnyCertificate(algorithms))),
        CertificateCheck::SystemRoots => builder.with_root_certificates(system_roots()?),
        CertificateCheck::RootsFile(path) => builder.with_root_certificates(roots_in(path)?),
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

fn system_roots() -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    // A system store often has a few certificates that rustls cannot parse. They are skipped: one
    // of them must not disable the rest.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(io::Error::other(
            "this system has no trusted certificates; name a file with sslrootcert",
        ));
    }
    Ok(roots)
}

fn roots_in(path: &PathBuf) -> io::Result<RootCertStore> {
    let problem = |error: &dyn std::fmt::Display| {
        io::Error::other(format!("sslrootcert {}: {error}", path.display()))
    };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| problem(&error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| problem(&error))?;
        roots.add(certificate).map_err(|error| problem(&error))?;
    }
    if roots.is_empty() {
        return Err(problem(&"has no certificate"));
    }
    Ok(roots)
}

/// Accepts any certificate chain, but still verifies the signature of the handshake: the server must
/// hold the key of the certificate that it shows.
#[derive(Debug)]
struct AcceptAnyCertificate(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AcceptAnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
