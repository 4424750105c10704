"""Quick grants: two people say yes or no to a small ask within days, and the money is promised at once."""
