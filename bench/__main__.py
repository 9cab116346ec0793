"""Run the benches, one after the other: `python -m bench [NAME …]`; without a name, all of them.

Each is a program of its own (`python -m bench.NAME --help`) and prints its figures with the limits beside them.
"""

import subprocess
import sys
from pathlib import Path


def main() -> int:
    here = Path(__file__).parent
    known = sorted(path.stem for path in here.glob("*.py") if not path.stem.startswith("_"))
    wanted = sys.argv[1:] or known
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"no such bench: {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    status = 0
    for name in wanted:
        print(f"\n== {name}", flush=True)
        status = subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode or status
    return status


if __name__ == "__main__":
    sys.exit(main())
