"""The lexical rules of RFC 9110 and RFC 9112 over raw bytes.

Never `str.lower`, `str.strip`, `isdigit` or `int` on undecoded text: they take more than ASCII. What the words mean
(which field does what) is in `request_fields.py` and `response.py`.
"""

import re
from collections.abc import Iterator

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault

MAX_CONTENT_LENGTH = 2**63 - 1
MAX_CONNECTION_OPTIONS = 32
MAX_FIELD_TOLD = 64
"""Bytes of a field name that a fault tells."""

_TOKEN_BYTES = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
TOKEN = b"[%b]+" % re.escape(_TOKEN_BYTES)
"""A token as a regular expression (RFC 9110 5.6.2), for what has one as a part."""
# RFC 9110 5.5: VCHAR, obs-text, SP and HTAB; everything else (CTL, DEL, NUL, CR, LF) refuses the message.
_VALUE_BYTES = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])
AS_VALUE = bytes(byte if byte in _VALUE_BYTES else byte ^ 0x40 for byte in range(256))
"""A table for `translate` that changes every byte but those that may stand in a field value."""
_DIGITS = re.compile(rb"[0-9]{1,19}\Z")
_HOST = re.compile(
    rb"""(?: \[ (?P<v6> [0-9A-Fa-f:.]{2,45} ) \]
           | (?P<name> (?: [A-Za-z0-9_-] | %[0-9A-Fa-f]{2} )+ (?: \. (?: [A-Za-z0-9_-] | %[0-9A-Fa-f]{2} )+ )* ) \.? )
         (?: : (?P<port> [0-9]{0,5} ) )? \Z""",
    re.VERBOSE,
)


def is_token(value: bytes) -> bool:
    """Whether `value` is a `token` (RFC 9110 5.6.2)."""
    return bool(value) and not value.translate(None, _TOKEN_BYTES)


def has_only_value_bytes(value: bytes) -> bool:
    """Whether every byte may stand in a field value (RFC 9110 5.5)."""
    return value.translate(AS_VALUE) == value


def is_value(value: bytes) -> bool:
    """Whether this is a field value, or its end, that goes on as it is (RFC 9110 5.5): no white space around it.

    Not if it is empty: what is before it in its line could be white space.
    """
    return bool(value) and value.strip().translate(AS_VALUE) == value


def split_field_line(line: bytes) -> tuple[bytes, bytes]:
    """Name and value of one field line, optional white space around the value removed (RFC 9112 5).

    Raises ProtocolFault(400) for anything else: no colon, white space before it, a folded line, a control byte.
    """
    name, colon, value = line.partition(b":")
    if not colon or not name or name.translate(None, _TOKEN_BYTES):
        raise ProtocolFault(_cause_in_name(line, name, colon))
    if not has_only_value_bytes(value):
        raise ProtocolFault(_cause_in_bytes(value), field=name.lower()[:MAX_FIELD_TOLD])
    return name, value.strip(b" \t")


def parse_content_length(value: bytes) -> int:
    """A Content-Length as a number of bytes (RFC 9110 8.6). Raises ProtocolFault(400)."""
    if not _DIGITS.match(value) or (length := int(value)) > MAX_CONTENT_LENGTH:
        raise ProtocolFault(Cause.CONTENT_LENGTH)
    return length


def list_elements(value: bytes) -> Iterator[bytes]:
    """The non-empty elements of a comma-separated list (RFC 9110 5.6.1)."""
    for element in value.split(b","):
        if element := element.strip(b" \t"):
            yield element


def connection_options(value: bytes) -> frozenset[bytes]:
    """The lower-case options of one Connection field. Raises ProtocolFault(400) if it is not a list of tokens."""
    options = frozenset(element.lower() for element in list_elements(value))
    check_options(options)
    if not all(map(is_token, options)):
        raise ProtocolFault(Cause.CONNECTION)
    return options


def check_options(options: frozenset[bytes]) -> None:
    """The bound of `connection_options` over all Connection fields of a message. Raises ProtocolFault(400)."""
    if len(options) > MAX_CONNECTION_OPTIONS:
        raise ProtocolFault(Cause.TOO_MANY_OPTIONS, limit=MAX_CONNECTION_OPTIONS)


def is_valid_host(value: bytes) -> bool:
    """Whether `value` is `uri-host [":" port]` without userinfo (RFC 9110 7.2, RFC 3986 3.2.2)."""
    match = _HOST.match(value)
    if match is None or len(match["name"] or b"") > 255:
        return False
    if match["v6"] is not None and b":" not in match["v6"]:
        return False
    return not match["port"] or int(match["port"]) <= 65535


def without_default_port(authority: bytes) -> bytes:
    """An authority in lower case without the default port of http or https, to compare two spellings."""
    authority = authority.lower()
    for port in (b":80", b":443", b":"):
        if authority.endswith(port):
            return authority[: -len(port)]
    return authority


def _cause_in_name(line: bytes, name: bytes, colon: bytes) -> Cause:
    """What is wrong with the name of a line, or with a line that has none."""
    if line[:1] in {b" ", b"\t"}:  # RFC 9112 5.2
        return Cause.FOLDED_LINE
    if not has_only_value_bytes(name):
        return _cause_in_bytes(name)
    if not colon:
        return Cause.NO_COLON
    if not name:
        return Cause.EMPTY_NAME
    return Cause.BLANK_IN_NAME if b" " in name or b"\t" in name else Cause.NAME


def _cause_in_bytes(text: bytes) -> Cause:
    """Which of the bytes that may not stand in a value comes first."""
    first = text.translate(None, _VALUE_BYTES)[:1]
    return {b"\r": Cause.BARE_CR, b"\n": Cause.BARE_LF}.get(first, Cause.CONTROL_BYTE)
