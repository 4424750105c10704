"""Who can be signed in as in the demonstration. Their addresses end so that nothing else is ever offered."""

from dataclasses import dataclass

DOMAIN = "demo.seedbed.example"


@dataclass(frozen=True, slots=True)
class Someone:
    """A made-up person: the first part of their address, their name, and who they are in one line."""

    key: str
    name: str
    who: str

    @property
    def email(self) -> str:
        return f"{self.key}@{DOMAIN}"


CAST = (
    Someone("rosa", "Rosa Resident", "a resident who raises issues and votes"),
    Someone("amina", "Amina Warsame", "writes bids for Thornaby Somali Mums Swim"),
    Someone("hodan", "Hodan Ali", "signs off for Thornaby Somali Mums Swim"),
    Someone("wendy", "Wendy Clarke", "runs Willows Youth Club, which was funded last time"),
    Someone("paul", "Paul Dixon", "signs off for Willows Youth Club"),
    Someone("grace", "Grace Hutton", "Ropner Park Friends: host for groups without an account"),
    Someone("carl", "Carl Connor", "a community connector"),
    Someone("olga", "Olga Officer", "a booth officer: checks people in who vote on paper"),
    Someone("oscar", "Oscar Oyelaran", "the other booth officer"),
    Someone("sue", "Sue Steward", "the steward who runs the rounds"),
    Someone("stan", "Stan Standish", "the other steward"),
    Someone("priya", "Priya Panesar", "a panellist"),
    Someone("peter", "Peter Okoro", "a panellist"),
    Someone("chris", "Chris Chadwick", "chairs the panel"),
    Someone("fiona", "Fiona Finch", "a finance officer"),
    Someone("felix", "Felix Ferris", "the other finance officer"),
    Someone("nadia", "Nadia Novak", "looks in for the Integrated Care Board, a funder"),
    Someone("ben", "Ben Bright", "looks in for the council's public health, a funder"),
    Someone("arthur", "Arthur Auditor", "an auditor"),
    Someone("ada", "Ada Admin", "the administrator"),
)

NEIGHBOURS = (
    ("raj", "Raj Patel"),
    ("dot", "Dot Lister"),
    ("len", "Len Marsh"),
    ("moira", "Moira Quinn"),
    ("ken", "Ken Adebayo"),
    ("joyce", "Joyce Tate"),
    ("tom", "Tom Wray"),
    ("bill", "Bill Harker"),
    ("tess", "Tess Novak"),
    ("rae", "Rae Simmonds"),
    ("mick", "Mick Doran"),
)
"""Others who live in the town; they are not offered at the sign-in page."""
