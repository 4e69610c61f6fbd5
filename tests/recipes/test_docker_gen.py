"""Routes written by docker-gen.

`containers.yaml` is what a Go template engine made of the recipe's template and of `containers.json`.
"""

import re
from pathlib import Path

from tests.recipes.trial import RECIPES, Reply, ask, preflight, serving, stand_in

TEMPLATE = (RECIPES / "docker-gen" / "containers.tmpl").read_text()
RENDERED = Path(__file__).with_name("containers.yaml").read_text()
APP = "https://app.example.com"


def test_the_rendered_file_is_of_this_template() -> None:
    (row,) = (line for line in TEMPLATE.splitlines() if line.startswith("  {name:"))
    pattern = '"[^"]*"'.join(map(re.escape, re.split(r"\{\{.*?\}\}", row)))
    rows = [line for line in RENDERED.splitlines() if line.startswith("  {")]

    assert RENDERED.startswith(TEMPLATE.partition("\n{{")[0])
    assert len(rows) == 2
    assert all(re.fullmatch(pattern, line) for line in rows)


def test_routes_come_with_containers_and_go_with_them(tmp_path: Path) -> None:
    """Two containers of one service are one route; what a container does not say is closed."""
    with (
        stand_in(lambda request: Reply(body=b"orders")) as orders,
        stand_in(lambda request: Reply(body=b"site")) as site,
        serving("docker-gen", tmp_path, {"0.0.0.0:8080": "127.0.0.1:0", "http://site:8000": site.url}) as (
            live,
            gateway,
        ),
    ):
        file = live.directory / "conf.d" / "containers.yaml"

        assert ask(gateway, "GET", "/api/orders").body == b"site"

        file.write_text(RENDERED.replace("http://orders:8000", orders.url))
        live.wait_for("reload_ok")

        assert ask(gateway, "GET", "/api/orders").body == b"orders"
        assert preflight(gateway, APP, "PUT", "/api/orders", "content-type").status == 204
        assert preflight(gateway, APP, "GET", "/reports/x").status == 403

        file.write_text("routes: [\n]\n")
        live.wait_for("reload_ok")

        assert ask(gateway, "GET", "/api/orders").body == b"site"
