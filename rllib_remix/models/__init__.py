"""The networks: the agents' recurrent utilities, mixers, and the unrestricted joint value Q*."""
