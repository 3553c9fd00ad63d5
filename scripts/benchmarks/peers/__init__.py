"""QMIX of other packages beside ours: each in an environment and a process of its own, in turn, all processes counted."""
