"""SchemaSpec: a tool whose arguments are described by a JSON Schema, as MCP servers give it, and checked against it.

It fetches no schema from anywhere, and makes no classes from schemas.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from tools.signature import BadTool
from tools.spec import ToolSpec
from tools.types import ToolError

MAX_SAID: Final = 5
"""Errors named in one answer to a model."""


class SchemaArgs(BaseModel):
    """Arguments that have been checked against a JSON Schema."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    arguments: dict[str, Any]


@dataclass(frozen=True)
class SchemaSpec(ToolSpec):
    """A ToolSpec whose function gets all arguments as one mapping, `arguments`, that fits `schema`."""

    schema: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments, as models get it."""
        return dict(self.schema)

    @property
    def has_amount(self) -> bool:
        """Whether the tool has an argument that holds money."""
        return self.amount in self.schema.get("properties", {})

    @property
    def names_currency(self) -> bool:
        """Whether a call can say of which currency its amount is."""
        return "currency" in self.schema.get("properties", {})

    @cached_property
    def _validator(self) -> Any:  # noqa: ANN401 - a jsonschema validator
        return validator_of(self.schema)

    def validate(self, args: Mapping[str, Any]) -> SchemaArgs:
        """The arguments, checked.

        Raises:
            ToolError: they do not fit the schema; says which and why.
        """
        plain = dict(args)
        errors = sorted(self._validator.iter_errors(plain), key=lambda error: list(map(str, error.path)))
        if errors:
            said = [f"{'.'.join(map(str, error.path)) or 'arguments'}: {error.message[:200]}" for error in errors]
            raise ToolError(f"Wrong arguments for {self.name}. {'; '.join(said[:MAX_SAID])}.")
        return SchemaArgs(arguments=plain)

    def amount_of(self, args: BaseModel) -> Decimal | None:
        """The money that a call would move, or None when its arguments do not say."""
        value = args.arguments.get(self.amount) if isinstance(args, SchemaArgs) else None
        if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
            return None
        try:
            return Decimal(str(value))
        except ArithmeticError:
            return None

    def currency_of(self, args: BaseModel) -> str | None:
        """The currency that a call names for its amount, in upper case."""
        named = args.arguments.get("currency") if isinstance(args, SchemaArgs) else None
        return str(named).upper() if named else None


def validator_of(schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a jsonschema validator
    """A validator that resolves references within the schema only.

    Raises:
        ValueError: it is no JSON Schema, or refers to something outside.
    """
    # An optional extra: the library comes with the MCP client.
    import jsonschema  # type: ignore[import-untyped]
    import referencing
    import referencing.exceptions

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ValueError(f"expected a JSON Schema: {error.message[:200]}") from error
    for reference in _references(schema):
        if not reference.startswith("#"):
            raise ValueError(f"expected references within the schema only, got {reference[:80]!r}")
    return kind(schema, registry=referencing.Registry())


def offered(schema: Mapping[str, Any], injected: frozenset[str], where: str, name: str) -> dict[str, Any]:
    """The schema as models get it: without what the server puts in, and closed against unknown arguments.

    Raises:
        BadTool: it is no schema of an object, or lacks an argument that is to be put in.
    """
    made = copy.deepcopy(dict(schema))
    properties = made.get("properties", {})
    if made.get("type", "object") != "object" or not isinstance(properties, dict):
        raise BadTool(where, f"{name}: expected a schema of an object")
    missing = injected.difference(properties)
    if missing:
        raise BadTool(
            where, f"{name}: caller.{min(missing)} is no argument; there are: {', '.join(properties) or 'none'}"
        )
    made["type"] = "object"
    made["properties"] = {key: value for key, value in properties.items() if key not in injected}
    if "required" in made:
        made["required"] = [key for key in made["required"] if key not in injected]
    made["additionalProperties"] = False
    try:
        validator_of(made)
    except ValueError as error:
        raise BadTool(where, f"{name}: {error}") from error
    return made


def _references(value: object) -> list[str]:
    if isinstance(value, Mapping):
        own = [value[key] for key in ("$ref", "$dynamicRef") if isinstance(value.get(key), str)]
        return own + [reference for inner in value.values() for reference in _references(inner)]
    if isinstance(value, list):
        return [reference for inner in value for reference in _references(inner)]
    return []
