"""Pages of the stage ``places``: the wards, and what a postcode tells."""

from collections import Counter

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from grants.places.forms import PostcodeForm
from grants.ports.geography import Ward
from grants.web.doors import public
from grants.web.outside import geography

bp = Blueprint("places", __name__)

MOST_DEPRIVED = frozenset({1, 2})


@bp.get("/places")
@public
def index() -> ResponseReturnValue:
    """The wards, how deprived their neighbourhoods are, and a look-up by postcode."""
    form = PostcodeForm(request.args, meta={"csrf": False})
    asked = "postcode" in request.args
    place = None
    if asked and form.validate():
        place = geography().find(form.postcode.data or "")
        if place is None:
            form.postcode.errors = ["We do not know this postcode. Check it, or choose the ward from the list below."]
    wards = geography().wards()
    page = render_template(
        "places/index.html",
        form=form if asked else None,
        postcode_form=form,
        place=place,
        wards=[(ward, Counter(ward.deciles), band(ward)) for ward in wards],
        map=geography().ward_map(),
        bands={ward.code: band(ward) for ward in wards},
        neighbourhood_count=sum(len(ward.deciles) for ward in wards),
    )
    return page, form.status if asked else 200


def band(ward: Ward) -> int:
    """From 0 to 4, how many of a ward's neighbourhoods are among the most deprived fifth of England: none … all."""
    share = ward.share_in(MOST_DEPRIVED)
    return 0 if share == 0 else 4 if share == 1 else 1 + int(share * 3)
