"""What PyTorch or Lightning says of a value, as a line of ours: the key first, and no advice that is not for users."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aelab.config.arguments import shown
from aelab.errors import UserError


@contextmanager
def named(group: str, values: Mapping[str, Any]) -> Iterator[None]:
    """Around a call with a group's values: what it raises becomes a UserError that names the value it is about."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # Lightning has exceptions of its own
        cause = error.__cause__ if type(error).__module__.startswith("hydra") else error
        if isinstance(cause, UserError):
            raise cause from None
        said = first_sentence(cause or error)
        about = [key for key in values if not key.startswith("_") and key != "name" and key.rstrip("s") in said]
        key = max(about, key=len, default=None)
        what = f"{group}.{key}={shown(values[key])}" if key else f"{group}={values.get('name', '')}"
        fix = f"leave {group}.{key} out for its default" if key else f"choose another {group} or other values of it"
        raise UserError(f"{what}: {said}; {fix}") from error


def first_sentence(error: BaseException) -> str:
    """What an exception says, without the advice behind it."""
    text = " ".join(str(error).split())
    return text.split(". ")[0].rstrip(".") or type(error).__name__
