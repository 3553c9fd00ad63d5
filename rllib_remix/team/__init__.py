"""What all algorithms share: the loop (collect, store, draw, update), its checkpoints and its settings."""
