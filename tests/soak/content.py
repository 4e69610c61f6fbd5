"""What is carried: bytes that follow from a seed, and the addresses under which the backend serves them."""

import hashlib
from dataclasses import dataclass

_BLOCK = 1 << 20
_BYTES = hashlib.shake_128(b"soak").digest(_BLOCK)


def content(seed: int, size: int) -> bytes:
    """`size` bytes that another seed would not give."""
    start = seed * 7919 % _BLOCK
    mark = b"%016x" % (seed & 0xFFFF_FFFF_FFFF_FFFF)
    rounds = (start + size) // _BLOCK + 1
    return (mark + (_BYTES * rounds)[start : start + size])[:size]


def digest(method: str, target: str, body: bytes) -> str:
    """What a backend understood of a request, to be compared with what its client meant."""
    return hashlib.sha256(f"{method} {target}\n".encode() + body).hexdigest()


def one_byte_chunks(data: bytes) -> bytes:
    """The data in the chunked coding as nobody should write it, without the last chunk."""
    return b"".join([b"1\r\n%c\r\n" % byte for byte in data])


@dataclass(frozen=True, slots=True)
class Resource:
    """What a target asks the backend for: `/data/SEED/SIZE/FRAMING`."""

    seed: int
    size: int
    framing: str
    """length, chunked, eof; bytes: chunks of one byte; or cut: the length is announced and half of it sent."""

    @property
    def target(self) -> str:
        return f"/data/{self.seed}/{self.size}/{self.framing}"

    @property
    def body(self) -> bytes:
        return content(self.seed, self.size)


def parse_resource(target: str) -> Resource:
    """The resource of a target. Raises ValueError."""
    _, _, seed, size, framing = target.split("/")
    return Resource(int(seed), int(size), framing)
