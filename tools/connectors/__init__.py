"""Connectors: tools over HTTP and MCP, and e-mail. What a merchant's own systems offer becomes ToolSpecs.

Importing this opens nothing and loads no MCP library.
"""

from tools.connectors.config import HttpReconcile, HttpTool, HttpUndo
from tools.connectors.connect import Connectors
from tools.connectors.described import Auth, EgressRules, Param
from tools.connectors.egress import Egress
from tools.connectors.lock import Definition, LockError, changes, read_lock, write_lock
from tools.connectors.mcp_config import McpServer, McpTool

__all__ = [
    "Auth",
    "Connectors",
    "Definition",
    "Egress",
    "EgressRules",
    "HttpReconcile",
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
