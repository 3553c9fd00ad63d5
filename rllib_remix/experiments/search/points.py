"""The points of an experiment's grids and search domains: how many there are, and which show whether all are allowed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from rllib_remix.errors import UserError, shown
from rllib_remix.experiments.search.spaces import GRID, domain_ends, join_name, placed, search_domains

MAX_GRID = 1_000  # values of one grid
MAX_POINTS = 10_000  # of all grids of an experiment together
MAX_TRIALS = 100_000  # points times samples


def has_grid(settings: Any) -> bool:
    """Whether there is a grid_search anywhere in nested settings."""
    if isinstance(settings, dict):
        return GRID in settings or any(map(has_grid, settings.values()))
    return type(settings) in (list, tuple) and any(map(has_grid, settings))


def count_points(owner: str, settings: Any) -> int:
    """How many points the grids in nested settings have together; 1 without any.

    Raises:
        UserError: for a grid that is no list, empty, too long, or has other keys beside it.
    """
    if type(settings) is dict and GRID in settings:
        values = settings[GRID]
        if len(settings) > 1:
            others = ", ".join(str(key) for key in settings if key != GRID)
            raise UserError(f"{owner}: a {GRID} stands beside {others}; it must stand alone.")
        if not isinstance(values, list | tuple) or not 0 < len(values) <= MAX_GRID:
            what = f"{len(values):,} values" if isinstance(values, list | tuple) else shown(values)
            raise UserError(f"{owner}: a {GRID} must be a list of 1 to {MAX_GRID:,} values; got {what}.")
        return sum(count_points(owner, value) for value in values)
    if type(settings) is dict:
        return math.prod(count_points(join_name(owner, key), part) for key, part in settings.items())
    if type(settings) in (list, tuple):
        return math.prod(count_points(owner, part) for part in settings)
    return 1


def check_trials(owner: str, settings: Any, num_samples: int) -> None:
    """Raises UserError for grids that cannot be, or ask for more trials than anybody can mean."""
    points = count_points(owner, settings)
    if points > MAX_POINTS:
        raise UserError(
            f"{owner}: its grids have {shown(points)} points together; allowed: up to {MAX_POINTS:,}. For more use "
            "samplers, such as {uniform: [0, 1]}, and num_samples."
        )
    if points * num_samples > MAX_TRIALS:
        raise UserError(
            f"num_samples: {shown(num_samples)} of {points:,} points of grids are {shown(points * num_samples)} trials; "
            f"allowed: up to {MAX_TRIALS:,}."
        )


def grid_points_to_check(settings: Mapping[str, Any], most: int) -> Iterator[dict[str, Any]]:
    """Settings with grids, so that all their points show whether they are allowed: as they are, or, of more points
    than `most`, every value of each grid while the others are at their first."""
    if count_points("config", dict(settings)) <= most:
        yield dict(settings)
        return
    grids = dict(_grids(settings))
    first = {path: values[0] for path, values in grids.items()}
    yield placed(settings, first)
    for path, values in grids.items():
        for value in values[1:]:
            yield placed(settings, {**first, path: value})


def _grids(settings: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if type(settings) is dict and GRID in settings:
        yield path, settings[GRID]
    elif type(settings) is dict or type(settings) in (list, tuple):
        for key, part in settings.items() if type(settings) is dict else enumerate(settings):
            yield from _grids(part, (*path, key))


def points_to_check(settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Settings without search domains that show whether all samples will be allowed.

    All ranges at their low ends, all at their high ends, then each at every end (each choice) of its own while the
    others are at their first. Grids are left as they are.

    Args:
        settings: with Tune's search domains in them.
    """
    domains = {path: domain_ends(domain) for path, domain in search_domains(settings).items()}
    first = {path: ends[0] for path, ends in domains.items()}
    yield placed(settings, first)
    if not domains:
        return
    yield placed(settings, {path: ends[-1] for path, ends in domains.items()})
    for path, ends in domains.items():
        for end in ends[1:]:
            yield placed(settings, {**first, path: end})
