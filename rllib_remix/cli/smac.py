"""`rllib smac`: is StarCraft II installed so that the environments `smac` and `smacv2` can run?"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import typer

from rllib_remix.cli.options import VERBOSE_OPTION

if TYPE_CHECKING:
    from rllib_remix.envs.smac.preflight import Finding

app = typer.Typer(no_args_is_help=True, help="Look after StarCraft II.", rich_markup_mode=None)

CLIENT: str | None = None  # tests put another in the place of the environment's own
_WIDTH = 80


@app.callback()
def smac() -> None:
    """Look after StarCraft II."""


@app.command(short_help="Look for what the environment smac needs.")
def check(
    env: str = typer.Option("smac", "--env", help="smac or smacv2: whose client and maps to look for."),
    map_name: str = typer.Option(None, "--map", help="Look for this map only [default: all of them]."),
    game_version: str = typer.Option(None, "--game-version", help="The version to be played, such as 4.10."),
    sc2_path: str = typer.Option(
        None, "--sc2-path", help="StarCraft II's folder [default: SC2PATH, or ~/StarCraftII]."
    ),
    start: bool = typer.Option(False, "--start", help="Also start one game, play a step and end it."),
    verbose: int = VERBOSE_OPTION,
) -> None:
    """Look for everything that smac (or smacv2) needs, and say what to do; exit code 1 if something is missing."""
    from rllib_remix.envs.smac.preflight import CLIENTS, preflight
    from rllib_remix.settings import check_choice

    check_choice("--env", env, CLIENTS)
    findings = preflight(_maps(env, map_name), game_version, sc2_path, env=env)
    for finding in findings:
        _say_finding(finding)
    complete = not any(finding.is_missing for finding in findings)
    if start and complete:
        from rllib_remix.envs.smac.first_game import try_a_game

        chosen = {} if CLIENT is None else {"client": CLIENT}
        map_name = map_name or ("3m" if env == "smac" else "terran_5_vs_5")
        finding = try_a_game(env, map_name=map_name, game_version=game_version, sc2_path=sc2_path, **chosen)
        _say_finding(finding)
        complete = not finding.is_missing
    elif start:
        typer.echo("No game was started, as something is missing.")
    if not complete:
        typer.echo("The environment smac_sim needs none of this.")
        raise typer.Exit(1)


def _maps(env: str, map_name: str | None) -> list[str]:
    """The maps to look for; a scenario's is the one that it is played on."""
    from rllib_remix.envs.smac.capabilities import check_map_name, with_scenario
    from rllib_remix.envs.smac.maps import DRAWN_MAPS, MAPS, smac_map

    if map_name is None:
        return [*MAPS, *(DRAWN_MAPS if env == "smacv2" else ())]
    if env == "smac":
        return [smac_map(map_name).name]
    check_map_name(map_name, tuple(MAPS))
    return [with_scenario({"map_name": map_name})["map_name"]]


def _say_finding(finding: Finding) -> None:
    """One finding, wrapped; lines that it has of its own (output of a game) are kept."""
    head = f"{'missing' if finding.is_missing else 'ok':<8}{finding.item:<18}"
    first, *others = finding.text.splitlines() or [""]
    # Paths and commands stay whole, so that they can be copied.
    typer.echo(
        textwrap.fill(
            first,
            _WIDTH,
            initial_indent=head,
            subsequent_indent=" " * len(head),
            break_long_words=False,
            break_on_hyphens=False,
        )
    )
    for line in others:
        typer.echo(f"    {line}")
