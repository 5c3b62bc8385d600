"""Gives every Python that finds this on its path a newer chatnet: it has the toy kind."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))

import toy_kind

toy = toy_kind.there()
toy.__enter__()
