"""Runs the units under a real systemd: `python -m tests.systemd`, as root, with debootstrap and systemd-container.

A minimal Debian with the gateway in /opt/cors-gateway is booted in a container without a network of its own; inside, a
script starts, reloads, kills, stops and restarts the service, and the container powers off. Apart from the normal tests
because it takes minutes. What was seen is printed; the first thing that is not as it should be ends it.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from tests.systemd.unit import DIRECTORY

ROOT = DIRECTORY.parents[1]
SUITE = "bookworm"
PACKAGES = "systemd,systemd-sysv,dbus,python3,python3-venv,python3-pip,ca-certificates,curl"
TRUST = "/etc/ssl/certs/ca-certificates.crt"
INSTALL = """\
set -e
test -x /opt/cors-gateway/bin/python || python3 -m venv /opt/cors-gateway
/opt/cors-gateway/bin/pip install --quiet --force-reinstall --no-deps /src
/opt/cors-gateway/bin/pip install --quiet '/src[regex]'
mkdir -p /etc/cors-gateway
cp /src/config/gateway.yaml /etc/cors-gateway/
cp /src/config/systemd/* /etc/systemd/system/
"""
STARTER = """\
[Unit]
After=multi-user.target
[Service]
Type=exec
ExecStart=/bin/bash /root/trial.sh
"""
TRIAL = r"""
exec >/root/seen 2>/root/trial.log
unit=cors-gateway
file=/etc/cors-gateway/gateway.yaml
seen() { echo "$1: $2"; }
state() { systemctl show "$unit" -p "$1" --value; }
preflight() {
  curl -s -o /dev/null -w '%{http_code}' --max-time 20 -X OPTIONS -H 'Origin: https://app.example.com' \
    -H 'Access-Control-Request-Method: PUT' "http://127.0.0.1:$1/x"
}
cp "$file" /root/good

systemctl start "$unit"; seen "start" "$?"
seen "state when the start is over" "$(state SubState), $(state StatusText)"
seen "preflight" "$(preflight 8080)"
main=$(state MainPID)
seen "effective capabilities" "$(sed -n 's/^CapEff:\s*//p' "/proc/$main/status")"
seen "filter mode" "$(sed -n 's/^Seccomp:\s*//p' "/proc/$main/status")"

sed 's/allow_methods/allow_mehtods/' /root/good >"$file"
systemctl reload "$unit"; seen "reload of a bad file" "$?"
seen "preflight after it" "$(preflight 8080)"
sed 's/10m/20m/' /root/good >"$file"
systemctl reload "$unit"; seen "reload of a good file" "$?"

kill -KILL "$(state MainPID)"
until [ "$(state NRestarts)" = 1 ] && [ "$(state SubState)" = running ]; do sleep 0.2; done
seen "preflight after SIGKILL and restart" "$(preflight 8080)"
systemctl stop "$unit"; seen "stop" "$? $(state Result)"

echo 'version: 2' >"$file"
systemctl start "$unit"; seen "start with a bad file" "$?"
cp /root/good "$file"
until [ "$(state SubState)" = running ]; do sleep 0.2; done
seen "preflight once the file is good" "$(preflight 8080)"
systemctl stop "$unit"

sed 's/8080/80/' /root/good >"$file"
sed -i 's/:8080/:80/' /etc/systemd/system/$unit.socket
systemctl daemon-reload
systemctl start $unit.socket; seen "socket on port 80" "$? $(state ActiveState)"
seen "preflight that starts the service" "$(preflight 80)"
( for i in $(seq 50); do preflight 80; echo; done | sort | uniq -c | xargs >/root/codes ) &
sleep 0.2; systemctl restart "$unit"; wait
seen "preflights during a restart" "$(cat /root/codes)"
systemctl poweroff
"""
EXPECTED = """\
start: 0
state when the start is over: running, serving
preflight: 204
effective capabilities: 0000000000000000
filter mode: 2
reload of a bad file: 1
preflight after it: 204
reload of a good file: 0
preflight after SIGKILL and restart: 204
stop: 0 success
start with a bad file: 1
preflight once the file is good: 204
socket on port 80: 0 inactive
preflight that starts the service: 204
preflights during a restart: 50 204
"""


def make_machine(root: Path) -> None:
    """A bootable root file system with the gateway of this checkout in it."""
    if not (root / "usr/bin/python3").exists():
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root)]
        subprocess.run(command, check=True, timeout=580, stdout=subprocess.DEVNULL)
    # The host's way to packages, for the installation.
    for name in ("/etc/resolv.conf", "/etc/hosts", TRUST):
        shutil.copy(name, root / name.lstrip("/"))
    source = root / "src"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir()
    for name in ("cors_gateway", "config"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    subprocess.run(["chroot", root, "sh", "-c", INSTALL], check=True, timeout=300)
    (root / "root/trial.sh").write_text(TRIAL)
    wants = root / "etc/systemd/system/default.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    (wants.parent / "trial.service").write_text(STARTER)
    link = wants / "trial.service"
    link.unlink(missing_ok=True)
    link.symlink_to("../trial.service")


def main() -> None:
    """Install, boot, compare."""
    parser = argparse.ArgumentParser(prog="python -m tests.systemd", description=__doc__)
    parser.add_argument("--scratch", type=Path, default=Path("/var/tmp/cors-gateway-systemd"))
    options = parser.parse_args()
    if missing := [name for name in ("debootstrap", "systemd-nspawn") if shutil.which(name) is None]:
        sys.exit(f"please install: {', '.join(missing)}")
    root: Path = options.scratch / SUITE
    root.mkdir(parents=True, exist_ok=True)
    make_machine(root)
    seen = root / "root/seen"
    seen.unlink(missing_ok=True)
    boot: list[str | Path] = [
        "systemd-nspawn",
        "-q",
        "-D",
        root,
        "--register=no",
        "--keep-unit",
        "--private-network",
        "-b",
    ]
    subprocess.run(boot, timeout=200, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print(seen.read_text(), end="")
    if seen.read_text() != EXPECTED:
        sys.exit(f"FAILED: expected\n{EXPECTED}")


if __name__ == "__main__":
    main()
