"""Connectors: tools over HTTP and MCP, and e-mail. What a merchant's own systems offer becomes ToolSpecs.

Importing this opens nothing and loads no MCP library.
"""

from tools.connectors.config import Auth, EgressRules, HttpTool, McpServer
from tools.connectors.connect import Connectors
from tools.connectors.egress import Egress

__all__ = ["Auth", "Connectors", "Egress", "EgressRules", "HttpTool", "McpServer"]
