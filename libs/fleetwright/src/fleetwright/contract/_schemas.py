"""JSON Schemas with what pydantic leaves out of them: strictness, zones, own rules.

What a schema does not say is told beside it: `x-fleet-strict` where nothing is
converted, `x-fleet-strip` where spaces are cut off, `x-fleet-timezone` where a moment
must have a zone or must not, and `x-fleet-rules` for what is decided in Python.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from fleetwright.contract._rules import rule_of

FACTS: Final = 1  # the version of the `x-fleet-` members of a document


class FactSchema(GenerateJsonSchema):
    """Writes schemas with their facts."""

    def int_schema(self, schema: Any) -> JsonSchemaValue:
        """Return the schema of whole numbers."""
        return self._strictness(super().int_schema(schema), schema)

    def float_schema(self, schema: Any) -> JsonSchemaValue:
        """Return the schema of numbers."""
        return self._strictness(super().float_schema(schema), schema)

    def bool_schema(self, schema: Any) -> JsonSchemaValue:
        """Return the schema of yes and no."""
        return self._strictness(super().bool_schema(schema), schema)

    def str_schema(self, schema: Any) -> JsonSchemaValue:
        """Return the schema of texts."""
        made = super().str_schema(schema)
        is_cut = schema.get("strip_whitespace", self._config.str_strip_whitespace)
        if is_cut and self.mode == "validation":
            made["x-fleet-strip"] = True
        return made

    def datetime_schema(self, schema: Any) -> JsonSchemaValue:
        """Return the schema of moments."""
        made = super().datetime_schema(schema)
        if schema.get("tz_constraint") in ("aware", "naive"):
            made["x-fleet-timezone"] = schema["tz_constraint"]
        return made

    def function_after_schema(self, schema: Any) -> JsonSchemaValue:
        """Return the schema of what a function looks at afterwards."""
        return self._ruled(super().function_after_schema(schema), schema)

    def function_before_schema(self, schema: Any) -> JsonSchemaValue:
        """Return the schema of what a function looks at first."""
        return self._ruled(super().function_before_schema(schema), schema)

    def function_wrap_schema(self, schema: Any) -> JsonSchemaValue:
        """Return the schema of what a function stands around."""
        return self._ruled(super().function_wrap_schema(schema), schema)

    def function_plain_schema(self, schema: Any) -> JsonSchemaValue:
        """Return the schema of what a function alone decides."""
        return self._ruled(super().function_plain_schema(schema), schema)

    def _strictness(
        self, made: JsonSchemaValue, schema: Mapping[str, Any]
    ) -> JsonSchemaValue:
        if schema.get("strict", self._config.strict) and self.mode == "validation":
            made["x-fleet-strict"] = True
        return made

    def _ruled(self, made: JsonSchemaValue, schema: Any) -> JsonSchemaValue:
        rule = rule_of(schema) if self.mode == "validation" else None
        if rule is None:
            return made
        # The inner schema may be one that others refer to.
        return {**made, "x-fleet-rules": [*made.get("x-fleet-rules", ()), rule]}
