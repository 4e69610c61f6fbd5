"""What a peer said before it broke the connection: bytes that wait in the kernel when writing to it fails.

A backend that refuses an upload answers 413 and closes with the rest of the body unread, which resets the connection.
The reset is often noticed first, by a write that fails; the answer lies in the receive queue all the same.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator

_PIECE = 64 * 1024
_PIECES = 16
"""More than one megabyte is no last word: the connection is broken, and its end will never come."""


def last_words(transport: asyncio.Transport) -> Iterator[bytes]:
    """The bytes that were received and not read, of a transport that tells its loss and is not closed yet.

    Of a transport with TLS none: what lies there is not what was said.
    """
    sock = transport.get_extra_info("socket")
    if sock is None or transport.get_extra_info("sslcontext") is not None:
        return
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(sock.fileno())) as again:
        for _ in range(_PIECES):
            data = again.recv(_PIECE, socket.MSG_DONTWAIT)
            if not data:
                return
            yield data
