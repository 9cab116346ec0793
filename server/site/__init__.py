"""Site: what one merchant configured, from site.yaml and tools.yaml, and what is wrong with it.

It reads files and decides nothing; it knows no plugin and runs no code of the merchant's.
"""

from server.site.agents import DEFAULT_AGENT, Mood, Specialist
from server.site.alerts import AlertReason, Alerts
from server.site.articles import FrontMatter, check_article, check_articles
from server.site.forms import LocaleText, normal_origin, text_for
from server.site.hand_over import HandOverRules, Topic
from server.site.hours import Holiday, Hours
from server.site.model import (
    Contact,
    Customer,
    Demo,
    Identity,
    Knowledge,
    Limits,
    SignIn,
    Site,
    Theme,
)
from server.site.problem import Problem, Severity
from server.site.rules import BROKEN, ToolsFile, read_rules, read_tools, tools_in
from server.site.text import Document, Place, check, parse_yaml, read_text

__all__ = [
    "BROKEN",
    "DEFAULT_AGENT",
    "AlertReason",
    "Alerts",
    "Contact",
    "Customer",
    "Demo",
    "Document",
    "FrontMatter",
    "HandOverRules",
    "Holiday",
    "Hours",
    "Identity",
    "Knowledge",
    "Limits",
    "LocaleText",
    "Mood",
    "Place",
    "Problem",
    "Severity",
    "SignIn",
    "Site",
    "Specialist",
    "Theme",
    "ToolsFile",
    "Topic",
    "check",
    "check_article",
    "check_articles",
    "normal_origin",
    "parse_yaml",
    "read_rules",
    "read_text",
    "read_tools",
    "text_for",
    "tools_in",
]
