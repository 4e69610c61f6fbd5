"""TLS of the listeners: a context made from a certificate and its key.

A context is never changed after it was made: renewed certificates come with a reload, which makes new ones. What can be
wrong with the two files is explained by `config.tls`; here they can only have changed since.
"""

import ssl

from cors_gateway.server.startup_error import StartupError
from cors_gateway.snapshot import ServerTls


def make_server_context(tls: ServerTls) -> ssl.SSLContext:
    """TLS 1.2 or later, with HTTP/1.1 as the only protocol. Reads the two files; raises StartupError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(tls.certificate, tls.key, password="")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StartupError(
            f'cannot use the certificate "{tls.certificate}" with the key "{tls.key}": {reason}'
        ) from None
    return context
