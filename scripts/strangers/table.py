"""Which environments, by the names that their users know, and what each is to a team."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass, field
from typing import Any

_RLLIB = "ray.rllib.examples.envs.classes.multi_agent"


@dataclass(frozen=True)
class Stranger:
    """An environment that others wrote.

    Attributes:
        name: what `--env` gets.
        env_config: what `--env-config` gets.
        sizes: of the team: agents, actions, numbers in an observation, numbers in the state, env steps in an episode.
        needs: modules without which it cannot be made.
        refusal: what the message says of one that is not accepted; it has no sizes.
        repeats: whether the same seed gives the same episode: not where a first state depends on the episode before.
    """

    name: str
    env_config: dict[str, Any] = field(default_factory=dict)
    sizes: tuple[int, ...] = ()
    needs: tuple[str, ...] = ()
    refusal: str = ""
    repeats: bool = True

    @property
    def is_here(self) -> bool:
        """Whether what it needs is installed, which is not imported to find out."""
        return all(importlib.util.find_spec(module) is not None for module in self.needs)

    @property
    def command(self) -> str:
        """As it is typed."""
        given = f" --env-config '{json.dumps(self.env_config)}'" if self.env_config else ""
        return f"rllib train --algo QMIX --env {self.name}{given}"


def _limit(steps: int) -> dict[str, Any]:
    return {"team_adapter": {"episode_limit": steps}}


def _mpe(name: str, *sizes: int) -> Stranger:
    return Stranger(f"mpe2.{name}", {}, sizes, ("mpe2",))


def _zoo(name: str, env_config: dict[str, Any], *sizes: int, **more: Any) -> Stranger:
    return Stranger(f"pettingzoo.{name}", env_config, sizes, ("pygame",), **more)


STRANGERS = (
    _mpe("simple_spread_v3", 3, 5, 18, 54, 25),
    _mpe("simple_speaker_listener_v4", 2, 5, 11, 14, 25),
    _mpe("simple_reference_v3", 2, 50, 21, 42, 25),
    _mpe("simple_tag_v3", 4, 5, 16, 62, 25),
    Stranger("lbforaging:Foraging-8x8-2p-2f-coop-v3", {}, (2, 6, 12, 24, 50), ("lbforaging",), repeats=False),
    Stranger("lbforaging:Foraging-8x8-3p-3f-v3", {}, (3, 6, 18, 54, 50), ("lbforaging",), repeats=False),
    Stranger("rware:rware-tiny-2ag-v2", {}, (2, 5, 71, 142, 500), ("rware",)),
    Stranger(
        "magent2.environments.battle_v4",
        {"map_size": 16, "max_cycles": 50},
        (12, 21, 845, 1280, 50),
        ("magent2",),
    ),
    Stranger(
        "magent2.environments.tiger_deer_v4",
        {"map_size": 16, "max_cycles": 50},
        (14, 9, 405, 1280, 50),
        ("magent2",),
    ),
    _zoo("butterfly.knights_archers_zombies_v11", {"max_cycles": 100}, 4, 6, 135, 104, 100),
    _zoo(
        "butterfly.pistonball_v6",
        {"continuous": False, "n_pistons": 3, "max_cycles": 10},
        *(3, 3, 164520, 336000, 10),
    ),
    _zoo("butterfly.cooperative_pong_v6", {"max_cycles": 10}, 2, 3, 403200, 403200, 10),
    _zoo("classic.tictactoe_v3", _limit(9), 2, 9, 18, 36, 9),
    _zoo("classic.connect_four_v3", _limit(42), 2, 7, 84, 168, 42),
    Stranger("pettingzoo.classic.hanabi_v5", _limit(90), (2, 20, 658, 1316, 90), ("pygame", "pyspiel")),
    Stranger("vmas:balance", {"max_steps": 50}, (3, 9, 16, 48, 50), ("vmas",)),
    Stranger("vmas:transport", {"max_steps": 50, "n_agents": 3}, (3, 9, 11, 33, 50), ("vmas",)),
    Stranger("vmas:simple_spread", {"max_steps": 25}, (3, 9, 14, 42, 25), ("vmas",)),
    Stranger(
        "smaclite:smaclite/2s3z-v0",
        _limit(120),
        (5, 11, 80, 120, 120),
        ("smaclite", "sklearn", "rtree"),
        repeats=False,
    ),
    Stranger("my_kitchen.py:make", {"horizon": 50}, (2, 6, 520, 520, 50), ("overcooked_ai_py",)),
    Stranger("my_matrix_game:penalty-v0", {"penalty": -10}, (2, 3, 1, 2, 5)),
    Stranger(f"{_RLLIB}.TwoStepGameWithGroupedAgents", _limit(2), (2, 2, 6, 12, 2)),
    Stranger(
        f"{_RLLIB}.TwoStepGame",
        {"separate_state_space": True, "one_hot_state_encoding": True, **_limit(2)},
        (2, 2, 9, 6, 2),
    ),
    Stranger(f"{_RLLIB}.rock_paper_scissors.RockPaperScissors", _limit(10), (2, 3, 3, 6, 10)),
    Stranger(f"{_RLLIB}.GuessTheNumberGame", {}, (2, 9, 2, 4, 20)),
    Stranger(f"{_RLLIB}.MultiAgentCartPole", {"num_agents": 2, **_limit(100)}, (2, 2, 4, 8, 100)),
    Stranger("pettingzoo.butterfly.pistonball_v6", needs=("pygame",), refusal="continuous=False"),
    Stranger(
        "pettingzoo.classic.tictactoe_v3", needs=("pygame",), refusal="team_adapter.episode_limit: missing"
    ),
    Stranger("vmas:balance", needs=("vmas",), refusal='{"max_steps": 100} in env_config'),
    Stranger(f"{_RLLIB}.MultiAgentPendulum", refusal="action space of agent 0: Box"),
    Stranger("CartPole-v1", refusal="it has one agent"),
    Stranger(
        "ray.rllib.env.wrappers.pettingzoo_env.ParallelPettingZooEnv",
        refusal="is a wrapper, which needs an environment",
    ),
)
