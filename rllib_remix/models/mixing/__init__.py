"""Mixers: from the agents' chosen utilities to the joint value Q_tot; a file each."""
