"""Three engines agree with what is explained, and with what the demo promises. Two thousand pairs each, by hand:
`python -m tests.engines`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.conftest import running_demo
from tests.engines.differential import differences
from tests.engines.engine import Engine, engines, running
from tests.engines.table import DOCUMENT, results, written
from tests.engines.world import world

pytestmark = pytest.mark.browser

PAIRS = 150
POLICIES = 30
SEED = 20

STRAIGHT = {"chromium": 1, "firefox": 1, "webkit": 2}
"""How many of the demo's calls come out as wanted without a gateway. WebKit does not take what a request without CORS left
in its cache for one with CORS, so a forgotten Vary does no harm there."""

RUN_ALL = """async () => {
    const found = async selector => {
        while (!document.querySelector(selector)) await new Promise(resolve => setTimeout(resolve, 50));
        return document.querySelector(selector);
    };
    await found("body[data-state=ready]");
    document.dispatchEvent(new KeyboardEvent("keydown", {key: "a", bubbles: true}));
    await found(".scores");
    return ["#score-gateway", "#score-backend"].map(id => document.querySelector(id).innerText.split("\\n")[0]);
}"""


@pytest.fixture(scope="module", params=engines())
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with running(request.param) as engine:
        yield engine


def test_an_engine_does_what_is_explained(engine: Engine, tmp_path: Path) -> None:
    with world(tmp_path, seed=SEED, policies=POLICIES) as looked_at:
        assert list(differences(engine, looked_at, pairs=PAIRS, seed=SEED)) == []


def test_the_table_of_the_documentation_is_what_engines_do(engine: Engine) -> None:
    assert results(engine) == written(DOCUMENT.read_text(), engine.name)


def test_the_demo_shows_the_same_in_every_engine(engine: Engine, tmp_path: Path) -> None:
    with running_demo(tmp_path) as demo:
        engine.go(demo.page)

        assert engine.call(RUN_ALL, None) == [
            "10 of 10 as wanted",
            f"{STRAIGHT[engine.name]} of 10 as wanted",
        ]
