"""What people type to find a place."""

from grants.web import fields
from grants.web.forms import Form


class PostcodeForm(Form):
    """One postcode, to be looked up."""

    postcode = fields.PostcodeField("Postcode", hint="A full one, like TS18 1AA. We do not keep it.")
