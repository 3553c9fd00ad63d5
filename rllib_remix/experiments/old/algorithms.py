"""Algorithms that RLlib once had, and what to use instead."""

from __future__ import annotations

from rllib_remix.algorithms.table import ALGORITHMS
from rllib_remix.errors import UserError
from rllib_remix.experiments.algorithm import is_team_algorithm
from rllib_remix.experiments.old.settings_of_algorithms import TEAM
from rllib_remix.experiments.user_modules import load_class

# Name of an algorithm that left RLlib → one that does the same kind of thing.
GONE = {
    "A2C": "PPO or IMPALA",
    "A3C": "PPO or IMPALA",
    "APEX": "DQN with several env runners",
    "APEX_DDPG": "SAC with several env runners",
    "ARS": "PPO",
    "AlphaStar": "PPO or APPO with several policies",
    "AlphaZero": "DreamerV3",
    "BanditLinTS": "DQN with gamma: 0",
    "BanditLinUCB": "DQN with gamma: 0",
    "CRR": "CQL or ray.rllib.algorithms.iql.IQL",
    "DDPG": "SAC",
    "DDPPO": "PPO with num_learners",
    "DT": "BC or MARWIL",
    "Dreamer": "DreamerV3",
    "ES": "PPO",
    "LeelaChessZero": "DreamerV3",
    "MADDPG": "QMIX, or SAC with several policies",
    "MAML": "PPO",
    "MBMPO": "DreamerV3",
    "PG": "PPO",
    "R2D2": "DQN with use_lstm in `model`",
    "RNNSAC": "SAC, or PPO with use_lstm in `model`",
    "RandomAgent": "`rllib example`, or explore with epsilon: 1",
    "SimpleQ": "DQN",
    "SlateQ": "DQN",
    "TD3": "SAC",
}


def algorithm_of(run: object) -> str:
    """The name that the table of settings has for an algorithm: "team" for those of teams; a class goes by its name.

    Args:
        run: a name, a class, or the path of one, whose module is imported.

    Raises:
        UserError: the path leads nowhere.
    """
    if isinstance(run, str) and "." in run:
        run = load_class("--algo", run)
    if isinstance(run, str):
        name, of_team = run, run in ALGORITHMS
    else:
        name, of_team = getattr(run, "__name__", ""), is_team_algorithm(run)
    if of_team:
        return TEAM
    return "IMPALA" if name == "Impala" else name


def check_algorithm(run: object) -> None:
    """Raises UserError for an algorithm that left RLlib, with what to use."""
    if not isinstance(run, str):
        return
    name = run.rpartition("/")[2].casefold()
    for gone, instead in GONE.items():
        if name == gone.casefold():
            raise UserError(f"--algo: {gone} is gone from RLlib; use {instead}.")
