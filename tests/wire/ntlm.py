"""NTLM over HTTP (MS-NLMP, MS-NTHT): the three messages as a client writes them and a backend reads them.

Version 2 only, with the one password that everybody here has. Connections and fields are the business of who uses it.
"""

import base64
import binascii
import hashlib
import hmac
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass

PASSWORD = "password"

_NT_HASH = bytes.fromhex("8846f7eaee8fb117ad06bdd830b7586c")
"""MD4 of the password in UTF-16, which OpenSSL no longer computes."""
_SIGNATURE = b"NTLMSSP\0"
_NEGOTIATE, _CHALLENGE, _AUTHENTICATE = 1, 2, 3
_FLAGS = 0xA288_8205
"""Unicode, a target with its description, NTLM, version 2 session security, 128 and 56 bits."""
_PROOF = 16
_HEADER = 64
"""Bytes of an AUTHENTICATE message before what its fields point to."""


@dataclass(slots=True)
class Login:
    """What a backend knows of one connection."""

    user: str = ""
    """Whose connection it is, once the handshake has been finished."""
    _nonce: bytes = b""

    def step(self, authorization: Sequence[str]) -> str:
        """What to ask for in WWW-Authenticate after a request with those fields; empty if the connection is somebody's."""
        for value in authorization:
            message = _decoded(value)
            if message[8:12] == struct.pack("<I", _NEGOTIATE):
                self.user, self._nonce = "", os.urandom(8)
                return _encoded(_challenge(self._nonce))
            if message[8:12] == struct.pack("<I", _AUTHENTICATE):
                nonce, self._nonce = self._nonce, b""
                self.user = _proven_user(message, nonce)
        return "" if self.user else "NTLM"


def negotiate() -> str:
    """The Authorization field that begins a handshake."""
    return _encoded(_SIGNATURE + struct.pack("<II", _NEGOTIATE, _FLAGS) + bytes(16))


def authenticate(user: str, challenge: str) -> str:
    """The Authorization field that answers a WWW-Authenticate field. Raises ValueError if that is no challenge."""
    message = _decoded(challenge)
    if message[8:12] != struct.pack("<I", _CHALLENGE):
        raise ValueError(f"no challenge: {challenge!r}")
    blob = b"\1\1" + bytes(6) + bytes(8) + os.urandom(8) + bytes(4) + _field(message, 40) + bytes(4)
    proof = _proof(user, "", message[24:32], blob)
    payload = [bytes(24), proof + blob, b"", user.encode("utf-16-le"), b"", b""]
    fields, position = b"", _HEADER
    for part in payload:
        fields += struct.pack("<HHI", len(part), len(part), position)
        position += len(part)
    head = _SIGNATURE + struct.pack("<I", _AUTHENTICATE) + fields + struct.pack("<I", _FLAGS)
    return _encoded(head + b"".join(payload))


def _challenge(nonce: bytes) -> bytes:
    target = "SOAK".encode("utf-16-le")
    info = struct.pack("<HH", 2, len(target)) + target + bytes(4)  # MsvAvNbDomainName, MsvAvEOL
    head = _SIGNATURE + struct.pack("<IHHII", _CHALLENGE, len(target), len(target), 56, _FLAGS) + nonce
    head += bytes(8) + struct.pack("<HHI", len(info), len(info), 56 + len(target))
    return head.ljust(56, b"\0") + target + info


def _proven_user(message: bytes, nonce: bytes) -> str:
    """The name in an AUTHENTICATE message, empty if it does not answer the challenge with this nonce."""
    answer = _field(message, 20)
    domain, user = (_field(message, at).decode("utf-16-le") for at in (28, 36))
    expected = _proof(user, domain, nonce, answer[_PROOF:])
    return user if nonce and hmac.compare_digest(answer[:_PROOF], expected) else ""


def _proof(user: str, domain: str, nonce: bytes, blob: bytes) -> bytes:
    """NTProofStr of MS-NLMP 3.3.2."""
    key = _hmac(_NT_HASH, (user.upper() + domain).encode("utf-16-le"))
    return _hmac(key, nonce + blob)


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, hashlib.md5)


def _field(message: bytes, at: int) -> bytes:
    length, _, start = struct.unpack_from("<HHI", message, at)
    return message[start : start + length]


def _encoded(message: bytes) -> str:
    return "NTLM " + base64.b64encode(message).decode()


def _decoded(value: str) -> bytes:
    """The message in a field, empty if there is none."""
    scheme, _, data = value.partition(" ")
    try:
        message = base64.b64decode(data, validate=True)
    except binascii.Error:
        return b""
    return message if scheme.lower() == "ntlm" and message.startswith(_SIGNATURE) else b""
