"""Firefox ESR, Debian's, over WebDriver BiDi (W3C): the browser speaks it itself, no driver is needed."""

import asyncio
import contextlib
import itertools
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import aiohttp

PROGRAM = "firefox-esr"
START_SECONDS = 60
ANSWER_SECONDS = 120
MAX_MESSAGE = 64 * 1024 * 1024

PREFERENCES = {
    # Nothing but what the test asks for goes over the network.
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.region.network.url": "",
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.search.update": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.push.connection.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.update.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.prefetch-next": False,
    "network.trr.mode": 5,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.server": "data:,",
}

_LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")


class Firefox:
    """An `Engine`."""

    name = "firefox"

    def __init__(self, runner: asyncio.Runner, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._runner = runner
        self._socket = socket
        self._numbers = itertools.count()
        session = self._command("session.new", capabilities={})
        self.version = str(session["capabilities"]["browserVersion"])
        self._context = self._command("browsingContext.getTree")["contexts"][0]["context"]

    def go(self, url: str) -> None:
        self._command("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def call(self, function: str, argument: object) -> Any:
        wrapped = f"async text => JSON.stringify(await ({function})(JSON.parse(text)))"
        outcome = self._command(
            "script.callFunction",
            functionDeclaration=wrapped,
            arguments=[{"type": "string", "value": json.dumps(argument)}],
            target={"context": self._context},
            awaitPromise=True,
        )
        if outcome["type"] != "success":
            raise RuntimeError(f"the script failed: {outcome['exceptionDetails']['text']}")
        return json.loads(outcome["result"]["value"])

    def _command(self, method: str, **params: object) -> dict[str, Any]:
        return self._runner.run(self._ask(method, params))

    async def _ask(self, method: str, params: dict[str, object]) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:  # events come in between
                message = await self._socket.receive_json()
                if message.get("id") == number:
                    break
        if message["type"] != "success":
            raise RuntimeError(f"{method}: {message['error']}: {message['message']}")
        return cast("dict[str, Any]", message["result"])


@contextlib.contextmanager
def firefox() -> Iterator[Firefox]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, asyncio.Runner() as runner:
        lines = [f"user_pref({json.dumps(key)}, {json.dumps(value)});" for key, value in PREFERENCES.items()]
        (Path(profile) / "user.js").write_text("\n".join(lines) + "\n")
        process = subprocess.Popen(
            [PROGRAM, "--headless", "--remote-debugging-port=0", "--profile", profile, "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            session = runner.run(_session())
            try:
                yield Firefox(runner, runner.run(_connect(session, _address(process))))
            finally:
                runner.run(session.close())
        finally:
            process.terminate()
            process.wait(START_SECONDS)
            if process.stderr is not None:
                process.stderr.close()


async def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession()


async def _connect(session: aiohttp.ClientSession, address: str) -> aiohttp.ClientWebSocketResponse:
    return await session.ws_connect(f"{address}/session", max_msg_size=MAX_MESSAGE)


def _address(process: subprocess.Popen[str]) -> str:
    """Where it says that it listens; what it says before that is noise."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := _LISTENS.search(line):
            return found[1]
    raise RuntimeError(f"Firefox ended with {process.wait()}")
