"""Chromium, Debian's, driven by Playwright."""

import contextlib
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Page, sync_playwright

PROGRAM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


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
def chromium() -> Iterator[Chromium]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=list(FLAGS))
        try:
            yield Chromium(browser.new_page(), browser.version)
        finally:
            browser.close()
