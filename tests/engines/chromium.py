"""Chromium, Debian's, driven by Playwright."""

import contextlib
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import ConsoleMessage, Page, sync_playwright

PROGRAM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

_LAST = "the end of what is looked at"


class Chromium:
    """An `Engine`."""

    name = "chromium"

    def __init__(self, page: Page, version: str) -> None:
        self._page = page
        self.version = version

    def go(self, url: str) -> None:
        self._page.goto(url)

    def call(self, function: str, argument: object) -> Any:
        return self._page.evaluate(function, argument)

    @contextlib.contextmanager
    def console(self) -> Iterator[list[str]]:
        """The lines that the console gets meanwhile, complete when the context is left."""
        lines: list[str] = []

        def note(message: ConsoleMessage) -> None:
            lines.append(message.text)

        self._page.on("console", note)
        try:
            yield lines
            with self._page.expect_console_message(lambda message: message.text == _LAST):
                self._page.evaluate("text => console.log(text)", _LAST)
        finally:
            self._page.remove_listener("console", note)
        lines.remove(_LAST)


@contextlib.contextmanager
def chromium() -> Iterator[Chromium]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=list(FLAGS))
        try:
            yield Chromium(browser.new_page(), browser.version)
        finally:
            browser.close()
