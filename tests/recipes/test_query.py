"""QUERY: asked for first, and then forwarded with its body."""

from pathlib import Path

from tests.recipes.trial import Reply, ask, preflight, serving, stand_in

APP = "https://app.example.com"


def test_query_goes_through_with_its_body_and_post_does_not(tmp_path: Path) -> None:
    with (
        stand_in(
            lambda request: Reply(fields={"Accept-Query": "application/json"}, body=request.body)
        ) as search,
        serving("query", tmp_path, {"0.0.0.0:8080": "127.0.0.1:0", "http://search:8000": search.url}) as (
            _,
            gateway,
        ),
    ):
        first = preflight(gateway, APP, "QUERY", "/search", "content-type")
        answer = ask(
            gateway, "QUERY", "/search", body=b'{"q": 1}', Origin=APP, Content_Type="application/json"
        )

        assert (first.status, "QUERY" in first.fields["access-control-allow-methods"]) == (204, True)
        assert (answer.status, answer.body) == (200, b'{"q": 1}')
        assert answer.fields["access-control-allow-origin"] == APP
        assert "accept-query" in answer.fields["access-control-expose-headers"].lower()
        assert [seen.method for seen in search.seen] == ["QUERY"]
        assert ask(gateway, "POST", "/search", body=b"{}", Origin=APP).status in {404, 405}
