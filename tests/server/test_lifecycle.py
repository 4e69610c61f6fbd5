"""Every move between phases is either in the table below or refused."""

import pytest

from cors_gateway.server.lifecycle import Lifecycle, Phase

START, READY, RELOAD, DRAIN, STOP = Phase

ALLOWED = {
    (START, READY),
    (START, DRAIN),
    (START, STOP),
    (READY, RELOAD),
    (READY, DRAIN),
    (READY, STOP),
    (RELOAD, READY),
    (RELOAD, DRAIN),
    (RELOAD, STOP),
    (DRAIN, STOP),
}


@pytest.mark.parametrize("before", Phase)
@pytest.mark.parametrize("after", Phase)
def test_moves(before: Phase, after: Phase) -> None:
    lifecycle = Lifecycle()
    lifecycle.phase = before

    assert lifecycle.enter(after) is ((before, after) in ALLOWED)
    assert lifecycle.phase is (after if (before, after) in ALLOWED else before)


def test_a_reload_that_ends_while_draining_does_not_announce_it_ready() -> None:
    lifecycle = Lifecycle()
    for phase in (READY, RELOAD, DRAIN, READY):
        lifecycle.enter(phase)

    assert repr(lifecycle) == "<Lifecycle draining>"
    assert not lifecycle.is_ready


@pytest.mark.parametrize(
    ("phase", "is_ready"),
    [(START, False), (READY, True), (RELOAD, True), (DRAIN, False), (STOP, False)],
)
def test_traffic_is_welcome_while_ready_and_while_reloading(phase: Phase, is_ready: bool) -> None:
    lifecycle = Lifecycle()
    lifecycle.phase = phase

    assert lifecycle.is_ready is is_ready
