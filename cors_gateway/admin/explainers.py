"""Explanations on demand, for `/explain` and for the form on the page.

Under a large configuration the first one takes a while, so they are made in a thread, and what was compiled for one is
kept for the next as long as the same configuration is served.
"""

import asyncio
from dataclasses import dataclass

from cors_gateway.explain.described_request import describe
from cors_gateway.explain.explainer import Explainer
from cors_gateway.explain.explanation import Explanation
from cors_gateway.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Question:
    """A request as somebody describes it; empty texts are what was left out."""

    url: str = ""
    origin: str = ""
    method: str = ""
    headers: tuple[str, ...] = ()
    """`Name` or `Name: value`."""
    credentials: bool = False


class Explainers:
    """Answers questions under whatever snapshot is in service."""

    def __init__(self) -> None:
        self._newest: Explainer | None = None

    async def explain(self, snapshot: Snapshot, question: Question) -> Explanation:
        """Raises DescriptionFault if what is described could not be sent."""
        request = describe(
            question.url,
            origin=question.origin or None,
            method=question.method or "GET",
            headers=question.headers,
            credentials=question.credentials,
        )
        explainer = await self.explainer(snapshot)
        return await asyncio.to_thread(explainer.explain, request)

    async def explainer(self, snapshot: Snapshot) -> Explainer:
        """The one for this snapshot."""
        explainer = self._newest
        if explainer is None or explainer.snapshot is not snapshot:
            explainer = self._newest = await asyncio.to_thread(Explainer, snapshot)
        return explainer
