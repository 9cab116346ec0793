"""The nursery's two tools, over a few records in memory.

Whose box it is comes from the caller; another's looks like none.
"""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, Field

from tools import Caller, ToolError, tool


class Box(BaseModel):
    """A box of plants."""

    box: str
    owner: str = Field(exclude=True)
    stage: str
    posts: str
    plants: list[str]


class Plant(BaseModel):
    """A plant in the catalogue."""

    latin: str
    common: str
    height_cm: int
    price: Decimal
    left: int


BOXES = (
    Box(
        box="TD-3391",
        owner="gardener-7",
        stage="growing",
        posts="Monday week",
        plants=["Rosa 'Odorata'", "Taxus baccata"],
    ),
    Box(box="TD-3402", owner="gardener-7", stage="packed", posts="tomorrow", plants=["Digitalis purpurea"]),
    Box(
        box="TD-3417", owner="gardener-9", stage="posted", posts="yesterday", plants=["Lilium regale", "Iris sibirica"]
    ),
)
PLANTS = (
    Plant(latin="Digitalis purpurea", common="foxglove", height_cm=150, price=Decimal("4.20"), left=60),
    Plant(latin="Taxus baccata", common="yew", height_cm=90, price=Decimal("11.00"), left=35),
    Plant(latin="Lilium regale", common="regal lily", height_cm=120, price=Decimal("6.50"), left=0),
    Plant(latin="Iris sibirica", common="Siberian iris", height_cm=80, price=Decimal("5.40"), left=22),
    Plant(latin="Rosa 'Odorata'", common="tea rose", height_cm=110, price=Decimal("18.50"), left=9),
)


@tool(
    scope="boxes.read",
    effect="read",
    needs="identified",
    label="Looking for box {{ box_number }}",
    examples=[
        "where is box TD-3391",
        "is my box packed yet",
        "has my box been posted",
        "when does box TD-3402 go out",
        "what is in my box",
        "is my box on the road",
        "status of TD-3417",
        "did you send my plants",
        "when will you post my plants",
        "have my roses left the nursery",
    ],
    reply="Box {{ result.box }} ({{ result.plants|join(' and ') }}) is {{ result.stage }}; "
    "posting day: {{ result.posts }}.",
)
async def box_status(
    caller: Caller,
    box_number: Annotated[
        str, Field(pattern=r"^TD-\d{4}$", description="box number, such as TD-3391", examples=["TD-3391"])
    ],
) -> Box:
    """Say whether a customer's box of plants is growing, packed or posted, and what is in it."""
    for box in BOXES:
        if box.box == box_number and box.owner == caller.customer:
            return box
    raise ToolError(f"There is no box {box_number} in your name. The number is on the order slip and begins with TD.")


@tool(
    scope="catalogue.read",
    effect="read",
    label="Leafing through the catalogue for {{ plant }}",
    examples=[
        "how tall does the foxglove get",
        "price of Iris sibirica",
        "do you have yew left",
        "what does a regal lily cost",
        "is the tea rose in stock",
        "how many Siberian iris do you have",
        "how high does Taxus baccata grow",
        "have you got foxgloves",
        "I want to buy a lily",
        "how much are the roses",
    ],
    reply="{{ result.common|capitalize }} (*{{ result.latin }}*) grows {{ result.height_cm }} cm tall and costs "
    "£{{ result.price }}; {{ 'we have ' ~ result.left ~ ' left' if result.left else 'it is sold out' }}.",
)
async def look_up_plant(
    caller: Caller,
    plant: Annotated[
        str, Field(min_length=2, max_length=80, description="plant, by its common or Latin name", examples=["foxglove"])
    ],
) -> Plant:
    """Give a plant's height, price and how many are left."""
    wanted = plant.casefold().removesuffix("s")
    for one in PLANTS:
        if wanted in f"{one.latin} {one.common}".casefold() or one.common.casefold() in plant.casefold():
            return one
    raise ToolError(f"{plant} is not in our catalogue.")


def setup(kit: Any) -> None:
    kit.tools.add(box_status)
    kit.tools.add(look_up_plant)
