"""How long certificates are valid, read from their PEM files; what is said about it when little of that time is left.

Only the few bytes of DER on the way to the field `validity` are read (RFC 5280 section 4.1): whether a certificate can
be used at all is found out by OpenSSL (`certificates.py`).
"""

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime

SOON_DAYS = 21
"""Certificates of public authorities are renewed with a third of their time left, 30 days of 90; then something is wrong."""
DAY_SECONDS = 86_400

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18


def earliest_end(pem: bytes) -> float | None:
    """When the first certificate of a chain ends, in seconds since the epoch; None if that cannot be read."""
    ends = []
    for found in _CERTIFICATE.finditer(pem):
        try:
            ends.append(_end(base64.b64decode(found[1], validate=False)))
        except (binascii.Error, ValueError, IndexError):
            return None
    return min(ends, default=None)


def days_left(end: float, now: float) -> int:
    """Whole days; negative once it is over."""
    return int((end - now) // DAY_SECONDS)


def left_words(end: float, now: float) -> str:
    """`89 days left, until 2027-02-26`, `expired on 2026-11-01`."""
    day = datetime.fromtimestamp(end, UTC).date().isoformat()
    if end <= now:
        return f"expired on {day}"
    days = days_left(end, now)
    return f"{days:,} {'day' if days == 1 else 'days'} left, until {day}"


def warning(end: float | None, now: float) -> tuple[str, str] | None:
    """Message and hint about a certificate that has expired or soon will."""
    if end is None or days_left(end, now) >= SOON_DAYS:
        return None
    if end <= now:
        return (
            f"the certificate has {left_words(end, now)}: browsers refuse it",
            "renew it; the gateway takes it up by itself",
        )
    return (
        f"the certificate has {left_words(end, now)}",
        "see why it is not renewed; the gateway takes a new one up by itself",
    )


def _end(der: bytes) -> float:
    """`notAfter`. Raises ValueError or IndexError for what is no certificate."""
    (_, certificate), *_ = _elements(der)
    (_, to_be_signed), *_ = _elements(certificate)
    fields = list(_elements(to_be_signed))
    # Optional version, serialNumber, signature, issuer, validity.
    tag, validity = fields[4 if fields[0][0] == _VERSION else 3]
    if tag != _SEQUENCE:
        raise ValueError("no validity")
    (_, _), (kind, value) = _elements(validity)
    if kind not in (_UTC_TIME, _GENERALIZED_TIME):
        raise ValueError("no time")
    text = value.decode("ascii")
    if kind == _UTC_TIME:
        # RFC 5280 section 4.1.2.5.1: two digits of the year, from 1950 on.
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tags and contents one after the other (X.690, definite form)."""
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length >= 0x80:
            count = length & 0x7F
            length, at = int.from_bytes(der[at : at + count]), at + count
        if at + length > len(der):
            raise ValueError("cut off")
        yield tag, der[at : at + length]
        at += length
