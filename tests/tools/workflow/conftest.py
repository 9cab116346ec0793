"""Hypothesis without deadlines: a slow machine is no defect.

Nothing else belongs here.
"""

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
