"""What `explain` foretells against what an engine's `fetch()` may do, for drawn policies and calls."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

from cors_gateway.explain.described_request import describe
from cors_gateway.explain.explanation import Explanation
from cors_gateway.policy.engines import Browser
from tests.engines.draw import Drawn, draw_call
from tests.engines.engine import Engine
from tests.engines.world import READABLE, World

BATCH = 100

# The calls go one after the other: two at once could share a preflight.
CALLS = """async calls => {
    const outcomes = [];
    for (const [url, init] of calls) {
        try {
            const response = await fetch(url, init);
            outcomes.push([...response.headers.keys()].sort());
        } catch {
            outcomes.push(null);
        }
    }
    return outcomes;
}"""
IN_SANDBOX = """async argument => {
    const frame = document.querySelector("iframe");
    const channel = new MessageChannel();
    const answer = new Promise(resolve => channel.port1.onmessage = event => resolve(event.data));
    frame.contentWindow.postMessage([TEXT, argument], "*", [channel.port2]);
    return answer;
}"""


@dataclass(frozen=True, slots=True)
class Difference:
    """A call that came out otherwise than foretold. None: the script got no response."""

    call: Drawn
    seen: tuple[str, ...] | None
    foretold: tuple[str, ...] | None


def differences(engine: Engine, world: World, *, pairs: int, seed: int) -> Iterator[Difference]:
    """Draw so many calls, make them in the engine and compare."""
    dice = random.Random(seed)
    calls = [draw_call(dice, world.policies) for _ in range(pairs)]
    for page in world.pages:
        ours = [call for call in calls if call.page == page]
        engine.go(world.pages[page])
        for start in range(0, len(ours), BATCH):
            batch = ours[start : start + BATCH]
            for call, seen in zip(batch, _made(engine, world, page, start, batch), strict=True):
                foretold = foretell(world, call, Browser(engine.name))
                if seen != foretold:
                    yield Difference(call, seen, foretold)


def foretell(world: World, call: Drawn, browser: Browser) -> tuple[str, ...] | None:
    """The backend's headers that the script is said to be able to read; None if it gets no response."""
    origin = world.origins[call.page]
    first = _explained(world, call, f"{world.gateway}/{call.policy}/x", origin, browser)
    if call.redirects_to is None or not first.is_allowed:
        return _readable(first)
    # Fetch, "HTTP-redirect fetch": an origin that is neither the page's nor the redirecting server's becomes `null`.
    host, origin = (world.other_name, "null") if call.leaves_host else (world.gateway, origin)
    return _readable(_explained(world, call, f"{host}/{call.redirects_to}/x", origin, browser))


def _explained(world: World, call: Drawn, url: str, origin: str, browser: Browser) -> Explanation:
    headers = [f"{name}: {value}" for name, value in call.headers]
    if call.body and not any(name.lower() == "content-type" for name, _ in call.headers):
        headers.append("Content-Type: text/plain;charset=UTF-8")
    request = describe(
        url,
        origin=origin,
        method=call.method,
        headers=headers,
        credentials=call.credentials,
        browser=browser,
    )
    return world.explainer.judge(request)


def _readable(explanation: Explanation) -> tuple[str, ...] | None:
    if not explanation.is_allowed:
        return None
    if explanation.reads_every_header:
        return tuple(sorted(READABLE))
    return tuple(sorted(set(READABLE) & set(explanation.readable)))


def _made(
    engine: Engine, world: World, page: str, first: int, batch: list[Drawn]
) -> list[tuple[str, ...] | None]:
    argument = [[_url(world, call, number), _init(call)] for number, call in enumerate(batch, first)]
    if page == "null":
        outcomes = engine.call(IN_SANDBOX.replace("TEXT", json.dumps(CALLS)), argument)
    else:
        outcomes = engine.call(CALLS, argument)
    return [None if names is None else tuple(sorted(set(READABLE) & set(names))) for names in outcomes]


def _url(world: World, call: Drawn, number: int) -> str:
    """No two calls from a page share an address: what a browser remembers of one preflight must not answer for another."""
    url = f"{world.gateway}/{call.policy}/{call.page}{number}"
    if call.redirects_to is None:
        return url
    host = world.other_name if call.leaves_host else world.gateway
    return f"{url}?to={host}/{call.redirects_to}/{call.page}{number}"


def _init(call: Drawn) -> dict[str, object]:
    init: dict[str, object] = {
        "method": call.method,
        "headers": [[name, value] for name, value in call.headers],
        "credentials": "include" if call.credentials else "omit",
        "cache": "no-store",
    }
    if call.body:
        init["body"] = "x"
    return init
