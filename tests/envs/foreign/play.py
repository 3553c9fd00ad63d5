"""Plays an adapted environment; loads no Ray."""

import numpy as np


def played(env, joint_actions):
    """Every step of an episode, as copies: the reset, and what each joint action, taken in all copies, led to."""
    steps = [env.reset(seed=0)]
    for actions in joint_actions:
        step = env.step(np.array([actions] * env.num_envs))
        steps.append(type(step)(*(np.copy(part) for part in step[:6]), dict(step.info)))
    return steps
