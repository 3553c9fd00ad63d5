"""The mixers by name."""

from __future__ import annotations

from typing import Any

from rllib_remix.errors import SettingError
from rllib_remix.models.mixing.mixer import Mixer, MixerSizes, Unmixed
from rllib_remix.models.mixing.qatten import QattenMixer
from rllib_remix.models.mixing.qmix import QMIXMixer
from rllib_remix.models.mixing.qplex import QPLEXMixer
from rllib_remix.models.mixing.vdn import VDNMixer

MIXERS: dict[str, type[Mixer]] = {
    "vdn": VDNMixer,
    "qmix": QMIXMixer,
    "qatten": QattenMixer,
    "qplex": QPLEXMixer,
}


def new_mixer(team: MixerSizes, networks: dict[str, Any]) -> Mixer:
    """An untrained mixer of a team; `networks` as a config's `networks()`, without a mixer those stay unmixed.

    Raises:
        SettingError: the team sees images, of which this mixer cannot make anything.
    """
    name = networks["mixer"]
    mixer_class = MIXERS[name] if name else Unmixed
    if mixer_class.needs_agents and team.obs_dim is None:
        raise SettingError(
            f"mixer: {name!r} is not possible for a team that sees images: it weighs agents by what they observe, as "
            f"numbers; allowed: {', '.join(repr(each) for each in MIXERS if not MIXERS[each].needs_agents)}."
        )
    return mixer_class.of(team, networks)
