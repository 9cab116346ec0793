"""Connectors: tools over HTTP and MCP, and e-mail. What a merchant's own systems offer becomes ToolSpecs.

Importing this opens nothing and loads no MCP library.
"""

from tools.connectors.config import Auth, EgressRules, HttpTool, HttpUndo, Param
from tools.connectors.connect import Connectors
from tools.connectors.egress import Egress
from tools.connectors.lock import Definition, LockError, changes, read_lock, write_lock
from tools.connectors.mcp_config import McpServer, McpTool

__all__ = [
    "Auth",
    "Connectors",
    "Definition",
    "Egress",
    "EgressRules",
    "HttpTool",
    "HttpUndo",
    "LockError",
    "McpServer",
    "McpTool",
    "Param",
    "changes",
    "read_lock",
    "write_lock",
]
