"""Settings of the loop: how much is played between two updates, and how agents explore."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from rllib_remix.errors import SettingError
from rllib_remix.settings import Count, Flag, Interval, Schedule
from rllib_remix.team.settings.groups import SettingGroup, setting
from rllib_remix.team.settings.replay import MAX_EPISODES

WHOLE_COPIES = 200  # updates between two
SOFT_TAU = 0.01  # of copies with every update
SLOWEST_COPIES = 10_000  # updates in which the targets have become the online networks


@dataclass(kw_only=True)
class TargetNetworkSettings(SettingGroup):
    """How the target networks follow the others."""

    title: ClassVar[str] = "Target networks"
    soft_tau: ClassVar[float] = SOFT_TAU  # a config that has the settings has it too

    target_network_update_interval: int | None = setting(
        None,
        Count(1),
        "updates between two copies onto the target networks. None: with every update, of whole copies (`tau` 1) every 200, as "
        "in EPyMARL, unless episodes are counted.",
    )
    target_network_update_episodes: int | None = setting(
        None,
        Count(1),
        "episodes collected between two such copies, which are counted instead of updates if this is set. 200 in PyMARL "
        "and both papers.",
    )
    tau: float | None = setting(
        None,
        Interval(0, 1, low_open=True),
        f"what a copy takes over: target ← τ·online + (1 - τ)·target. None: {SOFT_TAU} where every update makes a copy "
        "because neither an interval nor episodes are set, 1 where one is.",
    )

    def check(self) -> None:
        super().check()
        interval, episodes = self.target_network_update_interval, self.target_network_update_episodes
        if episodes is not None and interval is not None:
            raise SettingError(
                f"target_network_update_interval: {interval} has no effect, as target_network_update_episodes is {episodes}, "
                "by which copies are counted then; allowed: one of the two, so set the other to null (None)."
            )
        tau, interval = copy_tau(self), copy_interval(self)
        if episodes is None and interval / tau > SLOWEST_COPIES:
            raise SettingError(
                f"tau: {tau} with target_network_update_interval {interval} renews the target networks in some "
                f"{interval / tau:,.0f} updates; allowed: a quotient of {SLOWEST_COPIES:,} at most. Soft copies are made "
                "with every update: leave target_network_update_interval out."
            )


@dataclass(kw_only=True)
class PlaySettings(SettingGroup):
    """How agents play, and in which unit their rewards are learned."""

    title: ClassVar[str] = "Playing"

    reward_scale: float = setting(
        1.0,
        Interval(0, low_open=True),
        "by which the learner multiplies rewards; results keep the game's unit.",
    )
    normalize_rewards: bool = setting(
        True,
        Flag(),
        "whether the learner divides rewards by the root mean square of all rewards in its batches so far, so that rare or "
        "small rewards are not drowned, and large ones do not swamp the networks; results keep the game's unit. When that unit "
        "changes the networks' values are rescaled, so that in the game's they stay (Pop-Art, van Hasselt et al. 2016).",
    )
    standardize_rewards: bool = setting(
        False,
        Flag(),
        "whether, instead of that, the learner subtracts the mean of all rewards in its batches so far and divides by their standard "
        "deviation, as EPyMARL does; results keep the game's unit. Values are rescaled as with normalize_rewards; that the mean "
        "changes too is left to learning.",
    )
    epsilon: float | list[list[float]] = setting(
        [[0, 0.995], [100_000, 0.05]], Schedule(0, 1), "exploration rate, or its schedule over env steps."
    )
    num_env_processes: int = setting(
        0,
        Count(0),
        "processes over which every env runner spreads its `num_envs_per_env_runner` copies of an environment (of "
        "PettingZoo, gymnasium or RLlib); 0 keeps them in its own. Results are the same. Pays for environments whose "
        "step takes a millisecond or more, on as many free cores: ask Ray for them by `num_cpus_per_env_runner`.",
    )


@dataclass(kw_only=True)
class LoopSettings(PlaySettings, TargetNetworkSettings):
    """How playing and learning take turns."""

    title: ClassVar[str] = "Loop"

    rollout_episodes_per_update: int = setting(
        2,
        Count(1, MAX_EPISODES),
        "episodes collected per update, whatever the number of env runners. 1 in EPyMARL, 8 in both papers.",
        before="target_network_update_interval",
    )
    overlap_sampling: bool = setting(
        False,
        Flag(),
        "whether env runners play while the learner makes the updates for the episodes that came before, instead of "
        "waiting for them. They then play with weights that lag by the updates of one round at most "
        "(`env_runners/weights_lag` in the results), and with the ε of the moment at which the round was requested. "
        "Needs `num_env_runners` ≥ 1; the number of updates per episode stays.",
        before="num_env_processes",
    )


def copy_interval(settings: Any) -> int:
    """Updates between two copies onto the target networks, where updates are what is counted."""
    return settings.target_network_update_interval or (WHOLE_COPIES if settings.tau == 1.0 else 1)


def copy_tau(settings: Any) -> float:
    """What a copy onto the target networks takes over, (0, 1]."""
    if settings.tau is not None:
        return settings.tau
    counted = settings.target_network_update_interval, settings.target_network_update_episodes
    return settings.soft_tau if counted == (None, None) else 1.0
