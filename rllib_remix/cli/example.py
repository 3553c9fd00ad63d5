"""`rllib example`: the tuned examples, to be listed, read, copied and run."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from rllib_remix.cli.completion import complete_examples
from rllib_remix.cli.options import VERBOSE_OPTION
from rllib_remix.experiments.examples import Example, by_use, copy_example, examples_with, find_example

app = typer.Typer(no_args_is_help=True, help="List, read and run the tuned examples.", rich_markup_mode=None)

_WIDTH = 80
_ID = typer.Argument(help="As `rllib example list` shows it.", metavar="ID", autocompletion=complete_examples)


@app.callback()
def example() -> None:
    """List, read and run the tuned examples."""


@app.command("list", epilog="Example: rllib example list --filter foraging")
def list_examples(
    text: str = typer.Option(
        "", "--filter", "-f", help="Only those with this text in id, algorithm, environment or description."
    ),
    verbose: int = VERBOSE_OPTION,
) -> None:
    """List id, algorithm, environment and what it is, by what they are for."""
    for number, (use, entries) in enumerate(by_use(examples_with(text)).items()):
        typer.echo(f"\n{use}:" if number else f"{use}:")
        _list(entries)


def _list(entries: Sequence[Example]) -> None:
    for entry in entries:
        # Of a module's path the last part says which it is.
        environments = ", ".join(re.split("[:.]", name)[-1] for name in entry.environments)
        title = f"  {entry.name}  ({', '.join(entry.algorithms)} on {environments})"
        typer.echo(title if len(title) <= _WIDTH else f"{title[: _WIDTH - 1]}…")
        typer.echo("      " + textwrap.shorten(entry.text, _WIDTH - 6, placeholder=" …"))


@app.command(epilog="Example: rllib example get demo --out my.yaml")
def get(
    name: str = _ID,
    out: Path = typer.Option(None, "--out", "-o", help="Write it to this file, which must not exist yet."),
    verbose: int = VERBOSE_OPTION,
) -> None:
    """Print an example, or write it to a file to be changed."""
    if out is None:
        typer.echo(find_example(name).read_bytes().decode(), nl=False)
        return
    target = copy_example(name, out)
    typer.echo(f"Written to {target}; train it with: rllib train file {target}")


@app.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    epilog="Example: rllib example run matrix_game/remix --set config.lr=1e-3",
)
def run(
    ctx: typer.Context,
    name: str = _ID,
    storage_path: str = typer.Option(None, "--storage-path", help="Folder for results."),
    ray_address: str = typer.Option(
        None, "--ray-address", help="A running Ray cluster [default: start Ray here]."
    ),
    ray_num_cpus: int = typer.Option(
        None, "--ray-num-cpus", min=1, help="CPUs that Ray may share out [default: all]."
    ),
    verbose: int = VERBOSE_OPTION,
) -> None:
    """Train an example. Takes every other option of `rllib train file` as well."""
    given = (
        ("--storage-path", storage_path),
        ("--ray-address", ray_address),
        ("--ray-num-cpus", ray_num_cpus),
    )
    options = [part for option, value in given if value is not None for part in (option, str(value))]
    file = find_example(name)
    # Through the command itself, so that an example and a file are trained by the same code.
    root: Any = ctx.find_root().command
    train = root.commands["train"]
    with train.make_context(
        "train", ["file", str(file), *options, *ctx.args], parent=ctx.find_root()
    ) as inner:
        train.invoke(inner)
