"""Why an environment cannot be a team's, and what to do: for those that people try most."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from rllib_remix.envs.foreign.stand_in import inside
from rllib_remix.errors import SettingError

ALLOWED = (
    "Allowed: a PettingZoo ParallelEnv or AECEnv, an RLlib MultiAgentEnv, a gymnasium environment whose spaces are a "
    "Tuple with one entry for each agent, a VMAS environment."
)


def refusal(env: Any) -> SettingError:
    """The error for an environment of no kind that can be adapted."""
    kind = type(env if _is_of("vmas.", env) else inside(env))
    hint = _hint(env)
    return SettingError(
        f"env: {kind.__module__}.{kind.__qualname__} cannot be adapted{f': {hint}' if hint else '.'} {ALLOWED}"
    )


def _hint(env: Any) -> str:
    bases = [f"{base.__module__}.{base.__qualname__}" for base in type(env).__mro__]
    if isinstance(env, type):
        return "it is a class; return an environment made of it."
    if isinstance(env, gym.vector.VectorEnv):
        return (
            "it is several copies in one; give one copy (gymnasium.make, not make_vec), which is copied here."
        )
    if _is_of("vmas.", env):
        return (
            "it is a wrapper of VMAS; leave `wrapper` out of vmas.make_env, and set continuous_actions=False."
        )
    if isinstance(env, gym.Env):
        return _hint_for_gymnasium(env)
    if "overcooked_ai_py.mdp.overcooked_env.Overcooked" in bases:
        return (
            "it deals the two cooks out anew in every episode; give the OvercookedEnv inside, such as "
            "OvercookedEnv.from_mdp(OvercookedGridworld.from_layout_name('cramped_room'), horizon=400)."
        )
    if any(base.startswith("vmas.") for base in bases):
        return (
            "it is a wrapper of VMAS; leave `wrapper` out of vmas.make_env, and set continuous_actions=False."
        )
    if any(base == "gym.core.Env" for base in bases):
        return (
            "it is of gym, which gymnasium replaced; wrap it in shimmy.GymV26CompatibilityV0(env=…) or …V21…."
        )
    return ""


def _is_of(package: str, env: Any) -> bool:
    return any(base.__module__.startswith(package) for base in type(env).__mro__)


def _hint_for_gymnasium(env: gym.Env) -> str:
    if isinstance(env.action_space, gym.spaces.Dict) and isinstance(env.observation_space, gym.spaces.Dict):
        return (
            "its spaces are Dicts; if their names are its agents, derive the class from RLlib's MultiAgentEnv or "
            "PettingZoo's ParallelEnv, which say who acts."
        )
    return (
        f"it has one agent, with the action space {env.action_space}; one agent is trained by RLlib's own PPO or DQN. If it "
        "has several, let it say so by Tuples of spaces or by `n_agents`."
    )
