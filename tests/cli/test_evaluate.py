"""`rllib evaluate` on checkpoints of a team and of one of RLlib's own algorithms."""

import json
import pickle
from pathlib import Path

import pytest
import ray

from rllib_remix.files.json_values import jsonable

pytestmark = pytest.mark.slow


def lengths(file: str) -> list[int]:
    return json.loads(Path(file).read_text())["episodes"]["lengths"]


def test_later_settings_win_over_the_runs_own(rllib, team_checkpoint):
    for options, length in (
        ((), 7),  # evaluation_config
        (("--config", {"env_config": {"episode_limit": 6}}), 6),
        (("--config", {"env_config": {"episode_limit": 6}}, "--env-config", {"episode_limit": 5}), 5),
    ):
        result = rllib("evaluate", team_checkpoint, "--episodes", 2, "--out", "e.json", *options)
        assert result.exit_code == 0, result.output
        assert lengths("e.json") == [length] * 2


def test_without_limits_a_team_plays_32_episodes_and_with_steps_only_those(rllib, team_checkpoint):
    assert "32 greedy episodes" in rllib("evaluate", team_checkpoint).stdout
    result = rllib("evaluate", team_checkpoint, "--steps", 20)  # two episodes of 7 steps, and one cut off
    assert "2 greedy episodes" in result.stdout


def test_nothing_is_reported_of_a_team_that_finished_no_episode(refused, team_checkpoint, tmp_path):
    message = refused("evaluate", team_checkpoint, "--steps", 3, "--out", "e.json")
    assert "no episode ended within 3 environment steps" in message
    assert not list(tmp_path.glob("*e.json"))


def test_a_teams_checkpoint_is_never_unpickled(rllib, team_checkpoint, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("something was unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    assert rllib("evaluate", team_checkpoint, "--episodes", 2).exit_code == 0


def test_the_algorithm_must_be_the_checkpoints(rllib, refused, team_checkpoint):
    assert "was made by QMIX, not by VDN" in refused("evaluate", team_checkpoint, "--run", "VDN")
    assert rllib("evaluate", team_checkpoint, "--run", "QMIX", "--episodes", 1).exit_code == 0


def test_settings_of_a_team_are_checked(refused, team_checkpoint):
    unknown = refused("evaluate", team_checkpoint, "--config", {"lrr": 1})
    assert "did you mean 'lr'" in unknown
    assert "explore" in refused("evaluate", team_checkpoint, "--config", {"explore": 1})
    assert "n_agents = 3, this environment has 4" in refused(
        "evaluate", team_checkpoint, "--env-config", {"num_predators": 4}
    )


def test_a_team_explores_if_the_settings_say_so(rllib, team_checkpoint):
    result = rllib(
        "evaluate", team_checkpoint, "--config", {"explore": True, "epsilon": 1.0}, "--episodes", 2
    )
    assert "2 exploring episodes" in result.stdout


def test_infos_and_progress_are_written(rllib, team_checkpoint, monkeypatch, tmp_path):
    seen = []
    write = Path.write_text

    def watch(self, text, *arguments, **options):
        seen.append((self.name, text))
        return write(self, text, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", watch)
    options = ("--episodes", 2, "--out", "e.json", "--save-info", "--track-progress")
    assert rllib("evaluate", team_checkpoint, *options).exit_code == 0
    steps = json.loads(Path("e.json").read_text())["episodes"]["step_infos"]
    assert [len(episode) for episode in steps] == [7, 7]
    assert steps[0][0].keys() == {"prey_captured", "lone_catches"}
    assert ("__progress_e.json", "2 of 2 episodes, 14 env steps\n") in seen
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["e.json"]


def test_a_failing_write_does_not_lose_the_result(rllib, team_checkpoint, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rllib_remix.files.durable.write_through", full)
    Path("e.json").write_text("before")
    result = rllib("evaluate", team_checkpoint, "--episodes", 2, "--out", "e.json")
    assert result.exit_code == 2
    assert "2 greedy episodes" in result.stdout
    assert result.stderr == "Error: --out: cannot write 'e.json': No space left on device.\n"
    assert [(file.name, file.read_text()) for file in Path().glob("*") if file.is_file()] == [
        ("e.json", "before")
    ]


def test_an_untrained_team_is_played(rllib):
    result = rllib("evaluate", "--algo", "ReMIX", "--env", "matrix_game", "--episodes", 3)
    assert "Untrained ReMIX on matrix_game, 3 greedy episodes" in result.stdout


def test_rllibs_own_algorithms_are_read_only_if_pickles_are_trusted(refused, ppo_checkpoint):
    message = refused("evaluate", ppo_checkpoint)
    assert "pickles" in message
    assert "--trust-pickle" in message


def test_a_strangers_pickle_does_not_run(refused, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    folder = tmp_path / "checkpoint_000000"
    folder.mkdir()
    (folder / "rllib_checkpoint.json").write_text('{"checkpoint_version": "2.1"}')
    (folder / "class_and_ctor_args.pkl").write_bytes(pickle.dumps(Evil()))
    for command in (("evaluate", folder), ("export", folder, "--out", "e")):
        assert "--trust-pickle" in refused(*command)
        assert not (tmp_path / "ran").exists()
    # With trust it runs, and what it is not is said.
    assert "class_and_ctor_args.pkl cannot be read" in refused("evaluate", folder, "--trust-pickle")


def test_a_checkpoint_of_the_old_stack_is_refused(refused, tmp_path):
    folder = tmp_path / "checkpoint_000000"
    folder.mkdir()
    (folder / "rllib_checkpoint.json").write_text('{"checkpoint_version": "1.1"}')
    assert "old API stack" in refused("evaluate", folder)


def test_rllibs_own_algorithm_plays_whole_episodes(rllib, ppo_checkpoint):
    options = ("--trust-pickle", "--episodes", 3, "--out", "e.json", "--save-info")
    result = rllib("evaluate", ppo_checkpoint, *options)
    assert result.exit_code == 0, result.output
    assert "PPO on CartPole-v1, 3 greedy episodes" in result.stdout
    written = json.loads(Path("e.json").read_text())
    # CartPole pays 1 for every step; seeds of the episodes differ.
    assert written["episodes"]["returns"] == written["episodes"]["lengths"]
    assert [len(infos) for infos in written["episodes"]["step_infos"]] == written["episodes"]["lengths"]
    assert min(written["episodes"]["lengths"]) > 0

    rllib("evaluate", ppo_checkpoint, *options)
    assert json.loads(Path("e.json").read_text()) == written


def test_a_limit_of_steps_stops_rllibs_own_algorithm_within_an_episode(rllib, ppo_checkpoint):
    options = ("--trust-pickle", "--steps", 60, "--out", "e.json", "--config", {"explore": True})
    result = rllib("evaluate", ppo_checkpoint, *options)
    assert "exploring" in result.stdout
    written = json.loads(Path("e.json").read_text())
    assert written["num_env_steps"] == 60
    assert sum(written["episodes"]["lengths"]) <= 60


def test_what_rllibs_own_algorithm_learnt_is_what_plays(ppo_checkpoint):
    from rllib_remix.checkpoints.rllib import read_trusted, read_weights
    from rllib_remix.playing.rllib import _evaluation_settings, _restore, _runner_class

    asked = type("Asked", (), {"config": {}, "env_config": {}, "env": None, "seed": 0, "where": ""})()
    checkpoint = read_trusted(ppo_checkpoint)
    config = _evaluation_settings(checkpoint.config, asked)
    runner = _runner_class(config)(config=config, worker_index=0)
    _restore(runner, checkpoint)
    saved = read_weights(checkpoint)
    for name, value in runner.module.state_dict().items():
        assert (value.numpy() == saved[f"default_policy/{name}"]).all(), name
    (means,) = [part for part in runner._env_to_module.connectors if "MeanStd" in type(part).__name__]
    assert means.get_state()  # the running means of the run
    assert str(means.get_state()) == str(
        pickle.loads(
            next(ppo_checkpoint.glob("env_runner/env_to_module*/**/*MeanStd*/state.pkl")).read_bytes()
        )
    )
    runner.stop()


def test_rllibs_own_algorithm_is_drawn(rllib, ppo_checkpoint):
    pytest.importorskip("pygame")
    result = rllib("evaluate", ppo_checkpoint, "--trust-pickle", "--episodes", 1, "--render", "e.gif")
    assert result.exit_code == 0, result.output
    assert Path("e.gif").read_bytes().startswith(b"GIF89a")


def test_options_for_rllibs_own_algorithm_are_checked(refused, ppo_checkpoint):
    def message(*options):
        return refused("evaluate", ppo_checkpoint, "--trust-pickle", *options)

    assert "was made by PPO, not by DQN" in message("--algo", "DQN")
    assert "did you mean 'lr'" in message("--config", {"lrr": 1})
    assert "unknown environment 'CartPol-v1'" in message("--env", "CartPol-v1")
    assert "CartPole-v1" in message("--env-config", {"no_such": 1})


def test_playing_starts_no_ray(rllib, ppo_checkpoint, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("Ray was started")

    monkeypatch.setattr(ray, "init", refuse)
    assert rllib("evaluate", ppo_checkpoint, "--trust-pickle", "--episodes", 1).exit_code == 0


def test_every_value_becomes_json():
    import numpy as np

    value = {
        "a": np.float32(1.5),
        "b": [np.nan, np.arange(2)],
        "c": (None, True, {1}),
        "d": ray,
        3: float("inf"),
    }
    expected = {"a": 1.5, "b": [None, [0, 1]], "c": [None, True, [1]], "d": str(ray), "3": None}
    assert jsonable(value) == expected
