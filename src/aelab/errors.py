"""The one exception for mistakes a person can mend: its message is the whole story."""


class UserError(ValueError):
    """A wrong key, value or file. The message is one printable line naming the key, the value and the fix."""

    def __init__(self, message: object) -> None:
        super().__init__(plain(str(message)))  # here, because it may quote what somebody else wrote


class DivergedError(UserError):
    """The error stopped being a finite number."""


def plain(text: str, limit: int = 0) -> str:
    """One printable line: no newlines, escape sequences or text-direction marks; shortened to ``limit``."""
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    text = " ".join(text.split())
    return text if not limit or len(text) <= limit else text[: limit - 1] + "…"
