"""Anthropic's Admin API in its own shapes, so that scripts written for it work by changing the base URL.

It stands for this installation, never for the operator's account upstream. Ids are those of the rest of the admin interface.
"""
