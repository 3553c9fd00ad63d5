"""The pages of README.md and docs/: their blocks of code, and the site that is made of them."""
