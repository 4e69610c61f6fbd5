"""What is shipped: the wheel, the image and the compose file, checked as far as that goes without a container engine."""

import fnmatch
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from cors_gateway.cli import VERBS
from cors_gateway.config.load import load
from cors_gateway.snapshot import AccessLog, Snapshot, TcpListener
from tests.compose import faults
from tests.mounted import with_secrets

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = sorted(COMPOSE["services"].items())

each_service = pytest.mark.parametrize("service", [s for _, s in SERVICES], ids=[n for n, _ in SERVICES])


def _run(*command: str | Path, cwd: Path, **environ: str) -> str:
    """Standard output of a command that must succeed within two minutes."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "HOME": str(cwd), **environ},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _instructions(stage: int) -> list[tuple[str, str]]:
    """The instructions of one build stage as (name, rest) with continuation lines joined."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", DOCKERFILE))
    lines = [line.partition(" ") for line in joined.splitlines() if line]
    stages: list[list[tuple[str, str]]] = []
    for name, _, rest in lines[1:]:  # the first is ARG PYTHON
        if name == "FROM":
            stages.append([])
        stages[-1].append((name, rest.strip()))
    return stages[stage]


def _build_argument(name: str) -> str:
    """The default of one that is declared before the first stage."""
    (default,) = re.findall(rf"(?m)^ARG {name}=(.*)$", DOCKERFILE)
    return str(default)


def _values(stage: int, name: str) -> list[str]:
    return [rest for instruction, rest in _instructions(stage) if instruction == name]


def _copied_from_checkout(stage: int) -> list[tuple[list[str], str]]:
    """(sources, target) of every COPY that reads the build context."""
    copies = [rest.split() for rest in _values(stage, "COPY") if not rest.startswith("--from=")]
    return [(words[:-1], words[-1]) for words in copies]


def _enters_build_context(path: str) -> bool:
    """Whether .dockerignore lets a path in; the last pattern that matches decides."""
    enters = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.lstrip("!").removeprefix("**/")
        if line and not line.startswith("#") and fnmatch.fnmatch(path, pattern):
            enters = line.startswith("!")
    return enters


# --- the wheel


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first stage of the image sees: the files that it copies, and nothing else."""
    directory = tmp_path_factory.mktemp("context")
    for sources, target in _copied_from_checkout(0):
        for source in sources:
            if (ROOT / source).is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / source, directory / target, ignore=ignore)
            else:
                (directory / target).mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, directory / target)
    return directory


@pytest.fixture(scope="module")
def wheel(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--wheel-dir",
            str(target),
            str(context),
        ],
        check=True,
        timeout=110,
    )
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of programs of a clean environment that holds the wheel; its dependencies are the running ones."""
    home = tmp_path_factory.mktemp("clean")
    venv.create(home / "venv", with_pip=False)
    bin_directory = home / "venv" / "bin"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            bin_directory / "python",
            "install",
            "--quiet",
            "--no-deps",
            wheel,
        ],
        check=True,
        timeout=110,
    )
    # Read as a plain directory: an editable install of the project among the dependencies has no effect.
    script = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(_run(bin_directory / "python", "-c", script, cwd=home).strip())
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return bin_directory


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    """The demo's page and configuration and the typing marker included."""
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "cors_gateway").rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("cors_gateway/")}

    assert held == expected
    assert "cors_gateway/py.typed" in held
    assert any(name.endswith(".html") for name in held)


def test_the_wheel_brings_the_examples_and_what_shell_and_man_look_for(wheel: Path) -> None:
    held = {
        name.partition("/data/share/")[2]
        for name in zipfile.ZipFile(wheel).namelist()
        if "/data/share/" in name
    }
    shell = ROOT / "config" / "shell"
    expected = {path.relative_to(shell).as_posix() for path in shell.rglob("*") if path.is_file()}
    expected |= {
        f"doc/cors-gateway/examples/{path.name}" for path in (ROOT / "config" / "examples").iterdir()
    }

    assert held == expected | {"doc/cors-gateway/schema.json"}


def test_an_installed_example_passes_its_own_tests(installed: Path, tmp_path: Path) -> None:
    example = installed.parent / "share" / "doc" / "cors-gateway" / "examples" / "spa-with-cookies.yaml"

    _run(installed / "cors-gateway", "test", "-c", example, cwd=tmp_path)


def test_the_installed_program_writes_a_configuration_that_it_accepts(
    installed: Path, tmp_path: Path
) -> None:
    _run(installed / "cors-gateway", "init", cwd=tmp_path)

    assert "no problems" in _run(installed / "cors-gateway", "check", "--strict", cwd=tmp_path)


def test_the_installed_completion_completes(installed: Path, tmp_path: Path) -> None:
    """As bash does it: the script is read, and its function asked for the words that go on."""
    script = installed.parent / "share" / "bash-completion" / "completions" / "cors-gateway"
    asked = (
        f"source {script}; COMP_WORDS=(cors-gateway chec); COMP_CWORD=1;"
        ' _cors_gateway_completion cors-gateway; echo "${COMPREPLY[@]}"'
    )

    completed = _run("bash", "-c", asked, cwd=tmp_path, PATH=f"{installed}:/usr/bin:/bin")

    assert completed == "check\n"


def test_the_installed_program_runs_away_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    """The steps of the image, replayed: install, put the configuration in place, ask for the version and check it."""
    for sources, _ in _copied_from_checkout(1):
        for source in sources:
            shutil.copy(ROOT / source, tmp_path)
    environ = {"CORS_GATEWAY_CONFIG": str(tmp_path)}

    version = _run(installed / "cors-gateway", "version", cwd=tmp_path, **environ)
    _run(installed / "cors-gateway", "check", cwd=tmp_path, **environ)
    where = _run(
        installed / "python", "-c", "import cors_gateway; print(cors_gateway.__file__)", cwd=tmp_path
    )

    assert re.search(r"\d+\.\d+", version)
    assert str(ROOT) not in where


def test_the_shipped_configuration_passes_its_own_tests(installed: Path) -> None:
    _run(installed / "cors-gateway", "check", "--strict", "-c", ROOT / "config", cwd=ROOT)
    _run(installed / "cors-gateway", "test", "-c", ROOT / "config", cwd=ROOT)


# --- the image


def test_the_dockerfile_passes_hadolint() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")

    done = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("stage", [0, 1])
def test_everything_copied_exists_and_enters_the_build(stage: int) -> None:
    sources = [source for sources, _ in _copied_from_checkout(stage) for source in sources]

    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if not _enters_build_context(source)] == []


@pytest.mark.parametrize("path", [".git", "tests", "docs", "config/compose", ".venv", "docker-compose.yml"])
def test_nothing_else_enters_the_build(path: str) -> None:
    assert not _enters_build_context(path)


def test_both_stages_use_one_python_so_that_the_environment_can_move() -> None:
    assert _build_argument("PYTHON") == "python:3.14-slim-trixie"
    assert _values(0, "FROM") == ["${PYTHON} AS build"]
    assert _values(1, "FROM") == ["${PYTHON}"]


def test_the_build_fetches_nothing_but_what_is_locked() -> None:
    """Whatever pip does after the download, it does without an index."""
    commands = [
        command
        for rest in _values(0, "RUN")
        for command in rest.split("&&")
        if re.search(r"\bpip\b.* (install|wheel|download) ", command)
    ]

    assert ["--require-hashes" in command for command in commands] == [True] + [False] * (len(commands) - 1)
    assert all("--no-index" in command for command in commands[1:])
    assert len(commands) == 4


def test_the_image_runs_as_a_numeric_user_that_is_not_root() -> None:
    assert _values(1, "USER") == ["65532:65532"]


def test_the_image_starts_the_gateway_without_a_shell() -> None:
    """Signals reach the gateway itself, and options can be added by naming only them."""
    assert [json.loads(value) for value in _values(1, "ENTRYPOINT")] == [["cors-gateway"]]
    assert [json.loads(value) for value in _values(1, "CMD")] == [["run"]]


def test_the_image_checks_its_health_through_the_program_it_has() -> None:
    (check,) = _values(1, "HEALTHCHECK")

    assert json.loads(check.partition("CMD ")[2]) == ["cors-gateway", "healthcheck"]


def test_the_image_finds_its_configuration_where_it_is_mounted() -> None:
    ((_, target),) = _copied_from_checkout(1)

    assert target == "/etc/cors-gateway/"
    assert "CORS_GATEWAY_CONFIG=/etc/cors-gateway" in " ".join(_values(1, "ENV"))


# --- the compose file


def _seconds(duration: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(s|m)", duration).groups()  # type: ignore[union-attr]
    return int(number) * {"s": 1, "m": 60}[unit]


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The configuration that compose mounts, as the container reads it."""
    (mount,) = COMPOSE["services"]["gateway"]["volumes"]
    loaded = load(with_secrets(ROOT / mount["source"], tmp_path_factory.mktemp("secrets")), {})
    assert loaded.snapshot is not None, loaded.problems
    return loaded.snapshot


def test_the_compose_file_keeps_to_the_compose_specification() -> None:
    assert faults(ROOT / "docker-compose.yml") == []


@each_service
def test_a_service_has_no_more_rights_than_it_needs(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in service
    assert "privileged" not in service


@each_service
def test_a_service_is_published_to_this_machine_only(service: dict[str, Any]) -> None:
    ports = [re.fullmatch(r"127\.0\.0\.1:(\d+):(\d+)", port) for port in service["ports"]]

    assert all(ports)


@each_service
def test_what_is_mounted_is_a_directory_of_the_checkout_and_read_only(service: dict[str, Any]) -> None:
    for mount in service.get("volumes", []):
        assert mount["type"] == "bind"
        assert mount["read_only"] is True
        assert (ROOT / mount["source"]).is_dir()


@each_service
def test_a_service_starts_a_verb_that_exists(service: dict[str, Any]) -> None:
    assert service.get("command", ["run"])[0] in VERBS


@each_service
def test_a_service_is_built_here_and_waits_only_for_what_reports_health(service: dict[str, Any]) -> None:
    assert service["build"] == "."
    assert "image" not in service
    for name, condition in service.get("depends_on", {}).items():
        awaited = COMPOSE["services"][name]
        assert condition == {"condition": "service_healthy"}
        assert "healthcheck" in awaited or awaited.get("command", ["run"])[0] == "run"


def test_no_port_is_published_twice() -> None:
    published = [port.split(":")[1] for _, service in SERVICES for port in service["ports"]]

    assert len(published) == len(set(published))


def test_the_gateway_listens_where_compose_publishes_it(mounted: Snapshot) -> None:
    (listener,) = mounted.server.listen
    assert mounted.admin is not None
    published = [int(port.rpartition(":")[2]) for port in COMPOSE["services"]["gateway"]["ports"]]

    assert [listener, mounted.admin.listen] == [TcpListener("0.0.0.0", port) for port in published]


def test_the_admin_page_wants_a_token_that_is_a_secret_of_the_gateway(mounted: Snapshot) -> None:
    assert mounted.admin is not None
    (secret,) = COMPOSE["services"]["gateway"]["secrets"]
    default = COMPOSE["secrets"][secret]["file"].removeprefix("${ADMIN_TOKEN_FILE:-").removesuffix("}")

    assert (mounted.admin.token_reference or "").endswith(f"/{secret}}}")
    assert (ROOT / default).read_text().strip()


def test_the_access_log_is_on(mounted: Snapshot) -> None:
    assert mounted.server.access_log is AccessLog.JSON


def test_the_gateway_talks_to_the_service_that_compose_starts(mounted: Snapshot) -> None:
    (server,) = mounted.upstreams["shop"].servers
    command = COMPOSE["services"][server.host]["command"]

    assert command[command.index("--only") + 1] == "backend"
    assert command[command.index("--port") + 1] == str(server.port)


def test_the_gateway_may_finish_what_it_has_begun(mounted: Snapshot) -> None:
    shutdown = mounted.server.shutdown

    assert (
        _seconds(COMPOSE["services"]["gateway"]["stop_grace_period"]) > shutdown.drain_delay + shutdown.grace
    )


def test_compose_and_the_demo_command_show_the_same_gateway(mounted: Snapshot) -> None:
    """The page explains each call by the packaged configuration."""
    packaged = load(ROOT / "cors_gateway" / "cli" / "demo_site" / "gateway.yaml", {}).snapshot

    assert packaged is not None
    assert replace(mounted, admin=packaged.admin, server=packaged.server) == packaged
