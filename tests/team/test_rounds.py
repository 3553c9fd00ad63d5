"""One round of the loop after the other, against what it must do: who plays with what, and what reaches the learner."""

import copy

import numpy as np
import pytest
import torch
from batteries import battery_but

from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.team.learner import learner_batch
from rllib_remix.team.sampling import OverlappedRounds, Rounds
from tests.algorithms.games import OTHERS, equal, tiny, weights
from tests.plain_play import NotingGame, are_greedy, plain_utilities
from tests.team.runners_here import RunnersHere

BATCH, COPIES = 6, 2


def noting(algorithm="ReMIX", **training):
    """The game that notes all it shows, with a learner that changes much in every update."""
    settings = {
        "train_batch_episodes": BATCH,
        "rollout_episodes_per_update": 2,
        "replay_buffer_capacity": 14,
        "target_network_update_episodes": 8,
        "agent_hidden_dim": 6,
        "normalize_observations": False,  # what is noted is what networks read
        "normalize_rewards": False,
        "lr": 0.05,
        "epsilon": 0.0,
    }
    return (
        get_algorithm_config(algorithm)
        .environment(NotingGame)
        .env_runners(num_envs_per_env_runner=COPIES)
        .training(**(settings | training))
        .reporting(min_sample_timesteps_per_iteration=1)
    )


class Watched:
    """An algorithm, and of every round what was stored, and of every update what the learner got and gave."""

    def __init__(self, algorithm, num_env_runners=0, rounds=Rounds):
        self.algorithm, self.stored, self.batches, self.timesteps = algorithm, [], [], []
        self.asked, self.reports = [], []
        self.group = None
        if num_env_runners:
            self.group = RunnersHere(algorithm.config, num_env_runners)
            algorithm._rounds = rounds(self.group, algorithm.config, algorithm._runner_state)
        self._watch(algorithm.replay_buffer, "add", lambda args, kwargs, done: self.stored.append(args[0]))
        self._watch(
            algorithm.replay_buffer, "sample", lambda args, kwargs, done: self.asked.append((args, kwargs))
        )
        self._watch(algorithm.learner_group, "update", self._note_update)

    def _watch(self, owner, name, note):
        function = getattr(owner, name)

        def watched(*args, **kwargs):
            done = function(*args, **kwargs)
            note(args, kwargs, done)
            return done

        setattr(owner, name, watched)

    def _note_update(self, args, kwargs, results):
        self.batches.append(kwargs["batch"]["default_policy"])
        self.timesteps.append(kwargs["timesteps"])
        self.reports.append(results[0]["of_update"].episodes[0])

    @property
    def episodes(self):
        return [episode for played in self.stored for episode in played]


def lives(episode):
    """Steps of each agent until the first from which on it has no choice and sees the same; counted backwards."""
    found = []
    for agent in range(episode.obs.shape[1]):
        steps = len(episode) + 1
        while (
            steps > 1
            and episode.avail_actions[steps - 1, agent].sum() <= 1
            and episode.avail_actions[steps - 2, agent].sum() <= 1
            and (episode.obs[steps - 1, agent] == episode.obs[steps - 2, agent]).all()
        ):
            steps -= 1
        found.append(steps)
    return found


@pytest.mark.parametrize("mode", battery_but(["sampling"], ["loss", "sampling"]))
def test_a_batch_holds_to_the_bit_the_episodes_that_were_played_under_their_numbers(build, mode):
    watched = Watched(build(noting("MACPO", weighting_mode=mode)))
    for _ in range(14):  # The buffer of 14 is overwritten twice.
        watched.algorithm.training_step()
    assert len(watched.batches) == 12
    for update, batch in enumerate(watched.batches):
        newest = BATCH + 2 * update  # episodes stored before this update
        steps = int(batch["lengths"].max())
        assert batch["obs"].shape[1] == steps + 1
        for row, number in enumerate(batch["numbers"].tolist()):
            assert max(0, newest - 14) <= number < newest
            episode = watched.episodes[number]
            length = len(episode)
            assert batch["lengths"][row] == length
            assert bool(batch["terminated"][row]) == episode.terminated
            assert batch["lives"][row].tolist() == lives(episode)
            for name in ("obs", "state", "avail_actions", "actions", "rewards"):
                stored = getattr(episode, name)
                assert np.array_equal(batch[name][row, : len(stored)], stored), name
                assert not batch[name][row, len(stored) :].any()
        assert (batch["num_steps"] == batch["lengths"].sum()).all()


@pytest.mark.parametrize("num_learners", [1, 2, 3])
def test_every_learner_divides_by_its_share_of_the_steps_of_the_whole_batch(num_learners):
    sample = {"lengths": torch.tensor([1, 5, 2, 9, 3, 4]), "numbers": torch.arange(6)}
    batch = learner_batch(sample, num_learners=num_learners)
    module_batch = batch["default_policy"]
    assert module_batch["num_steps"].tolist() == [24 / num_learners] * 6
    assert batch.env_steps() == 24
    # One part after the other goes to the learners: they get every num_learners-th episode.
    parts = np.split(module_batch["numbers"].numpy(), num_learners)
    assert [part.tolist() for part in parts] == [list(range(i, 6, num_learners)) for i in range(num_learners)]
    assert module_batch["lengths"].tolist() == sample["lengths"][module_batch["numbers"]].tolist()


@pytest.mark.parametrize(
    ("num_env_runners", "per_update", "expected"),
    [
        # 2, 4, 6, … episodes; the first update with 6, then one per 2, 4 and 1 of them.
        (0, 2, [0, 0, 1, 1, 1, 1]),
        (0, 4, [0, 0, 1, 0, 1, 0]),
        (0, 1, [0, 0, 1, 2, 2, 2]),
        # Three env runners bring 6 at a time.
        (3, 2, [1, 3, 3, 3]),
        (3, 4, [1, 1, 2, 1]),
        (3, 9, [0, 1, 1, 0, 1]),  # With 6 of 9 there is a batch, but the update is not earned yet.
    ],
)
def test_updates_are_earned_by_episodes_whoever_played_them(build, num_env_runners, per_update, expected):
    watched = Watched(build(noting(rollout_episodes_per_update=per_update)), num_env_runners)
    made = []
    for _ in expected:
        before = len(watched.batches)
        watched.algorithm.training_step()
        made.append(len(watched.batches) - before)
    assert made == expected


def online_and_targets(algorithm):
    state = weights(algorithm)
    targets = {name: values for name, values in state.items() if name.startswith("target_")}
    assert targets
    return {name: state[name.removeprefix("target_")] for name in targets}, targets


@pytest.mark.parametrize("algorithm", battery_but(["ReMIX"], ["QMIX", "ReMIX"]))
def test_all_target_networks_are_copied_every_so_many_episodes_and_keep_still_between(build, algorithm):
    watched = Watched(build(noting(algorithm)))
    copies = []
    _, targets = online_and_targets(watched.algorithm)
    for _ in range(14):
        watched.algorithm.training_step()
        online, now = online_and_targets(watched.algorithm)
        if not equal(targets, now):
            copies.append(watched.algorithm._episodes_collected)
            assert all(np.array_equal(online[name], now[f"{name}"]) for name in now)
            assert all((targets[name] != now[name]).any() for name in now if name.endswith("weight"))
        targets = now
    # Updates come with 6, 8, 10, … episodes: 8 since the start at 8, and so on.
    assert copies == [8, 16, 24]


def greedy_under(state, episode):
    network = {
        name.removeprefix("agent."): value for name, value in state.items() if name.startswith("agent.")
    }
    values = plain_utilities(network, episode.obs, episode.actions)
    return bool(are_greedy(values, episode.avail_actions, episode.actions).all())


@pytest.mark.parametrize("num_env_runners", battery_but([2], [0, 2]))
def test_every_round_is_played_with_the_newest_weights(build, num_env_runners):
    watched = Watched(build(noting()), num_env_runners)
    differ = 0
    for _ in range(8):
        newest = copy.deepcopy(weights(watched.algorithm))
        watched.algorithm.training_step()
        for episode in watched.stored[-1]:
            assert greedy_under(newest, episode)
            differ += not greedy_under(weights(watched.algorithm), episode)
        assert watched.algorithm._rounds.weights_lag == 0
    assert differ  # The test would notice other weights.


def test_with_overlap_a_round_is_played_with_the_weights_before_the_updates_that_went_on_meanwhile(build):
    watched = Watched(build(noting()), 2, OverlappedRounds)
    asked_with = copy.deepcopy(weights(watched.algorithm))
    lags = []
    for round_ in range(8):
        newest = copy.deepcopy(weights(watched.algorithm))  # The next round is asked for before the updates.
        watched.algorithm.training_step()
        for episode in watched.stored[-1]:
            assert greedy_under(asked_with, episode)
        lags.append(watched.algorithm._rounds.weights_lag)
        asked_with = newest
        # Its ε and the age of its episodes are those of the moment of asking, too.
        collected = [len(e) for played in watched.stored[: max(0, round_ - 1) + (round_ > 0)] for e in played]
        assert {e.env_steps_before for e in watched.stored[-1]} == {sum(collected)}
    assert lags[0] == 0
    assert max(lags) == 2  # 4 episodes a round, 2 per update


@pytest.mark.parametrize("num_env_runners", battery_but([3], [0, 3]))
def test_epsilon_and_the_age_of_episodes_follow_the_env_steps_of_all_env_runners(build, num_env_runners):
    watched = Watched(build(noting(epsilon=[[0, 1.0], [400, 0.0]])), num_env_runners)
    steps = 0
    for _ in range(8):
        result = watched.algorithm.train()
        assert {episode.env_steps_before for episode in watched.stored[-1]} == {steps}
        epsilon = max(0.0, 1 - steps / 400)
        assert result["env_runners"]["epsilon"] == pytest.approx(epsilon)
        runners = watched.group.runners if watched.group else [watched.algorithm.env_runner]
        assert [runner.epsilon for runner in runners] == [pytest.approx(epsilon)] * len(runners)
        steps += sum(map(len, watched.stored[-1]))
        assert result["num_env_steps_sampled_lifetime"] == steps
        assert result["env_runners"]["num_episodes_lifetime"] == len(watched.episodes)
    assert {episode.worker_index for episode in watched.episodes} == (
        set(range(1, num_env_runners + 1)) or {0}
    )


def test_the_learner_is_told_the_env_steps_and_episodes_so_far(build):
    watched = Watched(build(noting()))
    for _ in range(6):
        watched.algorithm.training_step()
    told = [(t["num_env_steps_sampled_lifetime"], t["num_episodes_lifetime"]) for t in watched.timesteps]
    expected = [
        (sum(map(len, watched.episodes[:count])), count) for count in range(BATCH, BATCH + 2 * len(told), 2)
    ]
    assert told == expected


def test_beta_follows_its_schedule_over_the_env_steps_and_is_what_the_draws_are_made_with(build):
    settings = {"weighting_mode": "sampling", "prioritized_replay_beta": [[0, 0.2], [200, 1.0]]}
    watched = Watched(build(noting("PERQMIX", **settings)))
    for _ in range(8):
        result = watched.algorithm.train()
        steps = sum(map(len, watched.episodes))
        beta = min(1.0, 0.2 + 0.8 * steps / 200)
        assert result["replay_buffer"]["beta"] == pytest.approx(beta)
        if watched.batches:
            (count,), kwargs = watched.asked[-1]
            assert (count, kwargs["beta"]) == (BATCH, pytest.approx(beta))


def test_importance_is_that_of_the_priorities_at_the_moment_of_the_draw(build):
    alpha, epsilon = 0.7, 0.01
    settings = {
        "weighting_mode": "sampling",
        "prioritized_replay_beta": 0.5,
        "prioritized_replay_alpha": alpha,
        "prioritized_replay_epsilon": epsilon,
    }
    watched = Watched(build(noting("PERQMIX", **settings)))
    for update in range(10):
        watched.algorithm.training_step()
        if not watched.batches:
            continue
        # Priorities by number: a new episode has the greatest of those stored, an updated one its own.
        stored = range(max(0, len(watched.episodes) - 14), len(watched.episodes))
        priorities = {}
        for round_, played in enumerate(watched.stored):
            oldest = max(0, 2 * round_ - 14)
            here = [priorities[number] for number in priorities if number >= oldest]
            for _ in played:
                priorities[len(priorities)] = max(here, default=1.0)
            before = dict(priorities)
            if (update_ := round_ - 2) >= 0:
                report = watched.reports[update_]
                priorities |= dict(
                    zip(report["numbers"].tolist(), report["priorities"].tolist(), strict=True)
                )
        masses = {number: (before[number] + epsilon) ** alpha for number in stored}
        total = sum(masses.values())
        batch = watched.batches[-1]
        raw = np.array([(total / (len(stored) * masses[n])) ** 0.5 for n in batch["numbers"].tolist()])
        np.testing.assert_allclose(batch["importance"], raw / raw.max(), rtol=1e-4)
        now = watched.algorithm.replay_buffer.priorities
        np.testing.assert_allclose(now, [priorities[number] for number in stored], rtol=1e-6)
        assert update < 3 or len({*priorities.values()}) > 2


@pytest.mark.parametrize(("num_env_runners", "window"), [(0, 5), (3, 7)])
def test_the_means_of_a_result_are_over_the_latest_episodes_of_all_env_runners(
    build, num_env_runners, window
):
    config = noting().reporting(metrics_num_episodes_for_smoothing=window)
    watched = Watched(build(config), num_env_runners)
    for _ in range(4):
        played = watched.algorithm.train()["env_runners"]
        latest = watched.episodes[-window:]
        expected = np.mean([episode.get_return() for episode in latest])
        assert played["episode_return_mean"] == pytest.approx(expected, abs=1e-6)
        assert played["episode_len_mean"] == pytest.approx(np.mean([len(e) for e in latest]))
        assert played["luck_mean"] == pytest.approx(np.mean([e.info["luck"] for e in latest]))


def test_an_evaluations_means_are_over_its_own_episodes_alone_and_greedy(build):
    config = noting(epsilon=1.0).evaluation(evaluation_interval=2, evaluation_duration=5)
    algorithm = build(config)
    played, runner = [], algorithm.eval_env_runner
    sample = runner.sample
    runner.sample = lambda **kwargs: played.append(sample(**kwargs)) or played[-1]
    results = []
    for iteration in range(1, 5):
        newest = copy.deepcopy(weights(algorithm))
        result = algorithm.train()["evaluation"]["env_runners"]
        results.append(result)
        if iteration % 2:
            assert len(played) == 0
            continue
        episodes = [episode for part in played for episode in part]
        newest = weights(algorithm)
        assert all(greedy_under(newest, episode) for episode in episodes)
        assert len(episodes) == 5
        assert result["num_episodes"] == 5
        for name, values in (
            ("episode_return_mean", [e.get_return() for e in episodes]),
            ("episode_len_mean", [len(e) for e in episodes]),
            ("score_mean", [e.info["score"] for e in episodes]),
        ):
            assert result[name] == pytest.approx(np.mean(values), abs=1e-6)
        played.clear()
    assert results[2] == results[1] != results[3]
    assert np.isnan(results[0]["episode_return_mean"])


@pytest.mark.parametrize(
    ("algorithm", "mode"),
    [
        pytest.param("MACPO", "loss", marks=pytest.mark.battery),
        ("MACPO", "sampling"),
        *((name, None) for name in OTHERS),
    ],
)
@pytest.mark.parametrize("by", battery_but(["checkpoint"], ["state", "checkpoint"]))
def test_a_restored_algorithm_goes_on_to_the_bit_as_the_one_that_was_not_stopped(
    build, tmp_path, algorithm, mode, by
):
    settings = {"epsilon": [[0, 1.0], [300, 0.1]], "lr": [[0, 1e-2], [300, 1e-3]]}
    if mode is not None:
        settings |= {
            "weighting_mode": mode,
            "rollout_episodes_per_update": 3,
            "target_network_update_episodes": 12,
        }
    if mode == "sampling":
        settings["prioritized_replay_beta"] = [[0, 0.1], [300, 1.0]]
    config = tiny(algorithm, **settings).env_runners(num_envs_per_env_runner=2)
    config = config.reporting(min_sample_timesteps_per_iteration=40).evaluation(
        evaluation_interval=3, evaluation_duration=2
    )
    whole, restored = build(config), build(config.copy(copy_frozen=False).debugging(seed=7))
    for _ in range(4):
        whole.train()
    if by == "state":
        restored.set_state(copy.deepcopy(whole.get_state()))
    else:
        restored.restore_from_path(whole.save_to_path(str(tmp_path / "half")))
    one, other = whole.get_state(), restored.get_state()
    np.testing.assert_equal(other["loop"], one["loop"])
    for _ in range(4):
        expected, result = whole.train(), restored.train()
        assert equal(weights(whole), weights(restored))
        for key in ("episode_return_mean", "episode_len_mean", "prey_captured_mean", "epsilon"):
            np.testing.assert_equal(result["env_runners"][key], expected["env_runners"][key], err_msg=key)
        for key in (
            "num_env_steps_sampled_lifetime",
            "num_episodes_lifetime",
            "num_agent_steps_sampled_lifetime",
        ):
            assert result["env_runners"][key] == expected["env_runners"][key], key
        assert result["training_iteration"] == expected["training_iteration"]
        np.testing.assert_equal(result["replay_buffer"], expected["replay_buffer"])
        one, other = expected["learners"]["default_policy"], result["learners"]["default_policy"]
        assert {*whole.learner_result_keys(), "grad_norm"} <= one.keys() == other.keys()
        for name in (*whole.learner_result_keys(), *(["weight_histogram"] if mode else [])):
            np.testing.assert_equal(other[name], one[name], err_msg=name)
        evaluations = [r["evaluation"]["env_runners"]["episode_return_mean"] for r in (expected, result)]
        np.testing.assert_equal(*evaluations)
    mine, theirs = whole.replay_buffer.get_state(), restored.replay_buffer.get_state()
    assert mine["rng"] == theirs["rng"]
    assert equal(mine["arrays"], theirs["arrays"])
    np.testing.assert_equal(theirs.get("priorities"), mine.get("priorities"))
