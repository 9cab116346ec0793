"""Policies: numbers in a workflow against the articles that it quotes.

Pure: articles come in through a function.
"""

from collections.abc import Iterable, Sequence

from tools.workflow import quote
from tools.workflow.expr import ExprError, expression
from tools.workflow.infer import meant
from tools.workflow.look import Looked
from tools.workflow.model import When
from tools.workflow.program import Node, Path


def check_policies(look: Looked, every: Sequence[Node]) -> None:
    """Articles and anchors that are not there, and numbers that they give differently."""
    assert look.articles is not None  # noqa: S101 - the caller has looked
    whole = look.workflow.policy
    if whole is not None:
        part = _article(look, ("policy",), whole)
        if part is not None:
            for name, value in look.workflow.settings.items():
                fact = quote.setting_fact(name, value)
                _compare(look, ("settings", name), [fact] if fact else [], whole, part)
            for node in every:
                if node.step.policy in (None, "workflow"):
                    _compare_step(look, node, whole, part)
    for node in every:
        own = node.step.policy
        if own is not None and own != "workflow":
            part = _article(look, (*node.path, "policy"), own)
            if part is not None:
                _compare_step(look, node, own, part)


def _article(look: Looked, path: Path, policy: str) -> str | None:
    assert look.articles is not None  # noqa: S101 - as above
    name, anchor = quote.split_reference(policy)
    found = look.articles(name)
    if found is None:
        look.error(path, f"there is no article {name}")
        return None
    part = quote.section(found, anchor)
    if part is None:
        look.error(path, f"{name} has no heading `#{anchor}`{meant(anchor, quote.anchors(found))}")
    return part


def _compare_step(look: Looked, node: Node, policy: str, part: str) -> None:
    for key in ("say", "text"):
        said = getattr(node.step, key, None)
        for locale, source in ({} if said is None else {"": said} if isinstance(said, str) else said).items():
            at = (*node.path, key, locale) if locale else (*node.path, key)
            _compare(look, at, quote.facts(source), policy, part)
    if isinstance(node.step, When):
        try:
            _compare(look, (*node.path, "when"), quote.expression_facts(expression(node.step.when)), policy, part)
        except ExprError:
            return


def _compare(look: Looked, path: Path, here: Iterable[quote.Fact], policy: str, part: str) -> None:
    for message in quote.contradictions(here, policy, part):
        look.warn(path, message)
