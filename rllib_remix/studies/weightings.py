"""Readings of the theorems as weightings that algorithms can be trained with: `weighting: rllib_remix.studies.weightings.NAME`.

Importing this module registers them, as a user's module would.
"""

from __future__ import annotations

from rllib_remix.studies.random_games import readings
from rllib_remix.value_based.schemes import register_weighting

register_weighting("remix_dropped_term", readings.remix_with_the_dropped_term, needs_mixer_gradient=True)
register_weighting("remix_signed", readings.remix_signed, needs_mixer_gradient=True)
register_weighting("macpo_clipped", readings.macpo_clipped)
