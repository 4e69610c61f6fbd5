"""Going through the text of an expression, whichever syntax it has."""


class UnknownSyntaxError(Exception):
    """The expression uses, or ends in the middle of, something that its reader does not know."""


class Scanner:
    """A place in a text; `_at` is the next character to read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def _next(self) -> str:
        """Read one character. Raises UnknownSyntaxError at the end."""
        if self._at >= len(self._text):
            raise UnknownSyntaxError
        self._at += 1
        return self._text[self._at - 1]

    def _take(self, text: str) -> bool:
        """Read `text` if it comes next."""
        if not self._text.startswith(text, self._at):
            return False
        self._at += len(text)
        return True
