"""Measure: how far the shipped weights are off, by class of text.

    python measure.py COUNTS.jsonl.gz

Needs nothing but the project. COUNTS comes from `counts.py --whole` over texts that were not fitted to. Prints a Markdown table:
texts, median, ninth decile and largest of the absolute error in per cent, for each tokenizer.
"""

import argparse
import gzip
import json
from collections import defaultdict
from pathlib import Path

from gateway.tokens.families import Family
from gateway.tokens.weights import UNITS_PER_TOKEN, weights

# A text of a few words is off by a token, which is a large share of nothing.
TOKENS_MIN = 60
FAMILIES = (Family.V3, Family.V4_7)


def errors(path: Path) -> dict[str, list[tuple[float, ...]]]:
    """Class -> relative error per family of each text."""
    found: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    tables = [weights()[family] for family in FAMILIES]
    with gzip.open(path, "rt") as lines:
        next(lines)
        for line in lines:
            kind, numbers, *counts = json.loads(line)
            if len(numbers) < TOKENS_MIN:
                continue
            sizes = [sum(map(table.__getitem__, numbers)) / UNITS_PER_TOKEN for table in tables]
            found[kind].append(tuple(size / count - 1 for size, count in zip(sizes, counts, strict=True)))
    return found


def cells(values: list[float]) -> list[str]:
    ordered = sorted(abs(value) * 100 for value in values)
    picks = (ordered[len(ordered) // 2], ordered[len(ordered) * 9 // 10], ordered[-1])
    return [f"{pick:.1f}" for pick in picks]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", type=Path)
    found = errors(parser.parse_args().counts)
    found["all"] = [row for rows in list(found.values()) for row in rows]
    print("| class | texts | v3 median | p90 | max | v4.7, v5 median | p90 | max |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in sorted(found):
        rows = found[kind]
        columns = [cell for family in range(len(FAMILIES)) for cell in cells([row[family] for row in rows])]
        print(f"| {kind} | {len(rows)} | " + " | ".join(columns) + " |")


if __name__ == "__main__":
    main()
