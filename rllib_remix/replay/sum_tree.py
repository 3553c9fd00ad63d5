"""A sum tree: drawing in proportion to values that change, in logarithmic time."""

from __future__ import annotations

import numpy as np


class SumTree:
    """Non-negative values in the leaves of a complete binary tree whose inner nodes hold the sums below them.

    Every change recomputes the sums on its way up from their two children, and never adds a difference, so rounding
    errors do not pile up: at any time the total is that of a pairwise summation of the values.

    Args:
        size: number of values; all are 0 at first.
    """

    def __init__(self, size: int):
        if size < 1:
            raise ValueError(f"sum tree: size {size} is not allowed; it must be at least 1.")
        self.size = size
        self._levels = (size - 1).bit_length()
        # Node 1 is the root, the children of node i are 2i and 2i + 1, and the leaves are the last half.
        self._first_leaf = 1 << self._levels
        self._nodes = np.zeros(2 * self._first_leaf, np.float64)

    @property
    def total(self) -> float:
        """The sum of all values."""
        return float(self._nodes[1])

    @staticmethod
    def bytes_needed(size: int) -> int:
        """Memory of a tree of that size, in bytes."""
        return 2 * (1 << (size - 1).bit_length()) * np.float64().itemsize

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        """[K] float64: the values at [K] int64 indices."""
        return self._nodes[self._first_leaf + np.asarray(indices)]

    def set(self, indices: np.ndarray, values: np.ndarray) -> None:
        """Replaces values.

        Args:
            indices: [K] int64; of one that occurs several times the last counts.
            values: [K] float64.

        Raises:
            ValueError: an index outside, or a value that is negative or not finite; nothing is changed.
        """
        indices = np.asarray(indices, np.int64)
        values = np.broadcast_to(np.asarray(values, np.float64), indices.shape)
        wrong = (indices < 0) | (indices >= self.size)
        if wrong.any():
            raise ValueError(f"sum tree: index {indices[wrong][0]}; allowed: 0 … {self.size - 1}.")
        most = np.finfo(np.float64).max / self.size  # so that the total is finite too
        wrong = ~((values >= 0) & (values <= most))
        if wrong.any():
            raise ValueError(
                f"sum tree: value {values[wrong][0]} at index {indices[wrong][0]}; it must be finite and not negative."
            )
        nodes = self._first_leaf + indices
        self._nodes[nodes] = values
        for _ in range(self._levels):
            nodes = nodes >> 1
            left = 2 * nodes
            self._nodes[nodes] = self._nodes[left] + self._nodes[left + 1]

    def find(self, positions: np.ndarray) -> np.ndarray:
        """The indices into whose part of the total the positions fall, if the values lie one after the other.

        Args:
            positions: [K] float64 in [0, total).

        Returns:
            [K] int64; an index whose value is 0 never comes out (unless the total is 0).
        """
        rest = np.array(positions, np.float64)
        nodes = np.ones(rest.shape, np.int64)
        for _ in range(self._levels):
            left = 2 * nodes
            left_sum = self._nodes[left]
            # The second condition is for a position that rounding has carried to the end of its part.
            go_right = (rest >= left_sum) & (self._nodes[left + 1] > 0)
            rest -= np.where(go_right, left_sum, 0.0)
            nodes = left + go_right
        return nodes - self._first_leaf
