"""Which release this is."""

from importlib import metadata


def version() -> str:
    """The installed release, or `unknown` in a bare checkout."""
    try:
        return metadata.version("sluice-gateway")
    except metadata.PackageNotFoundError:
        return "unknown"
