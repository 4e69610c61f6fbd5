"""From `origin_lists`, and what refers to them, to plain entries of `allow_origins`, each with the place it came from.

`{list: ...}` and `{split: ...}` end here: the rules and everything after them see one list of origins and expressions.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter

from cors_gateway.config.compile.sections import Place
from cors_gateway.config.lint.origins import malformed, read_origins
from cors_gateway.config.models.policy import ListedOrigin, ListEntry, SplitEntry
from cors_gateway.config.models.validate import check, suggestion
from cors_gateway.config.problems import Problem, Severity
from cors_gateway.config.syntax.tree import Document, Path
from cors_gateway.config.written_policy import RegexEntry, WrittenPolicy
from cors_gateway.policy.quoting import quoted
from cors_gateway.snapshot import Location

_LIST: TypeAdapter[list[ListedOrigin]] = TypeAdapter(list[ListedOrigin])
_SEPARATORS = re.compile(r"[\s,]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """One origin or expression that a policy allows."""

    value: str | RegexEntry
    location: Location
    """Where it is written."""
    at: int = 0
    """The index in the `allow_origins` (or the list) that it belongs to."""


@dataclass(slots=True)
class OriginLists:
    """The lists of all files. One with problems of its own has lost what is wrong in it."""

    entries: dict[str, tuple[Entry, ...]] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    faulty: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    has_all_files: bool = True
    """False if a list may be defined in a file that could not be read."""

    def unused(self) -> Iterator[Problem]:
        """A list that no policy takes is a leftover, or a name was mistyped."""
        for name, place in self.places.items():
            if name not in self.used:
                yield place.document.problem(
                    "origin_list.unused",
                    f"no policy uses the list {quoted(name)}",
                    f"remove it, or write {{list: {name}}} in allow_origins",
                    path=place.path,
                    severity=Severity.WARNING,
                )


@dataclass(frozen=True, slots=True)
class Expanded:
    """What an `allow_origins` comes to."""

    entries: tuple[Entry, ...]
    is_complete: bool
    """False if a list could not be used, which is reported: more origins may be meant."""


def read_lists(places: Mapping[str, Place], has_all_files: bool, problems: list[Problem]) -> OriginLists:
    """Read every list. What is wrong with an entry whatever the policy is reported here, once. Adds to `problems`."""
    lists = OriginLists(places=dict(places), has_all_files=has_all_files)
    for name, place in places.items():
        document, path = place.document, place.path
        checked = check(document, path, _LIST)
        problems += checked.problems
        if checked.value is None:
            lists.faulty.add(name)
            continue
        items = zip(checked.value, document.item_locations(path), strict=True)
        entries = [each for at, (item, here) in enumerate(items) for each in _entries(item, here, at)]
        bad = set()
        for finding in malformed(
            read_origins(WrittenPolicy(allow_origins=tuple(each.value for each in entries)))
        ):
            index = int(finding.path[1])
            bad.add(index)
            problems.append(
                document.problem(finding.code, finding.message, finding.hint, path=(*path, entries[index].at))
            )
        lists.entries[name] = tuple(each for index, each in enumerate(entries) if index not in bad)
        if bad:
            lists.faulty.add(name)
    return lists


def expand(
    document: Document,
    path: Path,
    written: Iterable[str | RegexEntry | SplitEntry | ListEntry],
    lists: OriginLists,
    problems: list[Problem],
    indexes: Sequence[int] | None = None,
) -> Expanded:
    """What the `allow_origins` at `path` comes to. Adds to `problems`.

    `indexes` says which items of the list in the file `written` holds, if not all.
    """
    entries: list[Entry] = []
    is_complete = True
    locations = list(document.item_locations(path))
    for number, item in enumerate(written):
        at = number if indexes is None else indexes[number]
        location = locations[at]
        if not isinstance(item, ListEntry):
            entries += _entries(item, location, at)
            continue
        lists.used.add(item.list)
        listed = lists.entries.get(item.list)
        if listed is None and item.list not in lists.places and lists.has_all_files:
            problems.append(_unknown(document, (*path, at, "list"), item.list, lists.places))
        entries += (replace(entry, at=at) for entry in listed or ())
        is_complete = is_complete and item.list not in lists.faulty and listed is not None
    return Expanded(tuple(entries), is_complete)


def _entries(item: str | RegexEntry | SplitEntry, location: Location, at: int) -> Iterator[Entry]:
    if isinstance(item, SplitEntry):
        yield from (Entry(origin, location, at) for origin in _SEPARATORS.split(item.split) if origin)
    else:
        yield Entry(item, location, at)


def _unknown(document: Document, path: Path, name: str, known: Collection[str]) -> Problem:
    hint = suggestion(name, known) or "define it under origin_lists"
    return document.problem("origin_list.unknown", f"no list is called {quoted(name)}", hint, path=path)
