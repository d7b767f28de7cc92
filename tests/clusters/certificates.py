"""A certificate authority for one test, and a certificate of it for a server on this machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Authority:
    """Who vouches for servers."""

    def __init__(self, folder: Path, name: str) -> None:
        """Write ``ca.pem``, ``server.pem`` and ``server.key`` into a new folder."""
        place = folder / name
        place.mkdir()
        self.ca, self.certificate, self.key = place / "ca.pem", place / "server.pem", place / "server.key"
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self._signs = ec.generate_private_key(ec.SECP256R1())
        self.ca.write_bytes(_pem(self._sign(self._name, self._signs, x509.BasicConstraints(True, 0))))
        server = ec.generate_private_key(ec.SECP256R1())
        host = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        self.certificate.write_bytes(_pem(self._sign(x509.Name([]), server, host)))
        self.key.write_bytes(
            server.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(extension, critical=True)
            .sign(self._signs, hashes.SHA256())
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
