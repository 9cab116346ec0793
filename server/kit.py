"""Kit: what a merchant's developer fills in, in `setup(kit)` of plugin.py.

It only collects: nothing is run, indexed or connected here, and `sys.path` is never changed.
"""

import importlib.util
import inspect
import re
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from retrieval.types import Source
from server.mail import ShopMail
from server.ports import Model
from server.site import Site
from tools import Registry

S = TypeVar("S", bound=Source)


@dataclass(frozen=True, slots=True)
class Guest:
    """Who placed an order: the customer as the shop's tools know them, and the address that a code may be sent to."""

    customer: str
    email: str
    name: str | None = None


GuestLookup = Callable[[str, str], Awaitable[Guest | None]]
"""`await lookup(order, email)`: who placed this order with this address, or None."""


class Sources:
    """Sources beside the help/ folder, in the order in which they were added."""

    def __init__(self) -> None:
        self._sources: list[Source] = []

    def add(self, source: S) -> S:
        """Add a source and return it.

        Raises:
            TypeError: it has no `async def documents(self)`.

        """
        if not isinstance(source, Source) or isinstance(source, type):
            raise TypeError(f"expected a source with `async def documents(self)`, got {source!r}")
        self._sources.append(source)
        return source

    def __iter__(self) -> Iterator[Source]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)


class Kit:
    """One shop's own tools, sources, instructions and model."""

    def __init__(self, site: Site, directory: Path, data: Path) -> None:
        self.site = site
        self.dir = directory
        """The shop's directory."""
        self._data = data
        self.tools = Registry()
        self.sources = Sources()
        self.instructions: str = site.instructions
        """Tone and rules for the model; starts with those of site.yaml."""
        self.model: Model | str | None = site.model
        """Another model for this shop: a name as in SHOPBELL_MODEL, or a `server.ports.Model`; None is the server's."""
        self._guests: GuestLookup | None = None
        self.mail = ShopMail(site, data / "mail")
        """`await kit.mail.send(to, subject, text)`, when a tool runs; nothing is sent in `setup`."""

    @property
    def guests(self) -> GuestLookup | None:
        """Finds a guest by order number and e-mail address: with it, guests can show with a code who they are.

        The number comes without spaces and `#`, the address in small letters. Shopbell compares the address again, and
        mails only to the one that is returned.

        Raises:
            TypeError: when set to something else than an `async def`.
        """
        return self._guests

    @guests.setter
    def guests(self, look_up: GuestLookup | None) -> None:
        called = type(look_up).__call__ if callable(look_up) else None
        if look_up is not None and not any(inspect.iscoroutinefunction(one) for one in (look_up, called)):
            raise TypeError(f"kit.guests: expected `async def guests(order, email)`, got {look_up!r}")
        self._guests = look_up

    @property
    def data(self) -> Path:
        """A private directory of this shop's, for whatever its tools must keep; made on first use, mode 0700."""
        self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._data

    def load(self, path: str) -> ModuleType:
        """A Python file of the shop's directory as a module: `db = kit.load("shopdb.py")`. Loaded once per kit.

        Raises:
            ValueError: the path leaves the shop's directory.
            FileNotFoundError: there is no such file.

        """
        file = (self.dir / path).resolve()
        root = self.dir.resolve()
        if not file.is_relative_to(root):
            raise ValueError(f"expected a file inside {self.dir}, got {path!r}")
        relative = file.relative_to(root).with_suffix("").as_posix()
        name = f"{module_name(self.site.key)}.{re.sub(r'[^A-Za-z0-9_]', '_', relative)}"
        return sys.modules.get(name) or load_module(file, name)


def module_name(key: str) -> str:
    """The module name of a shop's plugin: one of its own for every site key."""
    # "_" and "-" both occur in keys; hex keeps two keys from meeting in one name.
    return "shopbell_plugin_" + "".join(char if char.isalnum() else f"_{ord(char):02x}" for char in key)


def load_module(file: Path, name: str) -> ModuleType:
    """Load a Python file, or a package's `__init__.py`, under a name of ours and with its real `__file__`.

    A module that fails to load leaves nothing behind. Whatever its code raises passes through.

    Raises:
        FileNotFoundError: there is no such file.

    """
    if not file.is_file():
        raise FileNotFoundError(f"no such file: {file}")
    locations = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=locations)
    if spec is None or spec.loader is None:
        raise ImportError(f"expected a Python file, got {file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pydantic look their own module up by its name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module
