"""HTTP/1.1 messages without I/O: grammar, header sections, bodies, and what an intermediary adds (RFC 9110, 9112).

Bytes in, values out; `ProtocolFault` for everything that two parsers could read differently, with the status to
answer. Request side: `request_line.py`, `request.py`, `paths.py`, `forwarded.py`; response side: `response.py`; both:
`grammar.py`, `fields.py`, `body.py`. Not here: sockets and time (`proxy/`), CORS (`policy/`), routes (`routing.py`).
"""
