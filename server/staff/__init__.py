"""Staff: the people at the desk, their passwords, pictures, sessions and roles.

`people` is who they are, `accounts` the file that they are kept in.
"""

from server.staff.accounts import Accounts
from server.staff.people import LockedOut, Role, Staff, StaffError, StaffSession

__all__ = ["Accounts", "LockedOut", "Role", "Staff", "StaffError", "StaffSession"]
