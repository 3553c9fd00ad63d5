"""`replay_buffer_config` of the old API stack, and its settings from before there was one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rllib_remix.errors import nearest
from rllib_remix.experiments.old.fates import Dropped, Fate, Kept, Refused, Renamed, all_of
from rllib_remix.experiments.old.translation import NotTaken, Translation, choices

_SHARDS = Refused("replay is in one process; leave it out")
# Buffers of the old API stack → those of now, for one agent and for several.
_BUFFERS = {
    "ReplayBuffer": ("EpisodeReplayBuffer", "MultiAgentEpisodeReplayBuffer"),
    "PrioritizedReplayBuffer": (
        "PrioritizedEpisodeReplayBuffer",
        "MultiAgentPrioritizedEpisodeReplayBuffer",
    ),
}
_GONE_BUFFERS = (
    "FifoReplayBuffer",
    "MixInMultiAgentReplayBuffer",
    "ReservoirReplayBuffer",
    "SimpleReplayBuffer",
)
_LEARNING_STARTS = "num_steps_sampled_before_learning_starts"
REPLAY_FATES: dict[str, Fate] = {
    **all_of("capacity alpha beta batch_size_B batch_length_T", Kept()),
    "metrics_num_episodes_for_smoothing": Kept(),
    "prioritized_replay_alpha": Renamed("alpha"),
    "prioritized_replay_beta": Renamed("beta"),
    "_enable_replay_buffer_api": Dropped("there is no other"),
    "no_local_replay_buffer": _SHARDS,
    "num_replay_buffer_shards": _SHARDS,
    "prioritized_replay_eps": Refused("priorities have a fixed ε; leave it out", (None, 1e-6)),
    "replay_buffer_shards_colocated_with_driver": Dropped("replay is in one process"),
    "replay_burn_in": Refused("use burn_in_len of DQN", (None, 0)),
    "replay_mode": Refused(
        "modules are trained on episodes of their own; leave it out", (None, "independent")
    ),
    "replay_sequence_length": Refused("use max_seq_len in `model`", (None, 1, -1)),
    "replay_zero_init_states": Refused("recurrent states begin at zero; leave it out", (None, True)),
    "storage_unit": Refused("episodes are stored, and steps drawn; leave it out", (None, "timesteps")),
    "underlying_buffer_config": Refused("give the settings of the buffer itself", (None, {})),
    "worker_side_prioritization": Dropped("priorities are the learner's"),
}


def translate_replay(translation: Translation, key: str, value: Any) -> None:
    """Reads one of the settings of replay, under its own name or within `replay_buffer_config`."""
    if key == "replay_buffer_config":
        if value is None:
            return
        if not isinstance(value, Mapping):
            raise NotTaken("it must map names to values")
        for name, setting in value.items():
            _take(translation, f"{key}: ", str(name), setting, in_own_buffer=_is_own(value.get("type")))
        return
    name = "capacity" if key == "buffer_size" else key
    _take(translation, "", name, value, said=key)


def _take(
    translation: Translation,
    owner: str,
    name: str,
    value: Any,
    *,
    in_own_buffer: bool = False,
    said: str | None = None,
) -> None:
    said = said or name
    if name in ("learning_starts", "min_size_for_sampling"):
        translation.set(said, _LEARNING_STARTS, value)
        translation.note(f"{owner}{said}", f"is read as {_LEARNING_STARTS}.")
        return
    if name in ("type", "prioritized_replay"):
        translation.merge(said, "replay_buffer_config", {"type": _kind(translation, owner, said, value)})
        return
    fate = REPLAY_FATES.get(name) or _unknown(name, in_own_buffer)
    if isinstance(fate, Refused):
        if value not in fate.harmless:
            translation.refuse(f"{owner}{said}", value, fate.instead)
    elif isinstance(fate, Dropped):
        translation.note(f"{owner}{said}", f"is left out: {fate.reason}.")
    else:
        new = fate.name if isinstance(fate, Renamed) else name
        translation.merge(said, "replay_buffer_config", {new: value})
        if new != said:
            translation.note(f"{owner}{said}", f"is read as replay_buffer_config: {new}.")


def _kind(translation: Translation, owner: str, said: str, value: Any) -> Any:
    """The type of buffer of now."""
    if said == "prioritized_replay":
        old = "PrioritizedReplayBuffer" if value else "ReplayBuffer"
    else:
        old = str(value).rpartition(".")[2]
    if old in _GONE_BUFFERS:
        raise NotTaken(f"{old} is gone from RLlib; use EpisodeReplayBuffer or PrioritizedEpisodeReplayBuffer")
    kinds = _BUFFERS.get(old.removeprefix("MultiAgent"))
    if kinds is None or len(choices(value)) > 1:
        _check_kind(value)
        return value
    given = {**translation.outside, **translation.given}
    several = given.get("multiagent") or given.get("policies")
    kind = kinds[1 if several else 0]
    translation.note(f"{owner}{said}", f"{value} is read as {kind}.")
    return kind


def _check_kind(value: Any) -> None:
    """Raises NotTaken for the name of a buffer that RLlib has not; the path of another is its own affair."""
    import ray.rllib.utils.replay_buffers as buffers

    known = [name for name in vars(buffers) if name.endswith("ReplayBuffer") and "Episode" in name]
    for kind in choices(value):
        if isinstance(kind, str) and "." not in kind and kind not in known:
            guess = nearest(kind, known)
            hint = f"did you mean {guess!r}? " if guess else ""
            raise NotTaken(f"{hint}allowed: {', '.join(sorted(known))}, or the path of a class")


def _is_own(kind: Any) -> bool:
    """Whether a buffer is the user's own, whose settings only it knows."""
    return not isinstance(kind, str | None) or ("." in str(kind) and not str(kind).startswith("ray."))


def _unknown(name: str, in_own_buffer: bool) -> Fate:
    if in_own_buffer:
        return Kept()
    guess = nearest(name, REPLAY_FATES)
    hint = f"did you mean {guess!r}? " if guess else ""
    allowed = [key for key, fate in REPLAY_FATES.items() if isinstance(fate, Kept)]
    return Refused(f"no replay buffer has it; {hint}allowed: type, {', '.join(allowed)}", ())
