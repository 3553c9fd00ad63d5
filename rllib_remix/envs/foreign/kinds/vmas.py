"""VMAS environments, whose N copies are one object and step together, as a TeamEnv."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign.agent_order import names_of
from rllib_remix.envs.foreign.info_values import MAX_NAMES
from rllib_remix.envs.foreign.options import check_options
from rllib_remix.envs.team_env import TeamEnv, TeamStep
from rllib_remix.errors import SettingError, nearest, shown, unknown
from rllib_remix.settings import check_choice, check_keys

NAME = "vmas.simulator.environment.environment.Environment"
OPTIONS = ("state", "team_reward", "episode_limit")  # of `team_adapter`, that are possible here
# Arguments of make_env that are given here, with the reason.
_FIXED = {
    "num_envs": "the setting is num_envs_per_env_runner",
    "continuous_actions": "actions are discrete here",
    "multidiscrete_actions": "an agent's choices are enumerated as one Discrete here",
    "wrapper": "the environment is read as it is",
}
_NOT_SET = (*_FIXED, "scenario", "kwargs")


def is_vmas(env: Any) -> bool:
    """Whether this is an environment of VMAS, which may not be installed."""
    return any(f"{base.__module__}.{base.__qualname__}" == NAME for base in type(env).__mro__)


def vmas_creator(scenario: str) -> Callable[[Any], Any]:
    """A creator, as RLlib calls it, of a scenario that VMAS ships: `context.num_envs` copies with discrete actions.

    The settings in its context are further arguments of `vmas.make_env`, among them `max_steps`, and the scenario's own.
    """

    def create(context: Any) -> Any:
        return make_vmas(scenario, int(getattr(context, "num_envs", 1)), dict(context))

    return create


def make_vmas(scenario: str, num_envs: int, settings: dict[str, Any]) -> Any:
    """A VMAS environment with discrete actions.

    Args:
        scenario: its name, such as "balance".
        num_envs: number of copies.
        settings: further arguments of `vmas.make_env`.

    Raises:
        SettingError: VMAS cannot be imported, has no such scenario, or a setting that cannot be.
    """
    try:
        import vmas
    except ImportError as error:
        raise SettingError(f"env: vmas:{scenario} needs VMAS, which cannot be imported ({error}).") from error
    known = sorted({*vmas.scenarios, *vmas.mpe_scenarios, *vmas.debug_scenarios})
    if scenario not in known:
        raise unknown("env: scenario of VMAS", scenario, known)
    for name in settings:
        if name in _FIXED:
            raise SettingError(f"env_config.{name}: it is not to be set for vmas:{scenario}; {_FIXED[name]}.")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Scenario kwargs")  # that the scenario does not know
            return vmas.make_env(scenario, num_envs=num_envs, continuous_actions=False, **settings)
    except UserWarning as error:
        own = [name for name in inspect.signature(vmas.make_env).parameters if name not in _NOT_SET]
        unknown_one = next((name for name in settings if name not in own and repr(name) in str(error)), "")
        guess = nearest(unknown_one, own)
        hint = f"; did you mean {guess!r}?" if guess else "."
        raise SettingError(
            f"env_config of vmas:{scenario}: unknown key {shown(unknown_one)}{hint} Allowed: {', '.join(own)}, and what "
            "the scenario itself takes."
        ) from error
    except (AssertionError, TypeError, ValueError, KeyError) as error:
        said = f"{type(error).__name__}: {error}".rstrip(".")
        raise SettingError(f"env: vmas.make_env({scenario!r}) with {settings} fails with {said}.") from error


class VmasTeam(TeamEnv):
    """The copies of a VMAS environment, stepped in one call.

    The state is what all agents observe, as VMAS shows no other. Smaller observations are padded with zeros, smaller
    action sets with actions that are never available. Numbers in the infos are means over the agents that have them.

    All copies draw from one random stream, of which the environment has its own here: VMAS shares one among all
    environments of a process. Whenever copies begin anew it is seeded, from `reset(seed)` and the number of beginnings.

    Attributes:
        assumed: what was taken for options that were not given, a line each.
    """

    def __init__(self, env: Any, options: dict[str, Any] | None = None) -> None:
        """
        Args:
            env: made with `continuous_actions=False`, without a wrapper; it belongs to the team from now on.
            options: see `adapters.adapt`.

        Raises:
            SettingError: another form of environment, no known episode limit, or an option that cannot be.
        """
        options = options or {}
        _check(options)
        _check_actions(env)
        self.env, self.num_envs, self.n_agents = env, int(env.num_envs), len(env.agents)
        self.agent_names = names_of("VMAS", [agent.name for agent in env.agents])
        self.episode_limit = _limit(env, options)
        self.assumed = _assumptions(env, options)
        env.terminated_truncated = True  # so that the step tells which of both
        self._mean_reward = options.get("team_reward") == "mean"
        self._stream = _Stream(env)
        self._counts = [int(env.get_agent_action_space(agent).n) for agent in env.agents]
        self.n_actions = max(self._counts)
        self._entropy: Any = np.random.SeedSequence().entropy
        self._beginnings = 0
        self._sizes = [_flat(seen).shape[1] for seen in self._begin(None)]
        self.obs_dim = max(self._sizes)
        self.state_dim = self.n_agents * self.obs_dim
        self._allocate()

    def spaces_of(self, env: Any, agent: str) -> tuple[Any, Any]:
        """Observation and action space of an agent, as VMAS announces them."""
        index = self.agent_names.index(agent)
        spaces = (env.observation_space, env.action_space)
        return tuple(_listed(getattr(space, "spaces", space))[index] for space in spaces)  # type: ignore[return-value]

    def _allocate(self) -> None:
        import torch

        copies = self.num_envs
        self._obs = np.zeros((copies, self.n_agents, self.obs_dim), np.float32)
        self._obs_tensor = torch.from_numpy(self._obs)  # the same memory
        self._avail = np.arange(self.n_actions) < np.array(self._counts)[:, None]
        self._all_avail = np.broadcast_to(self._avail, (copies, *self._avail.shape)).copy()
        self._rewards = np.zeros(copies, np.float32)
        self._steps = np.zeros(copies, np.int64)
        self._terminated = np.zeros(copies, bool)
        self._truncated = np.zeros(copies, bool)
        self._info: dict[str, np.ndarray] = {}

    def reset(self, seed: int | None = None) -> TeamStep:
        """Starts a new episode in every copy; all copies together follow from `seed`."""
        if seed is not None:
            self._entropy, self._beginnings = int(seed), 0
        self._show(self._begin(None))
        self._rewards[:] = 0
        self._steps[:] = 0
        self._terminated[:] = self._truncated[:] = False
        self._info = {}
        return self._current()

    def step(self, actions: np.ndarray) -> TeamStep:
        """Moves every copy on by one step.

        Raises:
            TeamEnvError: an action is not available, or VMAS returned numbers that are not finite.
        """
        import torch

        over = self._terminated | self._truncated
        chosen = np.array(actions, dtype=np.int64)
        chosen[over] = 0
        self._check_available(chosen)
        sent = torch.from_numpy(chosen).to(self.env.device)
        with self._stream:
            result = self.env.step([sent[:, index : index + 1] for index in range(self.n_agents)])
        observations, rewards, terminated, truncated, infos = result
        paid = torch.stack([reward.reshape(-1) for reward in _listed(rewards)])
        team = paid.mean(0) if self._mean_reward else paid.sum(0)
        self._rewards[:] = team.cpu().numpy()
        self._terminated[:] = terminated.cpu().numpy()
        self._steps += 1
        self._truncated[:] = ~self._terminated & (
            truncated.cpu().numpy().astype(bool) | (self._steps >= self.episode_limit)
        )
        self._info = self._numbers(_listed(infos))
        if over.any():
            observations = self._begin(over)
            for array in (self._rewards, self._steps, self._terminated, self._truncated):
                array[over] = 0
            for values in self._info.values():
                values[over] = np.nan
        self._show(observations)
        if not np.isfinite(self._rewards).all():
            copy = int(np.flatnonzero(~np.isfinite(self._rewards))[0])
            raise TeamEnvError(
                f"{self._where(copy)}: the reward is {self._rewards[copy]}; it must be finite."
            )
        return self._current()

    def _begin(self, copies: np.ndarray | None) -> list[Any]:
        """Starts episodes in `copies` [N] bool, None for all; returns what all show then."""
        key = np.random.SeedSequence(self._entropy, spawn_key=(self._beginnings,))
        self._beginnings += 1
        with self._stream:
            self.env.seed(int(key.generate_state(1)[0]))
            if copies is None or copies.all():
                return _listed(self.env.reset())
            for copy in np.flatnonzero(copies):
                self.env.reset_at(int(copy), return_observations=False)
            found = self.env.get_from_scenario(
                get_observations=True, get_rewards=False, get_infos=False, get_dones=False
            )
        return _listed(found[0])

    def _show(self, observations: Any) -> None:
        for index, (seen, size) in enumerate(zip(_listed(observations), self._sizes, strict=True)):
            self._obs_tensor[:, index, :size] = _flat(seen)
        if not np.isfinite(self._obs).all():
            copy, index = (int(at) for at in np.argwhere(~np.isfinite(self._obs))[0][:2])
            raise TeamEnvError(
                f"{self._where(copy)}, agent {self.agent_names[index]!r}: the observation holds NaN or infinity."
            )

    def _check_available(self, actions: np.ndarray) -> None:
        wrong = (actions < 0) | (actions >= np.array(self._counts))
        if wrong.any():
            copy, index = (int(at) for at in np.argwhere(wrong)[0])
            raise TeamEnvError(
                f"{self._where(copy)}, agent {self.agent_names[index]!r}: action {actions[copy, index]} is not available; "
                f"allowed: 0 to {self._counts[index] - 1}."
            )

    def _numbers(self, infos: list[Any]) -> dict[str, np.ndarray]:
        """The infos' tensors of one number for each copy: name -> [N] float64, the mean over the agents."""
        found: dict[str, list[np.ndarray]] = {}
        for info in infos:
            for name, value in (info or {}).items():
                numel = getattr(value, "numel", None)
                if callable(numel) and numel() == self.num_envs and (name in found or len(found) < MAX_NAMES):
                    numbers = value.detach().cpu().numpy().reshape(-1).astype(np.float64)
                    found.setdefault(str(name), []).append(numbers)
        return {name: np.mean(of_agents, axis=0) for name, of_agents in found.items()}

    def _where(self, copy: int) -> str:
        scenario = Path(inspect.getfile(type(self.env.scenario).make_world)).stem  # Its module has no name.
        return f"VMAS {scenario}, copy {copy}, step {self._steps[copy]} of the episode"

    def _current(self) -> TeamStep:
        return TeamStep(
            self._obs,
            self._obs.reshape(self.num_envs, -1),  # a view: what the agents see
            self._all_avail,
            self._rewards,
            self._terminated,
            self._truncated,
            info=self._info,
        )

    def render(self, copy: int = 0) -> np.ndarray:
        """[H, W, 3] uint8; VMAS draws with pyglet, which needs a display."""
        return np.asarray(self.env.render(mode="rgb_array", env_index=copy), np.uint8)

    def get_state(self) -> dict[str, Any]:
        """What the seeds of the next beginnings follow from."""
        return {"entropy": self._entropy, "beginnings": self._beginnings}

    def set_state(self, state: dict[str, Any]) -> None:
        self._entropy, self._beginnings = state["entropy"], state["beginnings"]


class _Stream:
    """Within `with`, VMAS draws from the random stream of this environment, not from that of all in the process."""

    def __init__(self, env: Any) -> None:
        self._shared: list[Any] = type(env).vmas_random_state
        self._own = list(self._shared)

    def __enter__(self) -> None:
        self._others = list(self._shared)
        self._shared[:] = self._own

    def __exit__(self, *_: object) -> None:
        self._own = list(self._shared)
        self._shared[:] = self._others


def _listed(values: Any) -> list[Any]:
    """One for each agent, also of an environment with `dict_spaces`."""
    return list(values.values()) if isinstance(values, dict) else list(values)


def _flat(observation: Any) -> Any:
    """[N, O] of a tensor [N, …], or of a dict of such in the order of their names."""
    import torch

    if isinstance(observation, dict):
        return torch.cat([_flat(observation[name]) for name in sorted(observation)], dim=1)
    return observation.reshape(observation.shape[0], -1)


def _check(options: dict[str, Any]) -> None:
    check_options(options)
    check_keys("team_adapter of a VMAS environment", options, OPTIONS)
    if options.get("state") is not None:
        check_choice(
            "team_adapter.state of a VMAS environment, which has none", options["state"], ["observations"]
        )
    if options.get("team_reward") is not None:
        check_choice(
            "team_adapter.team_reward of a VMAS environment", options["team_reward"], ["sum", "mean"]
        )


def _check_actions(env: Any) -> None:
    if env.continuous_actions or env.multidiscrete_actions:
        found = "continuous_actions=True" if env.continuous_actions else "multidiscrete_actions=True"
        raise SettingError(
            f"env: a VMAS environment with {found} is not allowed; make it with continuous_actions=False alone, which "
            "enumerates the choices of an agent as one Discrete."
        )


def _assumptions(env: Any, options: dict[str, Any]) -> list[str]:
    """What was taken for options that were not given, and for VMAS's own default of actions."""
    assumed = []
    if options.get("state") is None:
        assumed.append("state: what all agents observe, as VMAS shows no state of its own")
    if options.get("episode_limit") is None:
        assumed.append(f"episode_limit: {env.max_steps} env steps, from max_steps")
    if options.get("team_reward") is None:
        assumed.append("team_reward: the sum of the agents' rewards")
    return [*assumed, "actions: discrete, which VMAS makes of continuous ones"]


def _limit(env: Any, options: dict[str, Any]) -> int:
    limits = [int(limit) for limit in (options.get("episode_limit"), env.max_steps) if limit is not None]
    if not limits:
        raise SettingError(
            "team_adapter.episode_limit: missing, and the VMAS environment has no max_steps; set the largest number of env "
            'steps in an episode, e.g. {"max_steps": 100} in env_config.'
        )
    return min(limits)
