"""SMAC's own script, `heuristic_ai`, in SMAC's unmodified client and in our simulator, on the same battles."""

import numpy as np
import pytest

from rllib_remix.envs.smac_sim.simulator import SmacSim
from tests.envs.smac.test_standin_oxwhirl import StarCraft2Env, sc2  # noqa: F401 (fixture)

pytestmark = [pytest.mark.starcraft_client, pytest.mark.slow]


@pytest.mark.parametrize("rests", [False, True])
@pytest.mark.parametrize("map_name", ["3m", "2s3z", "MMM2", "corridor"])
def test_smacs_script_and_ours_do_the_same(sc2, map_name, rests):  # noqa: F811
    # SMAC's state shows the actions that were given in the place of those that were done, so it is left out of it.
    settings = {
        "map_name": map_name,
        "heuristic_ai": True,
        "heuristic_rest": rests,
        "state_last_action": False,
    }
    client = StarCraft2Env(seed=3, continuing_episode=True, **settings)
    sim = SmacSim(1, **settings)
    step = sim.reset(seed=3)
    try:
        for _ in range(2):
            client.reset()
            over = False
            while not over:
                alive = sim.battle.units["health"][0, : sim.n_agents] > 0
                theirs, ours = [1] * sim.n_agents, np.ones((1, sim.n_agents), int)
                reward, over, _ = client.step(theirs)
                step = sim.step(ours)
                assert np.array(theirs)[alive].tolist() == ours[0, alive].tolist()
                assert reward == pytest.approx(step.rewards[0], abs=1e-5)
                np.testing.assert_allclose(client.get_state(), step.state[0], atol=1e-6)
            assert (step.terminated | step.truncated).all()
            step = sim.step(np.ones((1, sim.n_agents), int))
    finally:
        client.close()
