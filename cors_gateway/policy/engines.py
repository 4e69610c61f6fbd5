"""Where browser engines go other ways than the Fetch standard, as far as it decides what they ask and send.

Measured in the engines, not read: `python -m tests.engines` finds what is missing here, `docs/browsers.md` has the table.
"""

import re
from enum import StrEnum

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")

_CLIENT_HINTS = {
    "device-memory": _NUMBER,
    "downlink": _NUMBER,
    "dpr": _NUMBER,
    "ect": re.compile(r"slow-2g|[234]g"),
    "rtt": _NUMBER,
    "save-data": re.compile("on", re.IGNORECASE),
    "viewport-width": _NUMBER,
    "width": _NUMBER,
}
"""Names that Chromium lets pass without a preflight, with the values that it does so for."""


class Browser(StrEnum):
    """An engine: all browsers that are made of one do the same."""

    CHROMIUM = "chromium"
    """Chrome, Edge, Opera and most others."""
    FIREFOX = "firefox"
    WEBKIT = "webkit"
    """Safari, and everything on iOS."""


def leaves_out(browser: Browser | None, name: str) -> bool:
    """Whether the engine ignores a request header of this lower-case name that the standard lets a script set."""
    return browser is Browser.CHROMIUM and name == "user-agent"


def lets_pass(browser: Browser | None, name: str, value: str | None) -> bool:
    """Whether the engine sends a header of this lower-case name without a preflight, where the standard asks first."""
    if browser is not Browser.CHROMIUM:
        return False
    simple = _CLIENT_HINTS.get(name)
    return simple is not None and (value is None or simple.fullmatch(value) is not None)
