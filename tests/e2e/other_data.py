"""What else than a tbsCertificate a CA signs, and the words with which it is refused."""
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp


def rows(house, issuer="ec"):
    """{noun of the refusal: octets}; each well-formed, made by python3-cryptography in the issuer's name."""
    real, key, now = house.issuer(issuer), ec.generate_private_key(ec.SECP256R1()), datetime.datetime.utcnow()
    end, sha256 = now + datetime.timedelta(days=7), hashes.SHA256()
    crl = (x509.CertificateRevocationListBuilder().issuer_name(real.subject).last_update(now).next_update(end)
           .add_extension(x509.CRLNumber(7), critical=False)
           .add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(0x4F01).revocation_date(now).build())
           .sign(key, sha256))
    responder = (x509.CertificateBuilder().subject_name(real.subject).issuer_name(real.subject).serial_number(0x4F02)
                 .public_key(key.public_key()).not_valid_before(now).not_valid_after(end).sign(key, sha256))
    answer = (ocsp.OCSPResponseBuilder().add_response(
        cert=real.certificate, issuer=real.certificate, algorithm=sha256, cert_status=ocsp.OCSPCertStatus.GOOD,
        this_update=now, next_update=end, revocation_time=None, revocation_reason=None)
        .responder_id(ocsp.OCSPResponderEncoding.NAME, responder).sign(key, sha256))
    request = (x509.CertificateSigningRequestBuilder().subject_name(real.subject)
               .add_extension(x509.SubjectAlternativeName([x509.DNSName("www.example.com")]), critical=False)
               .sign(key, sha256))
    return {
        "a tbsCertList (CRL)": crl.tbs_certlist_bytes,
        "an OCSP ResponseData": answer.tbs_response_bytes,
        "a certificationRequestInfo (CSR)": request.tbs_certrequest_bytes,
        "a whole Certificate": real.certificate.public_bytes(Encoding.DER),
        "a SET, as CMS and PKCS#7 sign": bytes.fromhex("31143012 06092a864886f70d010903 3105 0603 2a0304".replace(" ", "")),
        "no to-be-signed structure": bytes.fromhex("3003020101"),
    }
