"""Plays an algorithm of RLlib's own: in this process, without starting Ray."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from rllib_remix.checkpoints.finding import told_to_user
from rllib_remix.checkpoints.portable import check_finite
from rllib_remix.checkpoints.rllib import TrustedCheckpoint, explained, read_trusted
from rllib_remix.errors import UserError
from rllib_remix.experiments.algorithm import find_algorithm
from rllib_remix.experiments.checks.environment import check_environment
from rllib_remix.experiments.checks.setting_names import check_rllib_settings
from rllib_remix.experiments.checks.setting_values import check_values
from rllib_remix.experiments.old.settings import translate_config
from rllib_remix.playing.animation import SHORTEST_FRAME_MS, Animation
from rllib_remix.playing.episodes import PlayedEpisodes
from rllib_remix.playing.evaluation import Evaluated, Evaluation
from rllib_remix.playing.failures import one_line_failures

if TYPE_CHECKING:
    from ray.rllib.algorithms.algorithm_config import AlgorithmConfig

_CONNECTORS = ("env_to_module_connector", "module_to_env_connector")
_RENDER_MODE = "rgb_array"


def play_trained_algorithm(asked: Evaluation) -> Evaluated:
    """Plays a checkpoint, which is unpickled.

    Raises:
        UserError: what was asked cannot be, or playing fails.
    """
    assert asked.checkpoint is not None
    checkpoint = read_trusted(asked.checkpoint)
    asked.check_algorithm(checkpoint.algorithm_class.__name__)
    return _play(checkpoint.algorithm_class.__name__, checkpoint.config, checkpoint, asked)


def play_untrained_algorithm(asked: Evaluation) -> Evaluated:
    """Plays an algorithm whose networks have just been made; `asked.algorithm` is given.

    Raises:
        UserError, SettingError: what was asked cannot be, or playing fails.
    """
    assert asked.algorithm is not None
    _, algorithm_class, config = find_algorithm(asked.algorithm)
    return _play(algorithm_class.__name__, config.copy(copy_frozen=False), None, asked)


def _play(
    algorithm: str, config: AlgorithmConfig, checkpoint: TrustedCheckpoint | None, asked: Evaluation
) -> Evaluated:
    config = _evaluation_settings(config, asked)
    check_environment(config.env, dict(config.env_config))
    name = config.env if isinstance(config.env, str) else getattr(config.env, "__name__", str(config.env))
    watcher = Watcher(asked)
    watcher.attach(config)
    env_config = dict(config.env_config)
    if asked.animation:
        os.environ.setdefault("SDL_AUDIODRIVER", "dummy")  # pygame would look for a sound card, and say so
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
        _make_renderable(config)
    with one_line_failures(f"{algorithm} on env {name!r}"):
        runner: Any = _runner_class(config)(config=config, worker_index=0)
        try:
            if checkpoint is not None:
                _restore(runner, checkpoint)
            if asked.animation:
                asked.animation.frame_ms = _frame_ms(runner, asked.animation.frame_ms)
            watcher.run(functools.partial(runner.sample, explore=config.explore))
        finally:
            runner.stop()
    return Evaluated(
        algorithm=algorithm,
        environment=name,
        env_config=env_config,
        explore=bool(config.explore),
        played=watcher.played,
    )


def _evaluation_settings(config: AlgorithmConfig, asked: Evaluation) -> AlgorithmConfig:
    """The run's settings, then its evaluation_config, then what was asked for; one copy, in this process."""
    from ray.rllib.algorithms.algorithm_config import AlgorithmConfig

    if not config.enable_env_runner_and_connector_v2:
        raise UserError(
            f"{asked.where} is of RLlib's old API stack; allowed: one that was trained on the new stack."
        )
    given = config.evaluation_config
    says_explore = isinstance(given, AlgorithmConfig) or (isinstance(given, dict) and "explore" in given)
    merged = config.get_evaluation_config_object() or config
    if not says_explore:
        merged.explore = False
    settings, notes = translate_config("--config", asked.config, config.algo_class)
    for note in notes:
        asked.warn(note)
    check_rllib_settings("--config", config, settings)
    check_values("--config", config.to_dict(), settings)
    with one_line_failures("--config:"):
        merged.update_from_dict(settings)
        merged.env_config = {**merged.env_config, **asked.env_config}
    if asked.env is not None:
        merged.env = asked.env
    merged.seed = asked.seed
    merged.num_env_runners = 0
    merged.num_envs_per_env_runner = 1
    merged.gym_env_vectorize_mode = "sync"
    merged.num_gpus_per_env_runner = 0
    merged.output = None  # what is played is not recorded as training data
    return merged


def _runner_class(config: AlgorithmConfig) -> type:
    """What RLlib itself would take."""
    from ray.rllib.env.multi_agent_env_runner import MultiAgentEnvRunner
    from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner

    if config.env_runner_cls is not None:
        return config.env_runner_cls
    return MultiAgentEnvRunner if config.is_multi_agent else SingleAgentEnvRunner


def _restore(runner: Any, checkpoint: TrustedCheckpoint) -> None:
    """Puts the trained networks and connectors (running means of observations, …) into a runner."""
    from ray.rllib.core import COMPONENT_RL_MODULE, DEFAULT_MODULE_ID

    modules = checkpoint.modules
    if not runner.config.is_multi_agent:
        modules = modules / DEFAULT_MODULE_ID
    with explained(checkpoint.folder, str(modules.relative_to(checkpoint.folder))):
        runner.module.restore_from_path(str(modules))
    state = runner.module.get_state()
    states = state if runner.config.is_multi_agent else {DEFAULT_MODULE_ID: state}
    arrays = {f"{id_}/{name}": np.asarray(value) for id_, of in states.items() for name, value in of.items()}
    with told_to_user():
        check_finite(checkpoint.folder, str(modules.relative_to(checkpoint.folder)), arrays)
    components = dict(runner.get_checkpointable_components())
    assert COMPONENT_RL_MODULE in components
    for name in _CONNECTORS:
        for folder in (checkpoint.folder / "env_runner" / name, checkpoint.folder / name):
            if name in components and folder.is_dir():
                with explained(checkpoint.folder, str(folder.relative_to(checkpoint.folder))):
                    components[name].restore_from_path(str(folder))
                break


class _Enough(Exception):
    """A limit was reached."""


class Watcher:
    """Follows an env runner through RLlib's callbacks, and stops it at the first limit that is reached."""

    def __init__(self, asked: Evaluation) -> None:
        self.played = PlayedEpisodes()
        self._asked = asked
        self._infos: list[Any] = []

    def __deepcopy__(self, memo: Any) -> Watcher:
        return self  # an env runner copies its settings, and callbacks with them

    def attach(self, config: AlgorithmConfig) -> None:
        """Adds this to the callbacks of `config`."""
        for name in ("on_episode_start", "on_episode_step", "on_episode_end"):
            own: Any = getattr(config, f"callbacks_{name}") or []
            own = list(own) if isinstance(own, list | tuple) else [own]
            setattr(config, f"callbacks_{name}", [*own, getattr(self, f"_{name}")])

    def run(self, sample: Callable[..., Any]) -> None:
        """Plays until a limit is reached; `sample` is a runner's."""
        # One call for all: every call resets the environment with the same seed.
        endless = 2**62
        with contextlib.suppress(_Enough):
            sample(num_episodes=self._asked.episodes or endless)

    def _on_episode_start(self, *, episode: Any, env: Any, **_: Any) -> None:
        self._infos = []
        if self._asked.animation and not self.played.returns:
            self._show(self._asked.animation, env, is_last=False)

    def _on_episode_step(self, *, episode: Any, env: Any, **_: Any) -> None:
        self.played.num_env_steps += 1
        if self._asked.keep_step_infos:
            self._infos.append(episode.get_infos(-1))
        if self._asked.animation and not self.played.returns:
            self._show(self._asked.animation, env, is_last=bool(episode.is_done))
        if self._no_step_is_left and not episode.is_done:
            raise _Enough

    def _on_episode_end(self, *, episode: Any, **_: Any) -> None:
        self.played.returns.append(float(episode.get_return()))
        self.played.lengths.append(len(episode))
        self._keep_agent_returns(getattr(episode, "agent_episodes", {}))
        if self._asked.keep_step_infos:
            self.played.step_infos.append(self._infos)
        self._asked.on_episode(self.played)
        if self._no_step_is_left or len(self.played.returns) == self._asked.episodes:
            raise _Enough

    def _keep_agent_returns(self, agent_episodes: dict[Any, Any]) -> None:
        """Of the episode whose return was added last; who is not in an episode receives nothing in it."""
        received = {str(agent): float(own.get_return()) for agent, own in agent_episodes.items()}
        for agent in received:
            self.played.agent_returns.setdefault(agent, [0.0] * (len(self.played.returns) - 1))
        for agent, returns in self.played.agent_returns.items():
            returns.append(received.get(agent, 0.0))

    @property
    def _no_step_is_left(self) -> bool:
        return bool(self._asked.steps) and self.played.num_env_steps >= self._asked.steps

    def _show(self, animation: Animation, env: Any, *, is_last: bool) -> None:
        if animation.wants_more:
            animation.add(picture_of(env), is_last=is_last)


def picture_of(env: Any) -> np.ndarray:
    """[H, W, 3] uint8: what the first copy of a vector environment shows.

    Raises:
        UserError: it shows nothing.
    """
    try:
        picture = env.envs[0].render()
    except (AttributeError, NotImplementedError, IndexError) as error:
        raise UserError(f"--render: this environment has no pictures ({error}).") from error
    if isinstance(picture, list):
        picture = picture[-1] if picture else None
    picture = np.asarray(picture)
    if picture.ndim != 3 or picture.shape[-1] != 3:
        raise UserError(
            '--render: this environment gives no pictures; try --env-config \'{"render_mode": "rgb_array"}\'.'
        )
    return picture.astype(np.uint8)


def _make_renderable(config: AlgorithmConfig) -> None:
    """Gymnasium's environments give pictures only when they were made for it."""
    from ray.tune.registry import ENV_CREATOR, _global_registry

    registered = isinstance(config.env, str) and _global_registry.contains(ENV_CREATOR, config.env)
    if isinstance(config.env, str) and not registered:
        config.env_config = {"render_mode": _RENDER_MODE, **config.env_config}


def _frame_ms(runner: Any, otherwise: int) -> int:
    """How long a step lasts in the environment's own time, if it says so."""
    metadata = getattr(getattr(runner, "env", None), "metadata", None) or {}
    rate = metadata.get("render_fps")
    return max(SHORTEST_FRAME_MS, round(1000 / rate)) if rate else otherwise
