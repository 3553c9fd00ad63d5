"""Which releases of Ray are allowed, and what is told of settings that one lacks."""

import re
from importlib import metadata
from pathlib import Path

import pytest

from rllib_remix.errors import UserError
from rllib_remix.ray_releases import (
    NEWEST_RAY,
    OLDEST_RAY,
    SETTINGS_SINCE,
    check_release_has,
    is_supported,
    release_of,
)

SETUP = Path(__file__).parents[1] / "setup.py"


@pytest.mark.parametrize(
    ("version", "works"),
    [
        ("2.54.1", False),
        ("2.55.0", True),
        ("2.60.0", True),
        ("2.60.0.dev0+abc", True),
        ("2.60rc1", True),
        ("2.61.0", False),
        ("3.0.0.dev0", False),
        ("nightly", False),
    ],
)
def test_only_releases_that_were_tried_are_supported(version, works):
    assert is_supported(version) is works


def test_the_package_asks_for_what_it_supports():
    low, high = OLDEST_RAY, (NEWEST_RAY[0], NEWEST_RAY[1] + 1)
    pin = ">={}.{},<{}.{}".format(*low, *high)
    assert set(re.findall(r'"ray\[\w+\](.*?)"', SETUP.read_text(encoding="utf-8"))) == {pin}


def test_the_newest_ray_has_every_setting_that_is_told_as_late():
    if release_of(metadata.version("ray")) < NEWEST_RAY:
        pytest.skip("an older Ray is installed")
    from ray.rllib.algorithms.algorithm_config import AlgorithmConfig

    assert SETTINGS_SINCE.keys() <= vars(AlgorithmConfig()).keys()


def test_of_a_ray_whose_release_is_not_known_no_setting_is_refused(monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda name: "nightly")
    for name in SETTINGS_SINCE:
        check_release_has("config", name)


@pytest.fixture
def old_ray(monkeypatch):
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "2.55.1" if name == "ray" else version(name))


def test_a_setting_of_a_later_ray_is_told_with_both_releases(old_ray):
    check_release_has("config of PPO", "lr")
    check_release_has("config of PPO", 5)
    with pytest.raises(
        UserError,
        match=r"^config of PPO: custom_resources_per_learner is a setting of Ray 2\.56 and later; here is Ray 2\.55\.1\. "
        r"Leave it out, or `pip install 'ray\[rllib\]==2\.60\.\*'`\.$",
    ):
        check_release_has("config of PPO", "custom_resources_per_learner")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--algo", "QMIX", "--config", '{"use_env_runner_state_server": true}'),
        ("--algo", "QMIX", "--resources-per-trial", '{"cpu": 2, "custom_resources": {"tpu": 1}}'),
    ],
)
def test_the_command_refuses_it_by_name(rllib, old_ray, arguments):
    result = rllib("train", "--env", "matrix_game", *arguments)
    assert result.exit_code == 2
    assert "and later; here is Ray 2.55.1" in result.stderr
