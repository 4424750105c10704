"""One grant, from a resident's issue to an audited outcome: through the pages, each step as the person who does it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from io import BytesIO

import pytest
from flask import Flask
from PIL import Image
from playwright.sync_api import Browser

from grants.kernel.clock import SetClock
from tests.journeys.people import Journey, Somebody, a_journey
from tests.support.clock import START
from tests.support.pages import PHONE
from tests.support.servers import serving

COMPANY = "Nobody left lonely"
OUTSIDE = "Feeling safe outside"
ROUND = "Good company this summer"
CRITERIA = ("Listening and responding", "Power-shifting")
HOST, TEA, REPAIR = "Willows Youth Club", "Portrack Tea Table", "Billingham Repair Cafe"
BIDS = {TEA: "Tuesday tea table", HOST: "Young cooks, old recipes", REPAIR: "Mend it together"}
COSTS = {TEA: (600, 400), HOST: (500, 300), REPAIR: (1000, 200)}
PLACES = {TEA: "TS18 1AA", HOST: "TS18 5QG", REPAIR: "TS23 1AB"}
"""Only the first lies in the most deprived tenth, so only it can be paid from money that is tied to that."""


class Town(Journey):
    """Who takes part, and where what they make stands. Filled as the story goes."""

    admin: Somebody
    steward: Somebody
    other_steward: Somebody
    treasurer: Somebody
    other_treasurer: Somebody
    chair: Somebody
    panellist: Somebody
    neighbour: Somebody
    connector: Somebody
    auditor: Somebody
    funder: Somebody
    resident: Somebody
    issue: str
    priority: str
    fund: str
    round: str
    writers: dict[str, tuple[Somebody, Somebody]]
    groups: dict[str, str]
    proposals: dict[str, str]
    codes: list[str]
    tracking: dict[str, str]
    award: str


@pytest.fixture
def town(make_app: Callable[..., Flask], sqlite_url: str, browser: Browser) -> Iterator[Town]:
    """A newcomer's Seedbed: every table, and no row."""
    app, clock = make_app(sqlite_url), SetClock(START)
    app.extensions["clock"] = clock
    with serving(app) as url, a_journey(app, url, browser, clock, Town) as town:
        yield town


def test_a_grant_lives_its_whole_life(town: Town) -> None:
    a_newcomer_finds_it_empty(town)
    the_first_admin_gives_roles(town)
    a_resident_raises_an_issue(town)
    the_community_chooses_and_a_meeting_agrees(town)
    the_pot_is_filled(town)
    a_round_is_published(town)
    groups_are_started_and_a_host_says_yes(town)
    proposals_are_written_and_signed_off(town)
    the_proposals_are_checked(town)
    the_panel_reads_and_locks(town)
    the_ballot_is_fixed_and_codes_are_made(town)
    residents_vote(town)
    the_votes_are_counted(town)
    the_pot_is_shared_and_everybody_is_told(town)
    the_offer_is_accepted(town)
    what_must_be_known_is_given_and_checked(town)
    the_agreement_is_signed(town)
    the_money_is_paid(town)
    the_report_is_written_and_the_rest_comes_back(town)
    everybody_sees_what_came_of_it(town)
    every_pound_can_be_followed(town)


# ---------------------------------------------------------------- people


def a_newcomer_finds_it_empty(town: Town) -> None:
    newcomer = town.somebody("Nadia Newcomer", width=PHONE)
    for path, words in (
        ("/", "No round is open just now"),
        ("/issues", "Nobody has raised an issue yet"),
        ("/priorities", "Nothing is agreed yet"),
        ("/rounds", "There is no round so far"),
        ("/funds", "There is no fund yet"),
        ("/outcomes", "No grant has been told about yet"),
        ("/register", "No award has been made yet"),
    ):
        newcomer.goes(path, signed_in=False)
        newcomer.sees(words)
        newcomer.looks()


def the_first_admin_gives_roles(town: Town) -> None:
    town.admin = town.somebody("Ada Admin")
    assert "now an admin" in town.runs("people", "make-admin", town.admin.email, town.admin.name)
    town.steward = _with_role(town, "Sam Steward", "Steward")
    town.other_steward = _with_role(town, "Stella Steward", "Steward")
    town.treasurer = _with_role(town, "Fiona Finance", "Finance officer")
    town.other_treasurer = _with_role(town, "Fred Finance", "Finance officer")
    town.chair = _with_role(town, "Chloe Chair", "Panellist")
    town.panellist = _with_role(town, "Parveen Panel", "Panellist")
    town.neighbour = _with_role(town, "Peter Panel", "Panellist")
    town.connector = _with_role(town, "Connie Connector", "Connector")
    town.auditor = _with_role(town, "Audrey Auditor", "Auditor")
    town.admin.looks()


def _with_role(town: Town, name: str, role: str) -> Somebody:
    """Somebody makes an account; the admin finds them and gives the role."""
    person = town.somebody(name)
    person.signs_in()
    _to_person(town, person)
    town.admin.chooses(role)
    town.admin.presses("Give this role", within=town.admin.page.locator("section", has_text="Give a role"))
    town.admin.sees(f"{name} now has the role “{role}”.")
    return person


def _to_person(town: Town, person: Somebody) -> None:
    town.admin.goes("/people")
    town.admin.fills("Name or e-mail", person.name)
    town.admin.presses("Show")
    town.admin.follows(person.name)
    town.admin.sees("Roles now", person.email)


# ---------------------------------------------------------------- from an issue to a priority


def a_resident_raises_an_issue(town: Town) -> None:
    rosa = town.resident = town.somebody("Rosa Resident", width=PHONE)
    rosa.signs_in()
    rosa.goes("/issues/new")
    rosa.looks()
    rosa.fills("What is it about?", "My mum sees nobody from Monday to Friday")
    rosa.fills("Tell us more", "Since the lunch club shut there is nowhere to go in Portrack without paying.")
    rosa.fills("Who does it touch?", "older people who live alone")
    rosa.fills("Or a postcode near it", "TS18 1AA")
    rosa.presses("Send it")
    rosa.sees("Thank you. We have what you told us", "Keep this link")
    rosa.looks()

    connie = town.connector
    connie.needs("Look at 1 new issue")
    connie.follows("My mum sees nobody")
    connie.sees("Stockton Town Centre")
    connie.presses("Publish it")
    connie.sees("It is published.")
    town.issue = connie.here

    for name in ("Omar", "June"):
        other = town.somebody(f"{name} Neighbour", width=PHONE)
        other.goes(town.issue)
        other.presses("This matters to me too")
        other.sees("Thank you. Your voice is counted.")
    other.sees("2", "neighbours say")
    other.looks()


def the_community_chooses_and_a_meeting_agrees(town: Town) -> None:
    connie, sam, rosa = town.connector, town.steward, town.resident
    connie.goes("/insights/new")
    connie.fills("What did people say?", "After dark nobody uses the path by the beck.")
    connie.fills("How and where was it heard?", "A walk with twelve parents from the school gate")
    connie.presses("Put it in the bank")
    for title, wish, rests_on in (
        (COMPANY, "Everybody who wants company finds it near home, for nothing.", "My mum sees nobody"),
        (OUTSIDE, "We use our paths and parks at every hour.", "After dark nobody uses the path"),
    ):
        connie.goes("/priorities/new")
        connie.fills("Title", title)
        connie.fills("What do you want to be different?", wish)
        connie.ticks(rests_on)
        connie.presses("Suggest it")
        connie.sees(title)

    sam.goes("/priorities")
    sam.follows("Put suggestions to the community")
    sam.ticks(COMPANY, OUTSIDE)
    sam.dates("Until when can people choose?", town.day(14), clock=True)
    sam.looks()
    sam.presses("Ask the community")
    sam.sees("The community can choose now.", COMPANY, OUTSIDE)

    rosa.goes("/priorities")
    rosa.sees("You are asked: what matters most?")
    rosa.follows("Say what matters most")
    rosa.picks("Matters most", COMPANY)
    rosa.picks("Second", OUTSIDE)
    rosa.presses("Keep my choice")
    rosa.sees("Your choice is kept.")
    rosa.sees_not("points together", "took part")
    rosa.looks()

    town.comes_to(15)
    for title, owner in ((COMPANY, "Portrack Tea Table"), (OUTSIDE, "Friends of the Beck")):
        sam.goes("/priorities")
        sam.follows(title)
        sam.follows("Write down the agreement")
        sam.sees("1", "person took part")
        sam.fills("Who from the community owns it?", owner)
        sam.fills("Which meeting agreed it?", "Community forum in the library")
        sam.dates("On which day?", town.day(15))
        sam.presses("It was agreed")
        sam.sees("Who owns it", owner, "Agreed on 17 March 2026", "Community forum in the library")
        if title == COMPANY:
            sam.looks()
            town.priority = sam.here
    rosa.goes(town.issue)
    rosa.sees(COMPANY)


# ---------------------------------------------------------------- money in


def the_pot_is_filled(town: Town) -> None:
    sam, fiona = town.steward, town.treasurer
    sam.goes("/funds/new")
    sam.fills("Name of the fund", "Stockton Community Fund")
    sam.fills("What the fund is for", "Small grants for what neighbours start together.")
    sam.presses("Start this fund")
    sam.sees("The fund is open.")
    town.fund = sam.here
    for funder, amount, only in (("Borough Public Health", "1500", ""), ("Integrated Care Board", "1,000", "1")):
        sam.goes("/funders/new")
        sam.fills("Name of the funder", funder)
        sam.presses("Add this funder")
        sam.goes(town.fund)
        sam.follows("Add a contribution")
        sam.picks("Who gives", funder)
        sam.fills("How much they promise", amount)
        if only:
            boxes = sam.part("Only for neighbourhoods in these deprivation deciles")
            boxes.get_by_role("checkbox", name="1", exact=True).check()
        sam.presses("Check what this says")
        sam.sees("Is this what the funder asks for?")
        if only:
            sam.sees("the most deprived tenth of England")
            sam.looks()
        sam.presses("Yes, write this promise down")
        sam.presses("Mark it as agreed")
        sam.sees("Agreed.")

    for amount, funder in (("£1,500", "Borough Public Health"), ("£1,000", "Integrated Care Board")):
        fiona.needs(f"Record {amount} from {funder} when it arrives")
        fiona.follows("Record money that arrived")
        fiona.fills("Reference on the bank statement", f"BACS {funder}")
        fiona.dates("Day on the bank statement", town.day(15))
        fiona.presses("Record this money")
        fiona.sees(f"{amount} is in the pot.", "Here in full")

    _to_person(town, _newcomer(town, "Fay Funder"))
    town.admin.picks("Role and for what", "Speaks for Integrated Care Board")
    town.admin.presses("Give this role", within=town.admin.page.locator("section", has_text="Roles for one fund"))
    town.admin.sees("The role is given.", "Speaks for Integrated Care Board")

    town.resident.goes(town.fund)
    town.resident.sees("£2,500", "came in", "Integrated Care Board", "not promised yet")
    town.resident.looks()


def _newcomer(town: Town, name: str) -> Somebody:
    town.funder = town.somebody(name)
    return town.funder.signs_in()


# ---------------------------------------------------------------- the call


def a_round_is_published(town: Town) -> None:
    sam = town.steward
    sam.goes("/rounds/new")
    sam.fills("Title", ROUND)
    sam.fills("What is this round for?", "Ideas that bring people together, near home.")
    sam.picks("Which pot does the money come from?", "Stockton Community Fund")
    sam.ticks(COMPANY, OUTSIDE)
    sam.fills("How much is there to share?", "2500")
    sam.fills("The least that a group can ask for", "100")
    sam.fills("The most that a group can ask for", "1200")
    for legend, day in (
        ("Proposals open", 16),
        ("Proposals close", 37),
        ("Voting opens", 44),
        ("Voting closes", 58),
        ("The decision comes by", 72),
    ):
        sam.dates(legend, town.day(day), clock=True)
    sam.fills("Fewest proposals to choose", "1")
    sam.unticks("Truth-telling", "Strengths-focus", "Self-organising")
    sam.looks()
    sam.presses("Save the draft")
    sam.sees("Saved as a draft.")
    town.resident.goes("/rounds")
    town.resident.sees("There is no round so far")
    sam.follows("Publish the round")
    sam.sees("After this nobody can change the rules", "£2,500")
    sam.looks()
    sam.presses("Publish and fix the rules")
    sam.sees("Published. The rules of this round are fixed now.")
    town.round = sam.here.removesuffix("/desk")

    rosa = town.resident
    rosa.goes("/rounds")
    rosa.follows(ROUND)
    rosa.sees("It opens on", "18 March 2026")
    rosa.follows("Read the whole rule-book")
    assert re.search(r"\b[0-9a-f]{64}\b", rosa.page.inner_text("main")), "the fingerprint of the rule-book is shown"
    rosa.looks()
    sam.goes(f"{town.round}/edit")
    sam.sees("These rules are fixed")


# ---------------------------------------------------------------- groups and their proposals


def groups_are_started_and_a_host_says_yes(town: Town) -> None:
    town.comes_to(17)
    town.writers, town.groups, town.proposals = {}, {}, {}
    _, yvonne = _a_group(town, HOST, "Yusuf Youth", "Yvonne Youth", bank=True)
    _a_group(town, REPAIR, "Rita Repair", "Ron Repair", bank=True)
    sam = town.steward
    sam.goes(town.groups[HOST])
    sam.presses("Offer it as a host")
    sam.sees("This group can be asked to be a host.")

    tess, _ = _a_group(town, TEA, "Tess Table", "Tom Table", bank=False)
    tess.needs(f"Find a host for {TEA}")
    tess.chooses(HOST)
    tess.presses("Ask this group")
    tess.sees("We have written to them.")
    tess.looks()
    assert TEA in town.letter(yvonne.email, "asks Willows Youth Club to be its host")
    yvonne.needs(f"{TEA} asks {HOST} to be its host")
    yvonne.looks()
    yvonne.presses("Yes, we will be their host")
    yvonne.sees("Groups you are a host for", TEA)
    tess.goes(town.groups[TEA])
    tess.sees(f"{HOST} is its host", "You are a member")
    tess.looks()


def _a_group(town: Town, name: str, first: str, second: str, *, bank: bool) -> tuple[Somebody, Somebody]:
    """One person starts it and adds another; both sign in."""
    one, other = town.somebody(first, width=PHONE), town.somebody(second, width=PHONE)
    one.goes("/groups")
    one.follows("Start a group")
    one.fills("The group's name", name)
    one.fills("What does the group do?", "We bring neighbours together around a table.")
    one.chooses("A club or association with written rules" if bank else "A group of neighbours")
    one.chooses("Yes" if bank else "No", exact=True)
    if not bank:
        one.looks()
    one.presses("Start the group")
    one.sees("Your group is there.")
    town.groups[name] = "/".join(one.here.split("/")[:3])
    one.goes(f"{town.groups[name]}/members")
    one.sees("Two people make a proposal")
    one.follows("Add a member")
    one.fills("Their name", second)
    one.fills("Their e-mail address", other.email)
    one.ticks("Edit", "Sign off")
    one.presses("Add them")
    one.sees(f"{second} is now in the group.")
    if not bank:
        one.looks()
    assert name in town.letter(other.email, "You are now a member of")
    other.signs_in()
    other.sees(name)
    town.writers[name] = one, other
    return one, other


def proposals_are_written_and_signed_off(town: Town) -> None:
    for name in (TEA, HOST, REPAIR):
        writer, signer = town.writers[name]
        _writes(town, writer, name)
        _signs_off(town, writer, signer, name)
    stranger = town.somebody("Nosy Neighbour")
    stranger.goes(town.proposals[TEA], signed_in=False)
    stranger.sees("Page not found")


def _writes(town: Town, writer: Somebody, group: str) -> None:
    """Section by section: each leads to the next, and the last to all answers."""
    (one, two), thorough = COSTS[group], group == TEA
    writer.goes(town.round)
    writer.follows("Start a proposal")
    writer.presses("Start", exact=True)
    town.proposals[group] = writer.here
    writer.sees("0 of 8 sections are done.", "8 April 2026")

    def saves(section: str) -> None:
        if thorough:
            writer.looks()
        writer.presses("Save and continue")
        writer.sees(f"Saved and done: {section}")

    writer.follows("What you want to do")
    if thorough:  # what is not whole is kept, and it says what is missing
        writer.fills("A short name for it", BIDS[group])
        writer.presses("Save and continue")
        writer.sees("What you wrote is kept.", "This section still needs")
    writer.fills("A short name for it", BIDS[group])
    writer.fills("In one or two sentences", f"{BIDS[group]}: come in, sit down, stay.")
    writer.fills("What will you do?", "Every Tuesday from two to four we open the hall. Eight neighbours take turns.")
    writer.dates("When does it start?", town.day(120))
    writer.dates("When does it end?", town.day(300))
    saves("What you want to do")
    writer.fills("Who is it for?", "Older people who live alone, and whoever is next door.")
    writer.ticks("Older people")
    writer.chooses("In one place or a few places")
    writer.fills("Postcode of the place", PLACES[group])
    saves("Who it is for, and where")
    writer.chooses(COMPANY)
    writer.fills("How does it answer that priority?", "The lunch club shut, and people told us what they miss.")
    saves("Why it is needed")
    writer.ticks("Intergenerational")
    writer.chooses("Neighbours and local people lead it")
    writer.fills("What is the first thing that you hope", "People know somebody whom they can ring.")
    writer.fills("How will you see it?", "We ask whom they would ring.")
    writer.fills("What is the second thing that you hope", "People come back.")
    writer.fills("How will you see the second one?", "We count who comes a third time.")
    saves("How you will do it")
    writer.fills("How can everybody it is for take part?", "The hall has a ramp, and we fetch people.")
    writer.fills("What does it cost people to take part?", "Nothing.")
    writer.chooses("No", exact=True)
    saves("Fair and safe for everybody")
    for number, (what, amount) in enumerate((("Hire of the hall", one), ("Tea and food", two)), 1):
        line = writer.part(f"Line {number}")
        writer.fills("What for", what, within=line)
        writer.fills("How much", f"{amount}", within=line)
    saves("What it costs")
    if group == TEA:
        writer.sees(f"{HOST} has said yes to holding the money")
    writer.fills("Who else helps you?", "The library lends us chairs.")
    saves("Partners and who holds the money")
    writer.chooses("Nobody: we wrote it ourselves")
    saves("Who we can talk to")
    writer.sees(f"You ask for £{one + two:,}.", "Hire of the hall")
    if thorough:
        writer.looks()
    writer.presses("Ask for sign-off")
    writer.sees("We have written to those who can sign it off.", "It is not in so far.")


def _signs_off(town: Town, writer: Somebody, signer: Somebody, group: str) -> None:
    writer.goes(town.proposals[group])
    assert not writer.page.get_by_role("button", name="Sign off and put it in").count(), "nobody signs off their own"
    signer.needs(f"Sign off “{BIDS[group]}”")
    signer.sees("You are asked to sign this off", writer.name)
    if group == TEA:
        signer.looks()
    signer.presses("Sign off and put it in")
    signer.sees("It is in.", "Put in")
    assert BIDS[group] in town.letter(writer.email, "We have your proposal")


# ---------------------------------------------------------------- checks and the panel


def the_proposals_are_checked(town: Town) -> None:
    town.comes_to(38)
    sam = town.steward
    town.resident.goes(f"{town.round}/proposals")
    town.resident.sees("Proposals are shown when the vote opens")
    sam.needs(f"Begin the checks of “{ROUND}”")
    sam.presses("Begin the checks")
    sam.sees("You can check the proposals now.")
    sam.needs("Check 3 proposals")
    for title in BIDS.values():
        sam.follows(f"Check {title}")
        sam.chooses("Yes", exact=True)
        sam.presses("Save the check")
        sam.sees("Checked. The group has a letter.")
    sam.sees("may go on", "Passed the first check")
    sam.looks()


def the_panel_reads_and_locks(town: Town) -> None:
    sam = town.steward
    panel = (town.chair, town.panellist, town.neighbour)
    sam.needs("Seat the panel")
    for member in panel:
        sam.picks("Panellist", member.name)
        if member is town.chair:
            sam.ticks("They chair the panel")
        sam.presses("Seat on the panel")
        sam.sees(member.name)
    sam.presses("Share out", exact=True)
    sam.sees("9 readings shared out.")
    sam.looks()

    town.neighbour.needs("Say if you have an interest in 3 bids")
    town.neighbour.follows(BIDS[TEA])
    town.neighbour.sees_not("Every Tuesday from two to four", "Hire of the hall")  # the text shows after the answer
    town.neighbour.looks()
    town.neighbour.chooses("Yes, I have an interest in it")
    town.neighbour.fills("If there is a tie: what is it?", "My sister pours the tea.")
    town.neighbour.presses("Continue")
    town.neighbour.sees("You have stepped aside from this bid.", "You stepped aside", BIDS[TEA])
    for member in panel:
        for group, title in BIDS.items():
            if (member, group) != (town.neighbour, TEA):
                _scores(town, member, title)
    town.chair.sees("All handed in. Thank you.")

    sam.goes(f"{town.round}/panel/desk")
    sam.sees("2 of 2 needed", "3 of 2 needed", "Stepped aside")
    sam.sees_not("Neighbours lead it, and say so themselves.")
    sam.follows("Check and lock")
    sam.looks()
    sam.presses("Lock the scores")
    sam.sees("The scores are locked. 3 bids of 3 can go to the vote.", "Neighbours lead it, and say so themselves.")
    sam.looks()


def _scores(town: Town, member: Somebody, title: str) -> None:
    member.goes(f"{town.round}/panel")
    member.follows(title)
    member.chooses("No, I have no interest in it")
    member.presses("Continue")
    member.sees("Every Tuesday from two to four", "Your scores")
    for criterion in CRITERIA:
        member.chooses("2 – ", within=member.part(criterion))
        member.fills(f"Why? ({criterion})", "Neighbours lead it, and say so themselves.")
    if member is town.chair and title == BIDS[TEA]:
        member.looks()
    member.presses("Hand in")
    member.sees("Handed in. Thank you.")


# ---------------------------------------------------------------- the vote


def the_ballot_is_fixed_and_codes_are_made(town: Town) -> None:
    sam = town.steward
    sam.needs(f"Open the vote of {ROUND}")
    sam.presses("Freeze the ballot and open the vote")
    sam.sees("The ballot is frozen, with 3 projects on it.", "The frozen ballot", *BIDS.values())
    sam.looks()
    sam.fills("Who hands them out, or where?", "Portrack library")
    sam.fills("How many codes?", "2")
    sam.chooses("As cards to print")
    sam.presses("Make the codes")
    sam.sees("These codes are shown this once", "For one person, once.")
    sam.looks()
    town.codes = sam.page.locator(".app-codes__code").all_inner_texts()
    assert len(set(town.codes)) == 2
    sam.goes(f"{town.round}/vote/desk")
    sam.sees("Portrack library")
    sam.sees_not(*town.codes)


def residents_vote(town: Town) -> None:
    town.comes_to(45)
    town.resident.goes(f"{town.round}/proposals")
    town.resident.sees(*BIDS.values())
    town.resident.looks()
    vera, ed, colin = (town.somebody(name, width=PHONE) for name in ("Vera Voter", "Ed Email", "Colin Changer"))
    _chooses(town, vera, TEA)
    vera.looks()
    vera.fills("Your voting code", town.codes[0].lower())
    vera.chooses("I live here")
    vera.ticks("I am 11 or older")
    vera.presses("Continue")
    vera.sees("Check your choices, then cast your vote", "with a voting code", BIDS[TEA])
    vera.looks()
    vera.presses("Cast my vote")
    vera.sees("Your vote is cast", "It will be counted.", "You can change it until 29 April 2026")
    vera.sees_not(*BIDS.values())
    vera.looks()
    town.tracking = {"Vera": _tracking_code(vera)}

    _chooses(town, ed, TEA, HOST)
    ed.fills("Your e-mail address", ed.email)
    ed.fills("Postcode", "TS18 1AA")
    ed.chooses("I work here")
    ed.ticks("I am 11 or older")
    ed.presses("Continue")
    ed.sees("Look into your mail")
    ed.looks()
    number = re.search(r"\b\d{6}\b", town.letter(ed.email, "is your number for voting"))
    assert number
    ed.fills("Your six-digit number", number[0])
    ed.presses("Continue")
    ed.sees("with your e-mail address, in Stockton Town Centre")
    ed.presses("Cast my vote")
    ed.sees("Your vote is cast")
    town.tracking["Ed"] = _tracking_code(ed)

    _chooses(town, colin, REPAIR)
    _shows_code(colin, town.codes[1])
    colin.presses("Cast my vote")
    colin.sees("Your vote is cast")
    before = _tracking_code(colin)
    town.comes_to(45, 18)
    colin.goes(f"{town.round}/vote", signed_in=False)
    colin.follows("I have voted and want to change my vote")
    _shows_code(colin, town.codes[1])
    colin.sees("These are the choices of the vote that you cast.", "1 chosen")
    colin.ticks(BIDS[TEA], BIDS[HOST])
    colin.sees("3 chosen")
    colin.presses("Check my choices")
    colin.sees("You have voted before.", "You choose 3 projects")
    colin.presses("Cast my vote")
    colin.sees("Your new vote is cast", "It took the place of the one that you cast before.")
    town.tracking |= {"Colin": _tracking_code(colin), "Colin before": before}
    assert len(set(town.tracking.values())) == 4

    for person, path in (
        (town.resident, f"{town.round}/ballots"),
        (town.steward, f"{town.round}/ballots"),
        (town.auditor, f"{town.round}/results"),
    ):
        person.goes(path)
        person.sees("Page not found")  # nobody sees how the vote stands
    town.steward.goes(f"{town.round}/vote/desk")
    town.steward.sees("Until then nobody can see how many have voted")
    town.steward.sees_not("people voted")


def _chooses(town: Town, voter: Somebody, *groups: str) -> None:
    """Browse and tick; nobody has asked who they are."""
    voter.goes("/", signed_in=False)
    voter.follows("Vote now")
    voter.sees("You decide what gets funded", "£2,500", "to share out")
    voter.follows("See the projects and choose")
    voter.ticks(*(BIDS[group] for group in groups))
    voter.sees(f"{len(groups)} chosen", f"They cost £{sum(sum(COSTS[group]) for group in groups):,} together.")
    if len(groups) > 1:
        voter.looks()
    voter.presses("Check my choices")
    voter.sees("Show that you may vote")


def _shows_code(voter: Somebody, code: str) -> None:
    voter.fills("Your voting code", code)
    voter.chooses("I live here")
    voter.ticks("I am 11 or older")
    voter.presses("Continue")


def _tracking_code(voter: Somebody) -> str:
    shown = re.sub(r"\s", "", voter.page.locator(".app-receipt").inner_text())
    assert re.fullmatch(r"[2-9A-Z]{4}(-[2-9A-Z]{4}){3}", shown), shown
    return shown


def the_votes_are_counted(town: Town) -> None:
    town.comes_to(59)
    sam, vera = town.steward, town.resident
    vera.goes(f"{town.round}/vote/choose")
    vera.sees("Voting has closed")
    sam.needs(f"Count the votes of {ROUND}")
    sam.presses("Count the votes")
    sam.sees("The round's key and every envelope are destroyed.")
    vera.goes(f"{town.round}/ballots")
    vera.sees("3", "people voted")
    vera.looks()
    for whose, words in (("Vera", "that ballot was counted"), ("Colin before", "is not on the board")):
        vera.fills("Your tracking code", town.tracking[whose])
        vera.presses("Find it")
        vera.sees(f"{town.tracking[whose]} is", words)
    board = vera.page.locator(".app-board").inner_text()
    assert {whose for whose, code in town.tracking.items() if code in board} == {"Vera", "Ed", "Colin"}


# ---------------------------------------------------------------- the decision


def the_pot_is_shared_and_everybody_is_told(town: Town) -> None:
    sam, stella, chloe, rosa = town.steward, town.other_steward, town.chair, town.resident
    sam.needs(f"Work out the results of “{ROUND}”")
    sam.presses("Work it out")
    sam.sees("Worked out.", "£1,800", "of £2,500", "Nothing on this page is public yet.")
    sam.looks()
    rosa.goes(f"{town.round}/results")
    rosa.sees("Page not found")

    chloe.needs(f"Decide “{ROUND}” with your panel")
    chloe.ticks(town.panellist.name, town.neighbour.name)
    chloe.looks()
    chloe.presses("Decide", exact=True)
    chloe.sees("Decided. A steward who took no part in it can announce it now.")
    rosa.goes(f"{town.round}/results")
    rosa.sees("Page not found")

    stella.needs(f"Announce the results of “{ROUND}”")
    stella.sees("This cannot be undone.", *BIDS.values())
    stella.looks()
    stella.presses("Announce to everybody")
    stella.sees("Announced: every group has its letter, and the results are public. 2 awards were offered.")

    for group, words in ((TEA, "will be funded"), (HOST, "will be funded"), (REPAIR, "is on the reserve list")):
        for member in town.writers[group]:
            letter = town.letter(member.email, f"“{BIDS[group]}” {words}")
            assert "WHY" in letter
            assert "WHAT THE PANEL SAID BEFORE THE VOTE" in letter
    rosa.goes("/rounds")
    rosa.follows(ROUND)
    rosa.follows("See the results")
    rosa.sees(
        "3 neighbours voted, and 2 projects will share £1,800.",
        "Next in line",
        "Why each bid was funded, or not",
        "It asks for £1,200, and £700 was left when its turn came. With 2 more votes",
    )
    for why in rosa.page.locator("article.app-why").all():
        assert len(why.locator("p").first.inner_text()) > 30, "a reason for every bid"
    assert rosa.page.locator("article.app-why").count() == 3
    rosa.looks()


# ---------------------------------------------------------------- from the offer to the bank


def the_offer_is_accepted(town: Town) -> None:
    tess = town.writers[TEA][0]
    tess.needs(f"Answer the offer for “{BIDS[TEA]}”")
    town.award = tess.here.removesuffix("/answer")
    tess.sees("We offer", "£1,000", "Who holds the money", HOST)
    tess.looks()
    tess.chooses("Yes, we accept")
    tess.presses("Send our answer")
    tess.sees("You accepted the offer.")
    tess.looks()


def what_must_be_known_is_given_and_checked(town: Town) -> None:
    """The host's bank account: two give it, a third verifies it. And what a grant of £1,000 asks for, each checked."""
    tess, (yusuf, yvonne), sam = town.writers[TEA][0], town.writers[HOST], town.steward
    yusuf.goes(f"{town.groups[HOST]}/bank")
    yusuf.follows("Give the bank details")
    yusuf.fills("Name on the account", HOST)
    yusuf.fills("Sort code", "99-00-12")
    yusuf.fills("Account number", "6637 4959")
    yusuf.presses("Give these details")
    yusuf.sees("do not fit together")
    yusuf.fills("Account number", "6637 4958")
    yusuf.presses("Give these details")
    yusuf.sees("ends in", "4958", "Ask another member of your group")
    yusuf.page.get_by_label("Choose a statement").set_input_files(
        {"name": "statement.png", "mimeType": "image/png", "buffer": _a_picture()}
    )
    yusuf.presses("Send the statement")
    yusuf.sees("We have your statement.")
    yvonne.needs("Confirm your group's bank details")
    yvonne.looks()
    yvonne.presses("Yes, these are ours")
    sam.needs("Check a bank account")
    sam.chooses("The name matches")
    sam.presses("Write it down")
    sam.follows("Verify this account")
    sam.fills("Sort code on the statement", "990012")
    sam.fills("Account number on the statement", "66374958")
    sam.presses("Verify it")
    sam.sees("Verified. Money can be paid to this account.")
    sam.sees_not("66374958")
    sam.looks()
    for person, title in (
        (tess, "Two people who are not related"),
        (tess, "Keeping people safe"),
        (yvonne, "Your rules"),
        (yvonne, "Your host says yes to this grant"),
    ):
        person.needs(f"Give us what we need before we can pay “{BIDS[TEA]}”")
        if title == "Two people who are not related":
            person.looks()
        person.follows(title)
        person.fills("Tell us", "Tess and Tom look after it all.")
        person.presses("Send it")
        person.sees("Thank you. An officer looks at it next.")
        sam.goes(f"{town.award}/needs")
        sam.follows(title)
        sam.chooses("Yes", exact=True)
        sam.presses("Write it down")
    sam.sees("Still missing: The signed agreement.")
    sam.looks()


def the_agreement_is_signed(town: Town) -> None:
    tess, yvonne, stella = town.writers[TEA][0], town.writers[HOST][1], town.other_steward
    for person in (tess, yvonne):
        person.needs(f"Sign the agreement for “{BIDS[TEA]}”")
        person.sees("£1,000", HOST)
        person.ticks("I have read this agreement")
        person.fills("Type your full name", person.name)
        person.fills("The number or name of your house", "14" if person is tess else "3a")
        person.fills("Your postcode", "TS18 1AB")
        person.presses("Sign the agreement")
        person.sees("Signed. Now somebody signs" if person is yvonne else "Signed. One more person must sign.")
    stella.needs(f"Sign for the fund: “{BIDS[TEA]}”")
    stella.sees(tess.name, yvonne.name)
    stella.looks()
    stella.presses("Sign for the fund")
    stella.sees("Signed for the fund. The award is under way.")
    stella.looks()

    yvonne.needs(f"Answer the offer for “{BIDS[HOST]}”")
    yvonne.chooses("No, we decline")
    yvonne.fills("Why do you decline?", "Our kitchen is closed until winter.")
    yvonne.presses("Send our answer")
    yvonne.sees("You declined the offer.")
    assert BIDS[REPAIR] in town.letter(town.writers[REPAIR][0].email, BIDS[REPAIR])
    town.writers[REPAIR][0].goes_home()
    town.writers[REPAIR][0].sees(f"Answer the offer for “{BIDS[REPAIR]}”")  # the next in line


def the_money_is_paid(town: Town) -> None:
    town.comes_to(75)
    fiona, fred = town.treasurer, town.other_treasurer
    fiona.needs("Ask for 1 payment that is due")
    fiona.ticks(BIDS[TEA])
    fiona.looks()
    fiona.presses("Ask for the ticked payments")
    fiona.sees("Asked for: 1 payment", "£1,000")
    fiona.follows("See what waits to be authorised")
    fiona.sees("asked for by you", "Somebody else must authorise it.")
    fred.needs("Authorise 1 payment")
    fred.sees(f"asked for by {fiona.name}")
    fred.ticks(BIDS[TEA])
    fred.looks()
    fred.presses("Authorise the ticked payments")
    fred.sees("Authorised: 1 payment")

    gateway = town.app.extensions["providers"]["memory"]
    assert not gateway.sent, "nothing leaves before the relay runs"
    town.runs("outbox", "send")
    ((key, (_, amount, _)),) = gateway.sent.items()
    assert amount == 100_000
    fred.follows("See what is on its way")
    fred.sees("With the bank")
    town.bank_says("paid", key, amount)
    fred.goes("/payments?show=paid")
    fred.sees(BIDS[TEA], HOST, "£1,000.00")
    fred.follows(BIDS[TEA])
    fred.sees("Handed to the bank", "Arrived", "The bank told us.")
    fred.looks()
    town.resident.goes(town.award)
    town.resident.sees("Whose money it is", "Integrated Care Board", "Paid")
    town.resident.looks()


# ---------------------------------------------------------------- what came of it


def the_report_is_written_and_the_rest_comes_back(town: Town) -> None:
    town.comes_to(220)
    tess, sam, fiona = town.writers[TEA][0], town.steward, town.treasurer
    tess.needs(f"Tell us how “{BIDS[TEA]}” went")
    tess.follows("Write the report")
    tess.fills("What happened?", "Twenty-seven people came to the table, most of them every week.")
    number = tess.part("Number 1")
    tess.fills("What", "people who came more than once", within=number, exact=True)
    tess.fills("How many", "27", within=number)
    tess.fills("Out of how many", "62", within=number)
    tess.fills("How you counted", "the register at the door", within=number)
    tess.fills("How much of the grant did you spend?", "940")
    tess.fills("If you spent less than you were paid: why?", "The baker gave us the cakes.")
    tess.fills("Tell one story", "A man had not been out for a year. Now he makes the tea.")
    tess.ticks("The people in the story agree")
    tess.fills("What did you learn?", "Start with the kettle.")
    tess.looks()
    tess.presses("Save", exact=True)
    tess.sees("Saved.", "27", "of 62")
    tess.follows("Add pictures")
    tess.page.get_by_label("Choose a picture").set_input_files(
        {"name": "table.png", "mimeType": "image/png", "buffer": _a_picture()}
    )
    tess.fills("What does it show?", "Eight people around a table")
    tess.ticks("Everybody in the picture agrees")
    tess.presses("Add the picture")
    tess.sees("The picture was added.")
    tess.looks()
    tess.follows("Back to the report")
    tess.sees("Nothing is missing. You can hand it in.")
    tess.presses("Hand it in")
    tess.sees("Your report was handed in.")

    sam.needs(f"Read the report on “{BIDS[TEA]}”")
    sam.sees("£60 should then come back.")
    sam.looks()
    sam.presses("Accept this report")
    sam.sees("Accepted. Everybody can read it now.")
    fiona.needs(f"Write down what came back from “{BIDS[TEA]}”")
    fiona.sees("Should come back", "£60")
    fiona.fills("Reference on the bank statement", "RETURN TEA")
    fiona.dates("On which day did it arrive?", town.day(220))
    fiona.looks()
    fiona.presses("Write it down")
    fiona.sees("The money went back to the contributions it came from.")
    sam.goes(f"{town.round}/desk")
    sam.presses("Finish the round")
    sam.sees("The round is finished.", "Finished")


def everybody_sees_what_came_of_it(town: Town) -> None:
    rosa = town.resident
    rosa.goes("/outcomes")
    rosa.follows(BIDS[TEA])
    rosa.sees("Twenty-seven people came", "of 62", "Now he makes the tea.", "Eight people around a table", COMPANY)
    picture = rosa.page.get_by_role("img", name="Eight people around a table")
    picture.scroll_into_view_if_needed()
    rosa.page.wait_for_function("picture => picture.naturalWidth > 0", arg=picture.element_handle())
    rosa.looks_on_both()
    rosa.goes(town.priority)
    rosa.sees("You said", "My mum sees nobody", "We did", BIDS[TEA], "Twenty-seven people came")
    rosa.looks_on_both()
    rosa.goes("/")
    rosa.sees("You said", BIDS[TEA])
    rosa.looks_on_both()


def every_pound_can_be_followed(town: Town) -> None:
    fay, audrey, rosa = town.funder, town.auditor, town.resident
    fay.goes_home()
    fay.follows("Where your money went")
    fay.sees("Integrated Care Board", BIDS[TEA], "£1,000 of £1,000", "£940", "£60", "Twenty-seven people came")
    fay.looks_on_both()
    fay.goes("/audit")
    fay.sees("You may not see this page")

    rosa.goes("/register")
    rosa.sees("This register adds up to the books", "£1,000.00", BIDS[TEA])
    rosa.looks_on_both()

    audrey.goes_home()
    audrey.follows("Audit", exact=True)
    audrey.sees("Stockton Community Fund", BIDS[TEA])
    audrey.looks()
    audrey.follows(BIDS[TEA])
    audrey.sees("Award offered", "Award accepted", "offered → accepted", town.writers[TEA][0].name, "the clock")
    audrey.looks()
    audrey.goes("/audit")
    audrey.dates("Show it as at the end of a day", town.day(16))
    audrey.presses("Show that day")
    audrey.sees("As at the end of 18 March 2026", "No award had been offered by then.", "£1,500")
    audrey.goes("/audit")
    audrey.follows("Do the books hold?")
    audrey.sees("The books hold")
    audrey.looks()
    assert "The books hold." in town.runs("books", "check")


def _a_picture() -> bytes:
    drawn = BytesIO()
    Image.new("RGB", (640, 480), "teal").save(drawn, "PNG")
    return drawn.getvalue()
