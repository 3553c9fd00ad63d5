"""A grid drawn into an RGB array, for environments that show themselves."""

from __future__ import annotations

import numpy as np


class Canvas:
    """A board of rows × cols cells, `cell` pixels each, with grid lines; `pixels` is [H, W, 3] uint8."""

    def __init__(self, rows: int, cols: int, *, cell: int = 24):
        self.cell = cell
        self.pixels = np.full((rows * cell + 1, cols * cell + 1, 3), 248, np.uint8)
        self.pixels[::cell] = self.pixels[:, ::cell] = 210

    def disc(self, row: int, col: int, *, radius: float, colour: tuple[int, int, int]) -> None:
        """A filled disc in the middle of a cell; `radius` in cells."""
        y, x = np.mgrid[0 : self.pixels.shape[0], 0 : self.pixels.shape[1]]
        centre_y, centre_x = (row + 0.5) * self.cell, (col + 0.5) * self.cell
        self.pixels[(y - centre_y) ** 2 + (x - centre_x) ** 2 <= (radius * self.cell) ** 2] = colour
