"""Advice: what is allowed in a shop's configuration, and probably not meant; and rules that do not fit their tools.

Pure: it looks at what is loaded.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from rapidfuzz import fuzz, process

from server.site import Document, Problem, Severity, Site
from tools import Registry, Rule, ToolSpec, fallback_problem, needed_level
from tools.permission import LIMITS


def about_site(site: Site, document: Document, environment: Mapping[str, str]) -> list[Problem]:
    """Warnings about site.yaml."""
    found: list[Problem] = []

    def warn(path: tuple[str | int, ...], message: str) -> None:
        place = document.place(path)
        found.append(Problem(document.file, place.line, place.column, "warning", message))

    if site.reasoning == "full":
        warn(
            ("reasoning",),
            "reasoning: full shows customers the model's own thinking, which may repeat anything it was given: tool "
            "results, articles, instructions",
        )
    if not site.origins:
        warn(("key",), "origins: none is listed, so no page but the demo's own may show the chat")
    for n, origin in enumerate(site.origins):
        if origin.startswith("http://") and not _is_local(origin):
            warn(("origins", n), f"{origin} is not encrypted; anybody on the way can read and change what is said")
    for variable in site.identity.variables:
        if not environment.get(variable):
            warn(("identity",), f"the environment variable {variable} is not set: nobody can sign in")
    hook = site.alerts.webhook
    if hook is not None:
        if not environment.get(hook.url_env):
            warn(
                ("alerts", "webhook"), f"the environment variable {hook.url_env} is not set: nobody is told by webhook"
            )
        if hook.secret_env is not None and not environment.get(hook.secret_env):
            warn(("alerts", "webhook"), f"the environment variable {hook.secret_env} is not set: nothing is signed")
    if site.languages and not any(language.split("-")[0] == site.locale.split("-")[0] for language in site.languages):
        warn(("languages",), f"the shop's own language {site.locale!r} is not among its languages")
    if site.hours is not None and not any(site.hours.weekly.values()):
        warn(("hours",), "hours without any open day: people never answer")
    return found


def about_rules(rules: Mapping[str, Rule], document: Document | None, registry: Registry) -> list[Problem]:
    """Rules for tools that do not exist (warnings), and rules that do not fit their tools."""
    found: list[Problem] = []
    names = [spec.name for spec in registry]
    seen: dict[str, str] = {}
    named = {spec.name: rule for name, rule in rules.items() if (spec := registry.get(name)) is not None}
    for name, rule in rules.items():
        assert document is not None  # noqa: S101 - there are no rules without a file
        spec = registry.get(name)
        if spec is None:
            place = document.keys[("tools", name)]
            message = f"no tool is called `{name}`{_instead(name, names)}"
            found.append(Problem(document.file, place.line, place.column, "warning", message))
            continue
        if seen.setdefault(spec.name, name) != name:
            place = document.keys[("tools", name)]
            message = f"`{name}` and `{seen[spec.name]}` are the same tool; one rule must go"
            found.append(Problem(document.file, place.line, place.column, "error", message))
        findings = findings_of(spec, rule)
        wrong = fallback_problem(spec, registry, named) if rule.fallback is not None else None
        if wrong is not None:
            findings.append(("fallback", "error", f"fallback: {wrong}"))
        for key, severity, message in findings:
            place = document.place(("tools", name, key))
            full = f"tools.{name}: {message}"
            found.append(Problem(document.file, place.line, place.column, severity, full))
    return found


def about_tools(
    registry: Registry, site: Site, steps: Collection[str] | None, *, guests: bool = False
) -> list[Problem]:
    """What is probably not meant about the tools themselves, at the line where each is written.

    `steps` are the tools that workflows call, which are started by the workflows' examples; None if not known. `guests`: the
    shop can look guests up, who show with a code who they are.
    """
    found: list[Problem] = []
    nobody = not site.identity.variables and not guests
    examples: dict[str, ToolSpec] = {}
    for spec in registry:
        file, _, line = spec.where.rpartition(":")
        if not spec.examples and spec.undoes is None and steps is not None and spec.name not in steps:
            message = f"{spec.name}: no examples=[…]: the offline engine starts a tool by messages like its examples"
            found.append(Problem(Path(file), int(line), 1, "warning", message))
        for severity, message in _tool_findings(spec, registry, examples, nobody=nobody):
            found.append(Problem(Path(file), int(line), 1, severity, f"{spec.name}: {message}"))
    return found


def _tool_findings(
    spec: ToolSpec, registry: Registry, examples: dict[str, ToolSpec], *, nobody: bool
) -> list[tuple[Severity, str]]:
    """`examples` holds those of the tools before, and gets this one's; `nobody` can show who they are."""
    if spec.undoes is not None:
        return []  # made from another tool, about which all is said there
    messages = []
    if not (spec.fn.__doc__ or "").strip():
        messages.append("no docstring: it is what a model reads to know when to use the tool")
    if not spec.reply:
        messages.append('no reply="…": the offline engine can only show the bare result')
    if spec.retries and spec.effect != "read" and not spec.idempotent and spec.reconcile is None:
        messages.append(
            f"retries={spec.retries} happen only when nothing was sent (NotSent): the tool neither reads nor is idempotent"
        )
    if spec.needs != "anonymous" and nobody:
        messages.append(f"needs={spec.needs!r}, but site.yaml names no identity secret: nobody can sign in")
    for example in spec.examples:
        other = examples.setdefault(example.strip().lower(), spec)
        if other is not spec:
            messages.append(f"the example {example!r} is also one of {other.name}")
    found: list[tuple[Severity, str]] = [("warning", message) for message in messages]
    wrong = fallback_problem(spec, registry, {})
    return [*found, ("error", f"fallback: {wrong}")] if wrong is not None else found


def about_agents(
    site: Site,
    document: Document,
    registry: Registry,
    tags: frozenset[str] | None,
    *,
    complete: bool,
    workflows: Collection[str] | None = None,
) -> list[Problem]:
    """What does not fit in `agents:`.

    `tags` are those of all articles, `workflows` those that are offered; None if not known. `complete=False`: there may be
    tools that are not pinned yet.
    """
    found: list[Problem] = []

    def say(path: tuple[str | int, ...], severity: Severity, message: str) -> None:
        place = document.place(("agents", *path))
        found.append(Problem(document.file, place.line, place.column, severity, f"agents: {message}"))

    names: dict[str, int] = {}
    for n, agent in enumerate(site.agents):
        first = names.setdefault(agent.name.lower(), n)
        if first != n:
            place = document.place(("agents", first, "name"))
            say((n, "name"), "error", f"the name {agent.name!r} is here twice; first in line {place.line}")
        if not agent.examples and not agent.tools:
            say((n,), "warning", f"{agent.name} has neither examples nor tools: few messages will be matched with it")
        for m, tool in enumerate(agent.tools or ()):
            if tool not in registry:
                message = f"{agent.name}: no tool is called `{tool}`{_instead(tool, [spec.name for spec in registry])}"
                say((n, "tools", m), "error" if complete else "warning", message)
        for m, workflow in enumerate(agent.workflows or ()):
            if workflows is not None and workflow not in workflows:
                known = _instead(workflow, sorted(workflows), "offered are")
                say((n, "workflows", m), "warning", f"{agent.name}: no workflow {workflow!r} is offered{known}")
        for m, tag in enumerate(agent.knowledge):
            if tags is not None and tag not in tags:
                known = _instead(tag, sorted(tags), "tags of articles are")
                say((n, "knowledge", m), "warning", f"{agent.name}: no article has the tag {tag!r}{known}")
            elif site.knowledge.tags and tag not in site.knowledge.tags:
                message = (
                    f"{agent.name}: the shop's own `knowledge.tags` leave out articles with no other tag than {tag!r}"
                )
                say((n, "knowledge", m), "warning", message)
    return found


def about_hand_over(site: Site, document: Document, registry: Registry, *, complete: bool) -> list[Problem]:
    """What does not fit in `hand_over:`. `complete=False`: there may be tools that are not pinned yet."""
    found: list[Problem] = []

    def say(path: tuple[str | int, ...], severity: Severity, message: str) -> None:
        place = document.place(("hand_over", *path))
        found.append(Problem(document.file, place.line, place.column, severity, f"hand_over: {message}"))

    for n, tool in enumerate(site.hand_over.tools):
        if tool not in registry:
            message = f"no tool is called `{tool}`{_instead(tool, [spec.name for spec in registry])}"
            say(("tools", n), "error" if complete else "warning", message)
    if site.hand_over.amount_over is not None and complete and not any(spec.has_amount for spec in registry):
        say(("amount_over",), "warning", "amount_over has no effect: no tool moves an amount of money")
    for key in ("customers", "customer_tags"):
        if getattr(site.hand_over, key) and not site.identity.variables:
            say((key,), "warning", f"{key} has no effect: nobody can sign in, since `identity` names no secret")
    return found


def about_desk(site: Site, document: Document, registry: Registry, *, complete: bool) -> list[Problem]:
    """What does not fit in `desk:`: its tools are run for staff, so they must only read, and need nothing but the customer."""
    found: list[Problem] = []
    for n, name in enumerate(site.desk.customer_tools):
        place = document.place(("desk", "customer_tools", n))
        severity: Severity = "error"
        spec = registry.get(name)
        if spec is None:
            message = f"no tool is called `{name}`{_instead(name, [spec.name for spec in registry])}"
            severity = "error" if complete else "warning"
        elif spec.effect != "read":
            message = f"`{name}` has the effect `{spec.effect}`; only tools that read are run for staff"
        elif spec.json_schema.get("required"):
            message = (
                f"`{name}` needs {', '.join(spec.json_schema['required'])}; only tools without required arguments fit"
            )
        else:
            continue
        found.append(Problem(document.file, place.line, place.column, severity, f"desk: {message}"))
    return found


def _instead(name: str, names: Sequence[str], there_are: str = "there are") -> str:
    """The end of a sentence about a name that does not exist: which one was probably meant, or which there are."""
    best = process.extractOne(name, names, scorer=fuzz.ratio, score_cutoff=70)
    return f"; did you mean `{best[0]}`?" if best else f"; {there_are}: {', '.join(names) or 'none'}"


def findings_of(spec: ToolSpec, rule: Rule) -> list[tuple[str, Severity, str]]:
    """What does not fit between a tool and its rule, or is probably not meant: the rule's key, how bad, and a message."""
    found: list[tuple[str, Severity, str]] = []
    if rule.auto_up_to is not None and not spec.has_amount:
        found.append(("auto_up_to", "error", f"auto_up_to, but the tool has no argument `{spec.amount}`; it is denied"))
    bounds = [name for name in ("auto_up_to", *LIMITS) if getattr(rule, name) is not None]
    if bounds and spec.names_currency and spec.has_amount and rule.currency is None:
        found.append((bounds[0], "warning", "calls name a currency: add `currency: EUR` or they cannot be compared"))
    if rule.currency is not None and not spec.names_currency:
        found.append(("currency", "warning", "currency has no effect: no call of the tool can name one"))
    if rule.auto_up_to is not None and rule.permission == "deny":
        found.append(("auto_up_to", "warning", "auto_up_to has no effect beside permission: deny"))
    unlimited = rule.auto_up_to is None
    # A limit says that somebody has thought about it; what takes back is asked for by who did it.
    thought_of = spec.effect == "write" and (spec.undoes is not None or any(getattr(rule, name) for name in LIMITS))
    if rule.permission == "auto" and spec.effect != "read" and unlimited and not thought_of:
        what = "moves money" if spec.effect == "money" else "changes something"
        found.append(("permission", "warning", f"it {what}, and nobody is asked before"))
    some_alone = rule.permission == "auto" or rule.auto_up_to is not None
    if spec.effect == "money" and some_alone and needed_level(spec, rule) == "anonymous":
        found.append(("permission", "warning", "anybody may have money moved, also guests; add needs: identified"))
    if rule.permission == "auto" and spec.ask is not None and unlimited:
        found.append(("permission", "warning", f"the tool itself would ask {spec.ask.of}; this rule stands above that"))
    if rule.needs is not None and needed_level(spec, rule) != rule.needs:
        found.append(("needs", "warning", f"needs: {rule.needs} has no effect, the tool itself needs {spec.needs}"))
    if rule.per_customer_per_day is not None and needed_level(spec, rule) == "anonymous":
        found.append(
            (
                "per_customer_per_day",
                "warning",
                "guests have no customer to count by, and are counted per conversation; add needs: identified",
            )
        )
    return found


def _is_local(origin: str) -> bool:
    host = origin.partition("://")[2]
    return host.startswith(("localhost", "127.", "[::1]"))
