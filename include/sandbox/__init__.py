"""A LeadSquared look-alike server for demos, tests and continuous integration.

Start it with `python -m sandbox`. It keeps everything in memory, forgets it at the end, and talks to nobody but the
status webhooks that its clients name. `sandbox.testing.running` starts one for a test.
"""
