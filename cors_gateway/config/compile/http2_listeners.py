"""`http2` of a listener: which of the ways to HTTP/2 it offers, and whether it can."""

from importlib.util import find_spec

from cors_gateway.config.models.server import ListenSection
from cors_gateway.config.problems import Problem
from cors_gateway.config.syntax.tree import Document, Path
from cors_gateway.snapshot import Http2

INSTALL_HINT = "pip install 'cors-gateway[http2]'"


def is_http2_available() -> bool:
    """Whether the extra `http2` is installed. Imports nothing."""
    return find_spec("ngh2") is not None


def compile_http2(document: Document, path: Path, entry: ListenSection, problems: list[Problem]) -> Http2:
    """What the listener at `path` speaks besides HTTP/1.1. Adds to `problems`."""
    wanted = entry.http2
    has_tls = entry.tls is not None
    if wanted is None:
        return Http2.TLS if has_tls and is_http2_available() else Http2.OFF
    if wanted is False:
        return Http2.OFF
    message = hint = ""
    if wanted == "cleartext" and has_tls:
        message, hint = "cleartext HTTP/2 is for listeners without tls", "write true"
    elif wanted is True and not has_tls:
        message = "without tls nobody can ask for HTTP/2 by ALPN"
        hint = "add tls, or write cleartext for clients that know beforehand"
    elif not is_http2_available():
        message, hint = "HTTP/2 needs the extra http2", INSTALL_HINT
    if message:
        problems.append(document.problem("listen.http2", message, hint, path=(*path, "http2")))
    return Http2.CLEARTEXT if wanted == "cleartext" else Http2.TLS
