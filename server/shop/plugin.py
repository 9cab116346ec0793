"""Plugin: load a shop's plugin.py and let it fill the kit.

Whatever goes wrong in it becomes a Problem with the line of the plugin; `sys.path` is never changed.
"""

import contextlib
import inspect
import sys
import traceback
from pathlib import Path

from retrieval.types import Document, Source, SourceError
from server.kit import Kit, load_module, module_name
from server.site import Problem
from tools import BadTool


def plugin_file(directory: Path) -> Path | None:
    """The shop's plugin: `plugin.py`, or `plugin/__init__.py`; None without one."""
    for file in (directory / "plugin.py", directory / "plugin" / "__init__.py"):
        if file.is_file():
            return file
    return None


def compile_plugin(file: Path, problems: list[Problem]) -> None:
    """Look for mistakes without running anything."""
    try:
        compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        problems.append(_problem(error, file, file.parent))


def run_plugin(file: Path, kit: Kit, problems: list[Problem]) -> None:
    """Load the plugin anew, under a name of this site's own, and call its `setup(kit)`."""
    name = module_name(kit.site.key)
    for loaded in [module for module in sys.modules if module == name or module.startswith(f"{name}.")]:
        del sys.modules[loaded]
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout is for the one line that says the server is ready
            module = load_module(file, name)
        setup = getattr(module, "setup", None)
        if setup is None:
            problems.append(Problem(file, 1, 1, "error", "there is no `def setup(kit):`"))
            return
        line = _line_of(setup)
        if not callable(setup) or inspect.iscoroutinefunction(setup):
            problems.append(Problem(file, line, 1, "error", "setup must be a plain function: `def setup(kit):`"))
            return
        with contextlib.redirect_stdout(sys.stderr):
            setup(kit)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the border to a merchant's code; it is reported with its line
        problems.append(_problem(error, file, kit.dir))
        return
    instructions: object = kit.instructions  # whatever the plugin has put there
    if not isinstance(instructions, str):
        message = f"kit.instructions: expected text, got {instructions!r:.60}"
        problems.append(Problem(file, line, 1, "error", message))
    if kit.model is not None and not isinstance(kit.model, str) and not hasattr(kit.model, "stream"):
        message = f"kit.model: expected a name such as openai/NAME, or a Model, got {kit.model!r:.60}"
        problems.append(Problem(file, line, 1, "error", message))


class PluginSource:
    """A source of the plugin's. What goes wrong in it is told with the line of the plugin, as what goes wrong in `setup` is."""

    def __init__(self, source: Source, directory: Path) -> None:
        self.source = source
        self._dir = directory

    async def documents(self) -> list[Document]:
        """The source's documents.

        Raises:
            SourceError: it failed, or gave something that is none.
        """
        file = plugin_file(self._dir) or self._dir
        try:
            with contextlib.redirect_stdout(sys.stderr):
                found = list(await self.source.documents())
        except SourceError:
            raise
        except Exception as error:
            # The border to a merchant's code, once more.
            raise SourceError(str(_problem(error, file, self._dir))) from error
        wrong = next((one for one in found if not isinstance(one, Document)), None)
        if wrong is not None:
            where = f"{type(self.source).__name__}.documents()"
            raise SourceError(f"{file}: {where}: expected retrieval.types.Document, got {wrong!r:.60}")
        return found


def _problem(error: BaseException, file: Path, directory: Path) -> Problem:
    """The error at the innermost line that is the merchant's own."""
    if isinstance(error, SyntaxError) and error.filename:
        message = f"{type(error).__name__}: {error.msg}"
        return Problem(Path(error.filename), error.lineno or 1, max(error.offset or 1, 1), "error", message)
    if isinstance(error, BadTool):
        place, _, line = error.where.rpartition(":")
        return Problem(Path(place), int(line), 1, "error", error.message)
    root = directory.resolve()
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).resolve().is_relative_to(root)
    ]
    message = f"{type(error).__name__}: {error}"
    if (isinstance(error, ImportError) and "relative import" in str(error)) or isinstance(error, ModuleNotFoundError):
        message += "; the shop's own files are not on Python's path: use kit.load(…), or a package plugin/__init__.py"
    if not frames:
        return Problem(file, 1, 1, "error", message)
    last = frames[-1]
    column = last.colno + 1 if last.colno is not None else 1
    return Problem(Path(last.filename), last.lineno or 1, column, "error", message)


def _line_of(function: object) -> int:
    code = getattr(function, "__code__", None)
    return code.co_firstlineno if code is not None else 1
