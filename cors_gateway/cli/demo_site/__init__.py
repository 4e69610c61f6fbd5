"""What `cors-gateway demo` shows: a sample backend, a page on another origin, and the words between them.

`backend.py` gets CORS wrong on purpose, `gateway.yaml` puts it right, `page.py` serves the page (`static/`),
`why.py` explains one call. The verb itself is `cli/demo.py`; what a browser demands is in `policy/browser.py`.
"""
