"""A simulator of SMAC's micromanagement tasks; its results are not StarCraft II results."""
