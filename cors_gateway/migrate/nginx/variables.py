"""Variables during one request: those of `set` and of captures, maps, and what the request itself says.

Values that only a running nginx knows (addresses, upstream answers, cookies) are empty. Each
question that is asked about the origin is written down: those are the origins that the configuration knows.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from cors_gateway.migrate.nginx.parse import Directive
from cors_gateway.migrate.nginx.pcre import captures, search

VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_NO_ORIGINS = frozenset({"", "*"})
_MAP_WORDS = frozenset({"default", "hostnames", "volatile"})
_BROWSER = {
    "http_user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
    "http_accept": "*/*",
    "http_x_forwarded_proto": "https",
    "https": "on",
    "server_protocol": "HTTP/1.1",
}
"""What an ordinary request of a browser over https says where a configuration asks."""
_DEPTH = 20
"""Maps that refer to each other in a circle end here."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as far as configurations ask about it."""

    method: str
    origin: str = ""
    """Empty: without Origin."""
    path: str = "/"
    requested_method: str = ""
    requested_headers: str = ""
    upgrade: str = ""

    @property
    def is_preflight(self) -> bool:
        return self.method == "OPTIONS" and self.origin != "" and self.requested_method != ""


@dataclass(frozen=True, slots=True)
class OriginTest:
    """A comparison of the origin with something, by an `if` or by the entry of a map."""

    kind: Literal["exact", "regex"]
    text: str
    ignore_case: bool
    is_negated: bool
    directive: Directive
    """The `if`, or the entry of the map."""


@dataclass(slots=True)
class Variables:
    """The variables of one request; changes while its rewrite directives run."""

    maps: dict[str, Directive]
    """`map`, `geo` and `split_clients` by the variable that they make."""
    request: Request
    known: dict[str, str]
    """What the place says: `host`, `scheme`, `server_name`."""
    constant: frozenset[str] = frozenset()
    """Those of them that are the same for every request."""
    touched: set[str] = field(default_factory=set)
    """Names of built-in variables that were read."""
    path: str = ""
    _assigned: dict[str, tuple[str, Directive]] = field(default_factory=dict)
    _varying: set[str] = field(default_factory=set)
    """Names that `set` gave something that depends on the request."""
    _tests: dict[tuple[Directive, str], OriginTest] = field(default_factory=dict)
    _compared: dict[Directive, None] = field(default_factory=dict)
    """Maps that the origin was looked up in."""
    _captured: dict[str, str] = field(default_factory=dict)
    _chosen: dict[str, Directive] = field(default_factory=dict)

    def value(self, text: str) -> str:
        """A text with its variables replaced."""
        return self._value(text, 0)

    def assign(self, name: str, value: str, directive: Directive) -> None:
        self._assigned[name] = (value, directive)
        if self.is_constant(directive.args[1]):
            self._varying.discard(name)
        else:
            self._varying.add(name)

    def capture(self, found: re.Match[str]) -> None:
        self._captured |= captures(found)

    def is_constant(self, text: str) -> bool:
        """Whether the text says the same for every request."""
        before, self.touched = self.touched, set()
        self.value(text)
        used, self.touched = self.touched, before | self.touched
        return not used - self.constant

    def origin_source(self, text: str, holder: Directive) -> Directive:
        """Which directive put `$http_origin` into what `text`, written in `holder`, says now."""
        for name in names_in(text):
            if name == "http_origin":
                return holder
            if name in self._assigned:
                _, directive = self._assigned[name]
                return self.origin_source(directive.args[1], directive)
            if name in self._chosen:
                entry = self._chosen[name]
                return self.origin_source(entry.args[0], entry)
        return holder

    def value_source(self, text: str, holder: Directive) -> Directive:
        """The map entry that wrote the value, or the holder itself."""
        names = list(names_in(text))
        if len(names) == 1 and names[0] in self._chosen:
            entry = self._chosen[names[0]]
            return self.value_source(entry.args[0], entry)
        return holder

    def note(self, directive: Directive, kind: Literal["exact", "regex"], text: str, **flags: bool) -> None:
        """Write down that the origin was compared with `text`."""
        if kind == "regex" or text not in _NO_ORIGINS:
            test = OriginTest(
                kind, text, flags.get("ignore_case", False), flags.get("is_negated", False), directive
            )
            self._tests[directive, text] = test

    @property
    def tests(self) -> Iterator[OriginTest]:
        """What the origin was compared with so far."""
        yield from self._tests.values()
        for definition in self._compared:
            yield from _table_of(definition).tests

    def is_origin(self, value: str) -> bool:
        return value != "" and value == self.request.origin

    def _value(self, text: str, depth: int) -> str:
        if depth > _DEPTH:
            return ""
        return VARIABLE.sub(lambda found: self._look_up(found[1] or found[2], depth), text)

    def _look_up(self, name: str, depth: int) -> str:
        if name in self._assigned:
            if name in self._varying:
                self.touched.add(name)
            return self._assigned[name][0]
        if name in self._captured:
            self.touched.add(name)
            return self._captured[name]
        if name in self.maps:
            return self._mapped(name, self.maps[name], depth + 1)
        self.touched.add(name)
        return self._built_in(name)

    def _built_in(self, name: str) -> str:
        request = self.request
        match name:
            case "http_origin":
                return request.origin
            case "request_method":
                return request.method
            case "http_access_control_request_method":
                return request.requested_method
            case "http_access_control_request_headers":
                return request.requested_headers
            case "uri" | "document_uri":
                return self.path
            case "request_uri":
                return request.path
            case "http_upgrade":
                return request.upgrade
            case "http_host":
                return self.known.get("host", "")
        return self.known.get(name) or _BROWSER.get(name, "")

    def _mapped(self, name: str, definition: Directive, depth: int) -> str:
        entries = definition.block or ()
        if definition.name != "map":
            self.touched.add("remote_addr")
            entry = next((item for item in entries if item.name in ("default", "*")), None)
            return self._value(entry.args[0], depth) if entry and entry.args else ""
        subject = self._value(definition.args[0], depth)
        if self.is_origin(subject):
            self._compared[definition] = None
        entry = self._entry(definition, subject)
        if entry is None:
            return ""
        self._chosen[name] = entry
        return self._value(entry.args[0], depth)

    def _entry(self, definition: Directive, subject: str) -> Directive | None:
        """Exact entries, then those with a star, then expressions in their order, then the default."""
        table = _table_of(definition)
        name = subject.lower()
        if name in table.exact:
            return table.exact[name]
        for entry in table.stars:
            star = entry.name.startswith("*.") and name.endswith(entry.name[1:].lower())
            if star or (entry.name.endswith(".*") and name.startswith(entry.name[:-1].lower())):
                return entry
        for entry, test in table.expressions:
            if found := search(test.text, subject, ignore_case=test.ignore_case):
                self.capture(found)
                return entry
        return table.default


@dataclass(frozen=True, slots=True)
class _Table:
    """A map, ready to be looked up."""

    exact: dict[str, Directive]
    stars: tuple[Directive, ...]
    expressions: tuple[tuple[Directive, OriginTest], ...]
    default: Directive | None
    tests: tuple[OriginTest, ...]
    """What a value is compared with."""


@lru_cache(maxsize=256)
def _table_of(definition: Directive) -> _Table:
    entries = [entry for entry in definition.block or () if entry.args]
    with_hosts = any(entry.name == "hostnames" for entry in definition.block or ())
    plain = [entry for entry in entries if not entry.name.startswith("~") and entry.name not in _MAP_WORDS]
    exact: dict[str, Directive] = {}
    for entry in plain:
        exact.setdefault(_key(entry), entry)
    expressions = tuple((entry, _expression(entry)) for entry in entries if entry.name.startswith("~"))
    values = [
        OriginTest("exact", key, False, False, entry)
        for key, entry in exact.items()
        if key not in _NO_ORIGINS
    ]
    return _Table(
        exact,
        tuple(entry for entry in plain if "*" in entry.name) if with_hosts else (),
        expressions,
        next((entry for entry in entries if entry.name == "default"), None),
        (*values, *(test for _, test in expressions)),
    )


def names_in(text: str) -> Iterator[str]:
    """The variables that a text mentions."""
    return (found[1] or found[2] for found in VARIABLE.finditer(text))


def _expression(entry: Directive) -> OriginTest:
    ignore_case = entry.name.startswith("~*")
    return OriginTest("regex", entry.name[2 if ignore_case else 1 :], ignore_case, False, entry)


def _key(entry: Directive) -> str:
    """nginx compares them without regard to case; a backslash keeps a word from being special."""
    return entry.name.removeprefix("\\").lower()
