"""The first scenes: people and groups, what they say, what they agree to act on, and who puts money in."""

from uuid import UUID

from grants.demo.people import CAST, DOMAIN, NEIGHBOURS
from grants.demo.play import Play
from grants.funds.rules import ContributionDraft, FundDraft, FunderDraft, MoneyDraft, Restriction
from grants.funds.service import contributions, pots, unspent
from grants.insights import service as insights
from grants.insights.rules import InsightDraft
from grants.issues import service as issues
from grants.issues.rules import AnswerKind, IssueDraft
from grants.kernel.actors import Rights, Role
from grants.people.rules import GroupDraft, GroupKind
from grants.people.service import accounts as people
from grants.priorities import service as priorities
from grants.priorities.rules import ActionProgress, Agreement, Revision, Suggestion

FUND = "Stockton Communities Fund"
FOOD = "Good food that we can afford"
ACTIVE = "Being active and feeling safe outside"
LONELY = "Nobody left lonely"
TOGETHER = "Getting on together across ages and backgrounds"
WORK = "Work and health"

ROLES = {
    "carl": (Role.CONNECTOR,),
    "olga": (Role.OFFICER,),
    "oscar": (Role.OFFICER,),
    "sue": (Role.STEWARD,),
    "stan": (Role.STEWARD,),
    "priya": (Role.PANELLIST,),
    "peter": (Role.PANELLIST,),
    "chris": (Role.PANELLIST,),
    "fiona": (Role.FINANCE_OFFICER,),
    "felix": (Role.FINANCE_OFFICER,),
    "arthur": (Role.AUDITOR,),
}

TOWN_CENTRE, NEWTOWN, MANDALE = "E05014882", "E05014873", "E05014872"
BILLINGHAM, ROPNER, HARDWICK = "E05014858", "E05014878", "E05014868"
STAINSBY, ROSEWORTH = "E05014881", "E05014879"

GROUPS: tuple[tuple[str, str, GroupKind, str, bool, str, str, str], ...] = (
    ("ropner", "Ropner Park Friends", GroupKind.ASSOCIATION, ROPNER, True, "grace", "raj",
     "Neighbours who look after their corner of the park, and hold the money for smaller groups near by."),
    ("willows", "Willows Youth Club", GroupKind.ASSOCIATION, NEWTOWN, True, "wendy", "paul",
     "A youth club that grows and cooks its own food with children of five to eight."),
    ("portrack", "Portrack Walkers", GroupKind.UNCONSTITUTED, TOWN_CENTRE, False, "dot", "len",
     "People from Portrack who walk together, slowly, and talk."),
    ("hands", "Wellington Square Warm Hands", GroupKind.UNCONSTITUTED, TOWN_CENTRE, False, "moira", "ken",
     "Volunteers who serve something warm to whoever sits down."),
    ("legends", "Care Home Legends Circle", GroupKind.PARTNERSHIP, HARDWICK, True, "joyce", "tom",
     "A school and a care home that swap stories every fortnight."),
    ("swim", "Thornaby Somali Mums Swim", GroupKind.UNCONSTITUTED, MANDALE, False, "amina", "hodan",
     "Mothers who want an hour in the pool where they can learn to swim."),
    ("repair", "Billingham Repair Cafe", GroupKind.CIC, BILLINGHAM, True, "bill", "tess",
     "People who mend what others would throw away, over tea."),
    ("recovery", "Recovery Peer Advocates", GroupKind.CHARITY, TOWN_CENTRE, True, "rae", "mick",
     "Advocates who have been through recovery themselves and walk beside those who are in it."),
)  # fmt: skip
"""key, name, kind, ward, has an account, who edits, who signs off, about"""

INSIGHTS = (
    ("Access to green space shapes whether people are active.", "Conversations in five areas, Active Stockton", None),
    ("Worries about safety keep people from using outside spaces.", "Conversations in five areas, Active Stockton", None),
    ("Time and an open approach build trust; set agendas do not.", "Conversations in five areas", None),
    ("35% of adults are physically inactive in some of the most deprived areas.", "Active Lives survey 2023/24", None),
    ("41% of working-age people outside the economy are there through long-term sickness.", "Report figures for 2024/25", None),
    ("87% of registered businesses employ fewer than ten people.", "Small business insights work", None),
    ("Around Portrack 15.53% live with high blood pressure (England 14.63%) and 14.32% with obesity (11.55%).",
     "Practice data of the neighbourhood health area", TOWN_CENTRE),
)  # fmt: skip

ISSUES: tuple[tuple[str, str, str, str, str | None, str, int, str], ...] = (
    ("dear-veg", "rosa", "Fresh fruit and veg costs more here than in town",
     "There are four takeaways on our road and nowhere that sells an apple. By the time I have paid the bus it is cheaper to eat chips.",
     NEWTOWN, "Families without a car", -298, "taken_up"),
    ("lunch", "moira", "Older neighbours skip the hot meal",
     "Two of mine said they only cook when somebody comes. They have the food, not the reason.",
     TOWN_CENTRE, "Older people who live alone", -295, "taken_up"),
    ("dark-path", "len", "The beck path is dark from four o'clock in winter",
     "We stopped walking in November because nobody feels right there after dark. It is not far, it is just black.",
     TOWN_CENTRE, "Anybody who walks home that way", -290, "taken_up"),
    ("park-corner", "grace", "Our end of the park is nobody's",
     "The far corner is where things get dumped and where it feels worst. We would look after it if we were let.",
     ROPNER, "Families, dog walkers, older people", -287, "taken_up"),
    ("pool-hour", "amina", "There is no hour in the pool for women",
     "Many of us would like to learn to swim, and with men in the water we cannot go.",
     MANDALE, "Women who want privacy, many of them mothers", -284, "taken_up"),
    ("quiet-phone", "joyce", "Days go by and nobody rings",
     "Residents at our home talk about whole weeks without a visitor. The children across the road have nobody to ask about the old days.",
     HARDWICK, "People in care homes", -280, "taken_up"),
    ("two-sides", "carl", "The two ends of the estate do not mix",
     "People who moved here last year and people who grew up here shop in different shops and sit on different benches.",
     MANDALE, "New and old neighbours", -276, "taken_up"),
    ("gap-years", "mick", "A gap in your work history shuts every door",
     "I was ill for three years and I am well now. Nobody asks what I learnt, they ask where I was.",
     TOWN_CENTRE, "People coming back from illness or addiction", -270, "taken_up"),
    ("bins", "rosa", "Bins by the shops overflow every Monday",
     "By Monday noon it is all over the pavement and the gulls have it.", NEWTOWN, "Everybody who shops there", -120, "answered"),
    ("crossing", "wendy", "The crossing outside school is too short for small children",
     "The green man is gone before the little ones are half way. We have two grown-ups stand there as it is.",
     NEWTOWN, "Children of the primary school", -60, "published"),
    ("benches", "dot", "Nowhere to sit between the doctor's and the bus",
     "It is four hundred yards with no bench. I can do it if I can sit down once.", TOWN_CENTRE, "Anybody with a bad hip or a baby", -41, "published"),
    ("benches-2", "ken", "A bench is wanted on the way to the surgery",
     "People lean on my wall. I do not mind, but they would rather sit.", TOWN_CENTRE, "Patients", -33, "merged"),
    ("youth-room", "", "Nothing warm and free for teenagers after six",
     "They are too old for the club and too young for the pub. In winter that means the bus shelter.",
     ROSEWORTH, "People of 13 to 17", -12, "published"),
    ("damp", "rosa", "Damp in the flats above the parade",
     "Three families with small children and black mould on the bedroom wall.", NEWTOWN, "Tenants", -2, "raised"),
    ("shelter", "", "The bus shelter glass is out again", "It went on Friday. The wind comes straight through.",
     ROSEWORTH, "Bus passengers", -1, "raised"),
)  # fmt: skip
"""key, who raises it ("" for nobody signed in), title, words, ward, whom it touches, day, how far it is by now"""

PRIORITIES: tuple[tuple[str, str, tuple[str, ...], tuple[int, ...], str, str], ...] = (
    (FOOD, "Everybody can get food that is fresh and that they can afford, within a walk of home, and knows what to do with it.",
     ("dear-veg", "lunch"), (6,), "Newtown Kitchen Table", "growing, cooking and eating together"),
    (ACTIVE, "People of every age move more, because the places outside are looked after, lit and feel safe.",
     ("dark-path", "park-corner", "pool-hour"), (0, 1, 3, 6), "Portrack and Ropner walking groups", "walking, swimming, looking after places"),
    (LONELY, "Nobody goes a week without a proper conversation unless they want to.",
     ("lunch", "quiet-phone"), (2,), "Wellington Square Warm Hands", "company"),
    (TOGETHER, "Neighbours of different ages and backgrounds know each other by name.",
     ("quiet-phone", "two-sides"), (2,), "Thornaby neighbours' table", "meeting"),
    (WORK, "People who have been ill, or out of work for long, find work that keeps them well.",
     ("gap-years",), (4, 5), "Recovery Peer Advocates and two small firms", "work"),
)  # fmt: skip

ACTIONS: tuple[tuple[str, str, str, str, ActionProgress], ...] = (
    (FOOD, "Catalyst", "A food network that shares surplus and lists every growing space.", "Good Food Local", ActionProgress.UNDER_WAY),
    (FOOD, "Borough council", "Healthier catering advice for the takeaways on the parade.", "Powering our Future", ActionProgress.PLANNED),
    (ACTIVE, "Borough council", "Lights and cut-back planting on the beck path.", "Pride in Place (Central Stockton and Portrack)", ActionProgress.DONE),
    (ACTIVE, "Tees Active", "Free taster sessions where people already meet.", "Active Stockton Place Partnership", ActionProgress.UNDER_WAY),
    (LONELY, "Neighbourhood health team", "Social prescribers sit in at the warm table on Thursdays.",
     "Neighbourhood Health Implementation Programme", ActionProgress.UNDER_WAY),
    (WORK, "Borough council", "Small firms are told what help there is for keeping on somebody who falls ill.", "Powering our Future", ActionProgress.PLANNED),
)  # fmt: skip


def people_come_in(play: Play) -> None:
    """People come in, and take up their roles."""
    with play.as_clock(play.at(-310)) as uow:
        ada = play.someone("ada")
        people.make_admin(uow, ada.email, ada.name)
    with play.as_clock(play.at(-309)) as uow:
        for one in CAST:
            play.cast.people[one.key] = (people.ensure_person(uow, one.email, one.name).id, one.name)
        for key, name in NEIGHBOURS:
            play.cast.people[key] = (people.ensure_person(uow, f"{key}@neighbours.{DOMAIN}", name).id, name)
    with play.as_("ada", play.at(-309, 14)) as uow:
        for key, roles in ROLES.items():
            for role in roles:
                people.grant_role(uow, play.cast.people[key][0], role)


def groups_begin(play: Play) -> None:
    """Groups begin; those without a bank account find a host."""
    for key, name, kind, ward, has_account, editor, signer, about in GROUPS:
        with play.as_(editor, play.at(-305)) as uow:
            group = people.start_group(
                uow, GroupDraft(name=name, kind=kind, about=about, ward_code=ward, has_bank_account=has_account)
            )
            play.cast.groups[key] = group.id
        with play.as_(editor, play.at(-304)) as uow:
            email = people_email(play, signer)
            people.add_member(
                uow, play.cast.groups[key], email, play.cast.people[signer][1], Rights(edit=True, sign_off=True)
            )
    with play.as_("sue", play.at(-303)) as uow:
        for key in ("ropner", "recovery"):
            people.set_can_host(uow, play.cast.groups[key], True)
    for key, asks, host, answers in (
        ("portrack", "dot", "ropner", "grace"),
        ("hands", "moira", "recovery", "rae"),
        ("swim", "amina", "ropner", "grace"),
    ):
        with play.as_(asks, play.at(-302)) as uow:
            hosting = people.ask_host(uow, play.cast.groups[key], play.cast.groups[host]).id
        with play.as_(answers, play.at(-300)) as uow:
            people.answer_hosting(uow, hosting, confirm=True)


def people_email(play: Play, key: str) -> str:
    """The address under which somebody of the town came in."""
    return play.someone(key).email if key in {one.key for one in CAST} else f"{key}@neighbours.{DOMAIN}"


def people_say_what_matters(play: Play) -> None:
    """Residents raise issues, connectors note what they hear, neighbours support each other."""
    with play.as_("carl", play.at(-299)) as uow:
        for text, heard, ward in INSIGHTS:
            draft = InsightDraft(text=text, how_heard=heard, ward_code=ward, heard_on=play.day(-320))
            play.insights.append(insights.add(uow, draft).id)
    for key, who, title, body, ward, touches, offset, state in ISSUES:
        draft_ = IssueDraft(title=title, body=body, ward_code=ward, touches=touches)
        with play.as_(who, play.at(offset, 19)) if who else play.as_nobody(play.at(offset, 19)) as uow:
            play.issues[key] = issues.raise_issue(uow, draft_)[0].id
        if state != "raised":
            looks = "sue" if who == "carl" else "carl"
            with play.as_(looks, play.at(offset + 1 if offset < -1 else offset, 20)) as uow:
                issues.publish(uow, play.issues[key])
            _support(play, key, who, offset)
    with play.as_("carl", play.at(-30)) as uow:
        issues.merge(uow, play.issues["benches-2"], play.issues["benches"])
    with play.as_("sue", play.at(-113)) as uow:
        issues.answer(
            uow,
            play.issues["bins"],
            AnswerKind.QUICK_ACTION,
            "The round now starts at the parade at seven on Mondays, and two bigger bins were put in. Tell us if it comes back.",
        )


def _support(play: Play, key: str, who: str, offset: int) -> None:
    keys = [other for other in play.cast.people if other not in (who, "arthur")]
    for other in play.random.sample(keys, k=play.random.randint(4, 17)):
        with play.as_(other, play.at(min(offset + 2, -1), 8)) as uow:
            issues.support(uow, play.issues[key])


def priorities_are_agreed(play: Play) -> None:
    """Five priorities are suggested, put to the community, agreed at a meeting, and owned."""
    for title, statement, rests_on, heard, _owner, _about in PRIORITIES:
        with play.as_("carl", play.at(-262)) as uow:
            suggestion = Suggestion(
                title=title,
                statement=statement,
                issue_ids=frozenset(play.issues[key] for key in rests_on),
                insight_ids=frozenset(play.insights[number] for number in heard),
            )
            play.priorities[title] = priorities.suggest(uow, suggestion).id
    with play.as_("sue", play.at(-258)) as uow:
        asked = priorities.consult(uow, list(play.priorities.values()), play.at(-244, 17)).id
    for key in play.cast.people:
        if key in ("arthur", "ada"):
            continue
        choices: list[UUID | None] = list(play.random.sample(list(play.priorities.values()), k=3))
        with play.as_(key, play.at(-250, 12)) as uow:
            priorities.choose(uow, asked, choices)
    for title, _statement, _rests_on, _heard, owner, _about in PRIORITIES:
        with play.as_("sue", play.at(-240, 20)) as uow:
            priorities.agree(
                uow,
                play.priorities[title],
                Agreement(owner_name=owner, agreed_on=play.day(-240), meeting="Community forum at the Globe"),
            )
    for title, partner, what, programme, progress in ACTIONS:
        with play.as_("sue", play.at(-200)) as uow:
            priorities.add_action(
                uow, play.priorities[title], partner=partner, what=what, programme=programme, progress=progress
            )
    with play.as_("sue", play.at(-72, 20)) as uow:
        priorities.revise(
            uow,
            play.priorities[ACTIVE],
            Revision(
                title=ACTIVE,
                statement="People of every age move more, because the places outside are looked after, lit and feel safe, "
                "in winter as in summer.",
                agreement=Agreement(
                    owner_name="Portrack and Ropner walking groups",
                    agreed_on=play.day(-72),
                    meeting="Community forum at the Globe",
                ),
                why="The winter was what people talked about most.",
            ),
        )


def the_pot_fills(play: Play) -> None:
    """Four funders put money into one pot, some of it for particular places or priorities."""
    with play.as_("ada", play.at(-238)) as uow:
        play.fund_id = pots.start_fund(
            uow,
            FundDraft(
                name=FUND,
                purpose="One shared pot of council, NHS and partners for what communities do about the priorities "
                "that they agreed on and own.",
                elsewhere="Catalyst Stockton-on-Tees: somebody sits down with you and goes through your bid\n"
                "Tees Valley Community Foundation: small grants for groups, all year round\n"
                "Your town council: a room, tools or a van for a day",
            ),
        ).id
    restrictions = (
        Restriction(),
        Restriction(imd_deciles=frozenset({1, 2})),
        Restriction(priority_ids=frozenset({play.priorities[ACTIVE]}), spend_by=play.day(45)),
        Restriction(priority_ids=frozenset({play.priorities[WORK]})),
    )
    for number, (funder, restriction) in enumerate(zip(play.facts["funders"], restrictions, strict=True), start=1):
        with play.as_("ada", play.at(-238, 11)) as uow:
            funder_id = pots.add_funder(uow, FunderDraft(name=funder["name"], org_id=funder.get("org_id"))).id
            play.funders.append(funder_id)
        with play.as_("sue", play.at(-236)) as uow:
            draft = ContributionDraft(funder_id=funder_id, amount_minor=funder["amount_minor"], restriction=restriction)
            contribution = contributions.pledge(uow, play.fund_id, draft).id
        with play.as_("sue", play.at(-232)) as uow:
            contributions.agree(uow, contribution)
        play.contributions.append(contribution)
        first = funder["amount_minor"] * (1 if number == 2 else 3) // 5
        _arrives(play, contribution, first, f"SCF-{number:02d}-1", -226)
    with play.as_("ada", play.at(-225)) as uow:
        people.grant_role(uow, play.cast.people["ben"][0], Role.FUNDER, play.funders[0])
        people.grant_role(uow, play.cast.people["nadia"][0], Role.FUNDER, play.funders[1])


def the_rest_arrives(play: Play) -> None:
    """The second parts of the money arrive; the local business still owes its own."""
    for number, (funder, contribution) in enumerate(
        zip(play.facts["funders"][:-1], play.contributions[:-1], strict=True), start=1
    ):
        first = funder["amount_minor"] * (1 if number == 2 else 3) // 5
        _arrives(play, contribution, funder["amount_minor"] - first, f"SCF-{number:02d}-2", -62)


def unspent_money_is_offered_back(play: Play) -> None:
    """Unspent money: the council lets its own stay, the Care Board is asked; a last day comes near, a period is closed."""
    with play.as_("sue", play.at(-12)) as uow:
        kept = unspent.offer_unspent(
            uow, play.contributions[0], "The first round is paid, and more than half of this is still free."
        ).id
    with play.as_("ben", play.at(-9)) as uow:
        unspent.carry_over(uow, kept, play.day(400))
    with play.as_("sue", play.at(-4)) as uow:
        unspent.offer_unspent(
            uow, play.contributions[1], "Few bids so far are for the neighbourhoods that this is for."
        )
    with play.as_("fiona", play.at(-3)) as uow:
        pots.close_books(uow, play.fund_id, play.day(-62))
    with play.as_clock(play.at(-2)) as uow:
        unspent.warn_of_last_days(uow)


def _arrives(play: Play, contribution: UUID, amount_minor: int, reference: str, offset: int) -> None:
    with play.as_("fiona", play.at(offset)) as uow:
        contributions.receive(
            uow, contribution, MoneyDraft(amount_minor=amount_minor, reference=reference, on=play.day(offset))
        )


SCENES = (people_come_in, groups_begin, people_say_what_matters, priorities_are_agreed, the_pot_fills)
