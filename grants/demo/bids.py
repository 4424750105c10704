"""What the town's groups ask for: the facts of ``stockton.yaml``, and made-up words around them."""

from dataclasses import dataclass

from grants.demo import beginnings as b
from grants.proposals.rules.facts import Approach, Community, Help, Level, Line


@dataclass(frozen=True, slots=True)
class Bid:
    """One proposal as its group writes it. ``warmth``: how well the seeded voters like it, in tenths."""

    group: str
    title: str
    summary: str
    what: str
    for_whom: str
    wards: tuple[str, ...]
    postcode: str
    priority: str
    answers_need: str
    level: Level
    hoped: str
    lines: tuple[Line, ...]
    warmth: int
    approaches: tuple[Approach, ...] = (Approach.NONE,)
    partners: str = ""
    communities: tuple[Community, ...] = (Community.EVERYBODY,)
    seen: str = "We ask people at the start and at the end, and write down what they say."
    second: str = "People who did not know each other help each other."
    second_seen: str = "We count who comes back, and who comes with somebody new."
    equality: str = "There is a ramp and a quiet corner. We ask people what they need before they come."
    poverty: str = "Nothing. Nobody brings anything, and we pay the bus for whoever asks."
    safeguarding: str = ""
    smaller: tuple[int, str] | None = None
    heard: tuple[int, ...] = ()
    joint: tuple[tuple[str, str, str, int], ...] = ()
    """Name, what they do, e-mail address, share in pence."""
    help: Help = Help.NOBODY


GROW = Bid(
    "willows", "Grow Your Own and cook it",
    "Children of five to eight sow, grow, pick and cook their own food, and take the rest home.",
    "Every Wednesday from spring to autumn twelve children look after six raised beds behind the club. What they pick they "
    "cook the same evening and eat at one table. They take home a portion, a recipe and a seedling.",
    "Children of five to eight from the streets around the club, and whoever cooks for them at home.",
    (b.NEWTOWN,), "TS19 0BU", b.FOOD,
    "Nobody sells fresh vegetables within a walk of here. We cannot open a shop, but we can grow some and show how to use them.",
    Level.COMMUNITY, "Children try things that they have grown, and ask for them at home.",
    (Line("Raised beds, soil and tools", 86_000), Line("Seeds and seedlings", 24_000), Line("Food and cooking things", 58_000),
     Line("A cook for twenty evenings", 72_000), Line("Volunteers, 200 hours", 240_000, in_kind=True)),
    6, partners="Catalyst lends the tools that we lack and tells other clubs how it goes.",
    communities=(Community.CHILDREN, Community.LOW_INCOME),
    seen="We ask each child at the table what they would eat again, and write it on the wall.",
    second="Whoever cooks at home has one more cheap dinner.", second_seen="We ask at the gate which recipe was cooked again.",
    safeguarding="Two checked adults are always there. One of us is in charge of it, and everybody knows whom to tell.", help=Help.CONNECTOR,
)  # fmt: skip
PEERS = Bid(
    "recovery", "Peer advocates meet employers",
    "People in recovery meet small firms over breakfast, with somebody beside them who has been there.",
    "Six breakfasts with small firms, and an advocate for each person before, during and after. We train eight advocates.",
    "People who have been ill or in treatment and want to work, and the firms that could take them.",
    (b.TOWN_CENTRE,), "TS18 1HD", b.WORK,
    "A gap in your work history shuts every door. A firm that has met you opens it.",
    Level.SERVICE, "People keep their treatment, their home and a job.",
    (Line("Training of eight advocates", 110_000), Line("Breakfasts and room", 48_000), Line("Travel and phone", 42_000),
     Line("Part of a coordinator", 100_000), Line("Advocates' time", 180_000, in_kind=True)),
    5, partners="Two local firms open their doors and their workshops.",
    communities=(Community.ADDICTION, Community.ILL),
    seen="We count who is in work or training after three and six months.",
    second="Eight people have been advocates and would be again.", second_seen="Each advocate tells us at the end, in their own words.",
    safeguarding="Advocates are trained and checked, and meet somebody every week to talk about what they heard.",
)  # fmt: skip
SWIM_TRIAL = Bid(
    "swim", "Six weeks in the pool",
    "A first try: six Sunday hours in the pool with a woman to teach us.",
    "Six hours, one teacher, fifteen women. If it works we ask for more.",
    "Somali mothers in Thornaby and their friends.",
    (b.MANDALE,), "TS17 6AJ", b.ACTIVE,
    "There is no hour in the pool for women. This would show that there should be.",
    Level.COMMUNITY, "Fifteen women are in the water, and half of them swim a width.",
    (Line("Pool and lifeguard, six hours", 30_000), Line("Teacher", 18_000)), 4,
    communities=(Community.WOMEN, Community.ETHNIC), second="They know whom to swim with.", second_seen="We ask who came with whom.",
)  # fmt: skip
CORNER_CLEAR = Bid(
    "ropner", "Clear the far corner",
    "Skips, gloves and three Saturdays to clear what was dumped.",
    "Three Saturdays with skips, and then a rota so that it stays clear.",
    "Everybody who uses the far end of the park.",
    (b.ROPNER,), "TS18 3BX", b.ACTIVE, "Our end of the park is nobody's; this would be a start.",
    Level.CIVIC, "People walk through the corner again.",
    (Line("Skips", 72_000), Line("Gloves, bags and tools", 48_000)), 3,
    second="Somebody looks after it when we have gone home.", second_seen="There is a rota with names on it.",
)  # fmt: skip
VAN = Bid(
    "repair", "A van for the repair cafe",
    "A second-hand van, so that we can come to people.",
    "We would buy a van and drive it to a different hall every week.",
    "People outside Billingham.", (), "TS22 5AD", b.LONELY,
    "People cannot always come to us.", Level.SERVICE, "More people come to a table.",
    (Line("Part of a van", 300_000),), 2,
)  # fmt: skip

WARM = Bid(
    "hands", "Warm food, warm hands, warm hearts",
    "A hot meal and company every Thursday, for whoever sits down.",
    "Forty Thursdays of soup, bread and a table for thirty in Wellington Square. Nobody is asked why they came.",
    "Older neighbours who skip the hot meal, and anybody who would rather not eat alone.",
    (b.TOWN_CENTRE,), "TS18 1NA", b.LONELY,
    "They have the food, not the reason to cook it. Company is the reason.",
    Level.COMMUNITY, "People come back, and know each other's names.",
    (Line("Food, forty weeks", 60_000), Line("Hire of the room", 20_000), Line("Pots and flasks", 15_000),
     Line("Volunteers, 480 hours", 480_000, in_kind=True)),
    7, partners="The neighbourhood health team sits in on Thursdays.",
    communities=(Community.OLDER, Community.LOW_INCOME), seen="We count who comes a third time, and ask whom they would ring.",
    second="People ring each other between Thursdays.", second_seen="We ask in the spring who rang whom.",
    safeguarding="Two of us are checked. Nobody is alone with a guest, and the health team is in the room.",
    smaller=(50_000, "Twenty Thursdays in place of forty, over the winter."), help=Help.FRIEND,
)  # fmt: skip
WALKS = Bid(
    "portrack", "Evening walks with lights",
    "Walks after dark with head torches, a back marker and a flask at the end.",
    "Two evenings a week from October to March, along the beck and back. Slow enough to talk.",
    "Anybody in Portrack who stopped going out in the dark.",
    (b.TOWN_CENTRE,), "TS18 1AA", b.ACTIVE,
    "The path is dark from four o'clock. Twenty people with lights are not afraid of it.",
    Level.COMMUNITY, "People walk in winter who did not before.",
    (Line("Thirty head torches", 24_000), Line("First-aid course for four", 20_000), Line("Flasks and hi-vis", 16_000)), 6,
    communities=(Community.WOMEN, Community.OLDER), seen="The back marker counts, every evening.", second="People who walk alone stop doing it.", second_seen="We ask each one in March.", equality="The first mile is paved and flat; whoever turns round there is walked back.",
)  # fmt: skip
STORIES = Bid(
    "legends", "Story exchange",
    "Children and care home residents swap stories, and make a book of them.",
    "Every fortnight a class walks across the road. Each pair writes down one story of the other. In summer it becomes a book.",
    "A class of eight-year-olds, and twenty residents of the care home.",
    (b.HARDWICK,), "TS19 8BN", b.TOGETHER,
    "Days go by and nobody rings; and the children have nobody to ask.",
    Level.COMMUNITY, "Each child knows one old person by name, and the other way round.",
    (Line("A writer for ten mornings", 80_000), Line("Printing 200 books", 50_000), Line("Paper and paint", 20_000),
     Line("Teachers and carers", 120_000, in_kind=True)),
    5, approaches=(Approach.INTERGENERATIONAL,), partners="The school and the home share it half and half.",
    communities=(Community.CHILDREN, Community.OLDER), seen="Each child tells the class about their pair, without notes.",
    second="The home’s door stays open after the book.", second_seen="We count visits in the term after.",
    safeguarding="A teacher and a carer are in the room at all times; both houses have checked all of their staff.",
    joint=(("Hardwick Grange care home", "Opens its lounge, and a carer sits in", "lounge@grange.example", 30_000),),
)  # fmt: skip
SWIMMING = Bid(
    "swim", "Women's swimming hour",
    "One hour a week in the pool for women, with a woman who teaches.",
    "Thirty Sunday hours in Thornaby. A teacher, a lifeguard, a room for the children next door.",
    "Women who want privacy, many of them mothers; Somali speakers first, everybody welcome.",
    (b.MANDALE, b.STAINSBY), "TS17 6AJ", b.ACTIVE,
    "The six weeks that we were given were full, and there is a list.",
    Level.SERVICE, "Forty women swim every week, and ten teach the next ones.",
    (Line("Pool and lifeguard, thirty hours", 120_000), Line("Teacher", 45_000), Line("Play worker", 15_000)), 5,
    communities=(Community.WOMEN, Community.ETHNIC, Community.REFUGEES), seen="We count heads every Sunday, and widths in May.", second="Ten women can teach the next ones.", second_seen="Ten have the first certificate.", equality="Women only, with covered windows; we speak Somali, Arabic and English.", smaller=(90_000, "Fifteen hours, until the summer."), help=Help.OFFICER,
)  # fmt: skip
REPAIR = Bid(
    "repair", "Repair and chat",
    "Mend it, do not bin it, and stay for tea.",
    "Two Saturdays a month: toasters, trousers, bikes. A table for talking beside every table for mending.",
    "People who live alone in Billingham, and whoever has a broken toaster.",
    (b.BILLINGHAM,), "TS23 2DF", b.LONELY,
    "A broken thing is a reason to come that nobody is ashamed of.",
    Level.COMMUNITY, "People come for the toaster and stay for the company.",
    (Line("Tools and parts", 55_000), Line("Hall, twenty-four days", 48_000), Line("Tea", 17_000)), 4,
    communities=(Community.OLDER,), seen="We count mended things, and who stays for tea.", second="Somebody learns to mend.", second_seen="We count who moves to the other side of the table.",
)  # fmt: skip
CORNER = Bid(
    "ropner", "Looking after our corner of the park",
    "We take on the far corner for good: paths, planting, benches, and a lease.",
    "We agree with the council to look after the corner ourselves. A path that a pram can use, three benches, a hedge instead of a fence, "
    "and a work day every month.",
    "Everybody who uses the park, and the three schools beside it.",
    (b.ROPNER,), "TS18 3BX", b.ACTIVE,
    "It is nobody's, so it is where things get dumped. Let it be ours.",
    Level.CIVIC, "People sit there, and the dumping stops.",
    (Line("Path and edging", 210_000), Line("Three benches", 105_000), Line("Hedge and trees", 70_000), Line("Legal costs", 35_000),
     Line("Work days", 300_000, in_kind=True)),
    5, approaches=(Approach.COMMUNITY_OWNERSHIP,),
    seen="We count who sits there, one afternoon a month.", second="People here own it and keep it.", second_seen="The lease is signed, and the rota is full a year later.", smaller=(250_000, "The path and the hedge; the benches wait."),
)  # fmt: skip
COFFEE = Bid(
    "recovery", "A website about jobs",
    "A website that lists what other websites list.",
    "We would pay somebody to make a website with links to job pages.",
    "People who look for work.", (b.TOWN_CENTRE,), "TS18 1HD", b.WORK,
    "People need jobs.", Level.SERVICE, "People find jobs.",
    (Line("A web designer", 220_000),), 2,
)  # fmt: skip

SECOND_YEAR = Bid(
    "willows", "Grow Your Own, and sell what is left",
    "The same beds, a second year, and a stall where children sell what they do not eat.",
    "We keep the beds and add a stall outside the club on Fridays. Children price, weigh and sell.",
    "The same children a year older, the new five-year-olds, and the people who walk past.",
    (b.NEWTOWN,), "TS19 0BU", b.FOOD,
    "Last year showed that they eat what they grow. Now there is too much of it.",
    Level.COMMUNITY, "The road has a place that sells an apple.",
    (Line("Stall and scales", 60_000), Line("Seeds, soil, mending", 50_000), Line("A cook for twenty evenings", 72_000)), 6,
    communities=(Community.CHILDREN, Community.LOW_INCOME), safeguarding="Two checked adults are always there. One of us is in charge of it, and everybody knows whom to tell.", seen="We weigh what is sold and what is eaten.", second="Children can price and weigh.", second_seen="They do it without us by August.",
)  # fmt: skip
LIBRARY_BENCH = Bid(
    "repair", "A repair bench in the library",
    "A bench with tools that anybody can use when the library is open.",
    "We put a bench, a vice and good light into the library and teach twelve people to look after it.",
    "People in Billingham who cannot come on a Saturday.", (b.BILLINGHAM,), "TS23 2DF", b.TOGETHER,
    "People of all ages come to the library, and they do not talk to each other.",
    Level.COMMUNITY, "The bench is used every day.",
    (Line("Bench, vice and light", 70_000), Line("Tools", 55_000)), 4,
)  # fmt: skip
TEACHERS = Bid(
    "swim", "Swim teachers of our own",
    "Four of us train to teach, so that the hour does not hang on one person.",
    "Four women take the teacher's course.", "", (), "", b.ACTIVE, "", Level.COMMUNITY, "", (), 5,
)  # fmt: skip
