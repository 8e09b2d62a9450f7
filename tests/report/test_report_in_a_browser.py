"""The report in a real browser: Debian's Chromium, headless, without a network."""

import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from made_report import FIGURES, make

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium: apt-get install --no-install-recommends chromium"),
]

# Relative luminance and contrast as WCAG 2.2 defines them, of every text that is seen.
CONTRAST = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (c) => { const s = c / 255; return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4; };
  const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const colour = parts(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  document.querySelectorAll("body *").forEach((e) => {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.getClientRects().length || ["SCRIPT", "STYLE"].includes(e.tagName)) return;
    const [a, b] = [luminance(parts(getComputedStyle(e).color)), luminance(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${e.tagName} ${e.className}: ${e.textContent.trim().slice(0, 40)} ${ratio.toFixed(2)}`);
  });
  return poor;
}"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield make(tmp_path_factory.mktemp("planted"), monkeypatch)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER)
        yield opened
        opened.close()


class Seen:
    """A page, what it said on the console and what it asked for."""

    def __init__(self, browser, report: Path, width: int = 1280, **context) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, offline=True, **context)
        self.page = self.context.new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(report.as_uri())

    def shown(self, selector: str) -> int:
        return sum(element.is_visible() for element in self.page.query_selector_all(selector))


@pytest.fixture
def opened(browser, report):
    seen = Seen(browser, report)
    yield seen
    seen.context.close()


def test_it_opens_offline_without_a_word_and_asks_for_nothing(opened, report):
    assert opened.said == []
    assert [url for url in opened.asked if not url.startswith("data:")] == [report.as_uri()]
    assert opened.page.inner_text("h1") == "Which <student> keeps up & why"


def test_every_picture_is_there(opened):
    pictures = opened.page.eval_on_selector_all("img", "all => all.map(i => [i.naturalWidth, i.alt, i.width > 300])")
    assert len(pictures) == len(FIGURES)
    assert all(width == 1400 and alt and wide for width, alt, wide in pictures)


def test_every_link_leads_somewhere(opened, report):
    addresses = opened.page.eval_on_selector_all("a", "all => all.map(a => a.getAttribute('href'))")
    inside = [address[1:] for address in addresses if address.startswith("#")]
    beside = [address for address in addresses if not address.startswith(("#", "data:"))]
    assert len(inside) > 5
    for name in inside:
        assert opened.page.locator(f"[id='{name}']").count() == 1, name
    assert beside == ["figures/fig_4_2_latency.pdf"]
    assert all((report.parent / address).exists() for address in beside)


def test_headings_skip_no_level_and_there_is_one_title(opened):
    levels = opened.page.eval_on_selector_all("h1,h2,h3,h4,h5", "all => all.map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_the_width_and_can_be_read(browser, report, width, scheme):
    seen = Seen(browser, report, width, color_scheme=scheme)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    assert seen.page.evaluate(CONTRAST) == []
    seen.context.close()


def test_the_search_filters_rows_and_parts(opened):
    page = opened.page
    everything = opened.shown(".everything .unit")
    rows = opened.shown("#table_4_1_main_results tbody tr")
    assert rows == 3
    page.fill("#search", "reviews KD1")
    assert opened.shown("#table_4_1_main_results tbody tr") == 1
    assert 0 < opened.shown(".everything .unit") < everything
    assert "parts" in page.inner_text("#hits")
    page.fill("#search", "learning_rate")
    assert opened.shown(".everything .unit") == 1
    assert opened.shown("#tables") == 0
    assert page.is_visible("#settings")
    page.fill("#search", "98.5 % nowhere")
    assert page.inner_text("#hits") == "nothing found"
    assert opened.shown(".everything .group") == 0
    page.fill("#search", "")
    assert opened.shown(".everything .unit") == everything
    assert opened.shown("#table_4_1_main_results tbody tr") == 3
    assert page.is_visible("#verdict")


def test_a_click_on_a_heading_sorts_by_value(opened):
    page, cells = opened.page, "#table_4_1_main_results tbody td:nth-child({})"
    button = page.locator("#table_4_1_main_results thead button")
    button.nth(2).click()
    assert page.locator(cells.format(3)).all_inner_texts() == [
        "−3.5 [−5.0,\u00a0−2.0]",
        "+12.0 [+9.0,\u00a0+15.0]",
        "–",
    ]
    button.nth(2).click()
    assert page.locator(cells.format(2)).all_inner_texts() == ["kd1", "b0", "b0"]
    button.nth(3).press("Enter")
    assert page.locator(cells.format(4)).all_inner_texts() == ["<0.001", "0.020", "–"]
    button.nth(0).click()
    assert page.locator(cells.format(1)).all_inner_texts() == ["questions", "reviews", "reviews"]
    assert page.locator("[aria-sort]").count() == 1


def test_numbers_stand_under_each_other(opened):
    style = "e => [getComputedStyle(e).textAlign, getComputedStyle(e).fontVariantNumeric]"
    align, figures = opened.page.eval_on_selector("#table_4_1_main_results tbody td.num", style)
    assert align == "right"
    assert "tabular-nums" in figures


def test_it_prints_without_what_paper_cannot_do(browser, report):
    seen = Seen(browser, report)
    seen.page.emulate_media(media="print")
    assert not seen.page.is_visible("#search")
    assert seen.page.is_visible("#verdict")
    assert seen.page.pdf().startswith(b"%PDF")
    assert seen.page.locator("details:not([open])").count() == 0
    seen.context.close()
