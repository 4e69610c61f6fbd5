"""Diagnosis for single origins: it begins, it ends by itself, and it is bounded."""

import asyncio
import logging

import pytest

from cors_gateway.server.diagnoses import MAX_ORIGINS, MAX_SECONDS, Diagnoses, DiagnosisError
from tests.admin.stand_in import Traffic

A, B = "https://a.example", "https://b.example"


async def test_it_ends_by_itself_and_both_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    traffic = Traffic()
    diagnoses = Diagnoses(traffic.diagnose)
    with caplog.at_level(logging.INFO, "cors_gateway"):
        await diagnoses.begin(A, 0.2)
        assert list(traffic.diagnosed) == [A]
        assert list(diagnoses.ends) == [A]
        async with asyncio.timeout(30):
            while traffic.diagnosed or len(caplog.messages) < 2:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)

    assert diagnoses.ends == {}
    assert caplog.messages == ["diagnosis_began", "diagnosis_ended"]


async def test_one_that_runs_gets_the_new_end_and_can_be_ended() -> None:
    traffic = Traffic()
    diagnoses = Diagnoses(traffic.diagnose)
    first = await diagnoses.begin(A, 0.2)
    later = await diagnoses.begin(A, 600)
    await diagnoses.begin(B, 600)
    await asyncio.sleep(0.4)

    assert later > first
    assert list(traffic.diagnosed) == [A, B]
    assert await diagnoses.end(A)
    assert list(traffic.diagnosed) == [B]
    assert not await diagnoses.end(A)
    diagnoses.stop()


@pytest.mark.parametrize("seconds", [0, -1, MAX_SECONDS + 1])
async def test_a_time_without_sense_is_refused(seconds: float) -> None:
    traffic = Traffic()
    with pytest.raises(DiagnosisError):
        await Diagnoses(traffic.diagnose).begin(A, seconds)
    assert traffic.diagnosed == ()


async def test_only_a_few_origins_are_diagnosed_at_once() -> None:
    diagnoses = Diagnoses(Traffic().diagnose)
    for number in range(MAX_ORIGINS):
        await diagnoses.begin(f"https://{number}.example", 600)
    with pytest.raises(DiagnosisError):
        await diagnoses.begin(A, 600)
    await diagnoses.begin("https://0.example", 600)
    diagnoses.stop()
