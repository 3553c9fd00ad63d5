"""`python -m rllib_remix.cli`: the `rllib` command where its script is not installed, as in a job."""

from rllib_remix.cli.main import main

if __name__ == "__main__":
    main()
