"""Trial: whether a shop with one file changed would still be a shop, by the same loader that reads it at the start.

It writes only into a directory of its own, which is gone afterwards.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from server.editing import files
from server.shop import Shop, reread_shop
from server.site import Problem
from tools.connectors.lock import FILE as LOCK

_FOLDERS = ("help", "workflows")


class Trial:
    """Tries changes of the shops of this process. Every call blocks, for about 1 ms an article: call it in a thread."""

    def __init__(self, shop: Callable[[str], Shop], environment: Mapping[str, str] = os.environ) -> None:
        """`shop` has the shop as it is served now, by its site's key."""
        self._shop = shop
        self._environment = environment

    def __call__(self, site: str, path: str, text: str | None) -> list[Problem]:
        """The errors that the change would bring: those in the file itself, and those elsewhere that are not there now."""
        shop = self._shop(site)
        if path == files.SITE and text is None:
            return [Problem(shop.dir / path, 1, 1, "error", "without site.yaml there is no shop")]
        found = [one for one in self.problems(site, path, text) if one.severity == "error"]
        own = shop.dir / path
        if all(one.file == own for one in found):
            return found
        known = {(one.file, one.message) for one in self.problems(site)}
        return [one for one in found if one.file == own or (one.file, one.message) not in known]

    def problems(self, site: str, path: str | None = None, text: str | None = None) -> list[Problem]:
        """All that would be wrong, warnings too, at its place in the shop's own directory."""
        return self.read(site, path, text)[1]

    def read(self, site: str, path: str | None = None, text: str | None = None) -> tuple[Shop | None, list[Problem]]:
        """The shop as it would be, None if there were errors, and all that would be wrong with it.

        A changed `key` is an error: conversations, keys and staff belong to it, and a running server cannot change it.
        """
        shop = self._shop(site)
        with tempfile.TemporaryDirectory(prefix="shopbell-trial-") as name:
            directory = Path(name).resolve()
            _copy(shop.dir, directory)
            if path is not None:
                file = directory / path
                if text is None:
                    file.unlink(missing_ok=True)
                else:
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(text.encode())
            made, problems = reread_shop(shop, directory, environment=self._environment)
            problems = [_at_home(one, directory, shop.dir) for one in problems]
        if made is not None and made.site.key != site:
            message = (
                f"key: expected {site!r}, the shop's conversations belong to it; change it in the file, and restart"
            )
            return None, [*problems, Problem(shop.dir / files.SITE, 1, 1, "error", message)]
        return made, problems


def _copy(shop_dir: Path, directory: Path) -> None:
    for name in (files.SITE, files.TOOLS, LOCK):
        if (shop_dir / name).is_file():
            shutil.copyfile(shop_dir / name, directory / name)
    for name in _FOLDERS:
        if (shop_dir / name).is_dir():
            shutil.copytree(shop_dir / name, directory / name, copy_function=shutil.copyfile)


def _at_home(problem: Problem, directory: Path, shop_dir: Path) -> Problem:
    file = problem.file
    if file.is_relative_to(directory):
        file = shop_dir / file.relative_to(directory)
    return replace(problem, file=file, message=problem.message.replace(f"{directory}{os.sep}", ""))
