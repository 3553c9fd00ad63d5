"""The tuned examples that ship with the package: where they lie, and what they say of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rllib_remix.errors import UserError, nearest, shown

_PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True)
class Example:
    """One file of experiments."""

    name: str  # its id, such as predator_prey_small/remix
    file: Path
    algorithms: tuple[str, ...]
    environments: tuple[str, ...]
    text: str  # the first line of its comment


def examples_folder() -> Path:
    """Where the examples lie: in the installed package, or beside it in a checkout.

    Raises:
        UserError: in neither.
    """
    for folder in (_PACKAGE / "tuned_examples", _PACKAGE.parent / "tuned_examples"):
        if folder.is_dir():
            return folder
    raise UserError("the tuned examples are missing from this installation; install rllib_remix again.")


def example_ids() -> list[str]:
    """All ids, in the order of the alphabet."""
    folder = examples_folder()
    return sorted(file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.yaml"))


def find_example(name: str) -> Path:
    """The file of an example.

    Raises:
        UserError: there is none of this id; names the nearest.
    """
    ids = example_ids()
    name = name.removesuffix(".yaml").removeprefix("tuned_examples/")
    if name not in ids:
        guess = nearest(name, ids) or next((known for known in ids if name and name in known), None)
        hint = f"; did you mean {guess!r}?" if guess else "."
        raise UserError(f"example: unknown id {shown(name)}{hint} `rllib example list` shows all {len(ids)}.")
    return examples_folder() / f"{name}.yaml"


def read_example(name: str) -> Example:
    """What an example says of itself."""
    import yaml

    file = find_example(name)
    text = file.read_text(encoding="utf-8")
    specs = list(yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)).values())

    def distinct(key: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(str(spec[key]) for spec in specs))

    return Example(name, file, distinct("run"), distinct("env"), _first_line(text))


def _first_line(text: str) -> str:
    """Of the comment at the top; empty if there is none."""
    first = text.partition("\n")[0]
    return first.lstrip("# ") if first.startswith("#") else ""
