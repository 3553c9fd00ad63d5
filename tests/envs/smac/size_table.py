"""SMAC's sizes of its 23 maps, as its own size functions give them."""

from typing import NamedTuple


class Sizes(NamedTuple):
    """One map: sizes with SMAC's default settings first, then those of other settings."""

    n_agents: int
    n_enemies: int
    n_actions: int
    episode_limit: int
    obs_dim: int
    state_dim: int
    max_reward: int
    obs_dim_last_action: int  # with obs_last_action
    state_dim_no_last_action: int  # without state_last_action
    state_dim_obs_instead: int  # with obs_instead_of_state
    obs_dim_all_flags: int  # with every setting that adds to the observation


ALL_OBS_FLAGS = {
    "obs_last_action": True,
    "obs_pathing_grid": True,
    "obs_terrain_height": True,
    "obs_timestep_number": True,
}

SIZES = {
    "3m": Sizes(3, 3, 9, 60, 30, 48, 365, 48, 21, 90, 66),
    "8m": Sizes(8, 8, 14, 120, 80, 168, 640, 178, 56, 640, 196),
    "25m": Sizes(25, 25, 31, 150, 250, 950, 1575, 994, 175, 6250, 1012),
    "5m_vs_6m": Sizes(5, 6, 12, 70, 55, 98, 530, 103, 38, 275, 121),
    "8m_vs_9m": Sizes(8, 9, 15, 120, 85, 179, 695, 190, 59, 680, 208),
    "10m_vs_11m": Sizes(10, 11, 17, 150, 105, 243, 805, 258, 73, 1050, 276),
    "27m_vs_30m": Sizes(27, 30, 36, 180, 285, 1170, 1850, 1221, 198, 7695, 1239),
    "MMM": Sizes(10, 10, 16, 150, 160, 290, 1015, 304, 130, 1600, 322),
    "MMM2": Sizes(10, 12, 18, 180, 176, 322, 1205, 338, 142, 1760, 356),
    "2s3z": Sizes(5, 5, 11, 120, 80, 120, 1020, 124, 65, 400, 142),
    "3s5z": Sizes(8, 8, 14, 150, 128, 216, 1510, 226, 104, 1024, 244),
    "3s5z_vs_3s6z": Sizes(8, 9, 15, 170, 136, 230, 1670, 241, 110, 1088, 259),
    "3s_vs_3z": Sizes(3, 3, 9, 150, 36, 54, 680, 54, 27, 108, 72),
    "3s_vs_4z": Sizes(3, 4, 10, 200, 42, 61, 840, 62, 31, 126, 80),
    "3s_vs_5z": Sizes(3, 5, 11, 250, 48, 68, 1000, 70, 35, 144, 88),
    "1c3s5z": Sizes(9, 9, 15, 180, 162, 270, 1870, 282, 135, 1458, 300),
    "2m_vs_1z": Sizes(2, 1, 7, 150, 16, 26, 360, 23, 12, 32, 41),
    "corridor": Sizes(6, 24, 30, 400, 156, 282, 1280, 306, 102, 936, 324),
    "6h_vs_8z": Sizes(6, 8, 14, 150, 78, 140, 1480, 148, 56, 468, 166),
    "2s_vs_1sc": Sizes(2, 1, 7, 300, 17, 27, 510, 24, 13, 34, 42),
    "so_many_baneling": Sizes(7, 32, 38, 100, 202, 397, 1480, 430, 131, 1414, 448),
    "bane_vs_bane": Sizes(24, 24, 30, 200, 336, 984, 1260, 1026, 264, 8064, 1044),
    "2c_vs_64zg": Sizes(2, 64, 70, 400, 332, 342, 3080, 402, 202, 664, 420),
}
