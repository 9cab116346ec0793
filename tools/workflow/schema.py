"""Schema: the JSON Schema of workflow files, for editors that complete and check YAML.

Pure. It says what a file may look like; whether names and tools fit, `check` says.
"""

from typing import Any, Final

from pydantic import BaseModel

from tools.workflow.model import Use, Workflow

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema of a file in `workflows/`: a workflow of its own, or one of the library's (`use:`)."""
    own, use = _schema(Workflow), _schema(Use)
    definitions = {**own.pop("$defs", {}), **use.pop("$defs", {})}
    own["required"] = [name for name in own["required"] if name != "name"]  # the file's name, if absent
    for part in (own, use):
        part.pop("title", None)
    return {
        "$schema": DIALECT,
        "title": "Shopbell workflow",
        "if": {"required": ["use"]},
        "then": {"$ref": "#/$defs/use"},
        "else": {"$ref": "#/$defs/workflow"},
        "$defs": {**_short_forms(definitions), "use": use, "workflow": own},
    }


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True, mode="validation")


def _short_forms(definitions: dict[str, Any]) -> dict[str, Any]:
    """The definitions, with the short forms that validators accept besides: `on_error: go_on`, a tool's bare name."""
    found = dict(definitions)
    words: dict[str, dict[str, Any]] = {
        "OnError": {"enum": ["go_on", "hand_over"]},
        "ToolMap": {"type": "string"},
        "Option": {"type": "string"},
    }
    for name, short in words.items():
        if name in found:
            found[name] = {"anyOf": [found[name], short]}
    parallel = found.get("Parallel", {}).get("properties", {}).get("parallel", {})
    if "items" in parallel:
        parallel["items"] = {"anyOf": [parallel["items"], parallel["items"]["items"]]}
    when = found.get("When", {}).get("properties", {}).get("when", {})
    when.update({"type": ["string", "boolean"]})
    return found
