"""What a well-formed request is on streams (RFC 9113), and who speaks HTTP/2 with a client. Pure, no I/O.

The protocol comes from a library behind one adapter, `engine.py`, the only module that imports it; bounds of our own
are in `flood.py`, whatever the library bounds. A request becomes what it would be in HTTP/1.1 (`request.py`) and is
judged by `http1/`; a response head is turned back (`response.py`). What is below is imported when a client speaks HTTP/2.
"""

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""The first bytes of a client that speaks HTTP/2 (RFC 9113 3.4); no request of HTTP/1.1 begins so."""
