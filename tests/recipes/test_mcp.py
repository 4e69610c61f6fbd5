"""An AI server on this machine: who may speak to it, and that its events arrive as they are sent."""

import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.recipes.trial import Reply, ask, preflight, serving, stand_in
from tests.server.live import DEADLINE

CHAT = "https://chat.example.com"
ADDRESSES = {"listen: [127.0.0.1:8080]": "listen: [127.0.0.1:0]"}


def test_foreign_pages_get_403_foreign_names_404_and_programs_pass(tmp_path: Path) -> None:
    """MCP, Streamable HTTP, security warning: servers must validate Origin, and answer 403 if it is invalid."""
    with (
        stand_in(lambda request: Reply(fields={"Mcp-Session-Id": "1"}, body=b"{}")) as server,
        serving("mcp", tmp_path, {**ADDRESSES, "http://127.0.0.1:11434": server.url}) as (_, gateway),
    ):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize"}).encode()
        statuses = {
            "page": ask(gateway, "POST", "/mcp", body=body, Origin=CHAT).status,
            "stranger": ask(gateway, "POST", "/mcp", body=body, Origin="https://evil.example").status,
            "opaque": ask(gateway, "POST", "/mcp", body=body, Origin="null").status,
            "program": ask(gateway, "POST", "/mcp", body=body).status,
            "rebound": ask(gateway, "POST", "/mcp", body=body, Host="rebound.evil.example").status,
            "rebound page": ask(
                gateway,
                "GET",
                "/mcp",
                Host="rebound.evil.example:8080",
                Origin="http://rebound.evil.example:8080",
            ).status,
        }

        assert statuses == {
            "page": 200,
            "stranger": 403,
            "opaque": 403,
            "program": 200,
            "rebound": 404,
            "rebound page": 404,
        }
        assert len(server.seen) == 2
        assert {seen.fields["host"] for seen in server.seen} == {server.url.removeprefix("http://")}


def test_a_browser_client_may_send_and_read_what_the_protocol_needs(tmp_path: Path) -> None:
    with (
        stand_in(lambda request: Reply(fields={"Mcp-Session-Id": "abc"})) as server,
        serving("mcp", tmp_path, {**ADDRESSES, "http://127.0.0.1:11434": server.url}) as (_, gateway),
    ):
        asked = "authorization,content-type,last-event-id,mcp-protocol-version,mcp-session-id"

        assert [preflight(gateway, CHAT, method, "/mcp", asked).status for method in ("POST", "DELETE")] == [
            204,
            204,
        ]
        answer = ask(gateway, "POST", "/mcp", body=b"{}", Origin=CHAT, Mcp_Session_Id="abc")
        exposed = answer.fields["access-control-expose-headers"].lower()

        assert answer.fields["mcp-session-id"] == "abc"
        assert {"mcp-session-id", "www-authenticate"} <= set(exposed.replace(" ", "").split(","))


def test_an_event_is_there_before_the_next_one_is_made(tmp_path: Path) -> None:
    """The second event is sent only when the client has read the first."""
    has_read = threading.Event()

    class Events(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._event(b"data: one\n\n")
            has_read.wait(DEADLINE)
            self._event(b"data: two\n\n")
            self.wfile.write(b"0\r\n\r\n")

        def _event(self, data: bytes) -> None:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
            self.wfile.flush()

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Events) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with serving("mcp", tmp_path, {**ADDRESSES, "http://127.0.0.1:11434": url}) as (_, gateway):
            connection = http.client.HTTPConnection(*gateway, timeout=DEADLINE)
            connection.request("GET", "/mcp", headers={"Origin": CHAT, "Accept": "text/event-stream"})
            stream = connection.getresponse()
            lines = [stream.readline(), stream.readline()]
            has_read.set()
            rest = stream.read()
            connection.close()
        server.shutdown()
        thread.join(DEADLINE)

    assert lines == [b"data: one\n", b"\n"]
    assert rest == b"data: two\n\n"
    assert stream.getheader("Access-Control-Allow-Origin") == CHAT
