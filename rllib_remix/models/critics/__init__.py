"""Critics of actor-critics that value the actions of every agent, with the state in view."""
