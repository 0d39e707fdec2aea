"""The page: one file, nothing outside it, the same each time, and everything that is in the data."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from typing import Any

import pytest
from tests.audit.samples import link, outcome, sample_audit, sample_links, sample_tests

from jurat_audit import page
from jurat_audit.content import canonical_json
from jurat_audit.link import Verdict
from jurat_audit.report import content_of, files_of
from jurat_audit.requirements import IDS
from jurat_audit.subject import project_root

ROOT = project_root()
VOID = {"meta", "br", "link", "img", "hr", "input", "wbr"}


class Reader(HTMLParser):
    """Reads a page as a strict reader does: each element is closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it, and remember that it is open."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """It must be the one that was opened last."""
        assert self.open, f"{tag} was never opened"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep it."""
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each element of this kind."""
        return [attributes for name, attributes in self.elements if name == tag]


def content(**changes: Any) -> dict[str, Any]:
    """The content of an invented audit."""
    return content_of(sample_audit(**changes), root=ROOT)


@pytest.fixture(scope="module")
def text() -> str:
    """The page of an invented audit."""
    return page.render(content())


@pytest.fixture(scope="module")
def read(text: str) -> Reader:
    """The same, read."""
    return Reader(text)


def test_it_asks_for_nothing_and_runs_nothing(text: str, read: Reader) -> None:
    """No script, no handler, no request: one file."""
    assert not {tag for tag, _ in read.elements} & {
        "script",
        "link",
        "iframe",
        "object",
        "embed",
        "form",
        "base",
    }
    for tag, attributes in read.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        for name in ("src", "srcset", "href", "action", "data", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
    assert not re.search(r"url\(\s*['\"]?(?!#)|@import|javascript:", text)
    assert set(re.findall(r"https?://[^\s\"'<]+", text)) == {"http://www.w3.org/2000/svg"}


def test_its_policy_allows_its_own_style_and_nothing_else(text: str, read: Reader) -> None:
    """The style sheet is named by its digest, so the policy is wrong if the two part."""
    policy = next(meta["content"] for meta in read.all("meta") if meta.get("http-equiv"))
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def test_every_link_leads_somewhere(read: Reader) -> None:
    """Each anchor that is pointed at is there, once."""
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for attributes in read.all("a"):
        assert (attributes["href"] or "").removeprefix("#") in ids


def test_every_picture_has_a_title_and_a_description(read: Reader) -> None:
    """For readers who do not see it."""
    ids = {attributes.get("id") for _, attributes in read.elements}
    pictures = read.all("svg")
    assert len(pictures) == 5 + 2  # a chart is there twice, wide and narrow
    for attributes in pictures:
        assert attributes["role"] == "img"
        assert set((attributes["aria-labelledby"] or "").split()) <= ids


def test_a_simulation_is_drawn_and_says_how_it_is_read(text: str, read: Reader) -> None:
    """For a wide page and for a narrow one, with what would be wrong; how much is shown is in the data."""
    section = text[text.index('id="timing"') : text.index('id="defects"')]
    assert [it["class"] for it in read.all("svg") if "chart" in (it.get("class") or "")] == [
        "chart wide",
        "chart narrow",
    ]
    for words in ("<h4>Starts &amp; more</h4>", "A step above the line &lt;would&gt; be wrong."):
        assert words in section
    assert "7 of its 7 checks hold" in section
    bare = page.render(content(links=sample_links(timing=link("timing"))))
    assert "A simulation in pictures" not in bare


def test_a_page_of_the_data_that_was_read_back_is_the_same(text: str) -> None:
    """So the pictures are drawn from what `audit.json` holds."""
    assert page.render(json.loads(canonical_json(content()))) == text


def test_every_header_cell_says_what_it_heads(read: Reader) -> None:
    """And each table has a caption."""
    assert {attributes.get("scope") for attributes in read.all("th")} == {"col", "row"}
    assert len(read.all("caption")) == len(read.all("table"))


def test_it_is_the_same_each_time(text: str) -> None:
    """In one process."""
    assert page.render(content()) == text


def test_it_is_the_same_under_any_hash_seed() -> None:
    """In several: nothing of it hangs on the order of a set."""
    program = (
        "import hashlib; from tests.audit.samples import sample_audit;"
        "from jurat_audit.report import files_of; from jurat_audit.subject import project_root;"
        "files = files_of(sample_audit(), project_root());"
        "print([hashlib.sha256(files[name]).hexdigest() for name in ('audit.html', 'audit.json')])"
    )
    digests = {
        subprocess.run(
            (sys.executable, "-c", program),
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(digests) == 1


def test_it_shows_every_requirement_defect_and_link(read: Reader, text: str) -> None:
    """Nothing is filtered out."""
    ids = {attributes.get("id") for _, attributes in read.elements}
    assert ids >= set(IDS)
    assert ids >= {f"D{number:02}" for number in range(1, 51)}
    for item in content()["links"]:
        assert item["summary"] in text
        assert item["command"] in text


def test_what_is_planned_is_on_the_first_screen(text: str) -> None:
    """Before the first heading of the body."""
    strip = text[text.index('<section class="strip') : text.index("</section>")]
    shown = " ".join(re.sub(r"<[^>]*>", " ", strip).split())
    assert "45 of 47 requirements planned" in shown
    assert "the link arithmetic planned" in shown
    assert "make report" in shown


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.UNDETERMINED])
def test_bad_news_is_on_the_first_screen_and_its_reasons_in_the_summary(verdict: Verdict) -> None:
    """A reader must not have to look for it."""
    bad = link("timing", verdict, problems=("drain took 7 ns, not 8",))
    text = page.render(content(links=sample_links(timing=bad)))
    assert f'<section class="strip is-{verdict}"' in text
    assert "drain took 7 ns, not 8" in text[text.index('id="summary"') : text.index('id="provenance"')]


def test_failed_evidence_tests_are_named_in_the_summary() -> None:
    """By the test, and by the requirement."""
    run = sample_tests(outcome("test_it", "LC-2", verdict=Verdict.FAIL), verdict=Verdict.FAIL)
    text = page.render(content(tests=run))
    assert f'<section class="strip is-{Verdict.FAIL}"' in text
    row = text[text.index('<tr id="LC-2"') : text.index('<tr id="LC-3"')]
    assert row.count("v-fail") == 3  # of the requirement, of the kind, of the test


def test_it_never_promises_more_than_evidence(text: str) -> None:
    """It is not for us to say what an auditor says."""
    assert not re.search(
        r"\b(?:compliant|compliance|certified|certificate|guaranteed)\b", text, re.IGNORECASE
    )
    assert "Evidence for jurat" in text


def test_text_from_elsewhere_is_text() -> None:
    """Whatever a link says, it is not markup."""
    links = sample_links(log=link("log", summary="<script>alert(1)</script> & so on"))
    text = page.render(content(links=links))
    Reader(text)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; so on" in text


def test_the_page_and_the_data_come_from_one_content() -> None:
    """And the envelope holds the rest."""
    audit = sample_audit()
    files = files_of(audit, ROOT)
    assert sorted(files) == ["audit.html", "audit.json", "junit.xml", "run.json"]
    assert files["audit.html"].decode() == page.render(content())
    assert files["audit.json"].decode() == canonical_json(content())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fails `make check`", "fails <code>make check</code>"),
        ("`a` & `<b>`", "<code>a</code> &amp; <code>&lt;b&gt;</code>"),
        ("one ` alone <", "one ` alone &lt;"),
    ],
)
def test_code_in_prose_is_marked_and_the_rest_escaped(text: str, expected: str) -> None:
    """As in the table of requirements."""
    assert str(page.prose(text)) == expected


def test_the_name_of_an_action_may_break_between_its_words() -> None:
    """And nothing of it is lost."""
    assert page.by_words("AttemptTimeoutPasses") == "Attempt<wbr>Timeout<wbr>Passes"
    assert page.by_words("timed_out") == "timed_out"
    assert page.by_words("<b>") == "&lt;b&gt;"
