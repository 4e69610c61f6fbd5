"""The shape of the code: what may import what, how modules look, and that generated files are current."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "cors_gateway"
MODULES = sorted(PACKAGE.rglob("*.py"))

LAYERS = [
    "exit_codes",
    "policy",
    "http1",
    "http2",
    "routing",
    "affinity",
    "snapshot",
    "config",
    "migrate",
    "explain",
    "probe",
    "observe",
    "proxy",
    "server",
    "admin",
    "cli",
]
"""Lowest first. A layer may import the layers before it, except where APART says otherwise."""

APART = {
    "http1": {"policy"},
    "http2": {"policy"},
    "explain": {"migrate"},
    "probe": {"migrate"},
    "observe": {"explain", "probe", "migrate"},
    "proxy": {"explain", "probe", "migrate"},
    "server": {"explain", "probe", "migrate"},
    "admin": {"migrate"},
}
"""Layers that must not know each other although their order would allow it."""

FLOORS = {
    "proxy": [
        {"clock", "resolve", "last_words", "failure", "response_rules", "backend_cors", "splice", "turns"},
        {"connect", "flow", "response_head"},
        {"answers"},
        {"roles"},
        {
            *("forward", "preflight_memory", "readable_redirect", "response_writer", "tunnel"),
            *("upstream_server", "upstream_transport"),
        },
        {"balance", "exchange", "upstream"},
        {"own_connections"},
        {"pool"},
        {"active"},
        {"activation", "last_request"},
        {"dispatch", "refusal"},
        {"accounting", "diagnosis", "traced_dispatch"},
        {"service"},
        {"client_transport"},
        {"answering", "http2_answering"},
        {"downstream", "http2_stream", "http2_transport"},
        {"http2_websocket"},
        {"http2_connection"},
        {"negotiation"},
        {"proxied"},
        {"gateway"},
    ]
}
"""The modules of a package that is built in floors, lowest first: each imports only modules of floors below its own.

Also for types: what a module must know of one above it is a role in `proxy/roles.py`.
"""

THIRD_PARTY = {
    "exit_codes": set(),
    "policy": {"re2"},
    "http1": set(),
    "http2": {"ngh2"},
    "routing": set(),
    "affinity": set(),
    "snapshot": set(),
    "config": {"pydantic", "pydantic_core", "yaml", "publicsuffixlist"},
    "migrate": {"crossplane", "yaml"},
    "explain": set(),
    "probe": {"aiohttp", "yarl"},
    "observe": {"prometheus_client", "opentelemetry"},
    "proxy": {"aiohappyeyeballs"},
    "server": {"aiohttp", "uvloop", "watchfiles"},
    "admin": {"aiohttp", "prometheus_client"},
    "cli": {"click", "aiohttp", "uvloop"},
}
"""pydantic stays in `config`, aiohttp out of the data path; `re2` is the one optional engine of the policy core."""

TOP_LEVEL = {
    "pyproject.toml",
    "cors_gateway",
    "config",
    "tests",
    "docs",
    "Dockerfile",
    "docker-compose.yml",
    "README.md",
}
BUILD_LEFTOVERS = {"build", "dist", "__pycache__"}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
MAX_LINES = 400


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _layer(module: str) -> str | None:
    """`cors_gateway/proxy/x.py` -> `proxy`; None for the package's own `__init__` and `__main__`."""
    first = module.split("/")[1].removesuffix(".py")
    return None if first in {"__init__", "__main__"} else first


def _imports(module: str, source: str) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported anywhere in a module, delayed imports included."""
    package = module.split("/")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{start}.{alias.name}"


def _import_faults(module: str, source: str) -> list[str]:
    layer = _layer(module)
    if layer is None:
        layers, libraries = {"cli"}, set[str]()
    else:
        layers = set(LAYERS[: LAYERS.index(layer) + 1]) - APART.get(layer, set())
        libraries = THIRD_PARTY[layer]
    faults = []
    for line, imported in _imports(module, source):
        top, _, rest = imported.partition(".")
        target = rest.partition(".")[0]
        if top == "cors_gateway":
            is_fault = target in LAYERS and target not in layers
        else:
            is_fault = top not in sys.stdlib_module_names and top not in libraries
        if is_fault:
            faults.append(f"{module}:{line} imports {imported}")
    return faults


def test_every_module_belongs_to_a_layer() -> None:
    assert {_layer(_name(path)) for path in MODULES} - {None} <= set(LAYERS)


def test_imports_point_downwards() -> None:
    assert [fault for path in MODULES for fault in _import_faults(_name(path), path.read_text())] == []


def _floor_faults(module: str, source: str) -> list[str]:
    """What a module of a package with floors imports from its own package, and not from below."""
    package, _, name = module.removeprefix("cors_gateway/").removesuffix(".py").partition("/")
    floor_of = {name: number for number, names in enumerate(FLOORS[package]) for name in names}
    own = f"cors_gateway.{package}."
    return [
        f"{module}:{line} imports {imported}"
        for line, imported in _imports(module, source)
        if imported.startswith(own)
        and floor_of[imported.removeprefix(own).partition(".")[0]] >= floor_of[name]
    ]


@pytest.mark.parametrize("package", FLOORS)
def test_a_package_is_built_in_floors(package: str) -> None:
    paths = [path for path in MODULES if path.parent == PACKAGE / package and path.stem != "__init__"]

    assert {path.stem for path in paths} == set().union(*FLOORS[package])
    assert [fault for path in paths for fault in _floor_faults(_name(path), path.read_text())] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("clock", "from cors_gateway.proxy.gateway import Gateway"),
        ("exchange", "from cors_gateway.proxy.upstream import UpstreamConnection"),
        ("upstream", "if TYPE_CHECKING:\n    from cors_gateway.proxy.pool import UpstreamPool"),
        ("dispatch", "def f():\n    import cors_gateway.proxy.downstream"),
    ],
)
def test_an_import_from_above_is_found_also_if_it_is_for_types(module: str, source: str) -> None:
    assert len(_floor_faults(f"cors_gateway/proxy/{module}.py", source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("policy/x.py", "import yaml"),
        ("policy/x.py", "from cors_gateway.config import load"),
        ("policy/x.py", "def f():\n    from ..config.load import load"),
        ("http1/x.py", "from cors_gateway.policy.reason import Reason"),
        ("http1/x.py", "from cors_gateway import policy"),
        ("routing.py", "import cors_gateway.proxy.gateway"),
        ("proxy/x.py", "def f():\n    import aiohttp"),
        ("server/x.py", "from cors_gateway.cli import main"),
        ("cli/x.py", "import pydantic"),
    ],
)
def test_a_wrong_import_is_found_wherever_it_hides(module: str, source: str) -> None:
    assert len(_import_faults(f"cors_gateway/{module}", source)) == 1


def test_a_verb_imports_nothing_heavy_at_the_top() -> None:
    """Verbs such as `healthcheck` and `version` start fast because the others' imports wait inside their functions."""
    heavy = [
        f"{_name(path)}:{node.lineno}"
        for path in MODULES
        if path.parent == PACKAGE / "cli"
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for imported in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
        if imported.partition(".")[0] not in sys.stdlib_module_names | {"click"}
        and imported not in {"cors_gateway", "cors_gateway.exit_codes"}
        and not imported.startswith("cors_gateway.cli")
    ]

    assert heavy == []


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        # It runs every few seconds for ever.
        ("cors_gateway.cli.healthcheck", {"aiohttp", "pydantic", "yaml", "uvloop", "asyncio"}),
        # Certificates are looked at where some are named.
        ("cors_gateway.config.load", {"aiohttp", "asyncio", "ssl"}),
        # What is imported here is in the memory of every worker.
        (
            "cors_gateway.server.worker_process",
            {"aiohttp", "pydantic", "yaml", "click", "watchfiles", "prometheus_client"},
        ),
        # Traffic is served before the admin listener is; and not everybody has health checks.
        ("cors_gateway.server.serve", {"aiohttp", "prometheus_client", "opentelemetry"}),
    ],
)
def test_a_start_does_not_wait_for_what_is_not_needed(module: str, absent: set[str]) -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.split()

    assert absent & set(loaded) == set()


def test_every_module_opens_with_a_docstring() -> None:
    missing = [
        _name(path)
        for path in MODULES
        if path.read_text().strip() and not path.read_text().startswith(('"""', 'r"""'))
    ]

    assert missing == []


def test_no_module_outgrows_one_subject() -> None:
    long = {_name(path): lines for path in MODULES if (lines := path.read_text().count("\n")) > MAX_LINES}

    assert long == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = [_name(path) for path in [*MODULES, *PACKAGE.rglob("*/")] if path.stem in VAGUE_NAMES]

    assert vague == []


def test_nothing_is_mocked_skipped_or_left_for_later() -> None:
    """Collaborators are passed in, missing programs fail a test, and unfinished work is not committed."""
    unfinished = re.compile(r"\b([T]ODO|[F]IXME)\b|raise [N]otImplementedError|pytest[.]skip\(")
    faults = [
        f"{_name(path)}: {found}"
        for path in [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))]
        for found in [
            *(
                name
                for _, name in _imports(_name(path), path.read_text())
                if name.startswith("unittest.mock")
            ),
            *(match.group() for match in unfinished.finditer(path.read_text())),
        ]
    ]

    assert faults == []


def test_the_top_level_holds_what_is_agreed_and_no_more() -> None:
    present = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    extra = {name for name in present - TOP_LEVEL - BUILD_LEFTOVERS if not name.endswith(".egg-info")}

    assert extra == set()
    assert present >= TOP_LEVEL


def test_the_committed_schema_is_current() -> None:
    """`cors-gateway schema > config/schema.json` brings it up to date."""
    from cors_gateway.config.schema import json_schema

    committed = json.loads((ROOT / "config" / "schema.json").read_text())

    assert committed == json_schema()


def test_the_configuration_reference_is_current() -> None:
    """`python -m tests.reference` brings it up to date."""
    from tests.reference import DOCUMENT, with_reference

    committed = DOCUMENT.read_text()

    assert committed == with_reference(committed)
