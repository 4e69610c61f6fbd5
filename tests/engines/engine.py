"""What a browser engine can do for a test, and starting one of the three."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol


class Engine(Protocol):
    """A running browser with one page."""

    name: str
    version: str

    def go(self, url: str) -> None:
        """Load a page; returns when it is there."""

    def call(self, function: str, argument: object) -> Any:
        """Call an asynchronous JavaScript function, given as its text, in the page; gives what it resolves to, as JSON."""


def engines() -> dict[str, Callable[[], contextlib.AbstractContextManager[Engine]]]:
    """How to start each engine, by name."""
    from tests.engines.chromium import chromium
    from tests.engines.firefox import firefox
    from tests.engines.webkit import webkit

    return {"chromium": chromium, "firefox": firefox, "webkit": webkit}


@contextlib.contextmanager
def running(name: str) -> Iterator[Engine]:
    """An engine by its name."""
    with engines()[name]() as engine:
        yield engine
