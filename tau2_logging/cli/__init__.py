"""Command lines: argparse only."""
