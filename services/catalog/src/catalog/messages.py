"""What is said in requests to catalog and in its answers."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from catalog.products import HIGHEST_PRICE_PENCE, LONGEST_NAME, SKU_PATTERN

# No control characters: they show up on no label and break log lines and terminals.
Line = StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$")
Code = Annotated[str, Line, StringConstraints(max_length=64)]


class NewProduct(BaseModel):
    """A product as it shall be from now on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "WHITE METAL LANTERN", "price_pence": 339}]
        },
    )

    name: Annotated[str, Line, StringConstraints(max_length=LONGEST_NAME)] = Field(
        description="What buyers call it; blank is refused (`no_description`)."
    )
    price_pence: int = Field(
        strict=True,
        ge=-HIGHEST_PRICE_PENCE,
        le=HIGHEST_PRICE_PENCE,
        description="Price of one unit in pence; below 1 is refused "
        "(`price_not_positive`).",
    )


class Product(BaseModel):
    """A product the shop sells."""

    sku: str = Field(pattern=SKU_PATTERN, description="The stock code.")
    name: str = Field(description="What buyers call it.")
    price_pence: int = Field(gt=0, description="Price of one unit, in pence.")


class ProductPage(BaseModel):
    """One page of products, in the order of their stock codes."""

    items: list[Product] = Field(description="The products of this page.")
    page: int = Field(ge=1, description="Which page this is, from 1.")
    page_size: int = Field(ge=1, le=100, description="Longest length of a page.")
    total: int = Field(ge=0, description="Products on all pages together.")


class WantedQuotes(BaseModel):
    """Which products to price."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"skus": ["85123A", "71053"]}]}
    )

    skus: list[Code] = Field(
        min_length=1,
        max_length=2000,
        description="Stock codes; a code asked for twice is answered once.",
    )


class Quote(BaseModel):
    """The price of one unit of a product now."""

    sku: str = Field(description="The stock code.")
    name: str = Field(description="What buyers call it.")
    price_pence: int = Field(gt=0, description="Price of one unit, in pence.")


class Quotes(BaseModel):
    """Prices of what is sold, and the codes of what is not."""

    quotes: list[Quote] = Field(description="Prices, in the order asked.")
    unknown: list[str] = Field(description="Codes of nothing sold, in the order asked.")
