"""Python tools of this shop. `setup(kit)` is called once when the server starts.

Replace the products below with a look-up in your own system: a database, an API. See docs/tools.md.
"""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, Field

from tools import Caller, ToolError, tool


class Product(BaseModel):
    """What the tool returns; anything that pydantic can turn into JSON will do."""

    name: str
    price: Decimal
    currency: str
    stock: int


PRODUCTS = (
    Product(name="Enamel mug", price=Decimal("14.00"), currency="EUR", stock=31),
    Product(name="Linen apron", price=Decimal("39.00"), currency="EUR", stock=4),
    Product(name="Oak chopping board", price=Decimal("52.00"), currency="EUR", stock=0),
)


@tool(
    scope="products.read",
    effect="read",
    label="Looking up {{ name }}",
    examples=[
        "how much is the enamel mug",
        "what does the linen apron cost",
        "do you have the oak chopping board in stock",
        "is the mug available",
        "price of the apron",
        "are there any chopping boards left",
    ],
    reply="{{ result.name }} costs {{ result.price }} {{ result.currency }}"
    "{% if result.stock %} and is in stock.{% else %}; it is sold out at the moment.{% endif %}",
)
async def find_product(
    caller: Caller,  # noqa: ARG001 - every tool gets it: who is asking, which a model cannot forge
    name: Annotated[str, Field(description="product name", min_length=2, examples=["enamel mug", "linen apron"])],
) -> Product:
    """Find a product by its name, with its price and whether it is in stock."""
    words = set(name.lower().split())
    found = max(PRODUCTS, key=lambda product: len(words & set(product.name.lower().split())))
    if not words & set(found.name.lower().split()):
        raise ToolError(f"We have no product called {name}.")
    return found


def setup(kit: Any) -> None:  # noqa: ANN401 - server.kit.Kit: tools, sources, instructions, model, dir, data, site
    """Add this shop's tools."""
    kit.tools.add(find_product)
