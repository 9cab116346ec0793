"""Insights: the merchant's numbers, worked out of the log: what was resolved, handed over, asked in vain, and what it cost.

It writes nothing to the log. `tally` counts one conversation, `table` keeps what was counted, `report` adds it up, `gaps`
gathers questions without an answer.
"""

from server.insights.gaps import Gap, gather
from server.insights.insights import Cited, Insights, Scope
from server.insights.report import DEFINITIONS, Report, Sum
from server.insights.table import Table

__all__ = ["DEFINITIONS", "Cited", "Gap", "Insights", "Report", "Scope", "Sum", "Table", "gather"]
