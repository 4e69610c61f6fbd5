"""Changing the configuration of the running command, in all the ways in which files get changed."""

import http.client
import os
import signal
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from tests.server.backend import Backend
from tests.server.live import DEADLINE, ask, command, configuration, gateway, is_open, preflight
from tests.server.reload_load import measure

OLD = configuration(headers="x-one")
NEW = configuration(headers="x-two")
BAD = configuration(headers="x two")


def test_sighup_reloads_and_a_bad_file_keeps_the_old_configuration(tmp_path: Path) -> None:
    with gateway(tmp_path, OLD) as live:
        address = live.address()
        live.wait_for("ready")
        live.write(BAD)
        live.send(signal.SIGHUP)
        problem = live.wait_for("config_problem")
        failure = live.wait_for("reload_failed")

        assert (problem["code"], problem["line"]) == ("allow_headers.invalid", 8)
        assert (failure["generation"], preflight(address, "x-one")) == (1, 204)

        live.write(NEW)
        live.send(signal.SIGHUP)

        assert live.wait_for("reload_ok")["generation"] == 2
        assert (preflight(address, "x-one"), preflight(address, "x-two")) == (403, 204)
        assert live.stop() == 0


def test_a_reload_says_what_changed_and_who_may_still_go_by_old_answers(tmp_path: Path) -> None:
    with gateway(tmp_path, OLD) as live:
        live.wait_for("watch")
        live.write(NEW)

        assert live.wait_for("reload_ok")["changes"] == [
            "route api: access widened, request headers: x-two",
            "route api: access narrowed, request headers: x-one",
            "route api: browsers may go by preflight answers they remember: Firefox 5 s, Chromium 5 s, Safari 5 s",
        ]


def _rename(directory: Path) -> None:
    (directory / "other").write_text(NEW)
    (directory / "other").rename(directory / "gateway.yaml")


def _write_in_place(directory: Path) -> None:
    (directory / "gateway.yaml").write_text(NEW)


def _write_without_changing_the_time(directory: Path) -> None:
    path = directory / "gateway.yaml"
    before = path.stat()
    path.write_text(NEW)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", [_rename, _write_in_place, _write_without_changing_the_time])
def test_a_changed_file_is_noticed(tmp_path: Path, change: Callable[[Path], None]) -> None:
    with gateway(tmp_path, OLD) as live:
        address = live.address()
        live.wait_for("watch")
        change(tmp_path)

        assert live.wait_for("reload_ok", source="watch")["generation"] == 2
        assert preflight(address, "x-two") == 204


def test_the_symbolic_link_swap_of_a_configmap_is_noticed(tmp_path: Path) -> None:
    mount = tmp_path / "mount"
    for version, text in (("..1", OLD), ("..2", NEW)):
        (mount / version).mkdir(parents=True)
        (mount / version / "gateway.yaml").write_text(text)
    (mount / "..data").symlink_to("..1")
    (mount / "gateway.yaml").symlink_to("..data/gateway.yaml")
    with command(mount, "run", "-c", str(mount)) as live:
        address = live.address()
        live.wait_for("watch")
        (mount / "..data_tmp").symlink_to("..2")
        (mount / "..data_tmp").rename(mount / "..data")

        live.wait_for("reload_ok", source="watch")
        assert preflight(address, "x-two") == 204


def test_a_new_file_that_matches_an_include_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    with gateway(tmp_path, OLD + "include: [conf.d/*.yaml]\n") as live:
        live.wait_for("watch")
        (tmp_path / "conf.d" / "more.yaml").write_text(
            'routes: [{name: more, path: /more, upstream: "http://127.0.0.1:9", cors: disabled}]\n'
        )

        assert live.wait_for("reload_ok")["changes"][:2] == [
            "route more: added",
            "route more: serves requests that route api served",
        ]


def test_a_deleted_file_keeps_the_old_configuration_until_it_is_back(tmp_path: Path) -> None:
    with gateway(tmp_path, OLD) as live:
        address = live.address()
        live.wait_for("watch")
        (tmp_path / "gateway.yaml").unlink()
        live.wait_for("reload_failed")

        assert preflight(address, "x-one") == 204
        live.write(NEW)
        live.wait_for("reload_ok")
        assert preflight(address, "x-two") == 204


def test_a_reload_without_changes_keeps_the_generation(tmp_path: Path) -> None:
    with gateway(tmp_path, configuration(admin="127.0.0.1:0")) as live:
        admin = live.address("admin")
        live.wait_for("ready")
        status, body = ask(admin, "POST", "/reload")

        assert status == 200
        assert b'"outcome": "unchanged"' in body
        assert b'"generation": 1' in body


def test_the_new_address_is_bound_before_the_old_one_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with gateway(tmp_path, configuration()) as live:
            address = live.address()
            live.wait_for("watch")
            live.write(configuration(server={"listen": [f"127.0.0.1:{port}"]}))

            assert "in use by" in live.wait_for("reload_failed")["message"]
            assert preflight(address) == 204

            taken.close()
            live.send(signal.SIGHUP)
            new = live.address()
            live.wait_for("reload_ok")
            assert new == ("127.0.0.1", port)
            assert preflight(new) == 204
            assert not is_open(address)


def test_a_request_in_progress_survives_a_reload(tmp_path: Path, backend: Backend) -> None:
    with gateway(tmp_path, configuration(upstream=backend.url)) as live:
        address = live.address()
        live.wait_for("watch")
        connection = http.client.HTTPConnection(*address, timeout=DEADLINE)
        connection.request("GET", "/slow")
        backend.wait_for_request()
        live.write(configuration(headers="x-two"))
        live.wait_for("reload_ok")
        backend.release()

        assert connection.getresponse().read() == b"done"
        connection.close()


def test_the_admin_listener_can_move_and_go_away(tmp_path: Path) -> None:
    socket_path = tmp_path / "admin.sock"
    with gateway(tmp_path / "c", configuration(admin="127.0.0.1:0")) as live:
        admin = live.address("admin")
        live.wait_for("watch")
        live.write(configuration(admin=f"unix:{socket_path}"))
        live.wait_for("reload_ok")

        assert not is_open(admin)
        assert socket_path.exists()

        live.write(configuration(admin="off"))
        live.wait_for("reload_ok")
        assert not socket_path.exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_renewed_certificate_is_used_for_new_connections_and_old_ones_stay(
    tmp_path: Path, workers: int
) -> None:
    authority = trustme.CA()
    client = ssl.create_default_context()
    authority.configure_trust(client)

    def issue() -> bytes:
        issued = authority.issue_cert("localhost")
        issued.cert_chain_pems[0].write_to_path(tmp_path / "new.pem")
        (tmp_path / "new.pem").replace(tmp_path / "certificate.pem")
        issued.private_key_pem.write_to_path(tmp_path / "new.pem")
        (tmp_path / "new.pem").replace(tmp_path / "key.pem")
        return ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())

    def connect() -> ssl.SSLSocket:
        plain = socket.create_connection(address, DEADLINE)
        return client.wrap_socket(plain, server_hostname="localhost")

    def get(connection: ssl.SSLSocket) -> bytes:
        connection.sendall(
            b"OPTIONS / HTTP/1.1\r\nHost: x\r\nOrigin: https://app.example.com\r\n"
            b"Access-Control-Request-Method: GET\r\n\r\n"
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += connection.recv(4096)
        return answer[:12]

    first = issue()
    tls = {"certificate": str(tmp_path / "certificate.pem"), "key": str(tmp_path / "key.pem")}
    listen = [{"address": "127.0.0.1:0", "tls": tls}]
    with gateway(tmp_path / "c", configuration(server={"listen": listen, "workers": workers})) as live:
        address = live.address()
        live.wait_for("watch")
        with connect() as old:
            assert old.getpeercert(binary_form=True) == first
            assert get(old) == b"HTTP/1.1 204"

            second = issue()
            live.wait_for("reload_ok")
            with connect() as new:
                assert new.getpeercert(binary_form=True) == second
                assert get(new) == b"HTTP/1.1 204"
            assert get(old) == b"HTTP/1.1 204"
        assert live.stop() == 0


@pytest.mark.parametrize("workers", [1, 2])
async def test_no_request_is_lost_while_the_configuration_changes_again_and_again(
    tmp_path: Path, workers: int
) -> None:
    result = await measure(tmp_path, reloads=5, rate=300, workers=workers)

    assert (result.reloads, result.failures) == (5, [])
    assert result.answers["right"] > 0
