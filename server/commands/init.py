"""`shopbell init DIR`: write a small commented shop directory.

It never overwrites anything: what is there stays as it is.
"""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

STARTER: Final = Path(__file__).parent / "starter"
"""The directory that is copied."""
_KEY: Final = "pk_starter"


def init(directory: Path, write: Callable[[str], object]) -> int:
    """Copy the starter shop to `directory`, with a key of its own; returns the exit code.

    Files that exist are kept. Where help/ exists, no example articles are added to it.
    """
    key = f"pk_{secrets.token_hex(8)}"
    if directory.exists() and not directory.is_dir():
        write(f"{directory} is a file; expected a directory, or nothing there yet")
        return 1
    own_articles = (directory / "help").exists()
    written, kept = [], []
    for source in sorted(
        path for path in STARTER.rglob("*") if path.is_file() and path.suffix in (".md", ".yaml", ".py")
    ):
        relative = source.relative_to(STARTER)
        if own_articles and relative.parts[0] == "help":
            continue
        target = directory / relative
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x", encoding="utf-8") as file:
                file.write(source.read_text(encoding="utf-8").replace(_KEY, key))
            written.append(relative.as_posix())
        except FileExistsError:
            kept.append(relative.as_posix())
        except OSError as error:
            write(f"{target}: cannot be written: {error.strerror or error}")
            return 1
    for name in written:
        write(f"wrote {directory / name}")
    for name in kept:
        write(f"kept  {directory / name} (it was there)")
    if own_articles:
        write(f"kept  {directory / 'help'} (your own articles)")
    write("")
    write("Next:")
    write(f"  shopbell check --shop {directory}")
    write(f"  shopbell serve --shop {directory} --demo")
    return 0
