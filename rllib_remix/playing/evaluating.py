"""Plays episodes with what was trained: what `rllib evaluate` does, for Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rllib_remix.checkpoints.finding import check_is_readable, find_checkpoint
from rllib_remix.errors import UserError
from rllib_remix.playing.evaluation import Evaluation, as_result, limits
from rllib_remix.terminal.lines import print_note

if TYPE_CHECKING:
    from rllib_remix.playing.animation import Animation
    from rllib_remix.playing.episodes import PlayedEpisodes
    from rllib_remix.playing.evaluation import Evaluated


def evaluate(
    checkpoint: Path | str | None,
    episodes: int | None = None,
    *,
    steps: int | None = None,
    algorithm: str | None = None,
    env: str | None = None,
    config: Mapping[str, Any] | None = None,
    env_config: Mapping[str, Any] | None = None,
    seed: int = 0,
    keep_step_infos: bool = False,
    animation: Animation | None = None,
    trust_pickle: bool = False,
    verbosity: int = 0,
    on_episode: Callable[[PlayedEpisodes], object] = lambda _: None,
    warn: Callable[[str], object] = print_note,
) -> dict[str, Any]:
    """Plays episodes in this process, always with the best action unless the settings have `explore: true`.

    Ray is not started, and nothing of a team's checkpoint is unpickled. The first limit that is reached stops.

    Args:
        checkpoint: its folder, a trial's or experiment's folder (its newest), or an export; None plays an untrained
            `algorithm` on `env`.
        episodes: how many to play; 0 is no limit, None is 32, or no limit where `steps` is given.
        steps: environment steps to play, leaving out the episode that is cut off; 0 is no limit, None is none, or
            10,000 where `episodes` is 0.
        algorithm: must be the one that made the checkpoint.
        env: name or path of the environment to play instead of the checkpoint's.
        config: settings over the checkpoint's and its `evaluation_config`.
        env_config: settings of the environment over all others.
        seed: of the environment.
        keep_step_infos: keep the infos of every step, not only the last of each episode.
        animation: collects the pictures of the first episode; its `write` makes the GIF afterwards.
        trust_pickle: read a checkpoint of RLlib's own algorithms, which can run any code of whoever made it.
        verbosity: 0 hides what Ray says to developers, 1 shows it.
        on_episode: called after every finished episode with what was played so far.
        warn: takes notes on what is left out.

    Returns:
        Who played where, `num_episodes`, `episode_return_mean` and the like, means of the infos, and under `episodes`
        the return and length of each: as `rllib evaluate --out` writes it.

    Raises:
        UserError, SettingError: what was asked cannot be, playing fails, or no episode was finished.
    """
    most_episodes, most_steps = limits(episodes, steps)
    settings = dict(config or {})
    env = env or settings.get("env")
    if checkpoint is None and not (algorithm and env):
        raise UserError("CHECKPOINT: none given; give its folder, or --algo and --env to play it untrained.")
    folder = None if checkpoint is None else find_checkpoint(Path(checkpoint))
    of_team = check_is_readable(folder, trust_pickle=trust_pickle) if folder else _is_of_team(algorithm)
    asked = Evaluation(
        checkpoint=folder,
        algorithm=algorithm,
        env=env,
        config=settings,
        env_config=dict(env_config or {}),
        episodes=most_episodes,
        steps=most_steps,
        seed=seed,
        keep_step_infos=keep_step_infos,
        animation=animation,
        on_episode=on_episode,
        warn=warn,
    )
    return as_result(asked, _play(asked, of_team=of_team, verbosity=verbosity))


def _is_of_team(algorithm: str | None) -> bool:
    from rllib_remix.algorithms.table import ALGORITHMS

    return algorithm in ALGORITHMS


def _play(asked: Evaluation, *, of_team: bool, verbosity: int) -> Evaluated:
    if of_team:
        from rllib_remix.playing.teams import play_trained_team, play_untrained_team

        return (play_trained_team if asked.checkpoint else play_untrained_team)(asked)
    from rllib_remix.playing.rllib import play_trained_algorithm, play_untrained_algorithm
    from rllib_remix.terminal.quiet import quiet_ray

    with quiet_ray(verbosity):
        return (play_trained_algorithm if asked.checkpoint else play_untrained_algorithm)(asked)
