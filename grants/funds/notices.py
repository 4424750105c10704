"""The words of letters about money that is not spent. They leave through the outbox."""

from datetime import date
from uuid import UUID

from grants.funds.models import Contribution, Fund, UnspentOffer
from grants.funds.rules import UnspentState, places_elsewhere
from grants.kernel.actors import Role
from grants.kernel.money import show_pounds
from grants.kernel.work import UnitOfWork
from grants.outbox import service as outbox
from grants.people import queries as people


def _page(one: Contribution) -> str:
    return outbox.address(f"/funds/{one.fund_id}/contributions/{one.id}")


def last_day_near(uow: UnitOfWork, one: Contribution, spend_by: date, free_minor: int) -> None:
    """Warn those who keep the fund that free money has a last day."""
    amount, day = show_pounds(free_minor), f"{spend_by.day} {spend_by:%B %Y}"
    text = (
        f"{amount} of the money from {one.funder.name} is promised to nobody yet, and must be by {day}.\n\n"
        f"Award it in a round, or offer it back to the funder, who may let it stay longer:\n{_page(one)}"
    )
    for person_id, email in people.emails_of_role(uow.session, Role.STEWARD, one.fund_id):
        key = f"contribution:{one.id}:last_day:{spend_by.isoformat()}:{person_id}"
        outbox.put_mail(uow, to=email, subject=f"{amount} to promise by {day}", text=text, key=key, subject_id=one.id)


def unspent_offered(uow: UnitOfWork, offer: UnspentOffer) -> None:
    """Ask the funder what is to become of its unspent money."""
    one = offer.contribution
    text = (
        f"{show_pounds(offer.amount_minor)} that {one.funder.name} gave to {one.fund.name} is promised to nobody.\n\n"
        f"Why we ask: {offer.reason}\n\n"
        f"You can let it stay in the pot, for longer if you like, or have it back. Please answer here:\n{_page(one)}"
    )
    for person_id, email in people.emails_of_role(uow.session, Role.FUNDER, one.funder_id):
        key = f"unspent:{offer.id}:offered:{person_id}"
        outbox.put_mail(uow, to=email, subject="What shall become of your unspent money?", text=text, key=key)


def unspent_answered(uow: UnitOfWork, offer: UnspentOffer) -> None:
    """Tell the stewards what the funder said, and the finance officers when money is to go back."""
    one, back = offer.contribution, offer.state is UnspentState.TO_RETURN
    amount = show_pounds(offer.amount_minor)
    if back:
        words = f"{one.funder.name} asks for {amount} back. A finance officer pays it and records it here"
    else:
        until = f" until {offer.spend_by.day} {offer.spend_by:%B %Y}" if offer.spend_by else ""
        words = f"{one.funder.name} lets {amount} stay in the pot{until}. See"
    readers = people.emails_of_role(uow.session, Role.STEWARD, one.fund_id)
    if back:
        readers += people.emails_of_role(uow.session, Role.FINANCE_OFFICER, one.fund_id)
    for person_id, email in dict(readers).items():
        key = f"unspent:{offer.id}:{offer.state.value}:{person_id}"
        outbox.put_mail(
            uow, to=email, subject=f"Unspent money of {one.funder.name}", text=f"{words}:\n{_page(one)}", key=key
        )


def turn_elsewhere(uow: UnitOfWork, fund_id: UUID) -> tuple[str, ...]:
    """Where else a group can turn, as part of a letter; nothing where the fund's stewards wrote nothing down."""
    places = places_elsewhere(uow.get(Fund, fund_id).elsewhere)
    return ("WHERE ELSE TO TURN", "\n".join(f"- {place}" for place in places)) if places else ()
