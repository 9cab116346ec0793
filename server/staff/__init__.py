"""Staff: the people at the desk, their passwords, pictures, sessions and roles.

`people` is who they are, `accounts` the file that they are kept in.
"""

from server.staff.accounts import GRACE_MS, IDLE_MS, INVITE_MS, LOCKED_MS, ROTATE_MS, SESSION_MS, Accounts
from server.staff.people import LockedOut, Role, Staff, StaffError, StaffSession

__all__ = [
    "GRACE_MS",
    "IDLE_MS",
    "INVITE_MS",
    "LOCKED_MS",
    "ROTATE_MS",
    "SESSION_MS",
    "Accounts",
    "LockedOut",
    "Role",
    "Staff",
    "StaffError",
    "StaffSession",
]
