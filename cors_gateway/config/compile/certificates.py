"""Certificates and keys: whether the files are there, are PEM, and belong together. Opens no sockets."""

import os
from dataclasses import dataclass
from pathlib import Path

from cors_gateway.config.compile.validity import earliest_end
from cors_gateway.config.syntax.files import FileFault, Files
from cors_gateway.policy.quoting import quoted

MAX_PEM = 4 * 1024 * 1024
"""A bundle of all public authorities takes 250 KiB."""


@dataclass(frozen=True, slots=True)
class TlsFault:
    code: str
    key: str
    """Which of the sibling keys is at fault: `certificate`, `key` or `ca`."""
    message: str
    hint: str = ""


def absolute(directory: str, name: str) -> str:
    """The path of a file that a document of this directory names; links stay links, so that a watcher sees them."""
    return os.path.abspath(os.path.join(directory, name))  # noqa: PTH100, PTH118


def check_pair(files: Files, certificate: str, key: str) -> list[TlsFault]:
    """What keeps a certificate chain and a private key (absolute paths) from being used."""
    faults = [
        *_content_faults(files, "certificate", certificate, b"-----BEGIN CERTIFICATE-----"),
        *_content_faults(files, "key", key, b"PRIVATE KEY-----"),
    ]
    if faults:
        return faults
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:
        reason = _reason(error)
        if reason == "key values mismatch":
            message = "the key does not belong to the certificate"
            return [TlsFault("tls.key", "key", message, "write the two files that were issued together")]
        return [TlsFault("tls.certificate", "certificate", f"cannot be used: {reason}")]
    return []


def certificate_end(files: Files, certificate: str) -> float | None:
    """When the chain of this file (an absolute path) expires; None if it cannot be read."""
    content = files.read(Path(certificate), MAX_PEM)
    return None if isinstance(content, FileFault) else earliest_end(content)


def check_authorities(files: Files, ca: str) -> list[TlsFault]:
    """What keeps a file of trusted authorities (an absolute path) from being used."""
    faults = _content_faults(files, "ca", ca, b"-----BEGIN CERTIFICATE-----")
    if faults:
        return faults
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(ca)
    except OSError as error:
        return [TlsFault("tls.ca", "ca", f"cannot be used: {_reason(error)}")]
    return []


def _content_faults(files: Files, key: str, path: str, marker: bytes) -> list[TlsFault]:
    code = f"tls.{key}"
    content = files.read(Path(path), MAX_PEM)
    if isinstance(content, FileFault):
        return [TlsFault(code, key, f"{quoted(path)}: {content.message}", content.hint)]
    if marker not in content:
        what = "private key" if key == "key" else "certificate"
        return [TlsFault(code, key, f"{quoted(path)} holds no {what}", "a PEM file is expected")]
    if key == "key" and b"ENCRYPTED" in content:
        return [TlsFault(code, key, f"{quoted(path)} is encrypted", "write a key that needs no passphrase")]
    return []


def _reason(error: OSError) -> str:
    """What OpenSSL says, or the system if a file has changed since it was read."""
    return str(getattr(error, "reason", None) or error).lower().replace("_", " ")
