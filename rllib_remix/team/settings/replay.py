"""Settings of replay: what is kept, and how batches are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from rllib_remix.errors import SettingError
from rllib_remix.replay.prioritized import REPLAY_BUFFERS, PrioritizedMultiAgentReplayBuffer
from rllib_remix.settings import Count, Interval, OneOf, Schedule
from rllib_remix.team.settings.groups import SettingGroup, setting

MAX_EPISODES = 10**8  # in a replay buffer, and in all that is drawn from it; more is a slip


class DrawWords(NamedTuple):
    """How messages speak of an algorithm's two ways to draw batches, and of what changes from one to the other."""

    uniformly: str  # "in …", where they are drawn uniformly
    by_priority: str  # what draws by priority
    lost_with_alpha_0: str
    or_by_priority: str = ""
    or_uniformly: str = ""


@dataclass(kw_only=True)
class EpisodeReplaySettings(SettingGroup):
    """Which episodes are kept, and how many are drawn."""

    title: ClassVar[str] = "Replay"

    train_batch_episodes: int = setting(
        32, Count(1, MAX_EPISODES), "episodes per update. 32 in EPyMARL, 128 in both papers."
    )
    replay_buffer_capacity: int = setting(
        5000,
        Count(1, MAX_EPISODES),
        "episodes. 10,000 in both papers (table 2); 5,000 here, for half of the memory.",
    )
    num_replay_shards: int = setting(
        0,
        Count(0),
        "how many Ray actors share the episodes out among them, for a replay buffer that is too large for one "
        "machine; at most `train_batch_episodes`. 0 keeps them in the algorithm's process. What is drawn does not "
        "depend on it.",
    )
    recent_episodes_share: float | None = setting(
        None,
        Interval(0, 1),
        "share of every batch that is drawn from the newest episodes alone. None is what the algorithm has for a "
        "default.",
    )
    recent_episodes_capacity: int = setting(
        200,
        Count(1, MAX_EPISODES),
        "how many of the newest episodes these are. 200, as between two target updates in both papers.",
    )

    def check(self) -> None:
        super().check()
        if self.train_batch_episodes > self.replay_buffer_capacity:
            raise SettingError(
                f"train_batch_episodes: {self.train_batch_episodes} is more than replay_buffer_capacity, "
                f"{self.replay_buffer_capacity}; allowed: 1 … {self.replay_buffer_capacity}."
            )
        if self.num_replay_shards > self.train_batch_episodes:
            raise SettingError(
                f"num_replay_shards: {self.num_replay_shards} is more than the {self.train_batch_episodes} episodes of "
                f"a batch (train_batch_episodes); allowed: 0 (replay in the algorithm's process) … "
                f"{self.train_batch_episodes}."
            )

    def check_recent(self, recent: int) -> None:
        """Raises SettingError unless a batch can have so many recent episodes."""
        if recent > self.recent_episodes_capacity:
            raise SettingError(
                f"recent_episodes_capacity: {self.recent_episodes_capacity} is less than the {recent} recent episodes "
                f"of a batch (recent_episodes_share × train_batch_episodes); allowed: {recent} or more."
            )


@dataclass(kw_only=True)
class ReplaySettings(EpisodeReplaySettings):
    """Which episodes are kept, and how batches are drawn from them."""

    replay_buffer: str = setting(
        "prioritized",
        OneOf(REPLAY_BUFFERS),
        "only the prioritized one can draw by priority.",
        before="replay_buffer_capacity",
    )
    prioritized_replay_alpha: float = setting(
        1.0,
        Interval(0, 1),
        "α where batches are drawn by priority: an episode is drawn in proportion to (priority + ε)^α; above 0 there.",
    )
    prioritized_replay_beta: float | list[list[float]] = setting(
        0.0,
        Schedule(0, 1),
        "β of the importance correction (1 / (N·P))^β of such draws, divided by the greatest of the batch; a number "
        "or its schedule over env steps. 0 keeps the preference, 1 undoes it as far as the division allows.",
    )
    prioritized_replay_epsilon: float = setting(1e-6, Interval(0, 1, low_open=True), "ε of the priorities.")

    def check_draws(self, words: DrawWords, *, by_priority: bool) -> None:
        """Raises SettingError for settings that do not go with the way in which batches are drawn."""
        if not by_priority:
            self._refuse_priorities(words)
        elif not self.can_draw_by_priority():
            raise SettingError(
                f"replay_buffer: {self.replay_buffer!r} cannot draw by priority, which {words.by_priority} needs; "
                "allowed: 'prioritized'."
            )
        elif self.prioritized_replay_alpha == 0:
            raise SettingError(
                f"prioritized_replay_alpha: 0 draws uniformly, so that {words.lost_with_alpha_0} would be lost; allowed: "
                f"a number in (0, 1]{words.or_uniformly}."
            )

    def _refuse_priorities(self, words: DrawWords) -> None:
        defaults = ReplaySettings()
        for part in ("alpha", "beta", "epsilon"):
            name = f"prioritized_replay_{part}"
            value, default = getattr(self, name), getattr(defaults, name)
            if value != default:
                raise SettingError(
                    f"{name}: {value!r} is not allowed, because it would have no effect {words.uniformly}, where "
                    f"batches are drawn uniformly. Leave it at {default!r}{words.or_by_priority}."
                )

    def can_draw_by_priority(self) -> bool:
        """Whether the replay buffer is of a kind that keeps priorities."""
        return issubclass(REPLAY_BUFFERS[self.replay_buffer], PrioritizedMultiAgentReplayBuffer)
