"""Load a shop directory: site.yaml, tools.yaml, plugin.py, workflows/, and a look at help/.

It collects every problem it can find before it gives up.
"""

import copy
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from retrieval.types import Document as KnowledgeDocument
from retrieval.types import Source
from server.kit import Kit
from server.shop import advice
from server.shop.connect import LiveRules, connect
from server.shop.guests import connect_guests
from server.shop.plugin import PluginSource, compile_plugin, plugin_file, run_plugin
from server.shop.workflows import Workflows, about_workflows, read_own, steps_of
from server.site import (
    Document,
    Problem,
    Site,
    ToolsFile,
    check,
    check_articles,
    parse_yaml,
    read_text,
    read_tools,
)
from tools import Registry, Rule, ToolSpec
from tools.connectors import Connectors


class Tagged:
    """A source of which only the documents with one of these tags count."""

    def __init__(self, source: Source, tags: Iterable[str]) -> None:
        self.source = source
        self.tags = frozenset(tags)

    async def documents(self) -> list[KnowledgeDocument]:
        """The source's documents that have one of the tags."""
        return [document for document in await self.source.documents() if self.tags.intersection(document.tags)]


class ShopError(Exception):
    """A shop directory cannot be used. `problems` has all that is wrong; the message shows the errors."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems if problem.severity == "error"))


@dataclass(frozen=True)
class Shop:
    """A shop directory without errors."""

    dir: Path
    site: Site
    rules: Mapping[str, Rule]
    """By each tool's name, and by its former ones; a tool that is absent has no rule. `deny` for what a connector refuses."""
    kit: Kit
    connectors: Connectors
    """The tools over HTTP and MCP. Whoever serves the shop starts and closes them."""
    workflows: Workflows
    """Those of workflows/, and of the library those that the shop's tools fit."""
    problems: tuple[Problem, ...] = field(default=(), repr=False)
    """Warnings only."""

    @property
    def registry(self) -> Registry:
        """The shop's tools."""
        return self.kit.tools

    @property
    def sources(self) -> tuple[Source, ...]:
        """The plugin's sources. The help/ folder is not among them: it is at `help_dir`."""
        return tuple(PluginSource(source, self.dir) for source in self.kit.sources)

    @property
    def help_dir(self) -> Path:
        """The folder of articles; may not exist."""
        return self.dir / "help"

    @property
    def instructions(self) -> str:
        """Tone and rules for the model: those of site.yaml, as the plugin may have changed them."""
        return self.kit.instructions

    def offered(self) -> tuple[ToolSpec, ...]:
        """The tools that the agent gets to see: not those that are switched off or denied, sorted by name."""
        rules = {spec.name: self.rules.get(spec.name) or Rule() for spec in self.registry}
        return tuple(s for s in self.registry if rules[s.name].enabled and rules[s.name].permission != "deny")


def load_shop(directory: Path, *, data: Path, environment: Mapping[str, str] = os.environ) -> Shop:
    """The shop in this directory, its articles aside.

    `data` is the server's data directory; the shop's own part of it is made when used.

    Raises:
        ShopError: there is at least one error.

    """
    shop, problems = read_shop(directory, data=data, environment=environment, articles=False)
    if shop is None:
        raise ShopError(problems)
    return shop


def load_shops(
    directories: Iterable[Path], *, data: Path, environment: Mapping[str, str] = os.environ
) -> tuple[Shop, ...]:
    """Several shops, in the given order, their articles aside.

    Raises:
        ShopError: an error in any of them, or two with one key.

    """
    shops: dict[str, Shop] = {}
    problems: list[Problem] = []
    for directory in directories:
        shop, found = read_shop(directory, data=data, environment=environment, articles=False)
        problems.extend(found)
        if shop is None:
            continue
        other = shops.setdefault(shop.site.key, shop)
        if other is not shop:
            message = f"key: {shop.site.key!r} is also that of {other.dir}"
            problems.append(Problem(shop.dir / "site.yaml", 1, 1, "error", message))
    if any(problem.severity == "error" for problem in problems):
        raise ShopError(problems)
    return tuple(shops.values())


def read_shop(
    directory: Path, *, data: Path, environment: Mapping[str, str] = os.environ, articles: bool = True
) -> tuple[Shop | None, list[Problem]]:
    """The shop, or None if there are errors, and all problems, sorted by place.

    Without `articles` help/ is not looked at, and workflows/ only when it is wanted: an article takes about 1 ms, a workflow
    20, and a server must start at once.
    """
    directory = Path(os.path.abspath(directory))
    if not directory.is_dir():
        return None, [Problem(directory, 1, 1, "error", "there is no such directory")]
    problems = _misnamed(directory)
    site, document = _read_site(directory / "site.yaml", problems)
    written = read_tools(directory / "tools.yaml", problems)
    tags: set[str] | None = set() if articles else None
    if articles:
        problems.extend(check_articles(directory / "help", tags))
    plugin = plugin_file(directory)
    if site is None or document is None:
        if plugin is not None:
            compile_plugin(plugin, problems)  # without a site there is nothing to run it for
        return None, sorted(problems)
    kit = Kit(site, directory, data / "shops" / site.key)
    ran = True
    if plugin is not None:
        before = len(problems)
        run_plugin(plugin, kit, problems)
        ran = len(problems) == before
    found = _Files(directory, site, document, written, tags)
    return _assemble(found, kit, environment, problems, ran=ran)


def reread_shop(
    shop: Shop, directory: Path, *, environment: Mapping[str, str] = os.environ, articles: bool = True
) -> tuple[Shop | None, list[Problem]]:
    """The shop as the files of `directory` describe it, its own or a copy, with the tools that its plugin has made already.

    The plugin is not run again: it may hold connections, and whatever it did when it was run it would do twice. What is new in
    `http:` and `mcp:` is checked, and nothing is connected.
    """
    problems = _misnamed(directory)
    site, document = _read_site(directory / "site.yaml", problems)
    written = read_tools(directory / "tools.yaml", problems)
    tags: set[str] | None = set() if articles else None
    if articles:
        problems.extend(check_articles(directory / "help", tags))
    if site is None or document is None:
        return None, sorted(problems)
    return _assemble(
        _Files(directory, site, document, written, tags), _kit_for(shop, site), environment, problems, ran=True
    )


@dataclass(frozen=True, slots=True)
class _Files:
    """What was read of a shop's files. `tags` are those of its articles; None: articles and workflows are not looked at."""

    directory: Path
    site: Site
    document: Document
    written: ToolsFile
    tags: set[str] | None


def _kit_for(shop: Shop, site: Site) -> Kit:
    """A loaded shop's kit for other files: what its plugin has put into it, without the tools of its connectors."""
    kit = copy.copy(shop.kit)
    connected = {spec.name for spec in shop.connectors.specs}
    kit.site = site
    kit.tools = Registry()
    for spec in shop.kit.tools:
        if spec.name not in connected and spec.undoes not in connected:
            kit.tools.add(spec)
    if shop.kit.instructions == shop.site.instructions:
        kit.instructions = site.instructions
    if shop.site.guests is not None:
        kit.guests = None  # it came from site.yaml, and comes from there again
    return kit


def _assemble(
    files: _Files, kit: Kit, environment: Mapping[str, str], problems: list[Problem], *, ran: bool
) -> tuple[Shop | None, list[Problem]]:
    """The shop from what was read of it; without what its plugin makes, if that has not `ran`."""
    directory, site, document, written, tags = files.directory, files.site, files.document, files.written, files.tags
    articles = tags is not None
    connectors = connect(written, kit.tools, environment, directory, problems)
    if ran:
        connect_guests(kit, document, written.rules, problems, complete=not written.mcp)
    own = read_own(directory, problems) if articles else ()
    problems.extend(advice.about_site(site, document, environment))
    if ran:  # else every rule would seem to be for an unknown tool
        problems.extend(advice.about_rules(written.rules, written.document, kit.tools))
        # The library is read for `check` only: that takes 0.1 s, and a server must start at once.
        offered = Workflows(kit.tools, written.rules, own) if articles else None
        steps = steps_of(offered) if offered is not None else None
        problems.extend(advice.about_tools(kit.tools, site, steps, guests=kit.guests is not None))
        known = None if tags is None or len(kit.sources) else frozenset(tags)  # a plugin's articles are read by `serve`
        problems.extend(
            advice.about_agents(site, document, kit.tools, known, complete=not written.mcp, workflows=offered)
        )
        problems.extend(advice.about_hand_over(site, document, kit.tools, complete=not written.mcp))
        problems.extend(advice.about_desk(site, document, kit.tools, complete=not written.mcp))
        problems.extend(about_workflows(own, kit.tools, directory, articles=articles))
    problems.sort()
    if any(problem.severity == "error" for problem in problems):
        return None, problems
    rules = LiveRules(_by_every_name(written.rules, kit.tools), connectors)
    workflows = Workflows(kit.tools, rules, own, directory=None if articles else directory, words=site.words)
    return Shop(directory, site, rules, kit, connectors, workflows, tuple(problems)), problems


def _by_every_name(rules: Mapping[str, Rule], registry: Registry) -> dict[str, Rule]:
    """The rules, also under the tools' other names: a call by a former name must meet the same rule."""
    named: dict[str, Rule] = {}
    for name, rule in rules.items():
        spec = registry.get(name)
        named.update(dict.fromkeys((spec.name, *spec.aliases) if spec else (name,), rule))
    return named


def _read_site(file: Path, problems: list[Problem]) -> tuple[Site | None, Document | None]:
    if not file.is_file():
        message = "there is no site.yaml here, so this is no shop directory; `shopbell init DIR` writes one"
        problems.append(Problem(file, 1, 1, "error", message))
        return None, None
    before = len(problems)
    text = read_text(file, problems)
    document = None if text is None else parse_yaml(text, file, problems)
    site = None if document is None else check(Site, document, problems)
    return (site if len(problems) == before else None), document


def _misnamed(directory: Path) -> list[Problem]:
    """Files whose names are near to one that would be read."""
    found = []
    for wrong, right in (("site.yml", "site.yaml"), ("tools.yml", "tools.yaml"), ("plugins.py", "plugin.py")):
        if (directory / wrong).exists() and not (directory / right).exists():
            found.append(Problem(directory / wrong, 1, 1, "warning", f"this file is not read; rename it to {right}"))
    if (directory / "plugin.py").is_file() and (directory / "plugin" / "__init__.py").is_file():
        message = "plugin.py and plugin/__init__.py are both here; only plugin.py is read"
        found.append(Problem(directory / "plugin" / "__init__.py", 1, 1, "error", message))
    return found
