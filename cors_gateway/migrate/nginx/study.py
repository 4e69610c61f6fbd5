"""One location under the questions that matter: who is admitted, by which comparison, with what, and who is refused.

Requests of every kind of origin that the configuration knows are played through it, and of one that it cannot know. What
follows for a policy is in `grants.py`, what is wrong in `findings.py` and its neighbours.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from cors_gateway.migrate.nginx.evaluate import Evaluator, Run
from cors_gateway.migrate.nginx.origins import STRANGER, OriginEntry, Reading, read_expression, read_value
from cors_gateway.migrate.nginx.scope import HeaderLine, Scope
from cors_gateway.migrate.nginx.variables import OriginTest, Request

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ORIGIN = "access-control-allow-origin"
CREDENTIALS = "access-control-allow-credentials"
ASKED_HEADERS = "x-wq7xzk-a, x-wq7xzk-b"
"""Names that no configuration lists: where they come back, every name is repeated."""
ASKED_METHOD = "WQ7XZK"
_MAX_REPRESENTATIVES = 6


@dataclass(frozen=True, slots=True)
class Observed:
    """A run, with the headers as they were at its end."""

    run: Run
    sent: tuple[tuple[HeaderLine, str], ...]
    """What a good answer carries."""
    said: tuple[tuple[HeaderLine, str], ...]
    """What the location and every `if` that matched say, also where a later one has the last word."""

    def value_of(self, key: str) -> str:
        return next((value for line, value in reversed(self.sent) if line.key == key), "")

    def says(self, key: str, value: str) -> bool:
        return any(line.key == key and text == value for line, text in self.said)

    @property
    def allows_credentials(self) -> bool:
        return self.says(CREDENTIALS, "true")

    @property
    def is_refused(self) -> bool:
        """Whether nginx answers with an error of its own."""
        return self.run.returned is not None and (self.run.status or 0) >= 400


@dataclass(frozen=True, slots=True)
class Admission:
    """An entry that nginx admits, and what says so."""

    entry: OriginEntry
    test: OriginTest | None
    """None for a value that a header states."""
    has_credentials: bool
    line: HeaderLine | None = None
    """The header, for a stated value."""


class Study:
    """What a location makes of requests."""

    def __init__(self, evaluator: Evaluator, location: Scope, path: str) -> None:
        self.evaluator = evaluator
        self.location = location
        self.path = path
        self._observed: dict[Request, Observed] = {}
        self._readings: dict[OriginTest, Reading] = {}
        self.place = self._plain("GET").run.location or location
        """Where requests end up: the location, or the one that it hands them to."""
        self._listen()
        self.admissions = (*self._admitted_by_tests(), *self._admitted_by_values())
        own = [self._representative(admission) for admission in self.admissions]
        self.representatives = tuple(dict.fromkeys(own))[:_MAX_REPRESENTATIVES]
        """Origins that are admitted, one of each kind."""

    @property
    def tests(self) -> dict[OriginTest, Reading]:
        """The comparisons with the origin, and what they mean."""
        return self._readings

    @cached_property
    def blocks(self) -> list[Scope]:
        """The location and its `if` blocks."""
        return [self.place, *(Scope(inner, self.place) for inner in self.place.own("if"))]

    @cached_property
    def lines(self) -> list[HeaderLine]:
        """All that the branches of the location say together."""
        found = list(self.place.headers())
        for block in self.blocks[1:]:
            found += block.own_headers()
        return list(dict.fromkeys(found))

    def observe(self, method: str, origin: str, *, preflight: bool = False) -> Observed:
        """Play a request; the answer is remembered."""
        asked = (ASKED_METHOD, ASKED_HEADERS) if preflight else ("", "")
        request = Request(method, origin, self.path, *asked)
        if request not in self._observed:
            run = self.evaluator.run(request, self.location)
            self._observed[request] = Observed(run, tuple(run.sent()), tuple(_said(run)))
        return self._observed[request]

    def preflight(self, origin: str) -> Observed:
        return self.observe("OPTIONS", origin, preflight=True)

    def without_breaks(self, seen: Observed) -> Run:
        """The same request, if nothing ended the rewrite directives early."""
        return self.evaluator.run(seen.run.request, self.location, ignore_breaks=True)

    def everything(self, origin: str) -> Iterator[Observed]:
        """The requests of one origin: every method, and the preflight."""
        yield from (self.observe(method, origin) for method in METHODS)
        if origin:
            yield self.preflight(origin)

    @cached_property
    def origins(self) -> tuple[str, ...]:
        """One origin of each kind: none, a stranger, those that are admitted."""
        return tuple(dict.fromkeys(("", STRANGER, self.welcome, *self.representatives)))

    @cached_property
    def welcome(self) -> str:
        """An origin that is let in: an admitted one, else a stranger if it is not refused, else none."""
        if self.representatives:
            return self.representatives[0]
        if not self.observe("GET", STRANGER).is_refused:
            return STRANGER
        return next((entry.witnesses[0] for entry in self.known_origins), "")

    @cached_property
    def admits_everybody(self) -> bool:
        """Whether a stranger may read. A preflight alone opens nothing, unless it is all that the location grants."""
        if any(self._repeats(seen) for seen in self._actual(STRANGER)):
            return True
        is_granted = any(
            seen.says(ORIGIN, value)
            for admission in self.admissions
            for origin in admission.entry.witnesses
            for seen in self._actual(origin)
            for value in (origin, "*")
        )
        return not is_granted and self._repeats(self.preflight(STRANGER))

    @cached_property
    def is_credentialed_for_everybody(self) -> bool:
        return any(
            seen.allows_credentials
            for seen in self.everything(STRANGER)
            if any(line.key == ORIGIN for line, _ in seen.said)
        )

    @cached_property
    def refuses_strangers(self) -> bool:
        """Whether requests with an unknown Origin are turned away, and those of known ones are not."""
        refused = self.observe("GET", STRANGER).is_refused or self.observe("POST", STRANGER).is_refused
        return refused and not self.admits_everybody and bool(self.known_origins)

    @cached_property
    def known_origins(self) -> list[OriginEntry]:
        """Entries that a comparison lets pass where it turns strangers away."""
        entries = dict.fromkeys(entry for reading in self._readings.values() for entry in reading.entries)
        return [entry for entry in entries if entry.witnesses and not self._turns_away(entry)]

    def _turns_away(self, entry: OriginEntry) -> bool:
        return any(self.observe("GET", witness).is_refused for witness in entry.witnesses)

    def _actual(self, origin: str) -> Iterator[Observed]:
        return (self.observe(method, origin) for method in METHODS if method != "OPTIONS")

    def _repeats(self, seen: Observed) -> bool:
        return any(seen.says(ORIGIN, value) for value in ("*", STRANGER))

    def _plain(self, method: str) -> Observed:
        return self.observe(method, "")

    def _listen(self) -> None:
        """Find the comparisons; an origin that passes the first may lead to others."""
        waiting = [STRANGER]
        heard: set[str] = set()
        while waiting and len(heard) < _MAX_REPRESENTATIVES * 4:
            origin = waiting.pop()
            if origin in heard:
                continue
            heard.add(origin)
            for seen in self.everything(origin):
                for test in seen.run.tests:
                    if test in self._readings:
                        continue
                    reading = self._readings[test] = _read(test)
                    waiting += [entry.witnesses[0] for entry in reading.entries[:1] if entry.witnesses]

    def _admitted_by_tests(self) -> Iterator[Admission]:
        for test, reading in self._readings.items():
            for entry in reading.entries:
                admitted = [self._admits(witness) for witness in entry.witnesses]
                if admitted and all(seen is not None for seen in admitted):
                    has_credentials = any(seen is not None and seen.allows_credentials for seen in admitted)
                    yield Admission(entry, test, has_credentials)

    def _admits(self, origin: str) -> Observed | None:
        for seen in (self.observe("GET", origin), self.observe("POST", origin), self.preflight(origin)):
            if seen.says(ORIGIN, origin) or seen.says(ORIGIN, "*"):
                return seen
        return next((seen for seen in self.everything(origin) if seen.says(ORIGIN, origin)), None)

    def _admitted_by_values(self) -> Iterator[Admission]:
        seen_before: set[tuple[str, HeaderLine]] = set()
        for seen in self._unknown_origins():
            for line, value in seen.said:
                if line.key != ORIGIN or value in ("", "*", STRANGER) or (value, line) in seen_before:
                    continue
                seen_before.add((value, line))
                for text in split_values(value):
                    for entry in read_value(text).entries:
                        yield Admission(entry, None, seen.allows_credentials, line)

    def _unknown_origins(self) -> Iterator[Observed]:
        yield from self.everything("")
        yield from self.everything(STRANGER)
        for reading in self._readings.values():
            for entry in reading.entries[:1]:
                for witness in entry.witnesses[:1]:
                    seen = self.observe("GET", witness)
                    if not any(line.key == ORIGIN for line, _ in seen.said):
                        seen = self.preflight(witness)
                    if not seen.says(ORIGIN, witness):
                        yield seen

    def _representative(self, admission: Admission) -> str:
        return admission.entry.witnesses[0] if admission.entry.witnesses else admission.entry.text


def split_values(value: str) -> list[str]:
    """The origins of one value, which browsers take as one."""
    return [text for text in value.replace(",", " ").replace("|", " ").split() if text]


def _said(run: Run) -> Iterator[tuple[HeaderLine, str]]:
    if run.location is None:
        return
    lines = [*run.location.headers(), *(line for block in run.entered for line in block.own_headers())]
    for line in dict.fromkeys(lines):
        if value := run.variables.value(line.value):
            yield line, value


def _read(test: OriginTest) -> Reading:
    if test.kind == "exact":
        return read_value(test.text)
    return read_expression(test.text, ignore_case=test.ignore_case)
