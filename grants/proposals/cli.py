"""What the clock does to proposals; ``grants rounds tick`` runs it."""

from grants.proposals import service
from grants.web.ticks import ticking

ticking("unfinished proposals closed", order=20)(service.close_drafts)
