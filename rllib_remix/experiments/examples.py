"""The tuned examples that ship with the package: where they lie, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rllib_remix.errors import UserError, nearest, shown
from rllib_remix.files.text_files import local_path

_PACKAGE = Path(__file__).parent.parent
# What the folders of examples, and the files in none, are for; in the order in which a newcomer needs them.
USES = {
    "To begin with": ("demo", "matrix_game", "two_step_game"),
    "Predator-Prey": ("predator_prey_small", "predator_prey"),
    "Games that others wrote": ("environments",),
    "StarCraft's battles, in our simulator": ("smac_sim", "smac_sim_actor_critics"),
    "StarCraft II": ("smac", "smacv2"),
    "Searches for settings": ("search",),
    "What single settings do": ("ablations", "defaults"),
}


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


def examples_with(text: str) -> list[Example]:
    """The examples that have `text` in id, algorithm, environment or description, in any case of letters.

    Raises:
        UserError: none has.
    """
    found = [
        entry
        for entry in map(read_example, example_ids())
        if text.lower() in " ".join((entry.name, *entry.algorithms, *entry.environments, entry.text)).lower()
    ]
    if not found:
        raise UserError(f"--filter: no example has {shown(text)} in it; `rllib example list` shows all.")
    return found


def by_use(examples: Sequence[Example]) -> dict[str, list[Example]]:
    """Examples by what they are for, those of one folder together; uses without any are left out."""
    found = {
        use: [each for folder in folders for each in examples if each.name.partition("/")[0] == folder]
        for use, folders in USES.items()
    }
    return {use: entries for use, entries in found.items() if entries}


def copy_example(name: str, out: Path) -> Path:
    """Writes an example to a file to be changed, which must not exist yet; returns its path.

    Raises:
        UserError: there is no such example, or the file is there or cannot be written.
    """
    content = find_example(name).read_bytes()
    target = local_path("--out", str(out))
    try:
        with open(target, "xb") as stream:
            stream.write(content)
    except FileExistsError:
        raise UserError(f"--out: {shown(str(target))} exists; it is not overwritten.") from None
    except OSError as error:
        raise UserError(f"--out: cannot write {shown(str(target))}: {error.strerror}.") from None
    return target


def _first_line(text: str) -> str:
    """Of the comment at the top; empty if there is none."""
    first = text.partition("\n")[0]
    return first.lstrip("# ") if first.startswith("#") else ""
