"""Walks the site as a reader would: from page to page by the links that stand there."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit
from xml.etree.ElementTree import Element

import html5lib
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException

XHTML = "{http://www.w3.org/1999/xhtml}"


@dataclass(frozen=True)
class Visit:
    """One page that was asked for, where its link stood, and the answer."""

    path: str
    endpoint: str | None
    found_on: str
    status: int
    html: str | None
    """The page's source; None for what is no page (a file, a redirect)."""
    location: str | None
    """Where a redirect leads."""


def crawl(app: Flask, client: FlaskClient, starts: tuple[str, ...] = ("/",), *, per_endpoint: int = 3) -> list[Visit]:
    """Follow every local link from ``starts``; of pages made by one endpoint only the first few."""
    waiting = deque((start, "(start)") for start in starts)
    seen, taken, visits = set(starts), Counter[str](), []
    while waiting:
        path, found_on = waiting.popleft()
        endpoint = endpoint_of(app, path)
        if endpoint == "static":
            continue
        taken[endpoint or path] += 1
        if taken[endpoint or path] > per_endpoint:
            continue
        visit = _visit(client, path, endpoint, found_on)
        visits.append(visit)
        for link in _links(visit):
            if link not in seen:
                seen.add(link)
                waiting.append((link, path))
    return visits


def endpoint_of(app: Flask, path: str) -> str | None:
    """The endpoint that answers a GET of ``path``; None if there is none."""
    try:
        endpoint, _ = app.url_map.bind("localhost").match(urlsplit(path).path, method="GET")
    except HTTPException:
        return None
    return str(endpoint)


def _visit(client: FlaskClient, path: str, endpoint: str | None, found_on: str) -> Visit:
    answer = client.get(path)
    page = answer.get_data(as_text=True) if answer.mimetype == "text/html" and not answer.location else None
    answer.close()
    return Visit(path, endpoint, found_on, answer.status_code, page, answer.location)


def _links(visit: Visit) -> Iterator[str]:
    anchors = parse(visit.html).iter(f"{XHTML}a") if visit.html else ()
    hrefs = [visit.location] if visit.location else [anchor.get("href") for anchor in anchors]
    for href in hrefs:
        if not href or href.startswith("#"):
            continue
        address = urlsplit(urljoin(f"http://localhost{visit.path}", href))
        if address.scheme in ("http", "https") and address.netloc == "localhost":
            yield address.path + (f"?{address.query}" if address.query else "")


def parse(html: str, *, strict: bool = False) -> Element:
    """The tree of a page. ``strict`` raises html5lib's ParseError at the first fault."""
    tree: Element = html5lib.HTMLParser(strict=strict).parse(html)
    return tree


def faults(html: str) -> list[str]:
    """What is wrong with a page, in words; empty for a sound one."""
    try:
        tree = parse(html, strict=True)
    except html5lib.html5parser.ParseError as error:
        parser = html5lib.HTMLParser()
        parser.parse(html)
        (line, _), code, _ = parser.errors[0]
        return [f"HTML: {str(error) or code} near line {line}: {html.splitlines()[line - 1].strip()[:120]}"]
    found = []
    headings = ["".join(h.itertext()).strip() for h in tree.iter(f"{XHTML}h1")]
    if len(headings) != 1 or not headings[0]:
        found.append(f"one h1 is wanted, there are {headings}")
    if not tree.get("lang"):
        found.append("no language")
    if not any("".join(title.itertext()).strip() for title in tree.iter(f"{XHTML}title")):
        found.append("no title")
    ids = Counter(element.get("id") for element in tree.iter() if element.get("id"))
    found += [f"id {name} stands {count} times" for name, count in ids.items() if count > 1]
    for element in tree.iter():
        for attribute in ("for", "aria-describedby", "aria-labelledby", "aria-controls"):
            found += [f"{attribute} names no id: {n}" for n in (element.get(attribute) or "").split() if n not in ids]
        href = element.get("href", "")
        if href.startswith("#") and len(href) > 1 and href[1:] not in ids:
            found.append(f"a link to nothing: {href}")
        if element.get("style") or any(str(name).startswith("on") for name in element.attrib):
            found.append(f"inline style or script on {element.tag.removeprefix(XHTML)}")
    for form in tree.iter(f"{XHTML}form"):
        posts = form.get("method", "get").lower() == "post"
        if posts and not any(field.get("name") == "csrf_token" for field in form.iter(f"{XHTML}input")):
            found.append(f"a form without its token: {form.get('action')}")
    return found
