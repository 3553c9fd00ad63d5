"""`rllib doctor`: is everything there, and if not, what mends it?"""

from __future__ import annotations

import json
import textwrap

import typer

from rllib_remix.cli.options import VERBOSE_OPTION

_WIDTH = 80
_ITEM_WIDTH = 14


def doctor(
    storage_path: str = typer.Option(
        "~/ray_results", "--storage-path", help="Folder for results, as rllib train takes it."
    ),
    as_json: bool = typer.Option(False, "--json", help="As JSON."),
    verbose: int = VERBOSE_OPTION,
) -> None:
    """Look at versions, machine, disks, GPUs, compiled code and optional parts; starts nothing.

    Exit code 1 if something that is required is missing.
    """
    from rllib_remix import __version__
    from rllib_remix.diagnosis import diagnose

    checks = diagnose(storage_path)
    problems = [check for check in checks if check.state == "problem"]
    if as_json:
        report = {
            "rllib_remix": __version__,
            "works": not problems,
            "checks": [check._asdict() for check in checks],
        }
        typer.echo(json.dumps(report, indent=2))
    else:
        typer.echo(f"rllib_remix {__version__}")
        for check in checks:
            _say(check.state, check.item, check.text, check.command)
        typer.echo()
        if problems:
            typer.echo(f"To be mended: {', '.join(check.item for check in problems)}.")
        else:
            typer.echo("Everything that is required works.")
    if problems:
        raise typer.Exit(1)


def _say(state: str, item: str, text: str, command: str | None) -> None:
    """One check, wrapped; its command is a line of its own, so that it can be copied."""
    head = f"{state:<9}{item:<{_ITEM_WIDTH}} "
    typer.echo(
        textwrap.fill(
            text,
            _WIDTH,
            initial_indent=head,
            subsequent_indent=" " * len(head),
            break_long_words=False,
            break_on_hyphens=False,
        )
    )
    if command is not None:
        typer.echo(f"{' ' * len(head)}{command}")
