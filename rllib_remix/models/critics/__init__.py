"""Critics of actor-critics that value agents, or the actions of each, with the state in view."""
