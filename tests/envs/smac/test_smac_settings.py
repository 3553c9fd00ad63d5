import pytest

from rllib_remix.envs.smac.settings import SmacSettings
from rllib_remix.errors import SettingError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("map_name", "4m"),
        ("difficulty", "B"),
        ("difficulty", 0),
        ("difficulty", True),
        ("game_version", 4.10),
        ("sc2_path", ""),
        ("replay_dir", 1),
        ("debug", 1),
        ("heuristic_ai", "yes"),
        ("client", "smac.env.StarCraft2Env"),
        ("client", None),
        ("reset_timeout_s", 0),
        ("step_timeout_s", -1),
        ("start_tries", 0),
        ("start_tries", 1.5),
        ("start_backoff_s", 61),
        ("start_interval_s", -1),
        ("restart_every_episodes", 0),
        ("memory_limit_mb", 0),
        ("window_size_x", 0),
    ],
)
def test_a_bad_setting_is_named_with_its_value(name, value):
    with pytest.raises(SettingError, match=rf"^smac\.{name}: .*{value!r}"):
        SmacSettings(**{name: value})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"heuristic_rest": True}, "smac.heuristic_rest: true has no effect without heuristic_ai"),
        ({"replay_prefix": "a"}, "smac.replay_prefix: 'a' has no effect without replay_dir"),
        ({"reward_enemy_recovery": False}, "smac.reward_enemy_recovery: false is not possible .* 'smac_sim'"),
        ({"obs_own_health": False}, "smac.obs_own_health: false is not allowed with obs_all_health"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        SmacSettings(**settings)


def test_the_nearest_map_is_named():
    with pytest.raises(SettingError, match="unknown name '2S3Z_'; did you mean '2s3z'"):
        SmacSettings(map_name="2S3Z_")


def test_a_difficulty_may_be_written_as_a_number():
    assert SmacSettings(difficulty=7).difficulty == "7"


def test_what_smac_leaves_open_has_smacs_defaults():
    arguments = SmacSettings().client_arguments(seed=3)
    assert arguments["difficulty"] == "7"
    assert arguments["game_version"] is None
    assert (arguments["replay_dir"], arguments["replay_prefix"]) == ("", "")
    assert (arguments["window_size_x"], arguments["window_size_y"]) == (1920, 1200)
    assert arguments["seed"] == 3
