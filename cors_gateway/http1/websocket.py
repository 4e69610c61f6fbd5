"""The opening handshake of a WebSocket, as its answer shows it (RFC 6455 4.1). How it is asked for is in `request.py`."""

import base64
import hashlib

from cors_gateway.http1.grammar import list_elements
from cors_gateway.http1.response import ResponseSection

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accepts_handshake(response: ResponseSection, key: bytes) -> bool:
    """Whether a 101 is the right answer to the handshake that was sent with this key."""
    upgrade = response.head.upgrade
    digest = hashlib.sha1(key + _GUID, usedforsecurity=False).digest()
    return (
        upgrade is not None
        and [element.lower() for element in list_elements(upgrade)] == [b"websocket"]
        and response.values_of(b"sec-websocket-accept") == [base64.b64encode(digest)]
    )
