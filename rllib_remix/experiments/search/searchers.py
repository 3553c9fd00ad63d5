"""Search algorithms: how the settings of the next trial are chosen."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from rllib_remix.errors import UserError, nearest, shown
from rllib_remix.experiments.result_keys import check_result_key
from rllib_remix.experiments.search.points import MAX_TRIALS, has_grid
from rllib_remix.experiments.search.spaces import placed, search_domains
from rllib_remix.settings import check_choice, check_count, check_keys

ALGORITHMS = ("random", "optuna")
_KEYS = ("algorithm", "metric", "mode", "max_concurrent", "seed")


@dataclass
class Search:
    """How an experiment's samplers are drawn, and what its trials are compared by."""

    algorithm: str = "random"
    metric: str | None = None  # result key; None is the return, greedy if the experiment evaluates
    mode: str = "max"  # or min
    max_concurrent: int | None = None  # trials at a time; None is as many as there are CPUs for
    seed: int | None = None


def parse_search(owner: str, spec: object) -> Search:
    """A search as an option or a file gives it: an algorithm's name, or {algorithm, metric, mode, …}.

    Raises:
        UserError, SettingError: for an unknown name or key (with the nearest), a value out of its range, or a missing
            library.
    """
    settings: Any = {"algorithm": spec} if isinstance(spec, str) else spec
    if not isinstance(settings, Mapping):
        raise UserError(f"{owner}: must be a name or map {', '.join(_KEYS)} to values, got {shown(spec)}.")
    check_keys(owner, map(str, settings), _KEYS)
    search = Search(**settings)
    algorithm = str(search.algorithm).lower()
    search.algorithm = {"variant_generator": "random"}.get(algorithm, algorithm)
    if search.algorithm not in ALGORITHMS:
        guess = nearest(algorithm, ALGORITHMS)
        hint = f"; did you mean {guess!r}?" if guess else "."
        raise UserError(f"{owner}: unknown algorithm {algorithm!r}{hint} Allowed: {', '.join(ALGORITHMS)}.")
    if search.algorithm == "optuna" and find_spec("optuna") is None:
        raise UserError(f"{owner}: optuna is not installed; pip install rllib_remix[tune].")
    if search.metric is not None:
        check_result_key(f"{owner}: metric", str(search.metric))
    check_choice(f"{owner}: mode", search.mode, ("max", "min"))
    for name, low, high in (("max_concurrent", 1, MAX_TRIALS), ("seed", 0, 2**32 - 1)):  # NumPy's seeds
        if getattr(search, name) is not None:
            check_count(f"{owner}: {name}", getattr(search, name), low=low, high=high)
    return search


def check_search(search: Search, config: Mapping[str, Any]) -> None:
    """Raises UserError unless this algorithm can search these settings (with Tune's domains in them)."""
    if search.algorithm != "optuna":
        return
    domains = search_domains(config)
    if has_grid(config):
        raise UserError("search: optuna cannot search a grid_search; use {choice: […]} in its place.")
    if not domains:
        raise UserError(
            "search: optuna has nothing to search; give a range in config, such as lr: {loguniform: [1e-5, 1e-2]}."
        )
    for path, domain in domains.items():
        _distribution(path, domain)


def build_searcher(search: Search, config: Mapping[str, Any], metric: str) -> Any:
    """Tune's search algorithm, for settings with Tune's domains in them.

    Args:
        search: checked.
        config: the experiment's settings.
        metric: result key that is compared.
    """
    if search.algorithm == "optuna":
        return _optuna(search, config, metric)
    from ray.tune.search import BasicVariantGenerator

    return BasicVariantGenerator(max_concurrent=search.max_concurrent or 0, random_state=search.seed)


def seed_schedulers(seed: int | None) -> None:
    """Seeds the generators that Tune's schedulers draw from (PBT has no seed of its own)."""
    if seed is not None:
        import numpy as np

        random.seed(seed)
        np.random.seed(seed)


def _optuna(search: Search, config: Mapping[str, Any], metric: str) -> Any:
    import optuna
    from ray.tune.search import ConcurrencyLimiter
    from ray.tune.search.optuna import OptunaSearch

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    domains = {_name(path): (path, domain) for path, domain in search_domains(config).items()}

    class Placing(OptunaSearch):
        """Optuna, with samplers at any depth: Tune's own knows no lists."""

        def suggest(self, trial_id: str) -> dict[str, Any] | None:
            if super().suggest(trial_id) is None:
                return None
            drawn = self._ot_trials[trial_id].params
            values = {path: _value(domain, drawn[name]) for name, (path, domain) in domains.items()}
            return _only(placed(config, values), values)

    space = {name: _distribution(path, domain) for name, (path, domain) in domains.items()}
    searcher = Placing(space=space, metric=metric, mode=search.mode, seed=search.seed)
    return ConcurrencyLimiter(searcher, search.max_concurrent) if search.max_concurrent else searcher


def _distribution(path: tuple[Any, ...], domain: Any) -> Any:
    import optuna
    from ray.tune.search.optuna import OptunaSearch
    from ray.tune.search.sample import Categorical, LogUniform, Quantized

    if isinstance(domain, Categorical):  # by number, because Optuna takes no lists
        return optuna.distributions.CategoricalDistribution(tuple(range(len(domain.categories))))
    sampler = domain.get_sampler()
    if isinstance(sampler, Quantized) and isinstance(sampler.sampler, LogUniform):
        raise UserError(
            f"search: {_name(path)}: optuna cannot search qloguniform; use loguniform or quniform."
        )
    try:
        return OptunaSearch.convert_search_space({"x": domain})["x"]
    except ValueError as error:
        raise UserError(f"search: {_name(path)}: {error}") from error


def _value(domain: Any, drawn: Any) -> Any:
    from ray.tune.search.sample import Categorical

    return domain.categories[drawn] if isinstance(domain, Categorical) else drawn


def _only(settings: Mapping[str, Any], values: Mapping[tuple[Any, ...], Any]) -> dict[str, Any]:
    """The part of nested settings that holds these paths, lists whole: what a trial differs in."""
    part: dict[str, Any] = {}
    for path in values:
        source, target = settings, part
        for key in path[:-1]:
            if not isinstance(source[key], Mapping):
                target[key] = source[key]
                break
            source, target = source[key], target.setdefault(key, {})
        else:
            target[path[-1]] = source[path[-1]]
    return part


def _name(path: tuple[Any, ...]) -> str:
    return "/".join(map(str, path))
