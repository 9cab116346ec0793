"""The figures that `make prove` collected, as a table for docs/promises.md.

Runs nothing: `make prove` (full counts) or `make test` (small ones) writes .cache/promises.json.
"""

import json
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / ".cache" / "promises.json"


def main() -> None:
    if not FILE.exists():
        print("no figures yet: run `make prove`")
        return
    print("| promise | counts | figure |\n|---|---|---|")
    for name, found in sorted(json.loads(FILE.read_text("utf-8")).items()):
        print(f"| {name} | {found['counts']} | {found['figure']} |")


if __name__ == "__main__":
    main()
