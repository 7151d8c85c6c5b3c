"""A development certificate authority, and one certificate for each client and server.

The files of a certificate are `<name>.crt` and `<name>.key`. The files of the authority are `ca.crt` and `ca.key`. Keys
are stored as PKCS #8, and only the owner of a key file can read it. `<name>` is the common name and a DNS name of the
certificate. Every certificate is also valid for `localhost` and 127.0.0.1, because clients on the same machine connect
to these addresses.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_AUTHORITY_LIFETIME = timedelta(days=3650)
_LIFETIME = timedelta(days=397)
_RENEW_BEFORE = timedelta(days=14)
_CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class KeyPair:
    """Three files: a certificate, the key of the certificate, and the certificate of the trusted authority."""

    certificate: Path
    key: Path
    authority: Path


@dataclass(frozen=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def issue(
    directory: Path, names: Iterable[str], *, now: datetime | None = None
) -> dict[str, KeyPair]:
    """Issue a certificate for each name whose certificate in `directory` is missing or expires soon.

    If there is no authority, create it first. Return the files of each certificate by name.
    """
    return issue_apart(directory, dict.fromkeys(names, directory), now=now)


def issue_apart(
    directory: Path, folders: Mapping[str, Path], *, now: datetime | None = None
) -> dict[str, KeyPair]:
    """Issue certificates in separate folders, as `issue` does in one folder.

    `folders` maps the name in a certificate to the folder of this certificate. The authority's key is stored only in
    `directory`.
    """
    now = now or datetime.now(UTC)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = _authority(directory, now)
    pairs = {name: key_pair(folder, name) for name, folder in folders.items()}
    for name, pair in pairs.items():
        _copy(directory / "ca.crt", pair.authority)
        if not _is_valid(pair.certificate, authority.certificate, now):
            _issue_one(pair, name, authority, now)
    return pairs


def key_pair(directory: Path, name: str) -> KeyPair:
    """Return the files of the certificate of `name` in `directory`."""
    return KeyPair(directory / f"{name}.crt", directory / f"{name}.key", directory / "ca.crt")


def _authority(directory: Path, now: datetime) -> _Authority:
    certificate_file, key_file = directory / "ca.crt", directory / "ca.key"
    if certificate_file.exists() and key_file.exists():
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        if (
            isinstance(key, ec.EllipticCurvePrivateKey)
            and certificate.not_valid_after_utc > now + _LIFETIME
        ):
            return _Authority(certificate, key)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _common_name("Proctorium development authority")
    certificate = (
        _builder(name, name, key.public_key(), now, _AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(of_authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(key_file, certificate_file, key, certificate)
    return _Authority(certificate, key)


def _issue_one(pair: KeyPair, name: str, authority: _Authority, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    alternatives = x509.SubjectAlternativeName(
        [
            x509.DNSName(name),
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
    )
    usage = x509.ExtendedKeyUsage(
        [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    )
    certificate = (
        _builder(
            _common_name(name), authority.certificate.subject, key.public_key(), now, _LIFETIME
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(of_authority=False), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(alternatives, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
        .sign(authority.key, hashes.SHA256())
    )
    _write(pair.key, pair.certificate, key, certificate)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + lifetime)
    )


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, of_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not of_authority,
        key_cert_sign=of_authority,
        crl_sign=of_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _copy(source: Path, copy: Path) -> None:
    """Copy the file `source` to `copy` if the contents of the two files differ."""
    if not copy.exists() or copy.read_bytes() != source.read_bytes():
        copy.unlink(missing_ok=True)
        copy.write_bytes(source.read_bytes())


def _is_valid(file: Path, authority: x509.Certificate, now: datetime) -> bool:
    if not file.exists():
        return False
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return certificate.not_valid_after_utc > now + _RENEW_BEFORE


def _write(
    key_file: Path,
    certificate_file: Path,
    key: ec.EllipticCurvePrivateKey,
    certificate: x509.Certificate,
) -> None:
    """Write the key file before the certificate file, so that no certificate exists without a key."""
    certificate_file.unlink(missing_ok=True)
    key_file.unlink(missing_ok=True)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(private)
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
