"""Options: what several commands of the command line share.

Imports only click: what a command needs is imported when it runs.
"""

from pathlib import Path
from typing import Any

import click

shop_option = click.option(
    "--shop",
    "shops",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="A shop directory; may be given several times. Default: SHOPBELL_SHOPS.",
)
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where everything is kept. Default: SHOPBELL_DATA, ./data.",
)


def settings_of(shops: tuple[Path, ...] = (), *, need_shop: bool = True, **options: Any) -> Any:  # noqa: ANN401 - options; Settings
    """The settings from the environment and these options; options win."""
    from server.settings import load_settings

    settings = load_settings(shops=shops or None, **options)
    if need_shop and not settings.shops:
        raise click.UsageError("no shop: give --shop DIR, or set SHOPBELL_SHOPS; `shopbell init DIR` writes one")
    return settings
