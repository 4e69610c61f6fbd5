"""WebKitGTK, Debian's MiniBrowser by its WebDriver, driven by Selenium on a virtual screen."""

import contextlib
import os
import subprocess
import warnings
from collections.abc import Iterator
from typing import Any

from selenium import webdriver
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service
from selenium.webdriver.webkitgtk.webdriver import WebDriver

DRIVER = "/usr/bin/WebKitWebDriver"
SCRIPT_SECONDS = 120


class WebKit:
    """An `Engine`."""

    name = "webkit"

    def __init__(self, driver: WebDriver) -> None:
        self._driver = driver
        self.version = str(driver.capabilities["browserVersion"])

    def go(self, url: str) -> None:
        self._driver.get(url)

    def call(self, function: str, argument: object) -> Any:
        script = (
            "const done = arguments[arguments.length - 1];"
            f"({function})(arguments[0]).then(value => done({{value}}), fault => done({{fault: String(fault)}}));"
        )
        outcome = self._driver.execute_async_script(script, argument)
        if "fault" in outcome:
            raise RuntimeError(f"the script failed: {outcome['fault']}")
        return outcome["value"]


@contextlib.contextmanager
def webkit() -> Iterator[WebKit]:
    with _screen() as display:
        service = Service(executable_path=DRIVER, env={**os.environ, "DISPLAY": display})
        with warnings.catch_warnings():
            # Selenium's own class for this driver calls Selenium in a way that Selenium warns of.
            warnings.simplefilter("ignore", DeprecationWarning)
            driver = webdriver.WebKitGTK(options=Options(), service=service)
        driver.set_script_timeout(SCRIPT_SECONDS)
        try:
            yield WebKit(driver)
        finally:
            driver.quit()


@contextlib.contextmanager
def _screen() -> Iterator[str]:
    """A virtual screen; its number is the first that is free."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1024x768x24", "-nolisten", "tcp"]
    process = subprocess.Popen(
        command,
        pass_fds=[write],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as number:
            yield f":{number.readline().strip()}"
    finally:
        process.terminate()
        process.wait()
