"""nginx files as directives, with the file and line of each: crossplane cuts them up, this module joins them.

Includes are followed here, because crossplane's combined form loses the file of what follows an include. Nothing here
knows what a directive means.
"""

import glob
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INSTALL_HINT = "pip install 'cors-gateway[nginx-import]'"
HTTP_DIRECTIVES = frozenset({"server", "upstream", "map", "geo", "split_clients"})
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n"}
_ESCAPE = re.compile(r"\\([\\\"'trn])")
_SHIPPED = frozenset({"mime.types", "fastcgi_params", "fastcgi.conf", "uwsgi_params", "scgi_params"})
"""Files that come with nginx, and say nothing that matters here."""
_PROXY_PARAMS = (("Host", "$http_host"), ("X-Real-IP", "$remote_addr"), ("X-Forwarded-Proto", "$scheme"))
"""What Debian's `proxy_params` sets."""
_SYSTEM_DIRECTORIES = ("/etc/nginx/", "/usr/local/nginx/conf/", "/usr/local/etc/nginx/", "/etc/openresty/")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a directive begins."""

    file: str
    """Relative to the directory of the first FILE if it is below it, else absolute."""
    line: int


@dataclass(frozen=True, slots=True, eq=False)
class Directive:
    """One directive; `block` is None where none was written. Two directives are equal if they are the same one."""

    name: str
    args: tuple[str, ...]
    place: Place
    block: "tuple[Directive, ...] | None" = None
    written: str = ""
    """What stands at its place, where that is no nginx configuration."""

    @property
    def text(self) -> str:
        """As it might have been written, without its block."""
        return self.written or " ".join(
            (self.name, *(arg if arg and " " not in arg else f'"{arg}"' for arg in self.args))
        )

    def children(self, *names: str) -> "tuple[Directive, ...]":
        """The directives of its block that have one of the names."""
        return tuple(child for child in self.block or () if child.name in names)


@dataclass(frozen=True, slots=True)
class MissingInclude:
    directive: Directive
    why: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """All files as one http block."""

    http: Directive
    missing: tuple[MissingInclude, ...]
    files: tuple[str, ...]
    is_fragment: bool
    """Whether the text stood in a server block: locations without a server."""


class NginxSyntaxFault(Exception):
    """A file that cannot be read, or is no nginx configuration: file, line and reason."""


class CrossplaneMissingFault(Exception):
    """The extra is not installed."""


def parse_files(paths: Sequence[Path]) -> Parsed:
    """Read the files as if they were included one after the other at http level.

    Raises NginxSyntaxFault, CrossplaneMissingFault.
    """
    reader = _Reader(paths[0].parent.resolve())
    directives: list[Directive] = []
    is_fragment = False
    for path in paths:
        own = list(reader.read(path, path.parent.resolve(), ()))
        names = {directive.name for directive in own}
        if "http" in names:
            own = [child for http in own if http.name == "http" for child in http.block or ()]
        elif "location" in names or not names & HTTP_DIRECTIVES:
            is_fragment = is_fragment or "location" in names
            own = _as_server(own)
        directives += own
    first = Place(reader.shown(paths[0].resolve()), 1)
    return Parsed(
        Directive("http", (), first, tuple(directives)),
        tuple(reader.missing),
        tuple(dict.fromkeys(reader.files)),
        is_fragment,
    )


def parse_snippet(text: str, place: Place) -> tuple[tuple[Directive, ...], tuple[MissingInclude, ...]]:
    """Directives of a text that begins at a line of some other file. What it includes is on another machine.

    Raises NginxSyntaxFault, CrossplaneMissingFault.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "snippet.conf"
        path.write_text(text, "utf-8")
        try:
            plain = _parse_one(path, path)
        except NginxSyntaxFault as fault:
            line, _, reason = str(fault).removeprefix(f"{path}:").partition(": ")
            raise NginxSyntaxFault(f"{place.file}:{int(line) + place.line - 1}: {reason}") from None
    missing: list[MissingInclude] = []
    return tuple(_of_snippet(plain, place, missing)), tuple(missing)


def _of_snippet(
    plain: list[dict[str, Any]], start: Place, missing: list[MissingInclude]
) -> Iterator[Directive]:
    for item in plain:
        place = Place(start.file, start.line + item["line"] - 1)
        args = tuple(_unescaped(arg) for arg in item["args"])
        block = item.get("block")
        inner = None if block is None else tuple(_of_snippet(block, start, missing))
        directive = Directive(_unescaped(item["directive"]), args, place, inner)
        if directive.name == "include":
            missing.append(MissingInclude(directive, "what it holds is not known here"))
        else:
            yield directive


class _Reader:
    def __init__(self, root: Path) -> None:
        self.missing: list[MissingInclude] = []
        self.files: list[str] = []
        self._root = root
        self._parsed: dict[Path, list[dict[str, Any]]] = {}

    def shown(self, path: Path) -> str:
        return str(path.relative_to(self._root) if path.is_relative_to(self._root) else path)

    def read(self, path: Path, base: Path, above: tuple[Path, ...]) -> Iterator[Directive]:
        resolved = path.resolve()
        self.files.append(self.shown(resolved))
        yield from self._directives(self._plain(resolved, path), resolved, base, (*above, resolved))

    def _plain(self, resolved: Path, path: Path) -> list[dict[str, Any]]:
        if resolved not in self._parsed:
            self._parsed[resolved] = _parse_one(resolved, path)
        return self._parsed[resolved]

    def _directives(
        self, plain: list[dict[str, Any]], file: Path, base: Path, above: tuple[Path, ...]
    ) -> Iterator[Directive]:
        for item in plain:
            place = Place(self.shown(file), item["line"])
            args = tuple(_unescaped(arg) for arg in item["args"])
            if item["directive"] == "include" and args:
                yield from self._included(Directive("include", args, place), base, above)
                continue
            block = item.get("block")
            inner = None if block is None else tuple(self._directives(block, file, base, above))
            yield Directive(_unescaped(item["directive"]), args, place, inner)

    def _included(self, include: Directive, base: Path, above: tuple[Path, ...]) -> Iterator[Directive]:
        pattern = include.args[0]
        found = _find(pattern, base)
        name = pattern.rpartition("/")[2]
        if not found and name == "proxy_params":
            yield from (Directive("proxy_set_header", pair, include.place) for pair in _PROXY_PARAMS)
        elif not found and not glob.has_magic(pattern) and name not in _SHIPPED:
            self.missing.append(
                MissingInclude(include, f"{pattern} was not found; what it holds is not known")
            )
        for path in found:
            if path.resolve() in above:
                self.missing.append(MissingInclude(include, "the file includes itself"))
            else:
                yield from self.read(path, base, above)


def _parse_one(resolved: Path, path: Path) -> list[dict[str, Any]]:
    try:
        import crossplane
    except ImportError:
        raise CrossplaneMissingFault(
            f"reading nginx configuration needs crossplane, which is not installed: {INSTALL_HINT}"
        ) from None
    try:
        content = resolved.read_bytes()
    except OSError as error:
        raise NginxSyntaxFault(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NginxSyntaxFault(f"{path}:{line}: this is not UTF-8 text") from None
    payload = crossplane.parse(str(resolved), single=True, check_ctx=False, check_args=False)
    last = content.count(b"\n") + (not content.endswith(b"\n"))
    for fault in payload["errors"]:
        reason = fault["error"].partition(" in /")[0] or "the file ends inside quotes"
        raise NginxSyntaxFault(f"{path}:{fault['line'] or last}: {reason}")
    unended = _unended(crossplane.lex(str(resolved)))
    if unended is not None:
        raise NginxSyntaxFault(f'{path}:{unended[1]}: the directive "{unended[0]}" does not end in ";"')
    parsed: list[dict[str, Any]] = payload["config"][0]["parsed"]
    return parsed


def _unended(tokens: Iterable[tuple[str, int, bool]]) -> tuple[str, int] | None:
    """The first directive that a brace ends, which crossplane lets pass and nginx does not."""
    first: tuple[str, int] | None = None
    for piece, line, is_quoted in tokens:
        if is_quoted or piece not in (";", "{", "}"):
            if first is None and (is_quoted or not piece.startswith("#")):
                first = (piece, line)
        elif piece == "}" and first is not None:
            return first
        else:
            first = None
    return first


def _find(pattern: str, base: Path) -> list[Path]:
    """Look where nginx would, then in the directories above, as most trees of snippets are copied whole."""
    names = [pattern]
    if Path(pattern).is_absolute():
        if found := _matching(Path(pattern)):
            return found
        names = [pattern.removeprefix(root) for root in _SYSTEM_DIRECTORIES if pattern.startswith(root)]
    for name in names:
        for directory in (base, *base.parents):
            if found := _matching(directory / name):
                return found
    return []


def _matching(path: Path) -> list[Path]:
    names = glob.glob(str(path))  # noqa: PTH207 - Path.glob takes no absolute pattern
    return [found for name in sorted(names) if (found := Path(name)).is_file()]


def _unescaped(text: str) -> str:
    """nginx reads these pairs as one character, in and out of quotes; crossplane leaves them as written."""
    return _ESCAPE.sub(lambda pair: _ESCAPES.get(pair[1], pair[1]), text)


def _as_server(directives: list[Directive]) -> list[Directive]:
    """A fragment stands in some server; what can only be at http level stays there."""
    outer = [directive for directive in directives if directive.name in HTTP_DIRECTIVES]
    inner = tuple(directive for directive in directives if directive.name not in HTTP_DIRECTIVES)
    if not inner:
        return outer
    return [*outer, Directive("server", (), inner[0].place, inner)]
