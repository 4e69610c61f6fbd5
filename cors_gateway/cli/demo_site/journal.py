"""What the sample backend received and how it answered, by call.

Every call of the demo page carries `?call=<id>`; the page server asks for the records of that id to show what really
reached the backend. Bounded: the oldest call is forgotten first.
"""

from dataclasses import dataclass, field

from aiohttp import web

MAX_CALLS = 256
MAX_RECORDS = 16
MAX_ID_LENGTH = 64

Lines = list[tuple[str, str]]
"""Header fields in the order sent, repeated names repeated."""


@dataclass(slots=True)
class Record:
    """One request as it arrived; `status` stays None until the backend begins to answer."""

    method: str
    path: str
    request: Lines
    status: int | None = None
    answer: Lines = field(default_factory=list)


class Journal:
    """The records of the last calls."""

    def __init__(self) -> None:
        self._calls: dict[str, list[Record]] = {}

    def arrived(self, request: web.BaseRequest) -> Record:
        """Note a request; it is kept if it names its call."""
        record = Record(request.method, request.path, list(request.headers.items()))
        call = request.query.get("call", "")
        if call and len(call) <= MAX_ID_LENGTH:
            records = self._calls.setdefault(call, [])
            if len(records) < MAX_RECORDS:
                records.append(record)
            while len(self._calls) > MAX_CALLS:
                del self._calls[next(iter(self._calls))]
        return record

    def records(self, call: str) -> list[Record]:
        """What arrived for this call, oldest first; empty if nothing did."""
        return list(self._calls.get(call, ()))
