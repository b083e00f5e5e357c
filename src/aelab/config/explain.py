"""An exception as one clear line: the key, the value, the fix."""

from __future__ import annotations

import difflib
import errno
import re
import sys
from collections.abc import Iterator
from typing import Any

from aelab.errors import UserError

_CANNOT_WRITE = (errno.EACCES, errno.EDQUOT, errno.ENOSPC, errno.ENOTDIR, errno.EROFS)
_EXTRAS = {"packed_local": "slurm", "packed_slurm": "slurm"}  # launcher to the extra of aelab that brings it


def explain(error: BaseException) -> str:
    """What went wrong, in one line; Hydra's own multi-line messages are put in our words."""
    if known := _told(error):
        return known
    text = " ".join(str(part) for part in (error, error.__cause__) if part)
    if match := re.search(r"UserError raised while resolving interpolation: (.*)", text):
        return match[1]
    if override := getattr(error, "override", None):  # Hydra could not parse it
        reason = str(error).splitlines()[0]
        return f"{override}: not key=value ({reason}); a value with special characters needs quotes: key='\"a=b\"'"
    if match := re.search(r"Could not delete '([^']+)'", text):
        return f"~{match[1]}: there is none to delete; leave it out"
    if match := re.search(r"Error merging override (([^=\s]+)=\S*)", text):
        return f"{match[1]}: not the kind of value that {match[2]} has; --cfg job shows what it is"
    if "Config group override must be a string" in text:
        deleted = next((argument for argument in sys.argv if re.search(r"[=,]null(,|$)", argument)), "null")
        return f"{deleted}: a run needs one; name a choice of that group, or leave it out for the default"
    if match := re.search(r"Could not override '([^']+)'", text):
        key = match[1]
        value = re.search(rf"\+{re.escape(key)}=(\S+)", text)
        given = f"{key}={value[1]}" if value else key
        if key == "replicas.vary":
            return (
                f"{given}: gone; sweep over the key instead, like -m model.weight=0,0.1: the runs are fitted together"
            )
        group = key.partition(".")[0]
        if f"~{group}" in sys.argv:
            return f"~{group}: deleted; a run needs one, and {given} is of it; leave ~{group} out"
        if any(re.match(rf"{re.escape(group)}=.*,", argument) for argument in sys.argv):
            return f"{given}: unknown to the {group} of the defaults; where {group} itself is swept write ++{given}"
        shown = "hydra" if group == "hydra" else "job"
        chosen = next((argument for argument in sys.argv if argument.partition("=")[0] == group), "")
        of = f" of {chosen}" if chosen and "." in key else ""
        return f"{given}: unknown key{of}{_nearest(key, list(_known_keys(group)))}; --cfg {shown} shows them all"
    if match := re.search(r"Could not find '([^']+)/([^'/]+)'.*?Available options in '[^']+':(.*)", text, re.S):
        group = match[1]
        name = match[2]
        options = match[3].split("Config search path")[0].split()
        return f"{group}={name}: no such choice{_nearest(name, options)}; choose one of {', '.join(options)}"
    if match := re.search(r"In 'hydra/launcher/(\w+)'.*Could not load 'hydra/launcher/(\w+)'", text, re.S):
        extra = _EXTRAS.get(match[2], match[2])
        return f'hydra/launcher={match[1]}: needs a plugin that is not installed; pip install "aelab[{extra}]"'
    if isinstance(error, OSError) and error.filename and error.errno in _CANNOT_WRITE:
        return f"{error.filename}: cannot be written ({error.strerror}); name another folder with paths.outputs=..."
    return " ".join(str(error).split()) or type(error).__name__


def _told(error: BaseException | None) -> str:
    """The message of the UserError that Hydra or OmegaConf wrapped."""
    while error is not None and not isinstance(error, UserError):
        error = error.__cause__
    return str(error or "")


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f", did you mean {close[0]}?" if close else ""


def _as_chosen() -> Any:
    """The config with the choices of the command line, or where these cannot be composed the defaults."""
    from hydra import compose

    chosen = [argument for argument in sys.argv[1:] if re.fullmatch(r"[a-z_/]+=\w+", argument)]
    try:
        return compose("train", chosen)
    except Exception:  # whatever is wrong with them, it is another key that is to be explained
        return compose("train")


def _known_keys(group: str) -> Iterator[str]:
    """Keys of the config, or where the group is ``hydra`` those of Hydra's own with the launcher that was chosen."""
    from hydra import compose
    from omegaconf import OmegaConf

    from aelab.config.objects import composing

    with composing():
        if group == "hydra":
            chosen = [argument for argument in sys.argv if re.fullmatch(r"hydra/\w+=\w+", argument)]
            config = compose("train", chosen, return_hydra_config=True)
            config = OmegaConf.create({"hydra": OmegaConf.to_container(config.hydra, resolve=False)})
        else:
            config = _as_chosen()

    def walk(node: Any, prefix: str) -> Iterator[str]:
        for key in node:
            yield f"{prefix}{key}"
            child = node._get_node(key)
            if hasattr(child, "keys"):
                yield from walk(child, f"{prefix}{key}.")

    yield from walk(config, "")
