"""What would a browser do with this request, what would the gateway answer, and what would have to change?

Pure: a snapshot and a described request in (`request.py`), an `Explanation` out (`explainer.py`), which `text.py` and
`document.py` show to people and programs. `judgement.py` walks the browser's steps and `remedy.py` finds the smallest
change that would let the request through. The deciding itself is that of `policy/` and `routing.py`, which the
data path asks as well: nothing here has an opinion of its own about an origin, a method or a header.
"""
