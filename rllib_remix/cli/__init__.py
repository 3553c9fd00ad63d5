"""The `rllib` command: its subcommands, which read options, call the package and print."""
