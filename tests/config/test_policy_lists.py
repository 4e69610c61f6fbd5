"""`cors: [own, partners]` in a file: what it becomes, and what is wrong with it."""

from pathlib import Path

import pytest

from cors_gateway.config.compile.effective import effective
from tests.config.written import load_text

POLICIES = """\
version: 1
policies:
  own: {allow_origins: [https://app.example], allow_credentials: true}
  partners: {allow_origins: ['https://*.partner.example']}
  rivals: {allow_origins: [https://a.partner.example]}
  everybody: {allow_origins: ['*']}
"""


def file(*cors: str) -> str:
    rows = "".join(
        f"  - {{name: r{at}, path: /{at}, upstream: http://b, cors: {each}}}\n"
        for at, each in enumerate(cors)
    )
    return f"{POLICIES}routes:\n{rows}"


ALL_USED = ("own", "partners", "rivals", "everybody")


def test_the_policies_of_a_route_keep_their_order_names_and_places(tmp_path: Path) -> None:
    snapshot = load_text(tmp_path, file("[own, partners, everybody]")).snapshot
    assert snapshot is not None
    route = snapshot.routes[0]

    assert route.policy_name == "own"
    assert [each.name for each in route.further_policies] == ["partners", "everybody"]
    assert route.policy.allow_credentials
    assert [each.policy.any_origin for each in route.further_policies] == [False, True]
    assert [place.line for place in route.further_policies[0].origin_locations] == [4]
    assert load_text(tmp_path, effective(snapshot)).snapshot == snapshot


@pytest.mark.parametrize(
    ("cors", "found"),
    [
        ("[own, partners]", []),
        ("[own]", ["cors.list routes[0].cors"]),
        ("[]", ["cors.list routes[0].cors"]),
        ("[own, own]", ["cors.list routes[0].cors[1]"]),
        ("[own, disabled]", ["cors.list routes[0].cors[1]"]),
        ("[own, passthrough]", ["cors.list routes[0].cors[1]"]),
        ("[own, partnes]", ["policy.unknown routes[0].cors[1]"]),
        ("[own, 5]", ["schema.type routes[0].cors[1]"]),
        ("[own, {allow_origins: ['*']}]", ["schema.type routes[0].cors[1]"]),
        ("[partners, own, rivals]", ["cors.overlap routes[0].cors[2]"]),
        ("[everybody, own]", ["cors.list routes[0].cors[0]"]),
    ],
)
def test_a_mistake_is_reported_where_it_is_written(cors: str, found: list[str], tmp_path: Path) -> None:
    problems = load_text(tmp_path, file(cors, *ALL_USED)).problems

    assert [f"{problem.code} {problem.path}" for problem in problems] == found


def test_a_policy_in_a_list_is_used(tmp_path: Path) -> None:
    assert load_text(tmp_path, file("[own, partners, everybody]", "rivals")).problems == ()


def test_an_overlap_names_an_origin_in_both(tmp_path: Path) -> None:
    (problem,) = load_text(tmp_path, file("[partners, rivals]", *ALL_USED)).problems

    assert problem.message == '"rivals" lists "https://a.partner.example", which "partners" lists as well'


def test_switching_credentials_off_in_an_emergency_loads(tmp_path: Path) -> None:
    """What belonged to them may stay: nobody has the time to look for it then."""
    on = POLICIES.replace(
        "rivals: {", "rivals: {dangerously_allow_insecure_origins: true, allow_credentials: true, "
    ).replace("https://a.partner", "http://a.partner")
    off = on.replace("allow_credentials: true", "allow_credentials: false")
    routes = "".join(file(*ALL_USED).partition("routes:")[1:])

    assert load_text(tmp_path, on + routes).snapshot is not None
    loaded = load_text(tmp_path, off + routes)
    assert loaded.snapshot is not None
    assert "schema.conflict" in [problem.code for problem in loaded.problems]
