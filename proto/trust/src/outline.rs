//! Whose certificate this is and when it ends: of anybody's, believed in nothing. For a diagnosis.

use distans_proto::time::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;

/// What a certificate says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// Its common name, or all of its subject. From the certificate as it is.
    pub subject: String,
    /// Its end.
    pub ends: Timestamp,
}

/// The outline of a certificate in DER, or of the first one in PEM; `None` if it is none.
pub fn outline(bytes: &[u8]) -> Option<Outline> {
    if bytes.starts_with(&[0x30]) {
        return of_der(bytes);
    }
    let (_, pem) = parse_x509_pem(bytes).ok()?;
    if pem.label == "CERTIFICATE" { of_der(&pem.contents) } else { None }
}

fn of_der(der: &[u8]) -> Option<Outline> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let subject = certificate.subject();
    let name = subject.iter_common_name().next().and_then(|name| name.as_str().ok());
    Some(Outline {
        subject: name.map_or_else(|| subject.to_string(), str::to_owned),
        ends: Timestamp::from_secs(certificate.validity().not_after.timestamp()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_outlined_in_both_forms_and_rubbish_is_none() {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut wanted = rcgen::CertificateParams::new(vec!["intranet.mora.se".to_owned()]).expect("a name");
        wanted.distinguished_name.push(rcgen::DnType::CommonName, "intranet.mora.se");
        wanted.not_after = rcgen::date_time_ymd(2031, 2, 3);
        let certificate = wanted.self_signed(&key).expect("signed");
        let told = outline(certificate.der()).expect("a certificate");
        assert_eq!(told.subject, "intranet.mora.se");
        assert_eq!(told.ends, Timestamp::from_secs(1_927_843_200));
        assert_eq!(outline(certificate.pem().as_bytes()), Some(told));
        for rubbish in
            [&b""[..], b"\x30\x82", b"-----BEGIN CERTIFICATE-----\nMII\n", b"-----BEGIN PRIVATE KEY-----"]
        {
            assert_eq!(outline(rubbish), None);
        }
    }
}
