"""HTTP: health, the widget's files, REST for merchants and the demo pages.

It holds no logic of its own; each file serves one thing.
"""
