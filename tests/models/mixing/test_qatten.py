import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from rllib_remix.models.mixing.mixer import MixerInputs
from rllib_remix.models.mixing.qatten import QattenMixer

AGENTS, OBS_DIM, STATE_DIM, HEADS, EMBED = 3, 4, 5, 2, 6


def mixer(seed: int = 0) -> QattenMixer:
    torch.manual_seed(seed)
    return QattenMixer(AGENTS, OBS_DIM, STATE_DIM, heads=HEADS, embed_dim=EMBED, hypernet_dim=8)


def inputs(seed: int = 0, rows: int = 7) -> MixerInputs:
    generator = torch.Generator().manual_seed(seed)
    return MixerInputs(
        chosen=torch.randn(rows, AGENTS, generator=generator),
        state=torch.randn(rows, STATE_DIM, generator=generator),
        agents=torch.randn(rows, AGENTS, OBS_DIM + AGENTS, generator=generator),
    )


def test_it_is_the_formula_with_one_head_and_agent_after_the_other():
    network, given_inputs = mixer().requires_grad_(False), inputs()
    chosen, state, agents = given_inputs.chosen, given_inputs.state, given_inputs.agents
    queries, head_weights = network.queries(state), network.head_weights(state).abs()
    for row in range(len(chosen)):
        q_tot = network.offset(state[row]).item()
        for head in range(HEADS):
            key_weight = network.keys.weight[head * EMBED : (head + 1) * EMBED]
            logits = [
                float(queries[head, row] @ (key_weight @ agents[row, agent])) / math.sqrt(EMBED)
                for agent in range(AGENTS)
            ]
            whole = sum(map(math.exp, logits))
            for agent, logit in enumerate(logits):
                share = math.exp(logit) / whole
                q_tot += float(head_weights[row, head]) * share * float(chosen[row, agent])
        torch.testing.assert_close(network(given_inputs)[row].item(), q_tot, rtol=1e-4, atol=1e-5)


@given(st.integers(0, 2**32))
def test_weights_are_never_negative_and_those_of_all_agents_are_those_of_all_heads(seed):
    network, given_inputs = mixer(seed), inputs(seed)
    weights = network.weights(given_inputs)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(-1), network.head_weights(given_inputs.state).abs().sum(-1))


def test_given_the_state_it_is_additive():
    """What one agent's utility adds is the same whatever the others have."""
    network, one, other = mixer(), inputs(), inputs(1)
    other = one._replace(chosen=other.chosen)
    raise_by = torch.tensor([2.0, 0.0, 0.0])
    added = [network(each._replace(chosen=each.chosen + raise_by)) - network(each) for each in (one, other)]
    torch.testing.assert_close(*added, rtol=1e-4, atol=1e-5)
    assert (added[0] > 0).all()


def test_attention_follows_what_agents_observe_and_the_state():
    network, given_inputs = mixer(), inputs()
    weights = network.weights(given_inputs)
    agents = given_inputs.agents.clone()
    agents[:, 1] += 1
    assert (network.weights(given_inputs._replace(agents=agents)) != weights).all()
    assert (network.weights(given_inputs._replace(state=given_inputs.state + 1)) != weights).all()
