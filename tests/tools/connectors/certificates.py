"""Certificates for tests: an authority, and a server's certificate signed by it.

It needs the package `cryptography`, which comes with the mcp extra; without it the tests of TLS are left out.
"""

import datetime
import ssl
from pathlib import Path

import pytest


def server_context(directory: Path, host: str) -> ssl.SSLContext:
    """A server's TLS with a certificate for `host`; the authority's own is written to `directory/authority.pem`."""
    pytest.importorskip("cryptography")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = datetime.datetime.now(datetime.UTC)

    def signed(name: str, key, signer, issuer, *extensions):
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(signer, hashes.SHA256())

    top, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    identifier = x509.SubjectKeyIdentifier.from_public_key(top.public_key())
    authority = signed(
        "Test", top, top, "Test", (x509.BasicConstraints(True, None), True), (usage, True), (identifier, False)
    )
    names = x509.SubjectAlternativeName([x509.DNSName(host)])
    key_of = x509.AuthorityKeyIdentifier.from_issuer_public_key(top.public_key())
    certificate = signed(host, own, top, "Test", (names, False), (key_of, False))
    pem = serialization.Encoding.PEM
    (directory / "authority.pem").write_bytes(authority.public_bytes(pem))
    (directory / "server.pem").write_bytes(certificate.public_bytes(pem))
    (directory / "server.key").write_bytes(
        own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem", directory / "server.key")
    return context
