"""Shop: a shop directory, loaded: its site, rules, tools and sources, and everything that is wrong with it.

It runs the merchant's plugin.py, and nothing else of theirs.
"""

from server.shop.load import Shop, ShopError, Tagged, load_shop, load_shops, read_shop, reread_shop

__all__ = ["Shop", "ShopError", "Tagged", "load_shop", "load_shops", "read_shop", "reread_shop"]
