"""Executes the examples of docs/gallery and writes their pages: text, code, what it printed and its pictures.

    python docs/build_gallery.py            # all of them, and the page that lists them
    python docs/build_gallery.py filters    # one

An example is a script whose docstring begins with its title. A line ``# %%`` begins a block: comments, which become
text, and the code below them. Every figure that a block leaves open becomes a picture, called by the figure's label or
the example's name.
Each runs in a process and an empty directory of its own, so that nothing is taken from an earlier run.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import io
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

GALLERY = Path(__file__).parent / "gallery"
PICTURES = GALLERY / "pictures"
LIMIT = 60  # seconds that an example may take: of a processor, so that other work on the machine does not count
TITLES = (
    ("Begin", ("first_model", "pca_and_nonlinear", "tradeoff", "tradeoff_of_variants", "own_variant")),
    ("What a variant learns", ("filters", "latent_maps", "samples", "vq_codes", "dictionary_features")),
    ("What a code is good for", ("retrieval", "anomalies", "one_class", "denoising_photograph", "imputation")),
    ("Texts", ("molecules", "translation")),
    ("Use it", ("export_and_score",)),
)


def main(names: list[str]) -> int:
    failed = []
    for script in [GALLERY / f"{name}.py" for name in names] or sorted(GALLERY.glob("*.py")):
        began = time.monotonic()
        used = _of_a_processor()
        with tempfile.TemporaryDirectory() as place:
            status = subprocess.run(
                [sys.executable, __file__, "--one", script], cwd=place, env=_environment()
            ).returncode
        seconds = time.monotonic() - began
        used = _of_a_processor() - used
        late = is_late(seconds, used)
        word = "failed" if status else f"done, but takes more than {LIMIT} s" if late else "done"
        print(f"{script.stem:24} {word}: {seconds:.0f} s, {used:.0f} s of a processor", flush=True)
        failed += [script.stem] * bool(status or late)
    if not names:
        (GALLERY / "index.md").write_text(_index())
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


def is_late(seconds: float, of_a_processor: float) -> bool:
    """Whether an example takes too long: on the wall, where that is not because other work was in its way."""
    return min(seconds, of_a_processor) > LIMIT


def _of_a_processor() -> float:
    """Seconds that the examples so far have used, with all the processes that they started."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _environment() -> dict[str, str]:
    return os.environ | {
        "MPLBACKEND": "Agg",
        "WANDB_MODE": "offline",
        "PYTHONWARNINGS": "ignore",
        "COLUMNS": "110",
        "OMP_NUM_THREADS": "1",
    }


def build(script: Path) -> None:
    """Execute one example and write its page."""
    source = script.read_text()
    page = [f"<!-- made by make gallery from {script.name} {digest(source)} -->"]
    taken: dict[str, Any] = {"__name__": "__main__"}
    pictures: list[str] = []
    for text, code in blocks(source):
        page.append(text)
        if not code:
            continue
        page.append(f"```python\n{code}\n```")
        printed = _execute(code, taken, script)
        if printed.strip():
            page.append(f"```text\n{printed.rstrip()}\n```")
        new = _pictures(script.stem, len(pictures))
        page += [f"![{_title(source)}](pictures/{name}.png)" for name in new]
        pictures += new
    if not pictures:
        raise SystemExit(f"{script.name}: ends in no picture")
    page.append(f"The whole script: [`docs/gallery/{script.name}`]({script.name}), run by `make gallery`.")
    (GALLERY / f"{script.stem}.md").write_text("\n\n".join(part for part in page if part) + "\n")


def digest(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def blocks(source: str) -> list[tuple[str, str]]:
    """Text and code of each block; the docstring is the text of the first."""
    docstring = ast.get_docstring(ast.parse(source)) or ""
    title, _, rest = docstring.partition("\n")
    body = source.split('"""', 2)[2]
    found = [(f"# {title.rstrip('.')}\n\n{rest.strip()}", "")]
    for part in re.split(r"^# %%.*$", body, flags=re.MULTILINE):
        lines = part.strip("\n").splitlines()
        text = []
        while lines and lines[0].startswith("#"):
            text.append(lines.pop(0).removeprefix("#").removeprefix(" "))
        code = "\n".join(lines).strip("\n")
        if text or code:
            found.append(("\n".join(text), code))
    return found


def _title(source: str) -> str:
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0].rstrip(".")


def _execute(code: str, taken: dict[str, Any], script: Path) -> str:
    """What a block prints; the value of an expression at its end is printed, too."""
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(tree, str(script), "exec"), taken)
        value = eval(compile(ast.Expression(last.value), str(script), "eval"), taken) if last else None
        if value is not None and not type(value).__module__.startswith("matplotlib"):
            print(value)
    return said.getvalue()


def _pictures(stem: str, before: int) -> list[str]:
    """Save every open figure, and close them."""
    import matplotlib.pyplot as plt
    from PIL import Image

    PICTURES.mkdir(exist_ok=True)
    saved = []
    for number in plt.get_fignums():
        figure = plt.figure(number)
        label = figure.get_label()
        name = str(label) or f"{stem}_{before + len(saved) + 1}"
        drawn = io.BytesIO()
        figure.savefig(drawn, dpi=110, bbox_inches="tight", facecolor="white")
        plt.close(figure)
        Image.open(drawn).convert("RGB").quantize(256).save(PICTURES / f"{name}.png", optimize=True)
        saved.append(name)
    return saved


def _index() -> str:
    """The page that lists the examples, each with its last picture."""
    lines = [
        "# Gallery",
        "",
        "Each example is a short script of less than a minute on two idle cores; `make gallery` runs them all, and",
        "these pages are what came out. Copy one, change a word, run it.",
    ]
    for heading, names in TITLES:
        lines += ["", f"## {heading}", "", '<div class="gallery" markdown>', ""]
        for name in names:
            page = GALLERY / f"{name}.md"
            if not page.exists():
                continue
            title = re.search(r"^# (.*)$", page.read_text(), re.MULTILINE)[1]
            picture = re.findall(r"\]\((pictures/[^)]+)\)", page.read_text())[-1]
            lines += [f"[![{title}]({picture})<br>{title}]({name}.md)", ""]
        lines += ["</div>"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        build(Path(sys.argv[2]))
    else:
        sys.exit(main(sys.argv[1:]))
