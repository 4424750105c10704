"""Bank runs as CSV: a payment request for council finance, its answer, and a bank statement."""

import csv
import re
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from io import StringIO

from grants.ports.bank_run import Answer, BankLine, FileRefused, OrderFile, OrderLine
from grants.web.sheets import csv_text

HEADS = (
    "batch",
    "supplier",
    "payee",
    "sort code",
    "account number",
    "reference",
    "amount",
    "cost centre",
    "account code",
    "funder code",
    "description",
    "asked for by",
    "authorised by",
    "pay by",
)
PAID = {"paid": True, "rejected": False}
MOST_LINES = 5_000


@dataclass(frozen=True, slots=True)
class CsvBankRun:
    """The columns of council finance. The last row is the control row: count, sum, SHA-256 of the rows before it."""

    def write(self, batch: str, lines: list[OrderLine]) -> OrderFile:
        rows = [
            (
                batch,
                one.supplier,
                one.payee,
                one.sort_code,
                one.account_number,
                one.reference,
                _pounds(one.amount_minor),
                one.cost_centre,
                one.account_code,
                one.funder_code,
                one.description,
                one.asked_by,
                one.authorised_by,
                one.pay_by.isoformat(),
            )
            for one in lines
        ]
        body = csv_text(HEADS, rows)
        total = sum(one.amount_minor for one in lines)
        digest = sha256(body.encode()).hexdigest()
        control = f"control,{len(lines)},{_pounds(total)},{digest}\r\n"
        return OrderFile((body + control).encode(), len(lines), total, digest)

    def read(self, content: bytes) -> list[Answer]:
        """Columns batch, reference, amount, outcome ("paid" or "rejected"), and why where it was rejected."""
        answers = []
        for number, row in _rows(content, ("batch", "reference", "amount", "outcome")):
            outcome = row["outcome"].lower()
            if outcome not in PAID:
                raise FileRefused(f"Line {number}: the outcome is “paid” or “rejected”, not “{outcome[:20]}”.")
            amount = _pence(row["amount"], number)
            why = row.get("reason", "")[:200]
            answers.append(Answer(row["batch"], row["reference"].upper(), amount, PAID[outcome], why))
        return answers

    def read_statement(self, content: bytes) -> list[BankLine]:
        """Columns date, amount (minus for what went out), reference, and a description where the bank gives one."""
        return [
            BankLine(
                _day(row["date"], number),
                _pence(row["amount"], number),
                " ".join(row["reference"].split())[:60],
                row.get("description", "")[:200],
            )
            for number, row in _rows(content, ("date", "amount", "reference"))
        ]


def _rows(content: bytes, wanted: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    text = _text(content)
    reader = csv.reader(StringIO(text))
    try:
        heads = [head.strip().lower() for head in next(reader)]
        missing = [head for head in wanted if head not in heads]
        if missing:
            raise FileRefused(f"The first line must name these columns: {', '.join(wanted)}. Missing: {missing[0]}.")
        found = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) < len(heads):
                raise FileRefused(f"Line {reader.line_num} has {len(cells)} cells instead of {len(heads)}.")
            row = dict(zip(heads, (cell.strip().removeprefix("'") for cell in cells), strict=False))
            found.append((reader.line_num, row))
            if len(found) > MOST_LINES:
                raise FileRefused(f"The file has more than {MOST_LINES:,} lines. Split it.")
    except StopIteration:
        raise FileRefused("The file is empty.") from None
    except csv.Error:
        raise FileRefused("This is not a CSV file. Save the sheet as CSV (UTF-8), then choose it again.") from None
    return found


def _text(content: bytes) -> str:
    """UTF-8, or what spreadsheets and banks write beside it: UTF-16 that says so, else the letters of Windows."""
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise FileRefused("This is not a text file. Save the sheet as CSV (UTF-8), then choose it again.")


def _pounds(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


AMOUNT = re.compile(r"(?P<sign>[-+−]?)(?P<pounds>[0-9]{1,11}|[0-9]{1,3}(,[0-9]{3}){1,3})(\.(?P<pence>[0-9]{1,2}))?")
"""Commas stand between thousands and nowhere else: 1.250,00 is no £1.25."""


def _pence(text: str, number: int) -> int:
    found = AMOUNT.fullmatch("".join(text.replace("£", "", 1).split()))
    if found is None:
        raise FileRefused(f"Line {number}: “{text[:20]}” is no amount like 1,250.00.")
    pence = int(found["pounds"].replace(",", "")) * 100 + int((found["pence"] or "").ljust(2, "0"))
    return -pence if found["sign"] in ("-", "−") else pence


def _day(text: str, number: int) -> date:
    for shape in ("%Y-%m-%d", "%d/%m/%Y", "%d %b %Y", "%d %B %Y"):
        try:
            return datetime.strptime(text, shape).date()  # noqa: DTZ007 (a day, without a time)
        except ValueError:
            continue
    raise FileRefused(f"Line {number}: “{text[:20]}” is no day like 27/03/2027.")
