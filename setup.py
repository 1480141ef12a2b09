"""The C extension of native_fastpath. Everything else about the package stands in pyproject.toml.

It is optional: without a compiler the build goes on and the pure twin serves.
"""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "native_fastpath._native",
            sources=[f"native_fastpath/{name}.c" for name in ("_native", "headers", "region", "sampling", "scan", "tables")],
            depends=["native_fastpath/region.h"],
            extra_compile_args=["-std=gnu11", "-O2", "-Wall", "-Wextra", "-fvisibility=hidden"],
            optional=True,
        )
    ]
)
