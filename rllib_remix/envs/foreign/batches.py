"""What all agents of a copy observe, read in a few calls of NumPy; whatever is unusual is left to `AgentView.read`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from gymnasium.spaces import Box

from rllib_remix.envs.agent_layout import LISTED
from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign.agent_view import COMPACT_DTYPES, MASK, AgentView, read_flat
from rllib_remix.envs.foreign.rosters import Roster


class Batches:
    """Writes observations and masks of whole rosters into the arrays of a team.

    Observations must be Boxes, alone or under one name in Dicts: of one shape, or of unlike lengths. Whether their numbers
    are finite is asked once for all copies, by `check_finite`.

    Args:
        views: of the team.
        obs: [N, n, O], to be written.
        avail: [N, n, U] bool, to be written.
    """

    def __init__(self, views: Sequence[AgentView], obs: np.ndarray, avail: np.ndarray) -> None:
        first = views[0]
        self._views, self._obs, self._avail = views, obs, avail
        self._is_finite = np.ones(obs.shape, bool) if obs.dtype.kind == "f" else None
        self._shape = tuple(map(int, first.space.shape or ()))
        self._key, self._mask_key = first.key, first.mask_key
        self._n_keys = sum(part is not None for part in (first.key, first.mask_key, first.state_space))
        self._sizes = [view.size for view in views]
        self._lengths = [next(iter(view.space.shape or ()), 0) for view in views]
        self._n_actions = [view.n_actions for view in views]
        self._casting: Literal["no", "same_kind"] = (
            "no" if obs.dtype in COMPACT_DTYPES else "same_kind"
        )  # Compact ones are looked at number by number.
        self._is_possible = self._are_alike(views)
        self._are_equal = all(view.space.shape == self._shape for view in views)
        if self._is_possible and self._are_equal:
            rows = (len(views) * self._shape[0], *self._shape[1:])
            self._whole = [obs[copy].reshape(rows) for copy in range(len(obs))]  # views of the array

    def _are_alike(self, views: Sequence[AgentView]) -> bool:
        first = views[0]
        if first.mask_key in LISTED:
            return False
        layout = (first.key, first.mask_key, first.state_space is None)
        return all(
            isinstance(view.space, Box)
            and bool(view.space.shape)
            and view.size > 0
            and (view.space.shape == first.space.shape or len(view.space.shape) == len(self._shape) == 1)
            and (view.key, view.mask_key, view.state_space is None) == layout
            for view in views
        )

    def write(self, copy: int, roster: Roster, observed: Sequence[Any], infos: Mapping[Any, Any]) -> bool:
        """Whether all could be written; otherwise the rows of the copy may hold anything.

        Args:
            copy: whose rows are written.
            roster: who is in play; the others' observations become zeros.
            observed: of each in the roster.
            infos: agent -> info, which may hold a mask.
        """
        if not self._is_possible:
            return False
        try:
            masks = None
            if self._key is not None:
                if not self._are_dicts(observed):
                    return False
                if self._mask_key is not None:
                    masks = [one[self._mask_key] for one in observed]
                observed = [one[self._key] for one in observed]
            if infos and masks is None:
                masks = _masks_in(infos, roster)
            with np.errstate(over="ignore", invalid="ignore"):
                is_written = self._write_observations(copy, roster, observed)
            return is_written and self._write_masks(copy, roster, masks)
        except (KeyError, TypeError, ValueError):
            return False

    def check_finite(self, where: Callable[[int, int], str]) -> None:
        """Raises TeamEnvError for the first agent of all copies that observes NaN or infinity.

        Args:
            where: names a copy and a slot.
        """
        if self._is_finite is None or np.isfinite(self._obs, out=self._is_finite).all():
            return
        copy, slot = np.argwhere(~self._is_finite)[0][:2].tolist()
        space, size = self._views[slot].space, self._views[slot].size
        seen = self._obs[copy, slot, :size].reshape(space.shape or ())
        try:
            read_flat(space, seen, self._obs.dtype, "observation")
        except TeamEnvError as error:
            raise TeamEnvError(f"{where(copy, slot)}: {error}") from None

    def _are_dicts(self, observed: Sequence[Any]) -> bool:
        return set(map(type, observed)) == {dict} and set(map(len, observed)) == {self._n_keys}

    def _write_observations(self, copy: int, roster: Roster, observed: Sequence[Any]) -> bool:
        if self._are_equal:
            if set(map(len, observed)) != {self._shape[0]}:
                return False
            if roster.is_all:
                np.concatenate(observed, out=self._whole[copy], casting=self._casting)
                return True
            size = self._sizes[0]
            rows = np.empty((len(observed) * self._shape[0], *self._shape[1:]), self._obs.dtype)
            np.concatenate(observed, out=rows, casting=self._casting)
            self._obs[copy] = 0
            self._obs[copy, roster.slots] = rows.reshape(len(observed), size)
            return True
        if list(map(len, observed)) != [self._lengths[slot] for slot in roster.slots]:
            return False
        shown = self._obs[copy]
        shown.fill(0)
        for slot, one in zip(roster.slots, observed, strict=True):
            np.concatenate((one,), out=shown[slot, : self._sizes[slot]], casting=self._casting)
        return True

    def _write_masks(self, copy: int, roster: Roster, masks: Sequence[Any] | None) -> bool:
        self._avail[copy] = roster.avail
        if masks is None:
            return True
        if list(map(len, masks)) != [self._n_actions[slot] for slot in roster.slots]:
            return False
        given = np.concatenate(masks)
        if given.ndim != 1 or given.dtype.kind not in "biuf":
            return False
        available = given if given.dtype == bool else given.astype(bool)
        if available is not given and not (available == given).all():
            return False
        rows = self._avail[copy]
        rows.reshape(-1)[roster.mask_places] = available
        return bool(rows.any(axis=1).all())  # Who has no action waits, if it may.


def _masks_in(infos: Mapping[Any, Any], roster: Roster) -> list[Any] | None:
    """The masks in the infos of a roster, None if there are none.

    Raises:
        KeyError: some have one, and others none or one under another name; or they are lists.
    """
    for name in MASK:
        if any(info and name in info for info in infos.values()):
            if name in LISTED:
                raise KeyError(name)
            return [infos[agent][name] for agent in roster.agents]
    return None
