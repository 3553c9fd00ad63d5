import numpy as np
import pytest
from ray.rllib.callbacks.callbacks import RLlibCallback
from ray.rllib.core import COMPONENT_RL_MODULE
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME, NUM_EPISODES, WEIGHTS_SEQ_NO

from rllib_remix.algorithms.qmix_config import QMIXConfig
from rllib_remix.envs.predator_prey import PredatorPrey
from rllib_remix.envs.team_env import BrokenEnvironment, TeamEnv
from rllib_remix.errors import SettingError
from rllib_remix.rollout.env_runner import MAX_FAILURES_IN_A_ROW, TeamEnvRunner
from tests.envs.processes.walkers import Walkers

SMALL = {"grid_height": 5, "grid_width": 5, "num_predators": 3, "num_prey": 2, "episode_limit": 12}


def config(num_envs=4, *, seed=0, env="predator_prey", env_config=SMALL, **training):
    return (
        QMIXConfig()
        .environment(env, env_config=env_config)
        .env_runners(num_envs_per_env_runner=num_envs)
        .training(**training)
        .debugging(seed=seed)
    )


def runner(num_envs=4, *, worker_index=0, **kwargs):
    return TeamEnvRunner(config=config(num_envs, **kwargs), worker_index=worker_index)


def same(one, other):
    return len(one) == len(other) and all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for a, b in zip(one, other, strict=True)
        for name in ("obs", "state", "avail_actions", "actions", "rewards")
    )


def test_each_copy_plays_one_episode_by_default():
    episodes = runner(num_envs=4).sample()
    assert len(episodes) == 4


def test_exactly_the_asked_episodes_are_played_with_an_even_quota_per_copy():
    assert len(runner(num_envs=4).sample(num_episodes=10)) == 10
    assert len(runner(num_envs=4).sample(num_episodes=2)) == 2


def test_no_episodes_may_be_asked_for():
    assert runner(num_envs=4).sample(num_episodes=0) == []


def test_short_episodes_are_not_favoured():
    # A game that is over at once in even copies and long in odd ones: half of the episodes must be long.
    class Uneven(PredatorPrey):
        def step(self, actions):
            step = super().step(actions)
            running = ~(step.terminated | step.truncated)
            self._terminated[(np.arange(self.num_envs) % 2 == 0) & (self._steps > 0) & running] = True
            return step

    lengths = [len(e) for e in runner(num_envs=4, env=Uneven).sample(num_episodes=8)]
    assert sorted(set(lengths)) == [1, 12]
    assert lengths.count(1) == 4


def test_num_timesteps_may_be_a_float_and_is_reached_with_whole_episodes():
    episodes = runner(num_envs=2).sample(num_timesteps=30.0)
    assert sum(map(len, episodes)) >= 30
    assert all(e.terminated or e.truncated for e in episodes)


def test_an_episode_holds_what_the_environment_showed():
    played = runner(num_envs=1).sample()[0]
    # The same actions in the same environment, from the first state on, give the same arrays.
    env = PredatorPrey(1, **SMALL)
    assert played.obs.dtype == played.state.dtype == np.uint8
    assert played.obs.shape == (len(played) + 1, 3, env.obs_dim)
    assert played.state.shape == (len(played) + 1, env.state_dim)
    assert played.avail_actions.shape == (len(played) + 1, 3, 6)
    assert played.actions.shape == (len(played), 3)
    taken = np.take_along_axis(played.avail_actions[:-1], played.actions[..., None].astype(int), -1)
    assert taken.all()
    assert played.env_steps() == len(played)
    assert played.agent_steps() == 3 * len(played)
    assert played.info["lone_catches"] >= 0
    # A time limit is a truncation.
    assert played.truncated
    assert not played.terminated
    assert len(played) == 12


def test_one_seed_gives_the_same_episodes_twice():
    one, other = runner(), runner()
    assert same(one.sample(), other.sample())
    assert same(one.sample(), other.sample())


def test_seeds_differ_per_worker_and_copy():
    first, second = runner(worker_index=1), runner(worker_index=2)
    one, other = first.sample(), second.sample()
    assert not any(same([a], [b]) for a in one for b in other)
    assert not any(same([a], [b]) for i, a in enumerate(one) for b in one[:i])


def test_a_worker_that_joins_later_does_not_repeat_the_beginning():
    early, late = runner(worker_index=1), runner(worker_index=1)
    late.set_state({NUM_ENV_STEPS_SAMPLED_LIFETIME: 5000})
    assert not same(early.sample(), late.sample())


def test_the_state_continues_the_random_streams():
    original = runner()
    original.sample()
    state = original.get_state()
    copy = runner()
    copy.set_state(state)
    assert same(original.sample(), copy.sample())


def test_random_streams_of_another_worker_are_not_taken_over():
    donor = runner(worker_index=1)
    donor.sample()
    taker, untouched = runner(worker_index=2), runner(worker_index=2)
    state = donor.get_state(not_components=[COMPONENT_RL_MODULE])
    state.pop(NUM_ENV_STEPS_SAMPLED_LIFETIME)
    taker.set_state(state)
    assert same(taker.sample(), untouched.sample())


def test_epsilon_follows_the_env_steps_of_all_runners():
    played = runner(epsilon=[[0, 1.0], [1000, 0.0]])
    played.sample()
    assert played.epsilon == 1.0
    played.set_state({NUM_ENV_STEPS_SAMPLED_LIFETIME: 500})
    played.sample()
    assert played.epsilon == pytest.approx(0.5)
    played.set_state({NUM_ENV_STEPS_SAMPLED_LIFETIME: 10**6})
    played.sample()
    assert played.epsilon == 0.0


def test_explore_false_is_greedy_and_random_actions_are_random():
    played = runner()
    played.sample(explore=False)
    assert played.epsilon == 0.0
    played.sample(random_actions=True)
    assert played.epsilon == 1.0


def test_weights_change_only_for_newer_sequence_numbers_or_zero():
    played = runner()
    weights = {name: value + 1 for name, value in played.module.get_state().items()}

    def first_weight():
        return next(iter(played.module.get_state().values())).flat[0]

    before = first_weight()
    played.set_state({COMPONENT_RL_MODULE: weights, WEIGHTS_SEQ_NO: 3})
    assert first_weight() == before + 1
    newer = {name: value + 1 for name, value in weights.items()}
    played.set_state({COMPONENT_RL_MODULE: newer, WEIGHTS_SEQ_NO: 2})
    assert first_weight() == before + 1
    played.set_state({COMPONENT_RL_MODULE: newer, WEIGHTS_SEQ_NO: 0})
    assert first_weight() == before + 2


def test_weights_may_be_nested_under_the_module_id():
    played = runner()
    weights = {name: value * 0 for name, value in played.module.get_state().items()}
    played.set_state({COMPONENT_RL_MODULE: {"default_policy": weights}, WEIGHTS_SEQ_NO: 0})
    assert all((value == 0).all() for value in played.module.get_state().values())


def test_get_state_honours_components():
    played = runner()
    assert COMPONENT_RL_MODULE not in played.get_state(not_components=[COMPONENT_RL_MODULE])
    only = played.get_state(components=[COMPONENT_RL_MODULE])
    assert COMPONENT_RL_MODULE in only
    assert "random_streams" not in only


def test_a_runner_without_an_environment_builds_its_module_from_given_spaces():
    with_env = runner(worker_index=1)
    remote = config().env_runners(num_env_runners=2)
    without = TeamEnvRunner(config=remote, worker_index=0, spaces=with_env.get_spaces())
    assert without.env is None
    assert without.module.get_state().keys() == with_env.module.get_state().keys()
    with pytest.raises(ValueError, match="no environment"):
        without.sample()


def test_the_mean_return_survives_a_call_without_a_finished_episode():
    played = runner()
    episodes = played.sample()
    expected = np.mean([e.get_return() for e in episodes])
    first = played.get_metrics()
    again = played.get_metrics()
    assert first["episode_return_mean"].peek() == pytest.approx(expected)
    assert again["episode_return_mean"].peek() == pytest.approx(expected)
    assert first[NUM_EPISODES].peek() == 4
    assert "prey_captured_mean" in first


def test_every_evaluation_counts_its_own_episodes_alone():
    evaluation = config().copy()
    evaluation.in_evaluation = True
    played = TeamEnvRunner(config=evaluation, worker_index=0)
    played.sample(num_episodes=6)
    played.get_metrics()
    episodes = played.sample(num_episodes=6)
    mean = np.mean([e.get_return() for e in episodes])
    assert played.get_metrics()["episode_return_mean"].peek() == pytest.approx(mean)


class Recording(RLlibCallback):
    calls: list  # of (hook, episode length)

    def on_environment_created(self, *, env_runner, metrics_logger, env, env_context, **kwargs):
        type(self).calls = [("environment_created", env.num_envs)]

    def on_episode_created(self, *, episode, env_index, **kwargs):
        self.calls.append(("created", len(episode)))

    def on_episode_start(self, *, episode, env_runner, rl_module, **kwargs):
        self.calls.append(("start", len(episode)))

    def on_episode_step(self, *, episode, **kwargs):
        self.calls.append(("step", len(episode)))

    def on_episode_end(self, *, episode, metrics_logger, **kwargs):
        metrics_logger.log_value("my_metric", len(episode), window=1)
        self.calls.append(("end", len(episode)))

    def on_sample_end(self, *, samples, **kwargs):
        self.calls.append(("sample_end", len(samples)))


def test_user_callbacks_are_fired_in_order_with_the_episode_so_far():
    played = TeamEnvRunner(config=config(num_envs=1).callbacks(Recording), worker_index=0)
    played.sample(num_episodes=2)
    steps = [("step", t) for t in range(1, 13)]
    one_episode = [("created", 0), ("start", 0), *steps, ("end", 12)]
    assert Recording.calls == [("environment_created", 1), *one_episode, *one_episode, ("sample_end", 2)]
    assert played.get_metrics()["my_metric"].peek() == 12


class Counting(RLlibCallback):
    """Counts its own steps in the episode's custom data."""

    seen: list

    def on_episode_start(self, *, episode, **kwargs):
        episode.custom_data["steps"] = 0

    def on_episode_step(self, *, episode, **kwargs):
        episode.custom_data["steps"] += 1

    def on_episode_end(self, *, episode, **kwargs):
        self.seen.append((episode.id_, episode.custom_data["steps"]))


def test_what_callbacks_note_in_an_episode_stays_with_it_to_its_end():
    Counting.seen = []
    episodes = TeamEnvRunner(config=config(num_envs=2).callbacks(Counting), worker_index=0).sample(
        num_episodes=4
    )
    assert [steps for _, steps in Counting.seen] == [len(episode) for episode in episodes]
    assert [name for name, _ in Counting.seen] == [episode.id_ for episode in episodes]
    assert len({episode.id_ for episode in episodes}) == 4


def test_callback_functions_are_fired_too():
    ended = []
    with_function = config(num_envs=1).callbacks(
        on_episode_end=lambda episode, **kwargs: ended.append(len(episode))
    )
    TeamEnvRunner(config=with_function, worker_index=0).sample()
    assert ended == [12]


class Fragile(PredatorPrey):
    """Fails at certain steps of its class-wide count."""

    failing_steps: frozenset = frozenset()
    made = steps = 0

    def __init__(self, num_envs=1, **kwargs):
        super().__init__(num_envs, **kwargs)
        type(self).made += 1

    def step(self, actions):
        type(self).steps += 1
        if type(self).steps in self.failing_steps:
            raise OSError("the game crashed")
        return super().step(actions)


def fragile(failing_steps, *, restart):
    env = type("Fragile", (Fragile,), {"failing_steps": failing_steps})
    settings = config(num_envs=2, env=env).fault_tolerance(restart_failed_sub_environments=restart)
    return env, TeamEnvRunner(config=settings, worker_index=0)


def test_a_failing_environment_is_made_anew_and_its_unfinished_episodes_are_dropped():
    env, played = fragile(frozenset([8]), restart=True)
    episodes = played.sample(num_episodes=4)
    assert env.made == 2
    assert [len(e) for e in episodes] == [12] * 4
    metrics = played.get_metrics()
    assert metrics["num_env_step_failures"].peek() == 1
    assert metrics[NUM_ENV_STEPS_SAMPLED_LIFETIME].peek() == 48


def test_a_failing_environment_is_an_error_when_restarts_are_off():
    _, played = fragile(frozenset([8]), restart=False)
    with pytest.raises(RuntimeError, match=r"the game crashed.*restart_failed_sub_environments=True"):
        played.sample()


def test_an_environment_that_always_fails_is_given_up():
    _, played = fragile(frozenset(range(10**4)), restart=True)
    with pytest.raises(RuntimeError, match=f"failed {MAX_FAILURES_IN_A_ROW} times.*the game crashed"):
        played.sample()


class Breaking(PredatorPrey):
    """Copy 0 breaks in the 5th step of its first episodes, as many as `broken_episodes`."""

    broken_episodes = 2

    def step(self, actions):
        step = super().step(actions)
        broken = (self._steps == 5) & (np.arange(self.num_envs) == 0) & (self.broken_episodes > 0)
        self.broken_episodes -= broken[0]
        self._truncated |= broken
        return step._replace(broken=broken)

    def fault(self, copy):
        return "the game crashed"

    def counters(self):
        return {"num_crashes": 2 - self.broken_episodes}


def test_broken_episodes_are_dropped_counted_and_played_again():
    played = runner(num_envs=2, env=Breaking)
    episodes = played.sample(num_episodes=4)
    assert [len(episode) for episode in episodes] == [12] * 4
    metrics = played.get_metrics()
    assert metrics["num_episodes_discarded_lifetime"].peek() == 2
    assert metrics["num_crashes_lifetime"].peek() == 2
    assert metrics[NUM_ENV_STEPS_SAMPLED_LIFETIME].peek() == 48
    assert metrics["episode_len_mean"].peek() == 12


def test_environments_that_cannot_break_report_no_discarded_episodes():
    played = runner(num_envs=2)
    played.sample()
    assert "num_episodes_discarded_lifetime" not in played.get_metrics()


def test_an_environment_that_always_breaks_is_given_up_although_it_may_be_replaced():
    env = type("AlwaysBreaking", (Breaking,), {"broken_episodes": 10**6})
    settings = config(num_envs=2, env=env).fault_tolerance(restart_failed_sub_environments=True)
    with pytest.raises(BrokenEnvironment, match=r"5 episodes of copy 0 .*the last: the game crashed"):
        TeamEnvRunner(config=settings, worker_index=0).sample(num_episodes=20)


def test_nan_rewards_are_refused():
    class Broken(PredatorPrey):
        def step(self, actions):
            step = super().step(actions)
            if self._steps.any():
                self._rewards[:] = np.nan
            return step

    with pytest.raises(RuntimeError, match="rewards is nan at copy 0; it must be finite"):
        runner(env=Broken).sample()


def test_an_environment_with_wrong_shapes_is_named():
    class Broken(PredatorPrey):
        def step(self, actions):
            return super().step(actions)._replace(obs=np.zeros((1, 1, 1), np.uint8))

    with pytest.raises(ValueError, match=r"Broken.*obs has shape"):
        runner(env=Broken).sample()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda env: env._avail.__setitem__((1, 2), False),
            "avail_actions leaves agent 2 of copy 1 no action",
        ),
        (
            lambda env: env._truncated.__setitem__(slice(None), False),
            r"goes on after episode_limit \(12\) steps",
        ),
    ],
)
def test_what_is_wrong_in_the_middle_of_an_episode_is_named(damage, message):
    class Broken(PredatorPrey):
        def step(self, actions):
            step = super().step(actions)
            if self._steps.any():
                damage(self)
            return step

    with pytest.raises(RuntimeError, match=message):
        runner(num_envs=2, env=Broken).sample()


def test_a_creator_gets_the_number_of_copies_and_must_make_them():
    played = runner(num_envs=3, env=lambda context: PredatorPrey(context.num_envs, **context))
    assert isinstance(played.env, TeamEnv)
    assert len(played.sample()) == 3
    with pytest.raises(SettingError, match="returned 1 copies, but num_envs_per_env_runner is 3"):
        runner(num_envs=3, env=lambda context: PredatorPrey(1, **context))


def test_foreign_environments_are_adapted_and_vectorised():
    from rllib_remix.envs.parallel import TeamParallelEnv

    options = {"episode_limit": 12}
    env_config = {"team_adapter": options, **SMALL}
    played = runner(
        num_envs=2, env=lambda context: TeamParallelEnv(PredatorPrey(1, **context)), env_config=env_config
    )
    episodes = played.sample()
    assert len(episodes) == 2
    assert episodes[0].obs.dtype == np.uint8


@pytest.mark.slow
def test_copies_in_processes_give_the_episodes_of_copies_in_one():
    def make(context):
        return Walkers(context.vector_index)

    here, spread = (runner(5, env=make, env_config={}, num_env_processes=count) for count in (0, 2))
    try:
        for _ in range(2):
            assert same(here.sample(), spread.sample())
        assert here.env.get_state() == spread.env.get_state()
    finally:
        spread.stop()
