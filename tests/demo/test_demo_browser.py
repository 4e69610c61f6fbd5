"""The demo in a real browser: what `fetch()` may read is the only true oracle of CORS."""

import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import ConsoleMessage, Page, sync_playwright

from tests.demo.conftest import Demo

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

BLOCKED = "TypeError: Failed to fetch"

EXPECTED_COMPLAINT = re.compile(
    r"has been blocked by CORS policy"
    r"|Failed to load resource: (net::ERR_FAILED|net::ERR_CONNECTION_REFUSED|the server responded with a status of 50[024])"
)
"""What Chromium writes to its console whenever a call fails, and nothing else."""

READ_LANE = """lane => ({
    right: lane.dataset.right,
    pill: lane.querySelector(".pill").textContent,
    verdict: lane.querySelector(".verdict").textContent,
    body: lane.querySelector(".body")?.textContent ?? "",
    headers: [...lane.querySelectorAll(".headers li")].map(item => item.textContent),
    reason: lane.querySelector(".reason")?.textContent ?? null,
    sentence: lane.querySelector(".sentence").textContent,
    steps: [...lane.querySelectorAll(".steps .status")].map(status => status.textContent.trim()),
    arrows: lane.querySelector(".diagram title").textContent,
    doubts: lane.querySelectorAll(".doubt").length,
})"""


@dataclass(slots=True)
class Stage:
    """The demo's page in a browser, with everything that it asked for and complained about."""

    page: Page
    demo: Demo
    requests: list[str]
    complaints: list[str]

    def press(self, scenario: str) -> dict[str, dict[str, object]]:
        """Press a scenario's button and read both columns when they are there."""
        self.page.click(f"#run-{scenario}")
        for way in ("backend", "gateway"):
            self.page.wait_for_selector(f"#lane-{way}[data-right]")
        return {way: self.page.eval_on_selector(f"#lane-{way}", READ_LANE) for way in ("backend", "gateway")}

    def arrived(self, origin: str) -> list[str]:
        """Methods that the backend has seen of the newest call to `origin`."""
        call = next(url for url in reversed(self.requests) if url.startswith(origin)).rpartition("call=")[2]
        with urllib.request.urlopen(f"{self.demo.backend}/_journal/{call}", timeout=30) as answer:
            return [record["method"] for record in json.load(answer)]


@pytest.fixture(scope="module")
def stage(demo: Demo) -> Iterator[Stage]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.set_default_timeout(20_000)
        stage = Stage(page, demo, [], [])
        page.on("request", lambda request: stage.requests.append(request.url))
        page.on("console", lambda message: _note(stage, message))
        page.on("pageerror", lambda error: stage.complaints.append(str(error)))
        page.goto(demo.page)
        page.wait_for_selector("body[data-state=ready]")
        yield stage
        browser.close()


def _note(stage: Stage, message: ConsoleMessage) -> None:
    if not (message.type == "error" and EXPECTED_COMPLAINT.search(message.text)):
        stage.complaints.append(message.text)


def run_crowd(page: Page) -> str:
    """What the page says of streams and calls that it makes all at once."""
    page.click("#crowd")
    page.wait_for_selector("#crowd:not([disabled])")
    return page.inner_text("#crowd-result")


READABLE = {
    "get": (200, "Espresso cup"),
    "put": (200, '"saved": {"price": 15}'),
    "cookies": (200, '"cookie_received": true'),
    "exposed": (200, '"order": 1042'),
    "vary": (200, "<svg"),
    "error": (500, "SHOP-1042"),
    "down": (502, '"status": 502'),
    "slow": (504, '"status": 504'),
}
"""What the script reads through the gateway: status, and a part of the body."""

UNREADABLE_STRAIGHT = {
    "get": "it has 2 Access-Control-Allow-Origin lines",
    "put": "its status is 405, not 2xx",
    "cookies": "is “*”, which never counts for a call with credentials",
    "vary": "did not say Vary: Origin",
    "method": "its status is 405, not 2xx",
    "error": "The backend answered 500, but",
    "down": "Nothing answers at that address",
    "slow": "it has no Access-Control-Allow-Origin",
}
"""What the page gives as the reason why the script reads nothing straight from the backend."""


@pytest.mark.parametrize("scenario", READABLE)
def test_through_the_gateway_the_script_reads_what_it_needs(scenario: str, stage: Stage) -> None:
    status, body = READABLE[scenario]

    lane = stage.press(scenario)["gateway"]

    assert (lane["pill"], lane["right"], lane["reason"], lane["doubts"]) == ("readable", "true", "allowed", 0)
    assert str(lane["verdict"]).startswith(f"{status} ")
    assert body in str(lane["body"])


@pytest.mark.parametrize("scenario", UNREADABLE_STRAIGHT)
def test_straight_from_the_backend_the_script_reads_nothing(scenario: str, stage: Stage) -> None:
    lane = stage.press(scenario)["backend"]

    assert (lane["pill"], lane["verdict"], lane["body"], lane["doubts"]) == ("blocked", BLOCKED, "", 0)
    assert lane["reason"] is None
    assert UNREADABLE_STRAIGHT[scenario] in str(lane["sentence"])


def test_a_simple_call_needs_no_preflight(stage: Stage) -> None:
    lanes = stage.press("get")

    assert lanes["gateway"]["steps"] == ["200 from the backend"]
    assert stage.arrived(stage.demo.gateway) == ["GET"]


def test_the_preflight_is_answered_by_the_gateway_and_never_reaches_the_backend(stage: Stage) -> None:
    lanes = stage.press("put")

    assert lanes["gateway"]["steps"] == ["204 from the gateway", "200 from the backend"]
    assert stage.arrived(stage.demo.gateway) == ["PUT"]
    assert lanes["backend"]["steps"] == ["405 from the backend"]
    assert stage.arrived(stage.demo.backend) == ["OPTIONS"]


def test_a_refused_method_never_reaches_the_backend(stage: Stage) -> None:
    lane = stage.press("method")["gateway"]

    assert (lane["pill"], lane["right"], lane["verdict"]) == ("blocked", "true", BLOCKED)
    assert (lane["reason"], lane["steps"]) == ("method_not_allowed", ["403 from the gateway"])
    assert stage.arrived(stage.demo.gateway) == []


def test_an_exposed_header_is_readable_and_its_neighbour_is_not(stage: Stage) -> None:
    lanes = stage.press("exposed")

    assert {"X-Total-Count: 128", "X-Internal-Node: null"} <= set(lanes["gateway"]["headers"])  # type: ignore[call-overload]
    assert {"X-Total-Count: null", "X-Internal-Node: null"} <= set(lanes["backend"]["headers"])  # type: ignore[call-overload]
    assert (lanes["backend"]["pill"], lanes["backend"]["right"]) == ("readable", "false")


def test_a_stranger_reads_the_account_straight_and_nothing_through_the_gateway(stage: Stage) -> None:
    stage.press("cookies")
    lanes = stage.press("stranger")

    assert (lanes["backend"]["pill"], lanes["backend"]["right"]) == ("readable", "false")
    assert "GB33 BUKB" in str(lanes["backend"]["body"])
    assert (lanes["gateway"]["pill"], lanes["gateway"]["right"]) == ("blocked", "true")
    assert (lanes["gateway"]["verdict"], lanes["gateway"]["reason"]) == (BLOCKED, "origin_not_allowed")
    assert lanes["gateway"]["doubts"] == lanes["backend"]["doubts"] == 0
    frame = stage.page.frame_locator("iframe")
    assert frame.locator("#loot-gateway").inner_text() == "nothing"
    assert "GB33 BUKB" in frame.locator("#loot-backend").inner_text()


@pytest.mark.parametrize(
    ("scenario", "arrows"),
    [
        ("put", "OPTIONS: browser to gateway; 204: gateway to browser; PUT: browser to gateway; PUT: gateway to backend; 200: backend to gateway; 200: gateway to browser"),
        ("method", "OPTIONS: browser to gateway; 403: gateway to browser, withheld from the script; DELETE is never sent: browser to backend"),
        ("down", "GET: browser to gateway; GET: gateway not reaching backend; 502: gateway to browser"),
        ("slow", "GET: browser to gateway; GET: gateway to backend; 504: gateway to browser"),
    ],
)  # fmt: skip
def test_the_diagram_shows_where_the_call_went(scenario: str, arrows: str, stage: Stage) -> None:
    assert stage.press(scenario)["gateway"]["arrows"] == arrows


def test_all_at_once_by_keyboard(stage: Stage) -> None:
    stage.page.keyboard.press("a")
    stage.page.wait_for_selector(".scores")

    assert stage.page.inner_text("#score-gateway") == "10 of 10 as wanted\n\nThrough the gateway"
    assert stage.page.inner_text("#score-backend") == "1 of 10 as wanted\n\nStraight to the backend"


def test_every_control_is_reached_with_the_tab_key_and_pressed_with_enter(stage: Stage) -> None:
    stage.page.reload()
    stage.page.wait_for_selector("body[data-state=ready]")
    reached = []
    for _ in range(13):
        stage.page.keyboard.press("Tab")
        reached.append(stage.page.evaluate("document.activeElement.id"))
    stage.page.keyboard.press("Enter")
    stage.page.wait_for_selector("#lane-gateway[data-right]")

    assert reached[1:3] == ["theme", "run-all"]
    assert reached[3:] == [f"run-{name}" for name in ("get", "put", "cookies", "exposed", "vary", "stranger", "method", "error", "down", "slow")]  # fmt: skip
    assert stage.page.inner_text("h1") == "Timeout: 504"


@pytest.mark.parametrize(("scheme", "other"), [("light", "dark"), ("dark", "light")])
def test_it_follows_the_system_s_colours_and_can_be_switched(scheme: str, other: str, stage: Stage) -> None:
    stage.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    stage.page.evaluate("localStorage.clear()")
    stage.page.reload()
    stage.page.wait_for_selector("body[data-state=ready]")
    before = stage.page.evaluate("getComputedStyle(document.body).backgroundColor")
    stage.page.click("#theme")
    stage.page.emulate_media(color_scheme=other)  # type: ignore[arg-type]
    stage.page.click("#theme")

    chosen = stage.page.evaluate("getComputedStyle(document.body).backgroundColor")
    stage.page.reload()
    stage.page.wait_for_selector("body[data-state=ready]")

    assert chosen == before
    assert stage.page.evaluate("getComputedStyle(document.body).backgroundColor") == before


def test_a_scenario_has_an_address_and_is_seen_on_a_telephone(stage: Stage) -> None:
    size = stage.page.viewport_size
    stage.page.set_viewport_size({"width": 390, "height": 844})
    stage.page.goto(f"{stage.demo.page}/#put")
    stage.page.reload()
    stage.page.wait_for_selector("#lane-gateway[data-right]")
    by_link = (
        stage.page.inner_text("h1"),
        stage.page.evaluate("document.querySelector('h1').getBoundingClientRect().top"),
    )
    stage.page.click("#run-get")
    stage.page.wait_for_selector("#lane-gateway[data-right]")
    by_button = (
        stage.page.inner_text("h1"),
        stage.page.evaluate("document.querySelector('h1').getBoundingClientRect().top"),
    )
    hash_now = stage.page.evaluate("location.hash")
    stage.page.click("#run-all")
    stage.page.wait_for_selector(".scores")
    overflow = stage.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert size is not None
    stage.page.set_viewport_size(size)

    assert (by_link[0], by_button[0]) == ("PUT with a token", "Simple GET")
    assert 0 <= by_link[1] < 844
    assert 0 <= by_button[1] < 844
    assert (hash_now, overflow) == ("#get", 0), "the scores of all runs are no wider than the screen"


def test_six_connections_are_not_enough_for_eight_streams_and_any_call(stage: Stage) -> None:
    assert run_crowd(stage.page).startswith("6 of 8 streams began, 0 of 20 calls were answered.")


def test_the_yaml_in_force_is_shown(stage: Stage) -> None:
    stage.page.click(".configuration summary")

    assert f'- "{stage.demo.page}"' in stage.page.inner_text("#yaml")
    assert stage.page.get_attribute("#admin", "href") == stage.demo.admin


def test_the_other_name_of_this_machine_leads_to_the_page(stage: Stage) -> None:
    """Both names are this machine, and two origins: under the other one the page would be refused everything."""
    page = _another_window(stage)
    page.goto(stage.demo.page.replace("127.0.0.1", "localhost") + "/#get")
    page.wait_for_selector("#lane-gateway[data-right=true]")
    url = page.url
    page.context.close()

    assert url == f"{stage.demo.page}/#get"


def _another_window(stage: Stage) -> Page:
    browser = stage.page.context.browser
    assert browser is not None
    return browser.new_context().new_page()


def test_without_the_stranger_s_page_the_others_go_on(stage: Stage) -> None:
    page = _another_window(stage)
    page.route(f"{stage.demo.stranger}/**", lambda route: route.abort())
    page.goto(stage.demo.page)
    page.click("#run-get")
    page.wait_for_selector("#lane-gateway[data-right=true]", timeout=20_000)
    page.click("#run-stranger")
    page.wait_for_selector("#lane-gateway[data-right]", timeout=40_000)
    told = page.inner_text("#lane-gateway .verdict")
    page.context.close()

    assert told == f"The stranger's page at {stage.demo.stranger} does not answer."


def test_nothing_else_is_asked_for_and_nothing_else_goes_wrong(stage: Stage) -> None:
    """After everything: no other origin was called, and the console has only what blocked calls leave there."""
    stage.page.click("#run-all")
    stage.page.wait_for_selector(".scores")
    site = stage.page.evaluate("fetch('/site.json').then(answer => answer.json())")

    origins = {re.match(r"https?://[^/]+", url)[0] for url in stage.requests}  # type: ignore[index]
    assert origins == set(site.values()) - {site["admin"]}
    assert stage.complaints == []
