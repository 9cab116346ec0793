"""Load: workflows from the YAML files of a shop and of the library, with every mistake at its file, line and column.

It reads files; it runs no tool and decides nothing.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tools.places import Document, Path_, Problem, Severity, check, parse_yaml, read_text
from tools.registry import Registry
from tools.words import Text
from tools.workflow.check import check_workflow
from tools.workflow.infer import meant
from tools.workflow.look import Finding
from tools.workflow.model import ToolMap, Use, Workflow
from tools.workflow.program import Program, fits, make_program

LIBRARY: Final = Path(__file__).parent.parent / "library"
MAX_FILES: Final = 200
"""In one folder: more workflows than anybody could tell apart by their examples."""


@dataclass(frozen=True)
class Loaded:
    """A workflow as it was read."""

    workflow: Workflow
    document: Document
    maps: Mapping[str, ToolMap] = field(default_factory=dict)
    base: str | None = None
    """The library's workflow that it is made from."""
    enabled: bool = True

    @property
    def file(self) -> Path:
        """Its file: the shop's own, where it has one."""
        return self.document.file

    def problem(self, finding: Finding) -> Problem:
        """A finding at its place; findings inside a library workflow are shown where the shop uses it."""
        return _problem(self.document, finding.path, f"{self.workflow.name}: {finding.message}", finding.severity)


def read_library() -> dict[str, Loaded]:
    """The workflows that come with Shopbell, by name.

    Raises:
        ValueError: one of them is broken, which its tests rule out.

    """
    problems: list[Problem] = []
    found = {one.workflow.name: one for one in _read_folder(LIBRARY, {}, problems)}
    if problems:
        raise ValueError("\n".join(map(str, problems)))
    return found


def read_workflows(folder: Path, problems: list[Problem], library: Mapping[str, Loaded] | None = None) -> list[Loaded]:
    """The workflows of a shop's folder, in order of their files; what is wrong goes to `problems`."""
    if not folder.is_dir():
        return []
    found = _read_folder(folder, read_library() if library is None else library, problems)
    names: dict[str, Loaded] = {}
    for one in found:
        other = names.setdefault(one.workflow.name, one)
        if other is not one:
            problems.append(_at(one, ("name",), f"`{one.workflow.name}` is also the name of {other.file.name}"))
    return found


def offered(
    shop: list[Loaded],
    registry: Registry,
    library: Mapping[str, Loaded] | None = None,
    words: Mapping[str, Text] | None = None,
) -> dict[str, Program]:
    """The workflows that can run with these tools, by name: the shop's, and those of the library that fit as they are.

    A library workflow that the shop uses under its own file, or switches off there, is not offered a second time; nor
    one that only reads, where the shop's own tool for it answers by itself. `words`: what the shop calls states.
    """
    library = read_library() if library is None else library
    taken = {one.base for one in shop if one.base is not None} | {one.workflow.name for one in shop}
    candidates = [one for one in shop if one.enabled] + [one for name, one in library.items() if name not in taken]
    programs = {}
    for one in candidates:
        if one.document.file.parent == LIBRARY and answers_itself(one.workflow, registry):
            continue
        if not fits(one.workflow, registry, one.maps):
            try:
                programs[one.workflow.name] = make_program(one.workflow, registry, one.maps, words)
            except ValueError:
                continue  # it calls a tool that is not there: `check_loaded` says so
    return programs


def answers_itself(workflow: Workflow, registry: Registry) -> str | None:
    """The shop's tool that makes a workflow which only reads superfluous: it has examples and a reply of its own."""
    if any(need.effect != "read" for need in workflow.needs_tools.values()):
        return None
    for name in workflow.needs_tools:
        spec = registry.get(name)
        if spec is not None and spec.examples and spec.reply:
            return spec.name
    return None


def check_loaded(
    one: Loaded, registry: Registry | None, articles: Callable[[str], str | None] | None = None
) -> list[Problem]:
    """Everything that is wrong with a workflow, at its places."""
    if not one.enabled:
        return []
    findings = check_workflow(one.workflow, registry, maps=one.maps, articles=articles)
    return sorted(dict.fromkeys(one.problem(finding) for finding in findings))


def articles_of(directory: Path) -> Callable[[str], str | None]:
    """Articles of a shop's directory by their path, such as `help/returns.md`; nothing outside of it is read."""

    def read(name: str) -> str | None:
        file = (directory / name).resolve()
        if not file.is_relative_to(directory.resolve()) or not file.is_file():
            return None
        return read_text(file, [])

    return read


def _read_folder(folder: Path, library: Mapping[str, Loaded], problems: list[Problem]) -> list[Loaded]:
    found = []
    files = sorted(file for file in folder.iterdir() if file.suffix == ".yaml" and not file.name.startswith("."))
    for file in (f for f in folder.iterdir() if f.suffix == ".yml"):
        problems.append(Problem(file, 1, 1, "warning", f"this file is not read; rename it to {file.stem}.yaml"))
    if len(files) > MAX_FILES:
        problems.append(Problem(folder, 1, 1, "error", f"expected at most {MAX_FILES} workflows, got {len(files)}"))
    for file in files[:MAX_FILES]:
        one = read_file(file, problems, library)
        if one is not None:
            found.append(one)
    return found


def read_file(file: Path, problems: list[Problem], library: Mapping[str, Loaded] | None = None) -> Loaded | None:
    """One workflow, or None after saying what is wrong with its file."""
    source = read_text(file, problems)
    return None if source is None else read_source(file, source, problems, library)


def read_source(
    file: Path, source: str, problems: list[Problem], library: Mapping[str, Loaded] | None = None
) -> Loaded | None:
    """The workflow that a file with this text would be, or None after saying what is wrong with it."""
    before = sum(problem.severity == "error" for problem in problems)
    document = parse_yaml(source, file, problems)
    if document is None or sum(problem.severity == "error" for problem in problems) > before:
        return None
    if "use" in document.data:
        return _used(document, library or {}, problems)
    named = {"name": file.stem.replace("-", "_").lower(), **document.data}
    document = Document(document.file, named, document.values, document.keys)
    workflow = check(Workflow, document, problems)
    return None if workflow is None else Loaded(workflow, document, enabled=workflow.enabled)


def _used(document: Document, library: Mapping[str, Loaded], problems: list[Problem]) -> Loaded | None:
    use = check(Use, document, problems)
    if use is None:
        return None
    base = library.get(use.use)
    if base is None:
        problems.append(
            _problem(document, ("use",), f"the library has no workflow `{use.use}`{meant(use.use, list(library))}")
        )
        return None
    data: dict[str, Any] = copy.deepcopy(base.document.data)
    data["name"] = use.name or use.use
    for key in ("title", "policy", "triggers"):
        if getattr(use, key) is not None:
            data[key] = getattr(use, key)
    data["examples"] = [*data.get("examples", []), *use.examples]
    known = data.setdefault("settings", {})
    for name, value in use.settings.items():
        if name not in known:
            problems.append(
                _problem(document, ("settings", name), f"there is no setting `{name}`{meant(name, list(known))}")
            )
        known[name] = value
    for name, words in use.texts.items():
        if not _reword(data, name, words):
            message = f"no step or slot is called `{name}`{meant(name, [*_ids(data['steps']), *data.get('slots', {})])}"
            problems.append(_problem(document, ("texts", name), message))
    workflow = check(Workflow, Document(document.file, data), problems)
    return None if workflow is None else Loaded(workflow, document, use.tools, use.use, use.enabled)


def _reword(data: dict[str, Any], name: str, words: Any) -> bool:  # noqa: ANN401 - text, or texts by language
    """Put other words to the step with this id, or to the slot's question."""
    for step in _steps(data["steps"]):
        if step.get("id") == name:
            step["text" if "ask" in step else "say"] = words
            return "say" in step or "text" in step
    if name in data.get("slots", {}):
        data["slots"][name]["ask"] = words
        return True
    return False


def _steps(items: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - YAML
    """Every step in a raw list of steps, those inside others too."""
    found: list[dict[str, Any]] = []
    for item in items if isinstance(items, list) else [items]:
        if isinstance(item, list):
            found += _steps(item)
        elif isinstance(item, dict):
            found.append(item)
            for key in ("then", "else", "parallel"):
                found += _steps(item.get(key, []))
    return found


def _ids(items: Any) -> list[str]:  # noqa: ANN401 - YAML
    return [step["id"] for step in _steps(items) if "id" in step]


def _at(one: Loaded, path: Path_, message: str) -> Problem:
    return _problem(one.document, path, message)


def _problem(document: Document, path: Path_, message: str, severity: Severity = "error") -> Problem:
    """A problem at its place; where a name itself is what is meant, at the name."""
    path = _written(document, path)
    place = document.place(path)
    if len(path) == 2 and path[0] in ("slots", "settings", "needs_tools", "tools", "texts"):
        place = document.keys.get(path, place)
    return Problem(document.file, place.line, place.column, severity, message)


def _written(document: Document, path: Path_) -> Path_:
    """The path as the file has it: a parallel branch of one step may stand there without its list."""
    found: list[str | int] = []
    for n, part in enumerate(path):
        branch = n >= 2 and path[n - 2] == "parallel" and isinstance(part, int)
        if not branch or (*found, part) in document.values:
            found.append(part)
    return tuple(found)
