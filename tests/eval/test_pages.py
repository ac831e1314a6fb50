"""The pages of results in a real browser, light, dark and on a phone: nothing is fetched, tables are filled, charts can be seen."""

import pytest

from eval.prompt_page import html
from tests.eval.test_prompt_compare import answering, by_title, measured, untrained  # noqa: F401  (fixtures)
from tests.eval.test_report import ran, written  # noqa: F401

TABLES = """() => [...document.querySelectorAll('table')].map(table => ({
    heading: [...table.tHead.rows[0].cells].length,
    rows: [...table.tBodies[0].rows].map(row => ({cells: [...row.cells].map(cell => cell.innerText.trim()), across: [...row.cells].reduce((sum, cell) => sum + cell.colSpan, 0)})),
    wide: table.getBoundingClientRect().width,
}))"""
CHARTS = """() => [...document.querySelectorAll('svg')].map(svg => {
    const drawn = [...svg.querySelectorAll('path, use, line, circle')].filter(one => {
        const box = one.getBoundingClientRect();
        return box.width + box.height > 0 && getComputedStyle(one).visibility === 'visible';
    });
    const box = svg.getBoundingClientRect();
    return {drawn: drawn.length, width: box.width, height: box.height};
})"""
INK = """() => {
    const light = colour => colour.match(/[\\d.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 765;
    const style = getComputedStyle(document.body);
    return [light(style.color), light(style.backgroundColor)];
}"""


@pytest.fixture(params=["light", "dark", "phone"])
def opened(request, browser):
    """Opens a file; at the end nothing may have gone wrong in it, and nothing but it may have been asked for."""
    size = {"width": 390, "height": 844} if request.param == "phone" else {"width": 1360, "height": 900}
    scheme = "dark" if request.param == "dark" else "light"
    context = browser.new_context(color_scheme=scheme, viewport=size)
    page, troubles, asked = context.new_page(), [], []
    page.on("pageerror", lambda why: troubles.append(str(why)))
    page.on("console", lambda line: troubles.append(line.text) if line.type in {"error", "warning"} else None)
    page.on("request", lambda request: asked.append(request.url))

    def see(path):
        page.goto(path.as_uri())
        return page

    see.scheme = scheme
    yield see
    assert troubles == []
    assert len(asked) == 1 and asked[0].startswith("file:")
    context.close()


def holds_what_a_page_must(page, scheme):
    """No sideways scrolling, filled tables, ink that stands out, nothing that axe calls serious."""
    from axe_playwright_python.sync_playwright import Axe

    across = page.evaluate("() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert across[0] <= across[1]
    for table in page.evaluate(TABLES):
        assert table["rows"] and table["wide"] > 0
        for row in table["rows"]:
            assert row["across"] == table["heading"] and row["cells"][0]
            assert not {"nan", "None", "undefined", "inf"} & {word for cell in row["cells"] for word in cell.split()}
    ink, ground = page.evaluate(INK)
    assert (ink - ground > 0.5) if scheme == "dark" else (ground - ink > 0.5)
    found = Axe().run(page).response["violations"]
    serious = [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in found if v["impact"] in {"serious", "critical"}]  # fmt: skip
    assert serious == []


def test_the_report_of_a_suite(opened, written):  # noqa: F811
    page = opened(written["report.html"])
    holds_what_a_page_must(page, opened.scheme)
    assert page.locator("table").count() >= 3
    charts = page.evaluate(CHARTS)
    assert charts and all(c["drawn"] > 20 and c["width"] > 300 and c["height"] > 100 for c in charts)
    bars = page.locator(".bars i").evaluate_all("all => all.map(one => one.getBoundingClientRect().width)")
    assert bars and max(bars) > 30
    page.locator("summary").last.click()
    assert "numpy" in page.inner_text("details[open]")
    page.locator("nav a").first.click()
    assert page.evaluate("() => document.querySelector(':target').getBoundingClientRect().top") < 400


def test_the_page_of_a_comparison_of_prompts(opened, dataset, answering, tmp_path):  # noqa: F811
    with answering(by_title) as (url, _):
        found = measured(dataset, url, tmp_path, users=8, bias_users=4)
    (tmp_path / "page.html").write_text(html(found, dataset.catalog.titles))
    page = opened(tmp_path / "page.html")
    holds_what_a_page_must(page, opened.scheme)
    charts = page.evaluate(CHARTS)
    if page.viewport_size["width"] > 600:  # a phone has no room for bars
        assert charts and all(c["drawn"] >= 2 and c["width"] > 100 for c in charts)
    for name in ("What each prompt is worth", "Differences"):  # what is compared is read without scrolling sideways
        across = page.get_by_role("region", name=name).evaluate("one => [one.scrollWidth, one.clientWidth]")
        assert across[0] <= across[1]
    assert found.config.prompts[0] in page.locator(".verdict").inner_text()
