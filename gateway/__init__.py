"""Sluice: a self-hosted gateway that speaks the wire formats of Anthropic and OpenAI.

Start with README.md in this folder: it tells the life of a request and where each thing lives.
"""

__version__ = "0.1.0"
