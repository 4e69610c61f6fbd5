"""Why a connection that speaks HTTP/2 was ended by the gateway: one closed list of words, each with its error code.

What is wrong with a single request is said in the words of `http1/cause.py`, on whatever protocol it came.
"""

from enum import StrEnum

# Error codes (RFC 9113 7).
NO_ERROR = 0x0
PROTOCOL_ERROR = 0x1
INTERNAL_ERROR = 0x2
CANCEL = 0x8
ENHANCE_YOUR_CALM = 0xB


class ConnectionCause(StrEnum):
    """What a client did. The value is the word in events and metrics."""

    code: int
    """The error code of the GOAWAY that the client gets."""
    sentence: str
    """For people."""

    def __new__(cls, word: str, code: int, sentence: str) -> "ConnectionCause":
        cause = str.__new__(cls, word)
        cause._value_ = word
        cause.code = code
        cause.sentence = sentence
        return cause

    PROTOCOL = "http2_protocol_error", PROTOCOL_ERROR, "bytes that are not HTTP/2, or break its rules"
    LIMIT = "http2_limit_exceeded", ENHANCE_YOUR_CALM, "header fields far beyond the limits"
    HEADER_BLOCK = "http2_header_block_flood", ENHANCE_YOUR_CALM, "a header block without end (CONTINUATION)"
    HEAD_TIMEOUT = "http2_head_timeout", ENHANCE_YOUR_CALM, "a header block did not arrive in time"
    RESETS = "http2_rapid_reset", ENHANCE_YOUR_CALM, "far more streams reset or malformed than completed"
    EMPTY_FRAMES = "http2_empty_frames", ENHANCE_YOUR_CALM, "too many DATA frames without data"
    SETTINGS = "http2_settings_flood", ENHANCE_YOUR_CALM, "too many SETTINGS frames"
    PINGS = "http2_ping_flood", ENHANCE_YOUR_CALM, "too many PING frames"
    PRIORITIES = "http2_priority_flood", ENHANCE_YOUR_CALM, "too many PRIORITY or unknown frames"
    ENGINE = "http2_engine_failed", INTERNAL_ERROR, "the library that speaks HTTP/2 cannot go on"
    WINDOWS = "http2_window_flood", ENHANCE_YOUR_CALM, "far more WINDOW_UPDATE frames than data was sent"


class ConnectionFault(Exception):
    """A client broke a rule of the connection, which ends for it."""

    def __init__(self, cause: ConnectionCause, detail: str = "") -> None:
        """`detail` is which rule, in the words of the engine. For logs only."""
        super().__init__(cause.sentence)
        self.cause = cause
        self.detail = detail
