"""The paired bench: CPU per call and per event against nginx, added latency, memory. `python -m loadtest.bench` runs it.

Two C programs do what Python is too slow for: `upstream.c` answers, `load.c` asks and compares every byte. The modules beside
them compile them, start the targets, read CPU clocks when the measured window opens and closes, and write the tables.
"""
