"""A game that notes all it shows and is told, and an agent network step by step in NumPy, to replay what was played."""

from dataclasses import dataclass, field

import numpy as np

from rllib_remix.envs.team_env import TeamEnv, TeamStep

AGENTS, ACTIONS, OBS_DIM, STATE_DIM, LIMIT = 3, 4, 5, 2, 9


@dataclass
class Shown:
    """One episode as the game itself noted it: lists over time of arrays of one copy."""

    obs: list = field(default_factory=list)
    state: list = field(default_factory=list)
    avail_actions: list = field(default_factory=list)
    actions: list = field(default_factory=list)
    rewards: list = field(default_factory=list)
    terminated: bool = False
    truncated: bool = False
    infos: list = field(default_factory=list)
    ended_at: int = 0  # steps of all copies since the reset


class NotingGame(TeamEnv):
    """Random observations, states, masks, rewards and endings, whatever the agents do; its arrays are overwritten.

    Attributes:
        rounds: of every reset, of every copy, the episodes that ended since.
    """

    n_agents, n_actions, obs_dim, state_dim, episode_limit = AGENTS, ACTIONS, OBS_DIM, STATE_DIM, LIMIT

    def __init__(self, num_envs: int = 1):
        self.num_envs = num_envs
        self._rngs = [np.random.default_rng(copy) for copy in range(num_envs)]
        self.rounds: list[list[list[Shown]]] = []
        self._step = TeamStep(
            obs=np.zeros((num_envs, AGENTS, OBS_DIM), np.float32),
            state=np.zeros((num_envs, STATE_DIM), np.float32),
            avail_actions=np.zeros((num_envs, AGENTS, ACTIONS), np.bool_),
            rewards=np.zeros(num_envs, np.float32),
            terminated=np.zeros(num_envs, np.bool_),
            truncated=np.zeros(num_envs, np.bool_),
            info={"score": np.zeros(num_envs), "luck": np.zeros(num_envs)},
        )

    def reset(self, seed=None):
        if seed is not None:
            self._rngs = [np.random.default_rng([seed, copy]) for copy in range(self.num_envs)]
        self.rounds.append([[] for _ in range(self.num_envs)])
        self._playing = [Shown() for _ in range(self.num_envs)]
        self._clock = 0
        for copy in range(self.num_envs):
            self._begin(copy)
        return self._step

    def step(self, actions):
        self._clock += 1
        for copy in range(self.num_envs):
            if self._step.terminated[copy] or self._step.truncated[copy]:
                self._begin(copy)
            else:
                self._go_on(copy, np.array(actions[copy]))
        return self._step

    def _begin(self, copy):
        self._playing[copy] = Shown()
        self._step.terminated[copy] = self._step.truncated[copy] = False
        self._step.rewards[copy] = 0
        self._show(copy)

    def _go_on(self, copy, actions):
        step, rng, shown = self._step, self._rngs[copy], self._playing[copy]
        assert shown.avail_actions[-1][np.arange(AGENTS), actions].all()
        shown.actions.append(actions)
        step.rewards[copy] = rng.normal()
        shown.rewards.append(step.rewards[copy])
        late = len(shown.rewards) == LIMIT
        ends = late or rng.random() < 0.2
        step.terminated[copy] = ends and not late and rng.random() < 0.7
        step.truncated[copy] = ends and not step.terminated[copy]
        self._show(copy)
        if ends:
            shown.terminated, shown.truncated = bool(step.terminated[copy]), bool(step.truncated[copy])
            shown.ended_at = self._clock
            self.rounds[-1][copy].append(shown)

    def _show(self, copy):
        step, rng, shown = self._step, self._rngs[copy], self._playing[copy]
        step.obs[copy] = rng.normal(size=(AGENTS, OBS_DIM))
        step.state[copy] = rng.normal(size=STATE_DIM)
        step.avail_actions[copy] = rng.random((AGENTS, ACTIONS)) < 0.6
        step.avail_actions[copy, ~step.avail_actions[copy].any(-1), 1] = True
        step.info["score"][copy] = sum(shown.rewards)
        step.info["luck"][copy] = rng.normal()
        shown.obs.append(step.obs[copy].copy())
        shown.state.append(step.state[copy].copy())
        shown.avail_actions.append(step.avail_actions[copy].copy())
        shown.infos.append({name: float(values[copy]) for name, values in step.info.items()})


def asked_for(of_copies: list[list[Shown]], num_episodes: int) -> list[Shown]:
    """What a call that plays so many episodes must bring: of every copy its share, by the time at which they ended."""
    copies = len(of_copies)
    shares = [num_episodes // copies + (copy < num_episodes % copies) for copy in range(copies)]
    ended = [
        (episode.ended_at, copy, episode)
        for copy, (share, episodes) in enumerate(zip(shares, of_copies, strict=True))
        for episode in episodes[:share]
    ]
    return [episode for _, _, episode in sorted(ended, key=lambda entry: entry[:2])]


def strong_weights(input_dim: int, hidden_dim: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Weights of an agent network that are large enough for every input and all memory to matter."""
    rng = np.random.default_rng(seed)
    shapes = {
        "encoder.weight": (hidden_dim, input_dim),
        "encoder.bias": (hidden_dim,),
        "gru.weight_ih_l0": (3 * hidden_dim, hidden_dim),
        "gru.weight_hh_l0": (3 * hidden_dim, hidden_dim),
        "gru.bias_ih_l0": (3 * hidden_dim,),
        "gru.bias_hh_l0": (3 * hidden_dim,),
        "head.weight": (ACTIONS, hidden_dim),
        "head.bias": (ACTIONS,),
    }
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def input_dim(*, last_action: bool, agent_id: bool) -> int:
    return OBS_DIM + ACTIONS * last_action + AGENTS * agent_id


def plain_utilities(weights, obs, actions, *, last_action=True, agent_id=True, clamp=None) -> np.ndarray:
    """[T+1, n, U] float64: what each agent thinks of its actions, from what it alone saw and did in this episode.

    Args:
        weights: as `strong_weights`.
        obs: [T+1, n, O]. actions: [T, n].
        last_action, agent_id, clamp: settings of the network.
    """
    w = {name: np.asarray(values, np.float64) for name, values in weights.items()}
    values = np.zeros((len(obs), AGENTS, ACTIONS))
    for agent in range(AGENTS):
        h = np.zeros(w["gru.weight_hh_l0"].shape[1])
        for t in range(len(obs)):
            seen = list(obs[t][agent])
            if last_action:
                seen += [float(t > 0 and actions[t - 1][agent] == action) for action in range(ACTIONS)]
            if agent_id:
                seen += [float(agent == other) for other in range(AGENTS)]
            x = np.maximum(w["encoder.weight"] @ np.array(seen) + w["encoder.bias"], 0)
            x_r, x_z, x_n = np.split(w["gru.weight_ih_l0"] @ x + w["gru.bias_ih_l0"], 3)
            h_r, h_z, h_n = np.split(w["gru.weight_hh_l0"] @ h + w["gru.bias_hh_l0"], 3)
            r, z = 1 / (1 + np.exp(-x_r - h_r)), 1 / (1 + np.exp(-x_z - h_z))
            h = (1 - z) * np.tanh(x_n + r * h_n) + z * h
            values[t, agent] = w["head.weight"] @ h + w["head.bias"]
    return values if clamp is None else values.clip(*clamp)


def are_greedy(utilities, avail_actions, actions) -> np.ndarray:
    """[T, n] bool: whether each action taken is the best of those available, the first of equal ones.

    Rounding may change the order of two that are all but equal, but not of those that a clamp made equal.
    """
    values, actions = np.where(avail_actions[:-1], utilities[:-1], -np.inf), np.asarray(actions, np.int64)
    less = values.max(-1) - np.take_along_axis(values, actions[..., None], -1)[..., 0]
    return (actions == values.argmax(-1)) | ((less > 0) & (less < 1e-4))
