"""The one exception for mistakes a person can mend: its message is the whole story."""


class UserError(ValueError):
    """A wrong key, value or file. The message is one line naming the key, the value and the fix."""


class DivergedError(UserError):
    """The error stopped being a finite number."""
