"""Screens: every picture in docs/screens, taken in Chromium of real servers with the demo shop.

It measures nothing, and nothing else may need it.
"""
