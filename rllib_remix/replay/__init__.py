"""Replay buffers of whole episodes: uniform or by priority, in one process or spread over several."""
