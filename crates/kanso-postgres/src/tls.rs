//! TLS: the certificates that a connection accepts, and the one that it shows.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{
    WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use crate::encryption::{CertificateCheck, Encryption, Roots};

/// Returns a connector for this encryption.
///
/// # Errors
/// A certificate or a key cannot be read, or no authority is trusted.
pub(crate) fn connector(encryption: &Encryption) -> io::Result<MakeRustlsConnect> {
    // Passed explicitly: `ClientConfig::builder` panics unless the process has one default provider.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let builder = match &encryption.check {
        CertificateCheck::Skip => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AcceptAnyCertificate(algorithms))),
        CertificateCheck::Chain(path) => {
            let roots = roots_in(path)?;
            let verifier = AcceptAnyName { roots, algorithms };
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
        }
        CertificateCheck::Name(Roots::System) => builder.with_root_certificates(system_roots()?),
        CertificateCheck::Name(Roots::File(path)) => {
            builder.with_root_certificates(roots_in(path)?)
        }
    };
    let config = match &encryption.identity {
        None => builder.with_no_client_auth(),
        Some(files) => {
            let chain = certificates_in("sslcert", &files.certificate)?;
            let key = PrivateKeyDer::from_pem_file(&files.key)
                .map_err(|error| unusable("sslkey", &files.key, &error))?;
            let config = builder.with_client_auth_cert(chain, key);
            config.map_err(|error| unusable("sslcert", &files.certificate, &error))?
        }
    };
    Ok(MakeRustlsConnect::new(config))
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

fn roots_in(path: &Path) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_in("sslrootcert", path)? {
        let added = roots.add(certificate);
        added.map_err(|error| unusable("sslrootcert", path, &error))?;
    }
    Ok(roots)
}

/// Reads the certificates of a file, of which there is at least one.
fn certificates_in(parameter: &str, path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certificates: Vec<_> = certificates.map_err(|error| unusable(parameter, path, &error))?;
    if certificates.is_empty() {
        return Err(unusable(parameter, path, &"has no certificate"));
    }
    Ok(certificates)
}

fn unusable(parameter: &str, path: &Path, problem: &dyn Display) -> io::Error {
    io::Error::other(format!("{parameter} {}: {problem}", path.display()))
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
        let checked = verify_tls12_signature(message, certificate, signed, &self.0);
        checked.or_else(|error| self.with_key_alone(message, certificate, signed, error))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let checked = verify_tls13_signature(message, certificate, signed, &self.0);
        checked.or_else(|error| self.with_key_alone(message, certificate, signed, error))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

impl AcceptAnyCertificate {
    /// Checks the signature with the key of a certificate that webpki cannot parse, such as one of
    /// version 1, which `openssl x509 -req` makes and libpq accepts.
    fn with_key_alone(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
        error: Error,
    ) -> Result<HandshakeSignatureValid, Error> {
        // A signature that does not match is final.
        if error == Error::InvalidCertificate(CertificateError::BadSignature) {
            return Err(error);
        }
        let key = Certificate::from_der(certificate)
            .and_then(|parsed| parsed.tbs_certificate.subject_public_key_info.to_der());
        let Ok(key) = key else { return Err(error) };
        let key = SubjectPublicKeyInfoDer::from(key);
        verify_tls13_signature_with_raw_key(message, &key, signed, &self.0)
    }
}

/// Accepts a certificate of these authorities for any name: libpq's `verify-ca`.
#[derive(Debug)]
struct AcceptAnyName {
    roots: RootCertStore,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AcceptAnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(certificate)?;
        let algorithms = self.algorithms.all;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &self.roots,
            intermediates,
            now,
            algorithms,
        )?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
