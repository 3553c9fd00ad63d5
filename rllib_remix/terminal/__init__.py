"""What the terminal can show: output, errors, and the noise that is kept away."""
