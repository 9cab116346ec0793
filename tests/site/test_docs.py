"""Every setting and YAML key is documented in docs/configuration.md, with its default and its meaning; and every example works.

The models are walked: a key that is added without a row in the page fails here, and so does a row without a key.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from server.settings import PREFIX, Settings
from server.shop import read_shop
from server.site import FrontMatter, Site, check, parse_yaml, read_tools
from tools import Caller, Rule, run
from tools.connectors import EgressRules, HttpTool, McpServer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
TOOLS = (ROOT / "docs" / "tools.md").read_text(encoding="utf-8")


def model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := model_in(inner))), None)


def default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}, "") or isinstance(value, BaseModel | dict) or value is PydanticUndefined:
        return "–"
    return f"`{str(value).lower()}`" if isinstance(value, bool | int | float | Decimal) else f"`{value}`"


def rows(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The table rows that describe a model, as the page must have them."""
    for name, field in model.model_fields.items():
        assert field.description, f"{model.__name__}.{name} has no description"
        name = field.alias or name
        yield f"| `{prefix}{name}` | {default_of(field)} | {field.description} |"
        inner = model_in(field.annotation)
        if inner is not None:
            many = "tuple" in str(field.annotation) or "list" in str(field.annotation)
            named = "dict[" in str(field.annotation)
            yield from rows(inner, f"{prefix}{name}{'[]' if many else '.NAME' if named else ''}.")


def setting_rows() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        yield f"| `{PREFIX}{name.upper()}` | {default_of(field)} | {field.description} |"


EXPECTED = {
    "settings": list(setting_rows()),
    "site.yaml": list(rows(Site)),
    "tools.yaml": list(rows(Rule, "tools.NAME.")),
    "http": list(rows(HttpTool, "http.NAME.")),
    "mcp": list(rows(McpServer, "mcp.NAME.")),
    "egress": list(rows(EgressRules, "egress.")),
    "front matter": list(rows(FrontMatter)),
}


@pytest.mark.parametrize(
    "row", [row for group in EXPECTED.values() for row in group], ids=lambda row: row.split("`")[1]
)
def test_every_key_is_documented_with_its_default_and_meaning(row):
    assert row in PAGE.splitlines()


def test_the_page_describes_nothing_that_does_not_exist():
    known = {row for group in EXPECTED.values() for row in group}
    written = [line for line in PAGE.splitlines() if re.match(r"\| `[\w.\[\]]+` \|", line)]
    assert [line for line in written if line not in known] == []
    assert len(written) == len(known)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, flags=re.M | re.S)


def test_the_examples_of_yaml_are_valid(tmp_path):
    problems: list[Any] = []
    examples = blocks(PAGE, "yaml") + blocks(TOOLS, "yaml")
    assert len(examples) >= 3
    for text in examples:
        if text.startswith("# site.yaml"):
            document = parse_yaml(text, Path("site.yaml"), problems)
            assert document is not None
            assert check(Site, document, problems) is not None, problems
        else:
            assert text.startswith("# tools.yaml"), text
            (tmp_path / "tools.yaml").write_text(text)
            written = read_tools(tmp_path / "tools.yaml", problems)
            assert written.rules or written.http or written.mcp or written.egress.allow_private
    assert problems == []


async def test_the_first_example_of_a_tool_runs_as_it_is_written(tmp_path):
    plugin = next(code for code in blocks(TOOLS, "python") if "find_order" in code)
    (tmp_path / "plugin.py").write_text(plugin)
    (tmp_path / "site.yaml").write_text(
        "key: pk_test\nname: T\norigins: [https://a.example]\nidentity: {secret_env: S}\n"
    )
    (tmp_path / "help").mkdir()
    (tmp_path / "help" / "a.md").write_text("# A\n")
    shop, problems = read_shop(tmp_path, data=tmp_path / "data", environment={"S": "x" * 40})
    assert [str(problem) for problem in problems] == []
    assert shop is not None
    caller = Caller("pk_test", "c", customer="cus_1", level="identified")
    spec = shop.registry.get("find_order")
    assert (await run(spec, caller, {"order_id": "1042"})).result["status"] == "on its way"
    foreign = await run(spec, Caller("pk_test", "c", customer="cus_2", level="identified"), {"order_id": "1042"})
    absent = await run(spec, caller, {"order_id": "9999"})
    assert foreign.error.replace("1042", "N") == absent.error.replace("9999", "N")
