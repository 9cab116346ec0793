"""Commands: what `shopbell init`, `check` and the others do; the command line itself is server/cli.py."""
