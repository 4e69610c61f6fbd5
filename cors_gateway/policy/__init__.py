"""The CORS policy core: what a policy says, and what it answers to a request.

Pure functions and frozen values over received bytes. `policy.py` is the decision of an operator as a value,
`compiled.py` the same made ready to answer, `decide.py` the questions of the Fetch standard in their order,
`browser.py` the other side: what a browser asks, and what it lets a script read. `fetch.py` has the tables of the standard,
`difference.py` says how two policies differ.
Not here: HTTP framing (`http1/`), YAML (`config/`), which route a policy serves (`routing.py`). Imports the standard
library only, and re2 behind one door (`regex.py`).
"""
