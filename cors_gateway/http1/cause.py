"""Why a message was not taken: one closed list of words, each with the status for a client and a sentence for people.

The same words on both sides: a folded line is a folded line. Whose message it was says the reason beside it
(`request_malformed`, `upstream_invalid_response`); a bad response is a 502 whatever its cause says. Here only faults of
messages: what befalls connections to backends is in `proxy/failure.py`, what is merely worth a word in
`observe/trouble.py`, what a policy decides in `policy/reason.py`. All of them are listed in `docs/causes.md`.
"""

from enum import StrEnum


class Cause(StrEnum):
    """What is wrong with a message. The value is the word in logs, events and metrics."""

    status: int
    """What a client that sent it is answered."""
    sentence: str
    """For people; repeats nothing that was received."""

    def __new__(cls, word: str, status: int, sentence: str) -> "Cause":
        cause = str.__new__(cls, word)
        cause._value_ = word
        cause.status = status
        cause.sentence = sentence
        return cause

    # The start line of a request, and what comes before it
    EMPTY_LINES = "too_many_empty_lines", 400, "too many empty lines before a request"
    LEADING_BLANK = "blank_before_request_line", 400, "white space before the request line"
    REQUEST_LINE = "request_line_malformed", 400, "malformed request line"
    REQUEST_LINE_TOO_LONG = "request_line_too_long", 414, "request line too long"
    METHOD = "method_malformed", 400, "malformed method"
    METHOD_TOO_LONG = "method_too_long", 501, "method too long"
    METHOD_NOT_SERVED = "method_not_served", 405, "CONNECT, TRACE and TRACK are not served"
    VERSION = "version_not_supported", 505, "HTTP version not supported"
    TARGET = "target_malformed", 400, "malformed request target"
    PATH = "path_malformed", 400, "malformed path"
    PATH_DOT_SEGMENT = "path_dot_segment", 400, "dot segment in the path"
    PATH_NUL = "path_nul", 400, "escaped NUL in the path"
    PATH_TOO_AMBIGUOUS = "path_too_ambiguous", 400, "the path can be read in too many ways"
    PATH_AMBIGUOUS = "path_ambiguous", 400, "ambiguous path: its readings select different routes"
    AUTHORITY = "authority_mismatch", 421, "the target's authority is not the Host"

    # The start line of a response
    STATUS_LINE = "status_line_malformed", 502, "malformed status line"
    NOT_HTTP = "not_http", 502, "what came is not an HTTP/1.x response"

    # Bytes and lines
    CONTROL_BYTE = "control_byte", 400, "control character in a head or trailer"
    BARE_CR = "bare_cr", 400, "bare CR: a line ends with CR LF"
    BARE_LF = "bare_lf", 400, "bare LF: a line ends with CR LF"
    FOLDED_LINE = "folded_line", 400, "folded header field, or white space before the first one"
    NO_COLON = "no_colon", 400, "header field without a colon"
    EMPTY_NAME = "empty_name", 400, "header field without a name"
    BLANK_IN_NAME = "blank_in_name", 400, "white space in a header field name or before its colon"
    NAME = "name_malformed", 400, "malformed header field name"
    IMITATED_NAME = "name_imitated", 400, "header field name that imitates a protected one"
    UNDERSCORE = "name_with_underscore", 400, "header field name with an underscore"
    HEAD_TOO_LARGE = "head_too_large", 431, "header section too large"
    TOO_MANY_FIELDS = "too_many_fields", 431, "too many header fields"

    # Fields that mean something
    HOST_MISSING = "host_missing", 400, "missing Host"
    HOST_REPEATED = "host_repeated", 400, "repeated Host"
    HOST = "host_malformed", 400, "malformed Host"
    CONNECTION = "connection_malformed", 400, "malformed Connection"
    TOO_MANY_OPTIONS = "too_many_connection_options", 400, "too many connection options"
    PROTECTED_NOMINATED = (
        *("protected_field_nominated", 400),
        "Connection names a field that must not be removed",
    )
    EXPECTATION = "expectation_unknown", 417, "unknown expectation"
    MAX_FORWARDS = "max_forwards_malformed", 400, "malformed Max-Forwards"
    WEBSOCKET_METHOD = (
        *("websocket_method", 400),
        "WebSocket handshake with another method than GET, or with a body",
    )
    WEBSOCKET_NO_VERSION = "websocket_version_missing", 400, "WebSocket handshake without a version"
    WEBSOCKET_VERSION = "websocket_version", 426, "WebSocket version is not 13"
    WEBSOCKET_KEY = "websocket_key", 400, "malformed Sec-WebSocket-Key"
    SWITCH_NOT_ASKED = "switch_not_asked", 502, "101 that does not answer a WebSocket handshake"
    SWITCH_NOT_MADE = (
        *("switch_not_made", 502),
        "2xx instead of 101 to a WebSocket handshake, which on a stream of HTTP/2 would open the WebSocket",
    )
    TOO_MANY_INTERIM = "too_many_interim_responses", 502, "too many interim responses"

    # Framing
    TWO_FRAMINGS = "two_framings", 400, "both Content-Length and Transfer-Encoding"
    CONTENT_LENGTH = "content_length_malformed", 400, "malformed Content-Length"
    CONTENT_LENGTH_REPEATED = "content_length_repeated", 400, "repeated Content-Length"
    TRANSFER_ENCODING = "transfer_encoding_malformed", 400, "malformed Transfer-Encoding"
    TRANSFER_ENCODING_REPEATED = "transfer_encoding_repeated", 400, "repeated Transfer-Encoding"
    TRANSFER_ENCODING_HTTP10 = "transfer_encoding_http10", 400, "Transfer-Encoding in an HTTP/1.0 message"
    TRANSFER_CODING = "transfer_coding_unsupported", 501, "unsupported transfer coding"

    # Bodies
    CHUNK_SIZE = "chunk_size_malformed", 400, "malformed chunk size"
    CHUNK_LINE_TOO_LONG = "chunk_line_too_long", 400, "chunk header too long"
    CHUNK_EXTENSIONS = "chunk_extensions_too_large", 400, "chunk extensions outweigh the data"
    CHUNK_DATA = "chunk_data_too_long", 400, "chunk data longer than its size"
    TRAILERS_TOO_LARGE = "trailers_too_large", 431, "trailer section too large"
    TRAILER_PROTECTED = "trailer_protected", 400, "trailer field that belongs in the header section"
    BODY_TOO_LARGE = "body_too_large", 413, "request body larger than accepted"

    # Requests that are well-formed as far as they go
    INCOMPLETE = "request_incomplete", 400, "the connection ended before the request did"
    HEAD_LATE = "request_head_timeout", 408, "the request head did not arrive in time"
    BODY_LATE = "request_body_timeout", 408, "the request body did not arrive in time"
    TOO_MANY_CONNECTIONS = "too_many_connections", 503, "the gateway is at its connection limit"
    LOOP = "loop_detected", 508, "the request came through this gateway before"

    # HTTP/2 alone
    PSEUDO_FIELDS = "pseudo_fields_malformed", 400, "missing, repeated or malformed pseudo-header fields"
    CONNECTION_FIELD = "connection_field", 400, "header field of a connection, which HTTP/2 does not have"
    PROTOCOL_UNKNOWN = "connect_protocol", 501, "extended CONNECT for another protocol than websocket"
    TOO_MANY_STREAMS = "http2_too_many_streams", 503, "more streams at once than announced"
    STREAM_MALFORMED = (
        "http2_malformed",
        400,
        "fields or trailers of a kind for which the library resets a stream unread",
    )
    LENGTH_MISMATCH = "content_length_mismatch", 400, "Content-Length is not the length of the body"

    # The PROXY protocol, before the first request
    PROXY_HEADER = "proxy_header_malformed", 400, "malformed PROXY protocol header"
    PROXY_HEADER_TOO_LONG = "proxy_header_too_long", 400, "PROXY protocol header too long"
