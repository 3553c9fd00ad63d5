"""All networks in float64, step by step, from their parameters as a checkpoint names them. Nothing of the package.

Parameters are a dict of arrays: `agent.encoder.weight`, `mixer.w1.0.bias`, …. B episodes, T steps, n agents, U actions,
O and S entries of an observation and of a state. Padding is computed like anything else and means nothing.
"""

from __future__ import annotations

import numpy as np


def agent_inputs(obs, actions, n_actions, *, observe_last_action, observe_agent_id, time=None):
    """What the agents see: [B, T+1, n, O], the actions taken [B, T, n] and maybe the time [T+1] → [B, T+1, n, I]."""
    episodes, steps, agents, _ = obs.shape
    parts = [obs]
    if observe_last_action:
        last_action = np.zeros((episodes, steps, agents, n_actions))  # stays 0 at the first step
        for episode, step, agent in np.ndindex(actions.shape):
            last_action[episode, step + 1, agent, actions[episode, step, agent]] = 1
        parts.append(last_action)
    if observe_agent_id:
        parts.append(np.broadcast_to(np.eye(agents), (episodes, steps, agents, agents)))
    if time is not None:
        parts.append(np.broadcast_to(time[:, None, None], (episodes, steps, agents, 1)))
    return np.concatenate(parts, axis=-1)


def agent_utilities(parameters, name, inputs, lives, clamp=None):
    """Utilities [B, T+1, n, U] of the recurrent agents; those of an agent that has left stay as they were.

    Args:
        parameters, name: the network is `name`, such as "agent" or "target_q_star_agent".
        inputs: [B, T+1, n, I].
        lives: [B, n], how many steps of each agent are computed.
        clamp: (low, high) or None.
    """
    encoder, bias = parameters[f"{name}.encoder.weight"], parameters[f"{name}.encoder.bias"]
    head, head_bias = parameters[f"{name}.head.weight"], parameters[f"{name}.head.bias"]
    hidden = np.zeros((*lives.shape, len(encoder)))
    utilities = np.zeros((*inputs.shape[:3], len(head)))
    for step in range(inputs.shape[1]):
        encoded = np.maximum(inputs[:, step] @ encoder.T + bias, 0)
        hidden = gru_cell(parameters, f"{name}.gru", encoded, hidden)
        computed = hidden @ head.T + head_bias
        if clamp is not None:
            computed = np.clip(computed, *clamp)
        has_left = (step >= lives)[..., None]
        utilities[:, step] = np.where(has_left, utilities[:, step - 1], computed)
    return utilities


def own_utilities(parameters, name, inputs, lives, clamp=None):
    """The same where every agent has parameters of its own, [n, …] of each."""
    agents = []
    for agent in range(lives.shape[1]):
        own = {key: array[agent] for key, array in parameters.items() if key.startswith(f"{name}.")}
        its = slice(agent, agent + 1)
        agents.append(agent_utilities(own, name, inputs[:, :, its], lives[:, its], clamp))
    return np.concatenate(agents, axis=2)


def gru_cell(parameters, name, x, h):
    """One step of a gated recurrent unit, as PyTorch documents it: r and z gate, n is new."""
    from_x = x @ parameters[f"{name}.weight_ih_l0"].T + parameters[f"{name}.bias_ih_l0"]
    from_h = h @ parameters[f"{name}.weight_hh_l0"].T + parameters[f"{name}.bias_hh_l0"]
    x_r, x_z, x_n = np.split(from_x, 3, axis=-1)
    h_r, h_z, h_n = np.split(from_h, 3, axis=-1)
    r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    n = np.tanh(x_n + r * h_n)
    return (1 - z) * n + z * h


def normalised(rows, is_seen):
    """Rows [..., X] by the mean and deviation of each entry over those that are seen [...], within ±10."""
    seen = rows[is_seen]
    deviation = np.sqrt(((seen - seen.mean(0)) ** 2).mean(0))
    return np.clip((rows - seen.mean(0)) / deviation, -10, 10)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def vdn(parameters, name, chosen, state):
    """Q_tot [...] = Σ_a Q^a of the utilities chosen [..., n]."""
    return chosen.sum(-1)


def qmix(parameters, name, chosen, state):
    """Q_tot [...] = ELU(q·|W1(s)| + b1(s))·|w2(s)| + b2(s) of the utilities chosen [..., n] and the state [..., S]."""
    w1 = np.abs(feed_forward(parameters, f"{name}.w1", [0, 2], state))
    w1 = w1.reshape(*chosen.shape, -1)  # [..., n, m]
    w2 = np.abs(feed_forward(parameters, f"{name}.w2", [0, 2], state))
    b1 = state @ parameters[f"{name}.b1.weight"].T + parameters[f"{name}.b1.bias"]
    b2 = feed_forward(parameters, f"{name}.b2", [0, 2], state)[..., 0]
    z = np.einsum("...n,...nm->...m", chosen, w1) + b1
    elu = np.where(z > 0, z, np.expm1(np.minimum(z, 0)))
    return (elu * w2).sum(-1) + b2


MIXERS = {"vdn": vdn, "qmix": qmix}


def mixer_gradient(mixer, parameters, chosen, state, *, h=1e-5):
    """∂Q_tot/∂Q^j [..., n], by central differences."""
    gradient = np.zeros_like(chosen)
    for agent in range(chosen.shape[-1]):
        move = np.zeros(chosen.shape[-1])
        move[agent] = h
        up, down = (mixer(parameters, "mixer", chosen + sign * move, state) for sign in (1, -1))
        gradient[..., agent] = (up - down) / (2 * h)
    return gradient


def joint_q(parameters, name, chosen, state):
    """Q* [...] = net(s, chosen values) + V(s), of the values chosen [..., n] and the state [..., S]."""
    both = np.concatenate([state, chosen], axis=-1)
    advantage = feed_forward(parameters, f"{name}.net", [0, 2, 4, 6], both)
    return (advantage + feed_forward(parameters, f"{name}.value", [0, 2], state))[..., 0]


def feed_forward(parameters, name, layers, x):
    """Linear layers of these numbers, with a ReLU between two."""
    for layer in layers:
        if layer != layers[0]:
            x = np.maximum(x, 0)
        x = x @ parameters[f"{name}.{layer}.weight"].T + parameters[f"{name}.{layer}.bias"]
    return x


def of_actions(utilities, actions):
    """The utilities [..., n] of given actions [..., n], out of [..., n, U]."""
    return np.take_along_axis(utilities, actions[..., None], axis=-1)[..., 0]
