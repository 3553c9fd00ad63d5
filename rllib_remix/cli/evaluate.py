"""`rllib evaluate`: plays episodes with what was trained, without starting Ray."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rllib_remix.cli.completion import complete_algorithms, complete_environments
from rllib_remix.cli.options import VERBOSE_OPTION
from rllib_remix.errors import UserError
from rllib_remix.playing.evaluation import MAX_EPISODES, MAX_STEPS, limits, report

if TYPE_CHECKING:
    from rllib_remix.playing.animation import Animation

TRUST_PICKLE_OPTION = typer.Option(
    False,
    "--trust-pickle",
    help="Read a checkpoint of RLlib's own algorithms, which can run any code of whoever made it.",
)
# Whatever options come are handed on in the answer.
ANY_OPTION = {"ignore_unknown_options": True, "allow_extra_args": True}


def evaluate(
    checkpoint: Path = typer.Argument(
        None,
        help="Checkpoint folder, a trial's or experiment's folder (its newest), an export, or zoo:NAME (`rllib zoo "
        "list`); none plays an untrained --algo on --env.",
        show_default=False,
    ),
    algo: str = typer.Option(
        None,
        "--algo",
        "--run",
        "-a",
        "-r",
        help="Must be the algorithm of the checkpoint.",
        autocompletion=complete_algorithms,
    ),
    env: str = typer.Option(
        None,
        "--env",
        "-e",
        help="Environment instead of the checkpoint's.",
        autocompletion=complete_environments,
    ),
    config: str = typer.Option(
        "{}",
        "--config",
        "-c",
        help="JSON of settings over the checkpoint's and its evaluation_config, or @FILE.",
    ),
    env_config: str = typer.Option(
        "{}", "--env-config", help="JSON of environment settings to change, or @FILE."
    ),
    episodes: int = typer.Option(
        None,
        "--episodes",
        min=0,
        max=MAX_EPISODES,
        help="Stop after so many; 0 is no limit [default: 32, or no limit with --steps].",
    ),
    steps: int = typer.Option(
        None,
        "--steps",
        min=0,
        max=MAX_STEPS,
        help="Stop after so many environment steps, leaving out the episode that is cut off; 0 is no limit "
        "[default: no limit, or 10000 with --episodes 0].",
    ),
    seed: int = typer.Option(0, "--seed", min=0, max=2**32 - 1, help="Seed of the environment."),
    out: Path = typer.Option(
        None, "--out", "-o", help="Write every episode's return and length to this .json file."
    ),
    save_info: bool = typer.Option(False, "--save-info", help="Write the infos of every step to --out too."),
    track_progress: bool = typer.Option(
        False, "--track-progress", help="Say how far it is in __progress_OUT, beside --out, while it plays."
    ),
    use_shelve: bool = typer.Option(False, "--use-shelve", help="Gone: --out writes JSON."),
    render: Path = typer.Option(
        None, "--render", help="Write an animation of one episode to this .gif file."
    ),
    trust_pickle: bool = TRUST_PICKLE_OPTION,
    verbose: int = VERBOSE_OPTION,
) -> None:
    """Play episodes with a checkpoint, always with the best action unless the settings have explore: true.

    Nothing of a team's checkpoint is unpickled, and Ray is not started. The first limit that is reached stops.
    """
    from rllib_remix import playing
    from rllib_remix.checkpoints.finding import find_checkpoint, printed
    from rllib_remix.files.json_text import parse_json_object
    from rllib_remix.files.text_files import local_path
    from rllib_remix.playing.results_file import progress_file, write_json

    overrides = parse_json_object("--config", config)
    env_overrides = parse_json_object("--env-config", env_config)
    most_episodes, most_steps = limits(episodes, steps)
    _check_files(out, render, save_info=save_info, track_progress=track_progress, use_shelve=use_shelve)
    folder = find_checkpoint(checkpoint) if checkpoint is not None else None
    if folder is not None and folder != local_path("checkpoint", str(checkpoint)).absolute():
        typer.echo(f"Checkpoint: {printed(folder)}")
    animation = _animation(render)
    with progress_file(out if track_progress else None, most_episodes, most_steps) as say_progress:
        result = playing.evaluate(
            folder,
            most_episodes,
            steps=most_steps,
            algorithm=algo,
            env=env,
            config=overrides,
            env_config=env_overrides,
            seed=seed,
            keep_step_infos=save_info,
            animation=animation,
            trust_pickle=trust_pickle,
            verbosity=verbose,
            on_episode=say_progress,
        )
    for line in report(result):
        typer.echo(line)
    if out is not None:
        write_json("--out", out, result)
        typer.echo(f"Written to {out}")
    if animation is not None:
        typer.echo(animation.write())


def _check_files(
    out: Path | None, render: Path | None, *, save_info: bool, track_progress: bool, use_shelve: bool
) -> None:
    from rllib_remix.playing.results_file import check_writable

    if use_shelve:
        raise UserError(
            "--use-shelve: shelves are pickles and are not written any more; use --out FILE.json."
        )
    for option, given in (("--save-info", save_info), ("--track-progress", track_progress)):
        if given and out is None:
            raise UserError(f"{option}: needs the file that --out names; add --out FILE.json.")
    if out is not None:
        check_writable("--out", out, ".json")
    if render is not None:
        check_writable("--render", render, ".gif")


def _animation(file: Path | None) -> Animation | None:
    if file is None:
        return None
    from rllib_remix.playing.animation import Animation

    return Animation(file)


def rollout(ctx: typer.Context) -> None:
    """Gone: use `rllib evaluate`, which takes the same options."""
    command = shlex.join(["rllib", "evaluate", *ctx.args])
    raise UserError(f"rllib rollout is called `rllib evaluate` now; use: {command}")
