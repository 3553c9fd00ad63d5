"""docs/metrics.md explains every key that a result has."""

import re
from pathlib import Path

import pytest

from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.experiments.result_keys import flattened

PAGE = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text(encoding="utf-8")
OF_TUNE = ("config/",)
# Of the page's sections: what stands before the keys of their tables.
PREFIXES = {
    "Progress": "",
    "Playing": "(?:evaluation/)?env_runners/",
    "Learning": "learners/(?:default_policy|__all_modules__)/",
    "Replay, time, machine": "(?:timers/|perf/)?",
}
ALGORITHMS = {
    "ReMIX": {"weighting_mode": "sampling", "td_lambda": 0.0},
    "QTRAN": {},
    "MAPPO": {},
    "FOP": {},
    "DOP": {},
    "COMA": {},
}


def patterns() -> list[re.Pattern]:
    """What the code spans of the page's tables say of keys: `<…>` is any name, `…` anything, `_min` another end of the
    key before it."""
    _, *sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    assert [section.partition("\n")[0] for section in sections] == list(PREFIXES)
    return [each for section in sections for each in of_section(section)]


def of_section(section: str) -> list[re.Pattern]:
    title, _, text = section.partition("\n")
    found: list[str] = []
    for span in re.findall(r"`([^`\n]+)`", text):
        if span.startswith("_") and found:
            found.append(found[-1].rpartition("_")[0] + span)
        elif span.startswith("…/") and found:
            found.append(found[-1].rpartition("/")[0] + span[1:])
        elif re.fullmatch(r"[\w<>…/]+", span):
            found.append(span)
    whole = [re.escape(each).replace("…", ".*") for each in found]
    return [re.compile(PREFIXES[title] + re.sub(r"<\w+>", r"\\w+", each)) for each in whole]


def is_explained(key: str, known: list[re.Pattern]) -> bool:
    return any(pattern.fullmatch(key) for pattern in known)


def test_a_key_that_the_page_lacks_would_be_found():
    known = patterns()
    assert is_explained("env_runners/episode_return_max", known)
    assert is_explained("learners/default_policy/weight_terms/bellman_error_std", known)
    assert not is_explained("learners/default_policy/any_new_thing_mean", known)
    assert not is_explained("perf/new_mean", known)
    assert not is_explained("timers/epsilon", known)
    assert not is_explained("env_runners/episode_return_median", known)


@pytest.mark.slow
@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_key_of_a_result_is_explained(ray_session, name):
    config = (
        get_algorithm_config(name)
        .environment("two_step_game")
        .env_runners(num_env_runners=0, num_envs_per_env_runner=4)
        .training(train_batch_episodes=4, **ALGORITHMS[name])
        .reporting(min_sample_timesteps_per_iteration=16, min_time_s_per_iteration=0)
        .evaluation(evaluation_interval=1, evaluation_duration=4)
    )
    algorithm = config.build_algo()
    try:
        results = [algorithm.train() for _ in range(2)]
    finally:
        algorithm.stop()
    keys = {key for result in results for key in flattened(result)}
    known = patterns()
    missing = [key for key in sorted(keys) if not key.startswith(OF_TUNE) and not is_explained(key, known)]
    assert not missing
