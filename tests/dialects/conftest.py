"""Settings of the tests of dialects."""

from hypothesis import settings

# An example takes a few milliseconds; how long the machine lets it wait for them says nothing about the code.
settings.register_profile("dialects", deadline=None)
settings.load_profile("dialects")
