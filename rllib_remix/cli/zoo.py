"""`rllib zoo`: the trained teams that ship with the package."""

from __future__ import annotations

import dataclasses
import json

import typer

from rllib_remix.cli.options import VERBOSE_OPTION
from rllib_remix.zoo.catalog import zoo_teams

app = typer.Typer(no_args_is_help=True, help="List the trained teams of the package.", rich_markup_mode=None)


@app.callback()
def zoo() -> None:
    """Trained teams of the package, which `rllib evaluate zoo:NAME` plays."""


@app.command("list", epilog="Example: rllib zoo list")
def list_teams(
    as_json: bool = typer.Option(False, "--json", help="As JSON."), verbose: int = VERBOSE_OPTION
) -> None:
    """List name, return with its 95 % confidence interval, what it plays, and the command that trained it."""
    teams = zoo_teams()
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(team) for team in teams], indent=2))
        return
    for team in teams:
        typer.echo(
            f"{team.name}  return {team.mean:.2f} ± {team.half_width:.2f} ({team.episodes:,} episodes)"
        )
        typer.echo(f"    {team.text}")
        typer.echo(f"    {team.command}")
