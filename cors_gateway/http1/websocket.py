"""The WebSocket handshake (RFC 6455 4): what asks for one, and what accepts it."""

import base64
import binascii
import hashlib

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.grammar import list_elements
from cors_gateway.http1.request import NO_BODY, RequestHead
from cors_gateway.http1.response import ResponseSection

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def is_websocket(method: bytes, head: RequestHead, is_http11: bool) -> bool:
    """Whether this is a WebSocket handshake to be relayed (RFC 6455 4.2.1).

    Raises ProtocolFault 400 or 426 for a request that asks for `websocket` and is not a valid handshake. Any other
    protocol in Upgrade, and an Upgrade that Connection does not name, is ignored: the request is served as it is.
    """
    if b"upgrade" not in head.connection or not is_http11:
        return False
    if len(head.upgrade) != 1 or head.upgrade[0].lower() != b"websocket":
        return False
    if method != b"GET" or head.framing != NO_BODY:
        raise ProtocolFault(Cause.WEBSOCKET_METHOD)
    if head.websocket_version != (b"13",):
        raise ProtocolFault(Cause.WEBSOCKET_VERSION if head.websocket_version else Cause.WEBSOCKET_NO_VERSION)
    if len(head.websocket_key) != 1 or not _is_websocket_key(head.websocket_key[0]):
        raise ProtocolFault(Cause.WEBSOCKET_KEY)
    return True


def accepts_websocket(section: ResponseSection, key: bytes) -> bool:
    """Whether a response is the right answer to the handshake with that key (RFC 6455 4.1)."""
    upgrade = list_elements(section.head.upgrade or b"")
    digest = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
    return [element.lower() for element in upgrade] == [b"websocket"] and section.values_of(
        b"sec-websocket-accept"
    ) == [digest]


def _is_websocket_key(value: bytes) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
