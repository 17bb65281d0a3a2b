from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def certificates(directory: Path) -> tuple[Path, tuple[Path, Path], tuple[Path, Path]]:
    """Return files: an authority, and its certificates for a server and for a client."""
    now = datetime.datetime.now(datetime.UTC)

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    # The cloud's attachments have the other host name of this machine.
    hosts = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]

    def make(text: str, issuer: Any = None) -> Any:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(text))
            .issuer_name(issuer[0].subject if issuer else name(text))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        )
        certificate = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
        (directory / f"{text}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (directory / f"{text}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, key

    authority = make("authority")
    make("server", authority)
    make("client", authority)
    server, client = ((directory / f"{text}.pem", directory / f"{text}.key") for text in ("server", "client"))
    return directory / "authority.pem", server, client
