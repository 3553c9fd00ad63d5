"""What `scripts/gpu_check` is made of: stand-ins for Ray, the comparison with the CPU, times, and what is written."""
