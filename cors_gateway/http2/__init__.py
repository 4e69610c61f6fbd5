"""What a well-formed request is on streams (RFC 9113), and who speaks HTTP/2 with a client. Pure, no I/O.

The protocol comes from a library behind one adapter, `engine.py`, the only module that imports it; bounds of our own
are in `flood.py`, whatever the library bounds. A request becomes what it would be in HTTP/1.1 (`request.py`) and is
judged by `http1/`; a response head is turned back (`response.py`). Imported when a client speaks HTTP/2.
"""
