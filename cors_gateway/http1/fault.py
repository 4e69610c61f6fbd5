"""The one exception of this package: a message that must not be forwarded.

Whoever detects the fault knows best what to answer, so the fault carries the status for a client and a short word for
logs. Nothing of the offending bytes is kept: they are never echoed.
"""


class ProtocolFault(Exception):
    """A message broke the grammar, the framing rules or a limit.

    `status` is the answer if a client sent it; for a message from an upstream the caller answers 502 whatever it says.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
