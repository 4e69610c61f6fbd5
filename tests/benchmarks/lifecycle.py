"""Loads that start a proxy, give it another worker or change its configuration, instead of only asking it."""

import contextlib
import http.client
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.benchmarks.cpu import cpu_seconds, resident_bytes
from tests.benchmarks.load import Load, Target, await_connected, client, last_word
from tests.benchmarks.outcome import LoadError, Outcome
from tests.benchmarks.processes import StartError, free_port, running
from tests.benchmarks.site import CHANGED, Shape, Site

_CHANGE_SECONDS = 30.0
_ANSWER_SECONDS = 10.0
_ASK_EVERY_SECONDS = 0.02
_BEFORE_AND_AFTER_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Paced:
    """`rate` requests a second, far from what the proxy could do, for `least` seconds or longer."""

    rate: int
    least: int

    def __call__(self, target: Target, seconds: int) -> Outcome:
        with client("paced", target, self.rate, seconds) as process:
            await_connected(process)
            time.sleep(max(seconds, self.least))
            return Outcome(**last_word(process))


@dataclass(frozen=True, slots=True)
class Start:
    """One more proxy like the target, from the command to the first answer; that is all its latency. The one request is
    the start."""

    def __call__(self, target: Target, seconds: int) -> Outcome:
        with _another(target, target.site.shape) as (started, took):
            cpu = cpu_seconds(started.pid)
        return Outcome(1, took, took, took, took, errors=0, cpu=cpu)


@dataclass(frozen=True, slots=True)
class AnotherWorker:
    """How much more a proxy with three workers holds than one with two, after both have done the same `work`."""

    work: Load

    def __call__(self, target: Target, seconds: int) -> Outcome:
        with _another(target, Shape(workers=2)) as (two, _):
            self.work(two, seconds)
            held = resident_bytes(two.pid)
        with _another(target, Shape(workers=3)) as (three, _):
            cpu = cpu_seconds(three.pid)
            outcome = self.work(three, seconds)
            cpu = (cpu_seconds(three.pid) - cpu) / max(outcome.requests, 1)
            return replace(outcome, cpu=cpu, held=resident_bytes(three.pid) - held)


@dataclass(frozen=True, slots=True)
class Reload:
    """A configuration with one route more is taken over while clients ask at a steady `rate`: what did they notice?"""

    rate: int

    def __call__(self, target: Target, seconds: int) -> Outcome:
        server, site = target.server, target.site
        assert server.reload is not None
        changed = replace(site, shape=replace(site.shape, changed=not _is_changed(site)))
        launch = server.configure(target.program, changed, target.home)
        with client("paced", target, self.rate, seconds) as process:
            await_connected(process)
            time.sleep(_BEFORE_AND_AFTER_SECONDS)
            began = time.monotonic()
            try:
                server.reload(launch, target.pid)
            except subprocess.SubprocessError as error:
                raise LoadError(f"not reloaded: {error}") from error
            while _is_changed(site) != changed.shape.changed:
                if time.monotonic() - began > _CHANGE_SECONDS:
                    raise LoadError(f"not reloaded within {_CHANGE_SECONDS:.0f} s")
                time.sleep(_ASK_EVERY_SECONDS)
            time.sleep(_BEFORE_AND_AFTER_SECONDS)
            return Outcome(**last_word(process))


def _is_changed(site: Site) -> bool:
    """Whether the route is there that only a changed site has."""
    return _serves(site, f"{CHANGED}json")


def _serves(site: Site, path: str) -> bool:
    """Whether the backend's answer comes: some proxies say 200 and nothing else where they have no route."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=_ANSWER_SECONDS)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            response = connection.getresponse()
            return response.status == http.client.OK and bool(response.read())
        except (OSError, http.client.HTTPException) as error:
            raise LoadError(f"{type(error).__name__}: {error}") from error


@contextlib.contextmanager
def _another(target: Target, shape: Shape) -> Iterator[tuple[Target, float]]:
    """One more proxy of the target's kind, on a port and in a folder of its own, and the seconds until it answered: some
    accept connections before anybody can serve them. Raises LoadError."""
    site = replace(target.site, port=free_port(), shape=shape)
    with tempfile.TemporaryDirectory(dir=target.home) as name:
        home = Path(name)
        launch = target.server.configure(target.program, site, home)
        began = time.monotonic()
        try:
            with running(
                launch.command,
                port=site.port,
                cores=target.cores.proxy,
                log=home / "output.log",
                environment=launch.environment,
            ) as process:
                if not _serves(site, "/api/json"):
                    raise LoadError("no answer after the start")
                took = time.monotonic() - began
                yield replace(target, site=site, pid=process.pid, home=home), took
        except StartError as error:
            raise LoadError(str(error)) from error
