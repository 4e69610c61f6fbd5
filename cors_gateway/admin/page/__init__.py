"""The page for people on the admin listener: HTML drawn from plain values, kept up to date in the browser.

`view.py` collects what is shown, `document.py` puts the parts together, the other modules draw one part each;
`markup.py` makes sure that text never becomes HTML, `words.py` says values in words. Not here: who may ask (`guard.py`).
"""
