"""`rllib smac`: is StarCraft II installed so that the environment `smac` can run?"""

from __future__ import annotations

import textwrap
import time
from typing import Any

import typer

from rllib_remix.cli.options import VERBOSE_OPTION
from rllib_remix.envs.smac.settings import OXWHIRL_CLIENT

app = typer.Typer(no_args_is_help=True, help="Look after StarCraft II.", rich_markup_mode=None)

CLIENT = OXWHIRL_CLIENT  # tests put another in
_WIDTH = 80
_START_LIMIT_S = 120.0


@app.callback()
def smac() -> None:
    """Look after StarCraft II."""


@app.command(short_help="Look for what the environment smac needs.")
def check(
    map_name: str = typer.Option(None, "--map", help="Look for this map only [default: all 23]."),
    game_version: str = typer.Option(None, "--game-version", help="The version to be played, such as 4.10."),
    sc2_path: str = typer.Option(
        None, "--sc2-path", help="StarCraft II's folder [default: SC2PATH, or ~/StarCraftII]."
    ),
    start: bool = typer.Option(False, "--start", help="Also start one game, play a step and end it."),
    verbose: int = VERBOSE_OPTION,
) -> None:
    """Look for everything that the environment smac needs, and say what to do; exit code 1 if something is missing."""
    from rllib_remix.envs.smac.maps import MAPS, smac_map
    from rllib_remix.envs.smac.preflight import preflight

    maps = list(MAPS) if map_name is None else [smac_map(map_name).name]
    findings = preflight(maps, game_version, sc2_path)
    for finding in findings:
        _say("missing" if finding.is_missing else "ok", finding.item, finding.text)
    complete = not any(finding.is_missing for finding in findings)
    if start and complete:
        complete = _try_a_game(
            map_name=map_name or "3m", game_version=game_version, sc2_path=sc2_path, client=CLIENT
        )
    elif start:
        typer.echo("No game was started, as something is missing.")
    if not complete:
        typer.echo("The environment smac_sim needs none of this.")
        raise typer.Exit(1)


def _try_a_game(**settings: Any) -> bool:
    """Whether a game starts and plays one step; says how it went."""
    from rllib_remix.envs.smac.env import Smac
    from rllib_remix.envs.smac.game import SmacError

    env = Smac(**settings, start_tries=1, reset_timeout_s=_START_LIMIT_S)
    begin = time.monotonic()
    try:
        first = env.reset(seed=0)
        seconds = time.monotonic() - begin
        step = env.step(first.avail_actions.argmax(-1))
    except SmacError as error:
        _say("missing", "start", str(error))
        return False
    finally:
        env.close()
    if step.broken is not None and step.broken[0]:
        _say("missing", "start", f"The game broke in its first step: {env.fault(0)}.")
        return False
    build = int(step.info["game_build"][0])
    _say(
        "ok",
        "start",
        f"map {settings['map_name']} was there after {seconds:.0f} s, in StarCraft II of build {build}",
    )
    return True


def _say(state: str, item: str, text: str) -> None:
    """One finding, wrapped; lines that it has of its own (output of a game) are kept."""
    head = f"{state:<8}{item:<18}"
    first, *others = text.splitlines() or [""]
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
