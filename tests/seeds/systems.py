"""The systems that must work through ifmatch, and playing all their rows.

What lives here: which there are. The rows stand beside each.
"""

from tests.seeds.ed_fi.rows import ED_FI
from tests.seeds.hal.rows import HAL
from tests.seeds.wiki.rows import WIKI

SEEDS = (HAL, WIKI, ED_FI)
