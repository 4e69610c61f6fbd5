"""The page in Chromium: it lives, it explains, and neither its visitors nor other pages can turn it against its owner."""

import http.client
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.server.backend import Backend
from tests.server.live import DEADLINE, ORIGIN, Live, configuration, gateway

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP rebound.example 127.0.0.1",
]
PATIENCE = 20_000
"""Milliseconds."""
EVIL = "https://<img src=x onerror=document.title=1>"
TOKEN = "correct-horse-battery"


@dataclass(slots=True)
class Desk:
    """An operator's browser, and the gateway that it watches."""

    browser: Browser
    live: Live
    admin: str
    traffic: tuple[str, int]
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str = "/", **context: Any) -> Page:
        """A new window on the page; what the browser has to complain about is noted."""
        page = self.browser.new_context(**context).new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.admin + path)
        return page

    def call(self, origin: str, method: str = "GET", **headers: str) -> None:
        """Send a request through the gateway."""
        connection = http.client.HTTPConnection(*self.traffic, timeout=DEADLINE)
        fields = {"Origin": origin} | {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, "/api/x", headers=fields)
        connection.getresponse().read()
        connection.close()

    def ask(self, path: str) -> dict[str, Any]:
        """An answer of the admin listener."""
        connection = http.client.HTTPConnection(self.admin.removeprefix("http://"), timeout=DEADLINE)
        connection.request("GET", path)
        answer: dict[str, Any] = json.load(connection.getresponse())
        connection.close()
        return answer


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def desk(browser: Browser, tmp_path: Path) -> Iterator[Desk]:
    """A running gateway; complaints of the browser that a test does not take out fail it."""
    with Backend().running() as backend:
        backend.release()
        with gateway(tmp_path, configuration(admin="127.0.0.1:0", upstream=backend.url)) as live:
            admin = "http://{}:{}".format(*live.address("admin"))
            traffic = live.address()
            live.wait_for("watch")
            desk = Desk(browser, live, admin, traffic)
            yield desk
            for context in browser.contexts:
                context.close()
    assert desk.complaints == []


def _tile(page: Page, name: str) -> str:
    """The text under the number of a tile."""
    return page.locator(".tile", has_text=name).locator("span").inner_text()


def test_counters_move_while_traffic_flows(desk: Desk) -> None:
    page = desk.open()
    assert _tile(page, "Requests") == "0 in all"
    for _ in range(3):
        desk.call(ORIGIN)
    desk.call(ORIGIN, "OPTIONS", Access_Control_Request_Method="GET")

    expect(page.locator(".tile", has_text="Requests").locator("span")).to_have_text("4 in all")
    expect(page.locator(".tile", has_text="Preflights").locator("span")).to_have_text("1 in all")
    expect(page.locator("#route-list td.count").first).to_have_text("4")


def test_a_refused_origin_appears_as_text(desk: Desk) -> None:
    page = desk.open()
    desk.call(EVIL)
    line = page.locator("#refusals summary")

    expect(line.locator("code")).to_have_text(EVIL)
    expect(line).to_contain_text("origin_malformed")
    assert page.locator("#refusals img").count() == 0
    assert page.title() == f"ready · {socket.gethostname()} · CORS gateway"


def test_a_refusal_is_one_click_from_its_explanation(desk: Desk) -> None:
    page = desk.open()
    desk.call(ORIGIN, "OPTIONS", Access_Control_Request_Method="PUT", Access_Control_Request_Headers="x-one")
    page.locator("#refusals").get_by_role("link", name="Explain").click()

    expect(page.locator("#answer .outcome")).to_contain_text("REFUSED (method_not_allowed)")
    assert page.input_value("#explain [name=origin]") == ORIGIN
    assert page.input_value("[name=method]") == "PUT"


def test_the_form_shows_the_steps_of_the_browser(desk: Desk) -> None:
    page = desk.open()
    page.get_by_label("Origin of the page").fill(ORIGIN)
    page.get_by_label("URL or path that it calls").fill("/api/x")
    page.get_by_label("Headers").fill("X-One: 1")
    page.get_by_role("button", name="Explain").click()

    expect(page.locator("#answer .outcome")).to_contain_text("ALLOWED")
    assert page.locator(".diagram .arrow").count() == 6
    steps = page.locator(".steps li").all_inner_texts()
    assert any("The browser asks first: it carries the header X-One" in step for step in steps)
    assert any("Access-Control-Allow-Headers: x-one" in step for step in steps)


def test_a_reload_shows_its_problems_and_its_changes(desk: Desk) -> None:
    page = desk.open()
    good = (desk.live.directory / "gateway.yaml").read_text()
    desk.live.write(good.replace("[x-one]", "[x one]"))
    page.get_by_role("button", name="Reload configuration").click()
    expect(page.locator("#reload-state")).to_contain_text("allow_headers")
    expect(page.locator("#verdict")).to_contain_text("What is in the files is not what is served")

    # This one is left to the watcher: of the two, whoever comes second finds nothing to do.
    desk.live.write(good.replace("[x-one]", "[x-two]"))
    expect(page.locator("#reload-state")).to_contain_text("access widened, request headers: x-two")
    page.get_by_role("button", name="Reload configuration").click()
    expect(page.locator("#reload-state")).to_contain_text("nothing has changed: generation 2")
    expect(page.locator("#state")).to_contain_text("generation 2")
    expect(page.locator("#verdict")).to_contain_text("Nothing is wrong")
    # A refused reload is a failed request to the browser, and no fault of the page.
    desk.complaints[:] = [text for text in desk.complaints if "409 (Conflict)" not in text]


def test_without_scripts_the_page_explains_and_reloads(desk: Desk) -> None:
    page = desk.open(java_script_enabled=False)
    page.locator("[name=url]").fill("/api/x")
    page.locator("#explain [name=origin]").fill("https://other.example")
    page.locator("#explain button").click()
    assert "REFUSED (origin_not_allowed)" in page.locator(".outcome").inner_text()

    page.locator("#reload button").click()
    page.wait_for_url(f"{desk.admin}/#configuration")
    assert "reload unchanged" in page.locator("#reload-state").inner_text()


def test_the_policy_of_the_page_stops_foreign_scripts(desk: Desk) -> None:
    page = desk.open()
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.injected = true";
        document.body.append(script);
        const image = document.createElement("img");
        image.src = "data:image/gif;base64,x";
        image.setAttribute("onerror", "window.injected = true");
        document.body.append(image);
    }""")
    page.wait_for_timeout(200)

    assert page.evaluate("window.injected") is None
    blocked = [text for text in desk.complaints if "Content Security Policy" in text]
    assert len(blocked) >= 2
    desk.complaints[:] = [text for text in desk.complaints if text not in blocked]


def test_it_can_be_read_by_day_and_by_night(desk: Desk) -> None:
    """WCAG asks for a contrast of 4.5 between text and ground."""
    for scheme, ground in (("light", "rgb(246, 246, 243)"), ("dark", "rgb(17, 19, 23)")):
        page = desk.open("/?url=/api/x&origin=https://other.example", color_scheme=scheme)
        faint = page.evaluate(CONTRASTS)
        assert faint == [], scheme
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground


CONTRASTS = """() => {
    const rgb = text => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b]
        .map(c => c / 255)
        .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = node => {
        for (; node; node = node.parentElement) {
            const colour = rgb(getComputedStyle(node).backgroundColor);
            if (colour.length < 4 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    return [...document.querySelectorAll("body *")]
        .filter(node => [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim()))
        .filter(node => !node.closest("svg, datalist, details:not([open])"))
        .map(node => {
            const [a, b] = [light(rgb(getComputedStyle(node).color)), light(ground(node))];
            return [node.tagName, node.className, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
        })
        .filter(([, , contrast]) => contrast < 4.5);
}"""


def test_the_keyboard_reaches_everything_and_shows_where_it_is(desk: Desk) -> None:
    page = desk.open()
    reached = []
    for _ in range(24):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "[document.activeElement.textContent || document.activeElement.name, "
                "getComputedStyle(document.activeElement).outlineStyle]"
            )
        )

    assert [name for name, _ in reached][:4] == [
        "Reload configuration",
        "Now",
        "Refused origins",
        "Failures",
    ]
    assert {"origin", "url", "method", "header", "credentials"} <= {name for name, _ in reached}
    assert {outline for _, outline in reached} == {"solid"}


def test_what_is_being_read_is_not_replaced(desk: Desk) -> None:
    desk.call(EVIL)
    page = desk.open()
    page.evaluate("""() => {
        window.cell = document.querySelector("#refusals summary code");
        getSelection().selectAllChildren(window.cell);
    }""")
    desk.call(ORIGIN)
    expect(page.locator(".tile", has_text="Requests").locator("span")).to_have_text("2 in all")

    assert page.evaluate("window.cell.isConnected && String(getSelection())") == EVIL


def test_it_says_so_when_the_gateway_is_gone(desk: Desk) -> None:
    page = desk.open()
    assert desk.live.stop() == 0

    expect(page.locator("#connection")).to_contain_text("No news since")
    desk.complaints.clear()


def test_a_token_can_be_given_as_a_password(desk: Desk) -> None:
    text = (desk.live.directory / "gateway.yaml").read_text()
    section = f'admin: {{listen: "127.0.0.1:0", token: {TOKEN}}}'
    desk.live.write(text.replace("admin: 127.0.0.1:0", section))
    desk.live.wait_for("reload_ok")
    credentials = {"username": "anybody", "password": TOKEN}
    page = desk.open(http_credentials=credentials)
    desk.call(ORIGIN)

    expect(page.locator(".tile", has_text="Requests").locator("span")).to_have_text("1 in all")


def test_other_pages_cannot_reload_or_read(desk: Desk) -> None:
    """A page that the gateway itself serves is on another port, and so on another origin of the same site."""
    page = desk.browser.new_context().new_page()
    page.goto("http://{}:{}/x".format(*desk.traffic))
    outcomes = page.evaluate(
        """async admin => Promise.all([
            fetch(admin + "/status").then(() => "read", () => "failed"),
            fetch(admin + "/reload", {method: "POST"}).then(() => "read", () => "failed"),
            fetch(admin + "/reload", {method: "POST", mode: "no-cors"}).then(() => "opaque", () => "failed"),
        ])""",
        desk.admin,
    )

    assert outcomes[:2] == ["failed", "failed"]
    assert desk.ask("/status")["last_reload"] is None


def test_a_rebound_name_is_not_served(desk: Desk) -> None:
    page = desk.browser.new_context().new_page()
    response = page.goto(desk.admin.replace("127.0.0.1", "rebound.example") + "/status")

    assert response is not None
    assert response.status == 403


def test_other_sites_may_link_to_the_page(desk: Desk) -> None:
    page = desk.browser.new_context().new_page()
    page.goto(f"http://localhost:{desk.traffic[1]}/x")
    page.evaluate("admin => { location.href = admin + '/' }", desk.admin)

    expect(page).to_have_title(f"ready · {socket.gethostname()} · CORS gateway")


def test_what_is_decided_is_watched_as_it_happens_and_one_origin_diagnosed(desk: Desk) -> None:
    page = desk.open()
    page.get_by_label("Origin", exact=True).fill(ORIGIN)
    page.get_by_role("button", name="Watch").click()
    expect(page.locator("#watching")).to_contain_text("Watching.")
    page.get_by_role("button", name="Diagnose").click()
    expect(page.locator("#diagnoses")).to_contain_text(ORIGIN)
    desk.call(ORIGIN, "OPTIONS", Access_Control_Request_Method="PUT")
    desk.call("https://other.example")
    desk.call(ORIGIN)

    events = page.locator("#events li")
    expect(events).to_have_count(2)
    expect(events.nth(0)).to_contain_text("actual granted: allowed")
    expect(events.nth(1)).to_contain_text("preflight refused: method_not_allowed")
    expect(events.nth(1).locator(".pill")).to_have_text("204")
    page.get_by_role("button", name="End").click()
    expect(page.locator("#diagnoses form")).to_have_count(0)
    page.get_by_role("button", name="Stop watching").click()
    desk.call(ORIGIN)
    expect(page.locator(".tile", has_text="Requests").locator("span")).to_have_text("4 in all")
    assert events.count() == 2


def test_a_line_of_refusals_stays_open_with_the_yaml_that_helps(desk: Desk) -> None:
    page = desk.open()
    for number in range(3):
        desk.call(f"https://pr-{number}.preview.example.com")
    line = page.locator("#refusals summary")
    expect(line).to_contain_text("3 origins below it")
    line.click()
    expect(page.locator("#refusals pre")).to_contain_text("- https://pr-0.preview.example.com")
    page.locator("#reload button").focus()
    desk.call("https://pr-7.preview.example.com")
    expect(line).to_contain_text("4 origins below it")

    expect(page.locator("#refusals pre")).to_be_visible()


def test_on_a_telephone_nothing_scrolls_sideways(desk: Desk) -> None:
    for number in range(3):
        desk.call(f"https://a-very-long-name-of-a-deployment-{number}.preview.example.com")
    page = desk.open(viewport={"width": 390, "height": 844})
    page.locator("#refusals summary").click()
    widths = page.evaluate(
        "[document.documentElement, ...document.querySelectorAll('.scroll, section')]"
        ".map(each => each.scrollWidth - each.clientWidth)"
    )

    assert set(widths) == {0}
