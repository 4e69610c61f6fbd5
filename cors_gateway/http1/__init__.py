"""HTTP/1.1 messages without I/O: grammar, header sections, bodies, and what an intermediary adds (RFC 9110, 9112).

Bytes in, values out; `ProtocolFault` for everything that two parsers could read differently, with its cause and so the
status to answer. Request side: `beginning.py`, `request_line.py`, `request.py`, `paths.py`, `forwarded.py`, and
`refused.py` for what is not taken; response side: `status_line.py`, `response.py`; both: `cause.py`, `grammar.py`,
`fields.py`, `login.py`, `body.py`; before the first request: `proxy_protocol.py`. Nothing here calls itself: no peer
chooses how deep. Not here: sockets and time (`proxy/`), CORS (`policy/`), routes (`routing.py`).
"""
