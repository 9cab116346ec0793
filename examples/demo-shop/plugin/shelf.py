"""The shelf: the tool that finds products by name or kind.

It knows no customer.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, Field

from tools import Caller, tool

from . import base
from .base import ShopData
from .words import Words, both, reply, told, weight_in_words


class Product(BaseModel):
    """Something in the shop. `weight` is in words; `sizes` are those that are in stock."""

    name: str
    kind: Words
    price: Decimal
    was: Decimal | None
    currency: str = "EUR"
    weight_g: int
    weight: Words
    stock: int
    sizes: list[str]
    about: str
    url: str


class Products(BaseModel):
    """Products that fit a query, best first."""

    query: str
    products: list[Product]
    count: int


def _product(stored: base.Product) -> Product:
    return Product(
        name=stored.name,
        kind=Words(en=stored.kind, de=stored.kind_de),
        price=stored.price,
        was=stored.was,
        weight_g=stored.weight_g,
        weight=both(lambda lang: weight_in_words(stored.weight_g, lang)),
        stock=stored.stock,
        sizes=[size for size, stock in stored.sizes if stock],
        about=stored.blurb,
        url=f"/product?item={stored.slug}",
    )


def shelf_tools(data: ShopData) -> list[Callable[..., Any]]:
    """The tool about what is on the shelf."""

    @tool(
        scope="products.read",
        effect="read",
        label="Looking in the shop for {{ query }}",
        reply=reply("find_product"),
        examples=[
            "how much is the Ridge tent",
            "how heavy is the Kar tent",
            "what does the Basecamp tent weigh",
            "weight of the Larch 45 pack",
            "do you have the Alpin boots in stock",
            "are the Scree boots available in 42",
            "is the Föhn jacket in stock",
            "do you sell headlamps",
            "show me your rain jackets",
            "I'm looking for a sleeping bag",
            "which tents do you have",
            "price of the Kettle stove",
            "what do the Couloir skis cost",
            "which is the lightest pack you sell",
            "I need a warm jacket",
            "what sizes of the Meadow shoes do you have",
            "got any trekking poles",
            "tell me about the Pebble mat",
            "was kostet das Ridge Zelt",
            "haben Sie Rucksäcke",
        ],
    )
    async def find_product(
        caller: Caller,
        query: Annotated[
            str,
            Field(
                min_length=1,
                max_length=200,
                description="product: its name, or the kind of thing the customer looks for",
                examples=["Ridge tent", "rain jacket", "boots"],
            ),
        ],
    ) -> Products:
        """Search the shop's products by name or kind; gives price, weight, stock and sizes of each."""
        found = await told(caller, lambda: data.search(query))
        return Products(query=query, products=[_product(one) for one in found[:4]], count=len(found))

    return [find_product]
