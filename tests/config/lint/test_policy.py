"""What holds for all rules together, and what a policy means once it has passed them."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.config.lint.finding import Finding, RouteInput
from cors_gateway.config.lint.policy_rules import lint_policy
from cors_gateway.config.lint.route_rules import lint_routes
from cors_gateway.config.policy_conversion import policy_of
from cors_gateway.config.written_policy import RegexEntry, WrittenPolicy
from cors_gateway.policy.policy import Policy
from tests.config.lint.said import APP, regex, written
from tests.policy.written import patterns

# Anything YAML can hold, lone surrogates included, and what is nearly right.
texts = st.text(st.characters(exclude_categories=())) | st.sampled_from(
    [
        "*",
        "null",
        APP,
        "http://a.example.com",
        "https://*.com",
        "PUT",
        "patch",
        "TRACE",
        "Cookie",
        "X-A",
        "Origin",
    ]
)
lists = st.lists(texts, max_size=4).map(tuple) | st.none()
policies = st.builds(
    WrittenPolicy,
    allow_origins=st.lists(texts | texts.map(RegexEntry), max_size=4).map(tuple) | st.none(),
    allow_methods=lists,
    allow_headers=lists,
    expose_headers=lists,
    public_origins=lists,
    max_age=st.integers() | st.none(),
    preflight_status=st.integers() | st.none(),
    on_disallowed_request=st.sampled_from(["forward", "reject", None]),
    upstream_expose=st.sampled_from(["drop", "merge", "all", None]),
    **{
        name: st.booleans()
        for name in (
            "allow_credentials",
            "allow_private_network",
            "websocket_origin_check",
            "constant_origin",
            "dangerously_allow_null_origin",
            "dangerously_allow_insecure_origins",
            "dangerously_allow_public_suffix",
        )
    },
)
rows = st.builds(
    RouteInput,
    name=texts | st.none(),
    host=texts | st.none(),
    path=texts.map("/{}".format) | texts,
    methods=lists,
    upstream=texts,
    cors=texts | st.none(),
)


@given(policies)
def test_rules_never_raise_and_always_say_where(policy: WrittenPolicy) -> None:
    for finding in lint_policy(policy):
        assert_presentable(finding)
        key, *index = finding.path
        assert key in {field.name for field in fields(WrittenPolicy)}
        if index:
            assert index[0] in range(len(getattr(policy, str(key))))


@given(st.lists(rows, max_size=4), st.lists(texts, max_size=3))
def test_rules_for_routes_never_raise(routes: list[RouteInput], names: list[str]) -> None:
    for finding in lint_routes(routes, names):
        assert_presentable(finding)


def assert_presentable(finding: Finding) -> None:
    assert finding.severity in ("error", "warning")
    assert finding.message
    assert finding.message[:1] != finding.message[:1].upper() or not finding.message[:1].isalpha()
    assert not finding.message.endswith(".")


@given(policies)
def test_what_passes_can_be_built_and_is_safe(written_policy: WrittenPolicy) -> None:
    if any(finding.severity == "error" for finding in lint_policy(written_policy)):
        return
    policy = policy_of(written_policy)
    assert not (
        policy.allow_credentials and (policy.any_origin or policy.allow_null_origin or policy.expose_any)
    )
    assert bool(policy.allow_origins) != policy.any_origin or policy.allow_null_origin
    assert "*" not in (*policy.allow_methods, *policy.allow_headers, *policy.expose_headers)
    assert all(name == name.lower() for name in (*policy.allow_headers, *policy.expose_headers))
    assert policy.max_age is None or 0 <= policy.max_age <= 86_400
    assert 200 <= policy.preflight_status <= 299


def test_the_plainest_policy() -> None:
    assert policy_of(written()) == Policy(allow_origins=patterns(APP))


def test_every_key_reaches_the_policy() -> None:
    policy = written(
        allow_origins=[APP, "https://*.example.com:*", regex(r"https://pr-\d+\.example\.org"), "null"],
        allow_methods=["put", "PATCH", "PUT", "Delete"],
        allow_headers=["X-A", "x-a", "Content-Type"],
        expose_headers=["ETag", "etag", "X-B"],
        allow_credentials=True,
        max_age=600,
        allow_private_network=True,
        preflight_status=200,
        preflight_failure="diagnose",
        on_disallowed_request="reject",
        public_origins=["https://api.example.com", "https://api.example.com"],
        forward_origin="strip",
        upstream_expose="merge",
        timing_allow_origin="same-as-origins",
        cross_origin_resource_policy="same-site",
        websocket_origin_check=True,
        report_only=True,
        dangerously_allow_null_origin=True,
        dangerously_allow_insecure_origins=True,
        dangerously_allow_public_suffix=True,
    )
    assert policy_of(policy) == Policy(
        allow_origins=patterns(APP, "https://*.example.com:*", {"regex": r"https://pr-\d+\.example\.org"}),
        allow_null_origin=True,
        allow_methods=("PUT", "PATCH", "DELETE"),
        allow_headers=("x-a", "content-type"),
        expose_headers=("etag", "x-b"),
        allow_credentials=True,
        max_age=600,
        allow_private_network=True,
        preflight_status=200,
        diagnose_preflight_failure=True,
        reject_disallowed_request=True,
        public_origins=("https://api.example.com",),
        strip_origin=True,
        upstream_expose="merge",
        timing_allow_origin=True,
        cross_origin_resource_policy="same-site",
        websocket_origin_check=True,
        report_only=True,
        allow_insecure_origins=True,
        allow_public_suffix=True,
    )


def test_stars_become_switches() -> None:
    policy = written(
        allow_origins=["*", APP],
        allow_methods=["*"],
        allow_headers=["*", "Authorization"],
        expose_headers=["*"],
    )
    assert policy_of(policy) == Policy(
        any_origin=True,
        allow_methods=(),
        any_method=True,
        allow_headers=("authorization",),
        any_header=True,
        expose_any=True,
    )


def test_the_default_words_mean_the_defaults() -> None:
    spelt_out = written(
        preflight_failure="strict",
        on_disallowed_request="forward",
        forward_origin="keep",
        upstream_expose="drop",
    )
    assert policy_of(spelt_out) == policy_of(written())


def test_a_list_that_does_not_parse_is_not_built() -> None:
    with pytest.raises(ValueError, match="trailing slash"):
        policy_of(written(allow_origins=[f"{APP}/"]))
