"""Random one-step games that no monotonic value represents: all schemes learn all of them at once, without exploration's noise."""
