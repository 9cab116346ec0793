"""Site and its parts: pydantic models of site.yaml.

Pure: no files, no environment, no clock. docs/configuration.md describes every key; a test compares.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator

from server.site.agents import MAX_AGENTS, Specialist
from server.site.alerts import Alerts
from server.site.desk import Canned, DeskView
from server.site.forms import (
    Colour,
    Currency,
    Email,
    Key,
    Link,
    Locale,
    LocaleText,
    LocaleTexts,
    ModelName,
    Origin,
    Part,
    Phone,
    Variable,
    normal_origin,
    pick,
    text_for,
)
from server.site.hand_over import HandOverRules
from server.site.hours import Hours
from tools.connectors.mail import is_address

_FONT: Final = re.compile(r"[\w\s,'\"-]{1,200}")  # a CSS font-family list; nothing that could end the declaration


class Theme(Part):
    """How the chat looks. What is absent is the widget's own default."""

    accent: Colour | None = Field(
        default=None, description="The shop's colour: launcher, buttons, the customer's words."
    )
    accent_text: Colour | None = Field(
        default=None, description="Text on the accent colour; chosen by contrast if absent."
    )
    accent_dark: Colour | None = Field(default=None, description="The accent colour in dark mode.")
    background: Colour | None = Field(default=None, description="Background of the chat in light mode.")
    text: Colour | None = Field(default=None, description="Text colour in light mode.")
    background_dark: Colour | None = Field(default=None, description="Background of the chat in dark mode.")
    text_dark: Colour | None = Field(default=None, description="Text colour in dark mode.")
    radius: int | None = Field(default=None, ge=0, le=32, description="Rounding of corners in CSS pixels.")
    font: str | None = Field(default=None, description="A CSS font list; the fonts must be on the page already.")
    position: Literal["right", "left"] = Field(
        default="right", description="The corner of the launcher: `right` or `left`."
    )
    launcher: Literal["bell", "chat", "question"] = Field(
        default="bell", description="The launcher's icon: `bell`, `chat` or `question`."
    )
    logo: Link | None = Field(
        default=None, description="A small square image for the header: a link on the page's origin."
    )
    title: LocaleText | None = Field(
        default=None, description="Heading of the chat; the shop's name if absent. Per language possible."
    )
    dark: Literal["auto", "light", "dark"] = Field(
        default="auto", description="`auto` follows the visitor's system; `light` and `dark` are fixed."
    )
    chips: LocaleTexts = Field(
        default=(), description="Messages offered as buttons at the start, at most 6. Per language possible."
    )

    @field_validator(
        "accent", "accent_text", "accent_dark", "background", "text", "background_dark", "text_dark", mode="before"
    )
    @classmethod
    def _quoted(cls, value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
        if value is None:
            raise ValueError('expected a colour such as "#2f6f4f" in quotes (without them, # begins a comment)')
        return value

    @field_validator("font")
    @classmethod
    def _safe_font(cls, value: str | None) -> str | None:
        if value is not None and not _FONT.fullmatch(value):
            raise ValueError(f"expected a CSS font list such as Inter, system-ui, sans-serif, got {value!r}")
        return value

    @field_validator("chips")
    @classmethod
    def _few_chips(cls, value: Any) -> Any:  # noqa: ANN401 - a list, or lists per language
        for chips in value.values() if isinstance(value, dict) else [value]:
            if len(chips) > 6:
                raise ValueError(f"expected at most 6 chips, got {len(chips)}")
        return value


class Identity(Part):
    """How the shop's own backend vouches for signed-in customers."""

    secret_env: Variable | None = Field(
        default=None,
        description="Name of the environment variable that holds the secret (at least 32 characters).",
    )
    secrets: dict[str, Variable] = Field(
        default_factory=dict,
        description="For changing secrets without a gap: names of environment variables by `kid`.",
    )

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of all environment variables that hold a secret."""
        return tuple(dict.fromkeys([*([self.secret_env] if self.secret_env else []), *self.secrets.values()]))

    def secrets_in(self, environment: Mapping[str, str]) -> dict[str | None, str]:
        """The secrets that are set, by `kid`; None is the one without a name."""
        names: dict[str | None, str] = dict(self.secrets.items())
        if self.secret_env is not None:
            names[None] = self.secret_env
        return {kid: environment[name] for kid, name in names.items() if environment.get(name)}


class Limits(Part):
    """What one conversation, and the whole shop, may use up."""

    model_calls_per_turn: int = Field(default=12, ge=1, le=50, description="Model calls in one turn; then a person.")
    tool_calls_per_turn: int = Field(default=8, ge=0, le=50, description="Tool calls in one turn; then a person.")
    turn_s: float = Field(default=60, ge=1, le=600, description="Seconds that one turn may take.")
    messages_per_minute: int = Field(
        default=30,
        ge=1,
        le=60_000,
        description="Customer messages per minute and conversation; a burst of twice that is fine.",
    )
    model_tokens_per_day: int | None = Field(
        default=None, ge=1, description="Model tokens, in and out, for the whole shop and day; no limit if absent."
    )
    model_tokens_per_conversation: int | None = Field(
        default=None, ge=1, description="Model tokens, in and out, for one conversation and day; no limit if absent."
    )


class Contact(Part):
    """How else to reach people, and what guests are told."""

    email: Email | None = Field(default=None, description="E-mail address.")
    phone: Phone | None = Field(default=None, description="Telephone number.")
    url: Link | None = Field(default=None, description="Page with a contact form.")
    text: LocaleText | None = Field(
        default=None, description="What customers are told when they want a person. Per language possible."
    )


class SignIn(Part):
    """Where and how customers sign in."""

    url: Link | None = Field(default=None, description="The shop's sign-in page.")
    text: LocaleText | None = Field(
        default=None, description="What guests are told who ask for something of their own. Per language possible."
    )


class Customer(Part):
    """A made-up customer that the demo can sign in as."""

    id: str = Field(min_length=1, max_length=128, description="Customer id, as the shop's tools know it.")
    name: str = Field(default="", description="Name.")
    email: str | None = Field(default=None, description="E-mail address.")


class Guests(Part):
    """How guests are found who show with a code who they are."""

    tool: str = Field(
        min_length=1,
        max_length=64,
        description="The tool that finds who placed an order: it takes `order` and `email` and returns `customer`, `email` and "
        "`name`. Its permission must be `deny`.",
    )


class SiteMail(Part):
    """Who the shop's mails come from."""

    sender: Email | None = Field(
        default=None, alias="from", description="The sender's address; `SHOPBELL_MAIL_FROM` if absent."
    )
    name: str = Field(default="", max_length=80, description="The sender's name; the shop's name if absent.")

    page: Link | None = Field(
        default=None,
        description="The shop's page that links in mails open: one with the chat on it, on one of `origins`; "
        "a page of this server if absent.",
    )
    per_hour: int = Field(
        default=300,
        ge=1,
        le=100_000,
        description="Mails within an hour, of all kinds together; codes, which anybody can ask for, use at most half of them.",
    )
    rating: bool = Field(
        default=False,
        description="Whether customers who have gone are asked by mail, once, how a closed chat was.",
    )

    @field_validator("page")
    @classmethod
    def _takes_a_fragment(cls, value: str | None) -> str | None:
        if value is not None and (not urlsplit(value).scheme or "#" in value):
            raise ValueError(f"expected a whole address without #, such as https://shop.example/chat, got {value!r}")
        return value

    @field_validator("sender")
    @classmethod
    def _can_be_a_sender(cls, value: str | None) -> str | None:
        if value is not None and not is_address(value):
            raise ValueError(f"expected an e-mail address in plain letters, got {value!r}")
        return value


class Demo(Part):
    """Only used by `serve --demo`."""

    customers: tuple[Customer, ...] = Field(default=(), description="Customers that the demo's switch can sign in as.")


class Knowledge(Part):
    """How the help center is used."""

    tags: tuple[str, ...] = Field(default=(), description="Only articles with one of these tags; all if empty.")
    passages: int = Field(default=6, ge=1, le=20, description="Passages that the model gets with a question.")


class Site(Part):
    """One merchant's shop, as site.yaml describes it."""

    key: Key = Field(description="The public key, `pk_…`; it is in the script tag.")
    name: str = Field(min_length=1, max_length=80, description="The shop's name, as customers know it.")
    origins: tuple[Origin, ...] = Field(
        default=(), description="Pages that may show the chat, exactly: `https://shop.example`. None if empty."
    )
    greeting: LocaleText = Field(
        default_factory=lambda: {
            "en": "Hi! Ask me about orders, delivery, returns or products.",
            "de": "Hallo! Fragen Sie mich zu Bestellungen, Lieferung, Rückgabe oder Produkten.",
        },
        description="The first words in the chat. Per language possible.",
    )
    instructions: str = Field(
        default="",
        max_length=8000,
        description="Tone and rules for the model, in your words, at most 8,000 characters.",
    )
    locale: Locale = Field(default="en", description="The shop's own language, such as `en` or `de-AT`.")
    currency: Currency | None = Field(
        default=None,
        description="What amounts of money are of where neither a call nor the tool's rule says, such as `EUR`: for what "
        "people read, never for arithmetic.",
    )
    languages: tuple[Locale, ...] = Field(default=(), description="Languages that may be answered in; any if empty.")
    theme: Theme = Field(default_factory=Theme, description="How the chat looks.")
    reasoning: Literal["off", "steps", "full"] = Field(
        default="steps",
        description="What customers see of the reasoning: `off` nothing, `steps` the plan and its progress, "
        "`full` the model's own thinking too.",
    )
    hours: Hours | None = Field(default=None, description="When people answer; always, if absent.")
    contact: Contact = Field(default_factory=Contact, description="How else to reach people.")
    sign_in: SignIn = Field(default_factory=SignIn, description="Where and how customers sign in.")
    mail: SiteMail = Field(default_factory=SiteMail, description="The shop's mails: codes, and what its tools send.")
    guests: Guests | None = Field(
        default=None, description="How guests are found who show with a code who they are; `kit.guests` does the same."
    )
    identity: Identity = Field(default_factory=Identity, description="How the shop vouches for signed-in customers.")
    limits: Limits = Field(default_factory=Limits, description="What a conversation and the shop may use up.")
    retention_days: int | None = Field(
        default=None, ge=1, le=3650, description="Days after which a conversation is erased; kept if absent."
    )
    model: ModelName | None = Field(
        default=None,
        description="Another model than `SHOPBELL_MODEL` for this shop.",
    )
    knowledge: Knowledge = Field(default_factory=Knowledge, description="How the help center is used.")
    agents: tuple[Specialist, ...] = Field(
        default=(),
        max_length=MAX_AGENTS,
        description="Specialists for kinds of questions; one agent for everything if absent.",
    )
    hand_over: HandOverRules = Field(
        default_factory=HandOverRules, description="When a person takes over, who, and what if nobody comes."
    )
    alerts: Alerts = Field(default_factory=Alerts, description="How staff are told when nobody has the desk open.")
    desk: DeskView = Field(default_factory=DeskView, description="What staff see beside a conversation.")
    canned: tuple[Canned, ...] = Field(
        default=(), max_length=200, description="Replies that are written once, for staff to send."
    )
    words: dict[str, LocaleText] = Field(
        default_factory=dict,
        description="What states are called in workflows: `in_transit: {de: unterwegs}`. These come before our own.",
    )
    demo: Demo = Field(default_factory=Demo, description="Only used by `serve --demo`.")

    @field_validator("canned")
    @classmethod
    def _no_canned_twice(cls, value: tuple[Canned, ...]) -> tuple[Canned, ...]:
        seen: set[tuple[str, str | None]] = set()
        for canned in value:
            if (canned.name, canned.locale) in seen:
                raise ValueError(f"expected each canned reply once per language, got {canned.name!r} again")
            seen.add((canned.name, canned.locale))
        return value

    @field_validator("mail")
    @classmethod
    def _links_to_a_page_with_the_chat(cls, value: SiteMail, info: ValidationInfo) -> SiteMail:
        if value.page is not None and "origins" in info.data:
            parts = urlsplit(value.page)
            if normal_origin(f"{parts.scheme}://{parts.netloc}") not in info.data["origins"]:
                raise ValueError(f"expected mail.page on one of the `origins`, got {value.page!r}")
        return value

    @field_validator("origins")
    @classmethod
    def _no_origin_twice(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(value))

    def greeting_for(self, locale: str) -> str:
        """The greeting in this language, or in the shop's own."""
        return text_for(self.greeting, locale, self.locale)

    def chips_for(self, locale: str) -> tuple[str, ...]:
        """The first messages offered, in this language or in the shop's own."""
        chips = self.theme.chips
        return chips if isinstance(chips, tuple) else tuple(pick(chips, locale, self.locale) or ())

    def theme_for(self, locale: str) -> dict[str, Any]:
        """The theme as the widget gets it: what is set, in one language."""
        theme = self.theme.model_dump(mode="json", exclude_none=True, exclude={"chips", "title"})
        if self.theme.title is not None:
            theme["title"] = text_for(self.theme.title, locale, self.locale)
        return {**theme, "chips": list(self.chips_for(locale))}

    def allows(self, origin: str) -> bool:
        """Whether pages of this origin (as a browser's header says it) may show the chat."""
        return origin in self.origins
