"""OpenAI's side of the simulator: the same answers to the same questions, on OpenAI's wire.

It shares nothing with `gateway.dialects`, so that a mistake there cannot hide behind the same mistake here.
"""
