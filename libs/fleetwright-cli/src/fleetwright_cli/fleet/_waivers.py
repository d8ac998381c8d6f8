"""A waiver: where the standard is not kept, why, who agreed, and until when."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Waiver(BaseModel):
    """One `[[waivers]]` of fleet.toml.

    What is missing or too short, `fleet check` finds: no other command stops at it.

    Attributes:
        rule: The id of the rule that is not kept.
        where: The file or folder in which it is not kept; `*` stands for any name.
        reason: Why, for someone who reads it in a year.
        approved_by: Who agreed: two owners at least.
        since: The day it was agreed.
        until: The day it ends.
        design_doc: The design document that argues for it; required for a MUST.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: Annotated[str, Field(pattern=r"^[A-Z]+-\d\d$")]
    where: str = ""
    reason: str = ""
    approved_by: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    design_doc: str = ""
