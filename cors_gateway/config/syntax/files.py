"""Reading the files of a configuration, and remembering what was read: names, contents, one fingerprint of all.

What the bytes mean is decided elsewhere.
"""

import functools
import hashlib
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cors_gateway.config.places import STANDARD_INPUT
from cors_gateway.config.syntax.interpolation import ReadFile, ReferenceFault

MAX_FILE = 16 * 1024 * 1024
"""A route with 100,000 origins takes 4 MiB."""
MAX_SECRET = 64 * 1024


@dataclass(frozen=True, slots=True)
class FileFault:
    code: str
    message: str
    hint: str = ""


class Files:
    """The files that one load looked at. A file counts even if it could not be read: it may be mended."""

    def __init__(self) -> None:
        self._digests: dict[str, bytes] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Absolute paths, sorted."""
        return tuple(sorted(self._digests))

    @property
    def fingerprint(self) -> str:
        """SHA-256 over names and contents; equal fingerprints mean that nothing has changed."""
        total = hashlib.sha256()
        for name in self.names:
            total.update(hashlib.sha256(os.fsencode(name)).digest() + self._digests[name])
        return total.hexdigest()

    def read(self, path: Path, limit: int = MAX_FILE) -> bytes | FileFault:
        """The content of a regular file of at most `limit` bytes.

        Standard input is read as well, but leaves no trace: there is nothing to watch and nothing to read again.
        """
        if path == STANDARD_INPUT:
            return _read_standard_input(limit)
        content = _read(path, limit)
        name = os.path.abspath(path)  # noqa: PTH100 - a watcher must see the link, not its target
        self._digests[name] = hashlib.sha256(content).digest() if isinstance(content, bytes) else b""
        return content

    def read_text(self, path: Path) -> str | FileFault:
        """The text of a configuration file."""
        content = self.read(path)
        if isinstance(content, FileFault):
            return content
        if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:4]:
            return FileFault(
                "file.encoding", "the file is not UTF-8 but looks like UTF-16 or UTF-32", "save it as UTF-8"
            )
        try:
            return content.decode("utf-8").removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            return FileFault(
                "file.encoding",
                f"the file is not UTF-8: byte 0x{content[error.start]:02x} on line {line}",
                "save it as UTF-8",
            )

    def reference_reader(self, directory: str) -> ReadFile:
        """What `${file:...}` in a document of this directory reads: the text without one final line break."""

        def read(name: str) -> str | ReferenceFault:
            content = self.read(Path(directory, name), MAX_SECRET)
            if isinstance(content, FileFault):
                return ReferenceFault(f'"{name}": {content.message}', content.hint)
            try:
                return content.decode("utf-8").removesuffix("\n").removesuffix("\r")
            except UnicodeDecodeError:
                return ReferenceFault(f'"{name}" is not UTF-8 text', "")

        return read


def _read(path: Path, limit: int) -> bytes | FileFault:
    try:
        # a FIFO without a writer would block the open itself
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return FileFault("file.unreadable", "not a regular file")
            content = file.read(limit + 1)
    except FileNotFoundError:
        return FileFault("file.missing", "no such file")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return FileFault("file.unreadable", f"cannot be read: {(reason or 'unknown reason').lower()}")
    return _within(limit, content)


def _read_standard_input(limit: int) -> bytes | FileFault:
    if sys.stdin is None:
        return FileFault("file.unreadable", "standard input is closed")
    try:
        return _within(limit, _drain(sys.stdin.buffer, limit))
    except OSError as error:
        return FileFault("file.unreadable", f"cannot be read: {(error.strerror or str(error)).lower()}")


@functools.lru_cache(maxsize=1)
def _drain(stream: BinaryIO, limit: int) -> bytes:
    """A stream can be read once; a reload, which asks again, gets what it held."""
    return stream.read(limit + 1)


def _within(limit: int, content: bytes) -> bytes | FileFault:
    if len(content) > limit:
        return FileFault("file.too_large", f"larger than {limit // 1024:,} KiB", "split it with include")
    return content
