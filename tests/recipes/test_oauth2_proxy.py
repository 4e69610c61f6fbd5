"""Login behind the gateway: what the login proxy is asked, and what a script can read of its answers."""

from pathlib import Path

from tests.recipes.trial import Reply, Seen, ask, preflight, serving, stand_in

APP = "https://app.example.com"
ELSEWHERE = "https://evil.example"


def _login_proxy(request: Seen) -> Reply:
    """oauth2-proxy with `api-routes`: 401 for scripts without a session, a redirect for pages."""
    if request.path.startswith("/oauth2/"):
        return Reply(302, {"Location": "https://login.example/authorize", "Access-Control-Allow-Origin": "*"})
    if "session" not in request.fields.get("cookie", ""):
        return Reply(401, {"Content-Type": "application/json"}, b"{}")
    return Reply(200, {"Access-Control-Allow-Origin": "*"}, b"orders")


def test_a_preflight_needs_no_session_and_never_arrives(tmp_path: Path) -> None:
    with (
        stand_in(_login_proxy) as login,
        serving(
            "oauth2-proxy",
            tmp_path,
            {"0.0.0.0:8080": "127.0.0.1:0", "http://oauth2-proxy:4180": login.url},
        ) as (_, gateway),
    ):
        answer = preflight(gateway, APP, "PUT", "/api/orders", "content-type,x-csrf-token")

        assert answer.status == 204
        assert answer.fields["access-control-allow-credentials"] == "true"
        assert login.seen == []

        refused = ask(gateway, "GET", "/api/orders", Origin=APP)
        allowed = ask(gateway, "GET", "/api/orders", Origin=APP, Cookie="session=1")

        assert (refused.status, refused.fields["access-control-allow-origin"]) == (401, APP)
        assert (allowed.status, allowed.body) == (200, b"orders")
        assert allowed.fields["access-control-allow-origin"] == APP

        stranger = ask(gateway, "POST", "/api/orders", Origin=ELSEWHERE, Cookie="session=1")
        own = ask(gateway, "GET", "/oauth2/start", Cookie="x=1")

        assert (stranger.status, len(login.seen)) == (403, 3)
        assert (own.status, "access-control-allow-origin" in own.fields) == (302, False)
