"""Options that several commands of the dashboard have."""

from __future__ import annotations

import argparse


def add_tables_option(parser: argparse.ArgumentParser) -> None:
    """--tables."""
    parser.add_argument(
        "--tables",
        metavar="FILE|URL",
        required=True,
        help="SQLite file with the tables, or postgresql://USER@HOST/DATABASE",
    )
