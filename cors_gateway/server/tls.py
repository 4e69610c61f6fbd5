"""TLS of the listeners: a context from a certificate and its key, or a sentence that says what is wrong with them.

A context is never changed after it was made: renewed certificates come with a reload, which makes new ones.
"""

import ssl
from pathlib import Path

from cors_gateway.config.snapshot import ServerTls
from cors_gateway.server.startup_error import StartupError


def make_server_context(tls: ServerTls) -> ssl.SSLContext:
    """TLS 1.2 or later with HTTP/1.1 as the only protocol. Reads the two files; raises StartupError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    for name in (tls.certificate, tls.key):
        try:
            Path(name).read_bytes()
        except OSError as error:
            raise StartupError(f'cannot read "{name}": {(error.strerror or "unknown reason").lower()}') from None
    try:
        # Without a callback OpenSSL would ask for a password on the terminal.
        context.load_cert_chain(tls.certificate, tls.key, password=_refuse_password)
    except ssl.SSLError as error:
        raise StartupError(_explain(tls, error)) from None
    return context


def _refuse_password() -> str:
    raise StartupError("a listener's private key is encrypted; store it without a password")


def _explain(tls: ServerTls, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f'the key "{tls.key}" does not belong to the certificate "{tls.certificate}"'
    reason = (error.reason or "not PEM").replace("_", " ").lower()
    return f'"{tls.certificate}" and "{tls.key}" are not a usable certificate and key in PEM form: {reason}'
