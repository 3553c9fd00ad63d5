"""The environment contract: N copies of one cooperative game, stepped together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rllib_remix.envs.agent_layout import Layout, array_entry, grouped
from rllib_remix.errors import SettingError

# A copy whose episodes break this often, without one finished episode in between, is broken itself, not unlucky.
MAX_BROKEN_IN_A_ROW = 5


class BrokenEnvironment(RuntimeError):
    """An environment that failed and may not, or cannot, be replaced."""


class TeamStep(NamedTuple):
    """What N copies of the game show after a reset or a step.

    Arrays are owned by the environment and may be overwritten by its next step: copy what is to be kept.
    """

    obs: np.ndarray  # [N, n, O], any real dtype: what each agent sees
    state: np.ndarray  # [N, S], any real dtype: the true global state, for training only
    avail_actions: np.ndarray  # [N, n, U] bool: what each agent may do now; never all False
    rewards: np.ndarray  # [N] float32: team reward of the step that led here; 0 after a reset
    terminated: np.ndarray  # [N] bool: the game ended by its rules; nothing follows
    truncated: np.ndarray  # [N] bool: the game was cut off (time limit); its value continues
    # name -> [N] arrays, NaN where a copy has no such value; the last values of an episode are logged as `<name>_mean`
    info: dict[str, np.ndarray]
    # [N] bool: a fault of the environment cut the episode off (then it is truncated too), and it is thrown away:
    # nobody learns from it, no statistics count it. None where no copy can break.
    broken: np.ndarray | None = None
    # [N, n] float64: of copies whose episode is over, what each agent received in it; None where only the team is paid.
    agent_returns: np.ndarray | None = None

    def info_of(self, copy: int) -> dict[str, float]:
        """The info values that one copy has."""
        numbers = ((name, float(values[copy])) for name, values in self.info.items())
        return {name: number for name, number in numbers if number == number}

    def agent_returns_of(self, copy: int, agents: Sequence[str]) -> dict[str, float]:
        """What each agent received in the episode of one copy, which is over; empty where only the team is paid."""
        if self.agent_returns is None:
            return {}
        return dict(zip(agents, self.agent_returns[copy].tolist(), strict=True))


class TeamSpec(NamedTuple):
    """The sizes and dtypes of a team's data, and who it is: all that replay and networks need to know."""

    n_agents: int  # n
    n_actions: int  # U
    obs_dim: int  # O
    state_dim: int  # S
    episode_limit: int  # env steps
    obs_dtype: str  # NumPy's names
    state_dtype: str
    agents: tuple[str, ...] = ()  # the agents' names in slot order; empty if they are not known

    @classmethod
    def from_saved(cls, saved: dict[str, Any]) -> TeamSpec:
        """What `_asdict()` gave, also through JSON, and of versions that did not know the agents."""
        return cls(**{**saved, "agents": tuple(saved.get("agents", ()))})

    def fits(self, other: TeamSpec) -> bool:
        """Whether two teams are alike; agents that are not known fit any."""
        alike = self._replace(agents=()) == other._replace(agents=())
        return alike and not other_agents(self.agents, other.agents)


def other_agents(there: Sequence[str], here: Sequence[str]) -> str:
    """How the agents of two teams differ, for an error; empty if they do not, or one side does not know them.

    An agent's slot decides which network inputs are its own, so that agents in another order are another team.
    """
    there, here = list(there), list(here)
    if not there or not here or there == here:
        return ""
    what = "the same agents in another order" if sorted(there) == sorted(here) else "other agents"
    return f"{what}: {_listed(there)} there, {_listed(here)} here"


def _listed(agents: Sequence[str]) -> str:
    text = ", ".join(agents)
    return text if len(text) <= 200 else f"{text[:199]}…"


class TeamEnv(ABC):
    """N independent copies of a cooperative game with a fixed set of n agents and U actions each.

    A copy that returned `terminated` or `truncated` resets itself on the next `step`: its actions are then
    ignored, its reward is 0, and the step shows the first observation of the new episode. So the last
    observation of every episode is seen once, and a truncated episode can bootstrap from it.

    An environment that can lose a copy's episode (a game that crashes) says so with `broken`, shows what it saw last,
    and goes on with a new episode as after any other.

    Agents that die or leave stay in the arrays, with exactly one available action.
    """

    num_envs: int
    n_agents: int
    n_actions: int
    obs_dim: int
    state_dim: int
    episode_limit: int  # steps after which an episode is over at the latest
    agent_names: Sequence[str] = ()  # in slot order; without them agent_0, agent_1, …
    obs_dtype: np.dtype = np.dtype(np.float32)  # kept as it is up to the learner: small types save memory
    state_dtype: np.dtype = np.dtype(np.float32)

    @property
    def spec(self) -> TeamSpec:
        """Sizes and dtypes of the data of one copy, and the agents' names.

        Raises:
            SettingError: `agent_names` are not one name of its own for every agent.
        """
        return TeamSpec(
            n_agents=self.n_agents,
            n_actions=self.n_actions,
            obs_dim=self.obs_dim,
            state_dim=self.state_dim,
            episode_limit=self.episode_limit,
            obs_dtype=np.dtype(self.obs_dtype).name,
            state_dtype=np.dtype(self.state_dtype).name,
            agents=self._names(),
        )

    def _names(self) -> tuple[str, ...]:
        given = self.agent_names
        if isinstance(given, str) or not isinstance(given, Sequence):
            raise SettingError(
                f"agent_names of {type(self).__name__}: it is of type {type(given).__name__}; allowed: a list of strings."
            )
        names = tuple(given) or tuple(f"agent_{index}" for index in range(self.n_agents))
        fit = all(isinstance(name, str) and name.isprintable() and name.strip() for name in names)
        if not fit or not len({*names}) == len(names) == self.n_agents:
            raise SettingError(
                f"agent_names of {type(self).__name__}: {_listed([repr(name) for name in names])} is not allowed; "
                f"it must be {self.n_agents} different strings, one for each agent, all printable."
            )
        return names

    @property
    def agent_layout(self) -> Layout | None:
        """How what each agent shows and does becomes these arrays (see `agent_layout`); None if JSON cannot say it.

        Of an environment that shows arrays of its own: as its ParallelEnv, {"observation": [O], "action_mask": [U]}.
        """
        spec = self.spec
        entry = array_entry(spec.obs_dim, spec.obs_dtype, spec.n_actions)
        return grouped((agent, entry) for agent in spec.agents)

    @abstractmethod
    def reset(self, seed: int | None = None) -> TeamStep:
        """Starts a new episode in every copy.

        Args:
            seed: starts every copy's own random stream anew (copy i from `seed` and i alone); None lets the
                streams continue.
        """

    @abstractmethod
    def step(self, actions: np.ndarray) -> TeamStep:
        """Moves every copy on by one step.

        Args:
            actions: [N, n] int, each available to its agent (ignored in copies that reset on this step).
        """

    def fault(self, copy: int) -> str:
        """Why the latest broken episode of a copy broke, for people; empty if none did."""
        return ""

    def counters(self) -> dict[str, int]:
        """What happened since the environment was made (restarts, …), logged as `<name>_lifetime`."""
        return {}

    def render(self, copy: int = 0) -> np.ndarray:
        """A picture of one copy as [H, W, 3] uint8; optional."""
        raise NotImplementedError(f"{type(self).__name__} has no render()")

    def get_state(self) -> dict[str, Any] | None:
        """The random streams, so that a resumed run continues them between episodes; None if unknown."""
        return None

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes over what `get_state` returned."""
        raise NotImplementedError(f"{type(self).__name__} has no set_state()")

    def close(self) -> None:  # noqa: B027 (optional: most environments hold nothing)
        """Frees what the environment holds (processes, windows)."""


class BrokenEpisodes:
    """Tells a caller which episodes to throw away, and gives an environment up that breaks too many in a row."""

    def __init__(self, env: TeamEnv):
        self._env = env
        self._in_a_row = np.zeros(env.num_envs, np.int64)

    def among(self, step: TeamStep) -> np.ndarray:
        """[N] bool: the copies whose episode broke with this step; to be called once for every step.

        Raises:
            BrokenEnvironment: MAX_BROKEN_IN_A_ROW episodes of a copy broke, without a finished one in between.
        """
        if step.broken is None:
            return np.zeros(len(self._in_a_row), np.bool_)
        self._in_a_row[(step.terminated | step.truncated) & ~step.broken] = 0
        self._in_a_row += step.broken
        if self._in_a_row.max() >= MAX_BROKEN_IN_A_ROW:
            copy = int(self._in_a_row.argmax())
            raise BrokenEnvironment(
                f"{MAX_BROKEN_IN_A_ROW} episodes of copy {copy} of the environment broke, one after the other; the "
                f"last: {self._env.fault(copy) or 'it does not say why'}."
            )
        return step.broken.copy()


def random_actions(avail_actions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Uniformly random available actions: [..., U] bool → [...] int64."""
    # 1 - u lies in (0, 1]: an available action always beats the 0 of an unavailable one.
    return ((1.0 - rng.random(avail_actions.shape)) * avail_actions).argmax(-1)
