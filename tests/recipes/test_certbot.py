"""A renewed certificate, put in place by the deploy hook."""

import os
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
import trustme

from cors_gateway.config.load import load
from tests.recipes.trial import RECIPES, Reply, placed, stand_in
from tests.server.live import DEADLINE, command

HOOK = RECIPES / "certbot" / "deploy.sh"


class Authority:
    """Issues certificates as certbot leaves them, and knows what the hook did with them."""

    def __init__(self, scratch: Path) -> None:
        self.authority = trustme.CA()
        self.lineage = scratch / "live" / "api.example.com"
        self.lineage.mkdir(parents=True)
        self.certificates = scratch / "certificates"
        self.certificates.mkdir()

    def renew(self) -> bytes:
        """Returns the new certificate."""
        issued = self.authority.issue_cert("localhost")
        issued.cert_chain_pems[0].write_to_path(self.lineage / "fullchain.pem")
        issued.private_key_pem.write_to_path(self.lineage / "privkey.pem")
        environ = {
            **os.environ,
            "RENEWED_LINEAGE": str(self.lineage),
            "CERTIFICATES": str(self.certificates),
            "GROUP": str(os.getgid()),
        }
        done = subprocess.run(["/bin/sh", str(HOOK)], env=environ, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_the_hook_keeps_one_pair_that_only_the_group_can_read(authority: Authority) -> None:
    for _ in range(3):
        authority.renew()
    live = authority.certificates / "live"

    assert sorted(path.name for path in live.iterdir()) == ["fullchain.pem", "privkey.pem"]
    assert (live / "privkey.pem").stat().st_mode & 0o777 == 0o440
    assert {path.name for path in authority.certificates.iterdir()} == {"live", str(live.readlink())}


def test_new_connections_get_the_renewed_certificate(authority: Authority, tmp_path: Path) -> None:
    first = authority.renew()
    with stand_in(lambda request: Reply(body=b"done")) as backend:
        directory = placed(
            "certbot",
            tmp_path,
            {
                "0.0.0.0:8080": "127.0.0.1:0",
                "0.0.0.0:8443": "127.0.0.2:0",
                "/certificates/": f"{authority.certificates}/",
                "http://backend:8000": backend.url,
                "http://certbot:8000": backend.url,
            },
        )
        assert load(directory, {}).problems == ()
        client = ssl.create_default_context()
        authority.authority.configure_trust(client)
        with command(directory, "run", "-c", str(directory)) as live:
            live.address()
            address = live.address()
            live.wait_for("watch")

            def served() -> bytes | None:
                plain = socket.create_connection(address, DEADLINE)
                with client.wrap_socket(plain, server_hostname="localhost") as connection:
                    return connection.getpeercert(binary_form=True)

            assert served() == first

            second = authority.renew()
            live.wait_for("reload_ok")

            assert served() == second
            assert live.stop() == 0
