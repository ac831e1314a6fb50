"""The page in a real browser: three clicks to a list, a conversation, the slider, feedback; no network, no axe finding."""

import re
from urllib.parse import urlsplit

import pytest


@pytest.fixture(params=["light", "dark", "phone"])
def page(request, browser, running):
    size = {"width": 390, "height": 844} if request.param == "phone" else {"width": 1360, "height": 900}
    context = browser.new_context(color_scheme="dark" if request.param == "dark" else "light", viewport=size)
    page = context.new_page()
    troubles = []
    page.on("pageerror", lambda why: troubles.append(str(why)))
    page.on("console", lambda line: troubles.append(line.text) if line.type == "error" else None)
    page.on(
        "request",
        lambda asked: None if urlsplit(asked.url).hostname == "127.0.0.1" else troubles.append(f"asked {asked.url}"),
    )
    page.goto(running.url)
    page.wait_for_selector("#starters button")
    yield page
    assert troubles == []
    context.close()


def serious(page):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        (v["id"], v["impact"], [n["target"] for n in v["nodes"]][:3])
        for v in found
        if v["impact"] in {"serious", "critical"}
    ]


def titles(page):
    return page.locator(".card .title").all_inner_texts()


def test_a_stranger_gets_a_list_in_three_clicks_and_can_steer_it(page):
    assert serious(page) == []
    starters = page.locator("#starters button")
    starters.nth(0).click()
    starters.nth(2).click()
    page.click("#go")
    page.wait_for_selector(".card")
    assert page.locator(".card").count() == 10
    if (
        page.viewport_size["width"] < 500
    ):  # the list is under the conversation, and its cards come before what is said of it
        page.wait_for_function("document.querySelector('.card').getBoundingClientRect().top < innerHeight / 2")
        assert page.locator(".card").first.bounding_box()["y"] < page.locator("#held").bounding_box()["y"]
    assert page.locator("#messages .to-list").last.is_visible() == (page.viewport_size["width"] < 500)
    picked = starters.nth(0).inner_text()
    assert picked not in " ".join(titles(page))
    assert serious(page) == []

    page.fill("#message", "comedies from the 90s")
    page.press("#message", "Enter")
    page.wait_for_selector("#understood button >> text=1990-1999")
    assert page.locator("#understood button").all_inner_texts() == ["Comedy", "1990-1999"]
    kinds = page.locator(".card .kinds").all_inner_texts()
    assert all("Comedy" in line for line in kinds)
    before = titles(page)
    page.locator("#understood button", has_text="1990").click()  # what was understood can be taken back
    page.wait_for_function(
        "before => [...document.querySelectorAll('.card .title')].map(n => n.innerText).join() !== before",
        arg=",".join(before),
    )
    assert page.locator("#understood button", has_text="1990").count() == 0
    page.fill("#message", "5 of them")
    page.press("#message", "Enter")
    page.wait_for_selector("#understood button >> text=5 items")
    assert page.locator(".card").count() == 5
    page.locator("#understood button", has_text="5 items").click()
    page.wait_for_function("() => document.querySelectorAll('.card').length === 10")
    assert serious(page) == []


def test_the_slider_reranks_live(page):
    page.fill("#who", "1")
    page.press("#who", "Tab")
    page.wait_for_selector(".bubble >> text=tastes")
    page.fill("#message", "recommend me something")
    page.press("#message", "Enter")
    page.wait_for_selector(".card")

    def error():
        return float(re.search(r"calibration error ([\d.]+)", page.inner_text("#ranker")).group(1))

    page.locator("#lam").focus()
    with page.expect_response("**/again"):
        page.keyboard.press("Home")
    page.wait_for_function("() => document.querySelector('#lam-value').textContent === '0.00'")
    page.wait_for_timeout(200)
    loose = error()
    with page.expect_response("**/again"):
        page.keyboard.press("End")
    page.wait_for_timeout(200)
    assert error() < loose


def test_the_picture_is_of_what_the_list_is_held_to(page):
    with page.expect_response("**/v1/chat") as answered:
        page.fill("#message", "recommend me something")
        page.press("#message", "Enter")
    page.wait_for_selector(".card")
    slate = answered.value.json()["slate"]
    assert page.inner_text("#held-title").lower() == "proportions of categories"
    assert "what most people like" in page.inner_text("#held-hint")
    assert page.locator("#tastes").is_hidden()  # none is known of a stranger
    rows = page.locator(".share").all_inner_texts()
    assert len(rows) == 7
    told = [[int(share) for share in re.findall(r"(\d+)%", row)] for row in rows]
    assert [sum(side) for side in zip(*told, strict=True)] == pytest.approx([100, 100], abs=3)
    largest = max(slate["target"], key=slate["target"].get)
    assert rows[0].startswith(largest)
    assert told[0] == [round(100 * slate[side][largest]) for side in ("target", "achieved")]

    with page.expect_response("**/v1/chat"):  # which says the tastes
        page.fill("#who", "1")
        page.press("#who", "Tab")
    with page.expect_response("**/v1/chat") as answered:
        page.fill("#message", "recommend me something")
        page.press("#message", "Enter")
    page.wait_for_selector("#tastes >> text=of these 10")
    slate = answered.value.json()["slate"]
    for line, taste in zip(page.locator("#taste-names li").all_inner_texts(), slate["personas"], strict=True):
        here = sum(item["persona"] == taste["number"] for item in slate["items"])
        assert line.strip() == f"{taste['number']}. {taste['name']} {round(100 * taste['share'])}%, {here} of these 10"
    assert "the list is held to categories, not to these." in page.inner_text("#tastes-hint")
    reasons = page.locator(".card .reason").all_inner_texts()
    for said, item in zip(reasons, slate["items"], strict=True):
        assert said == f"taste {item['persona']} {item['evidence']}"
    assert serious(page) == []


def test_where_tastes_are_the_axis_the_page_says_so(page):
    def along_tastes(route):
        answer = route.fetch()
        told = answer.json()
        names = [f"taste {p['number']}: {p['name']}" for p in told["slate"]["personas"]]
        told["slate"] |= {
            "axis": "personas",
            "target": dict.fromkeys(names, 0.5),
            "achieved": dict.fromkeys(names, 0.5),
        }
        route.fulfill(response=answer, json=told)

    page.locator("#starters button").nth(0).click()
    page.route("**/v1/chat", along_tastes)
    page.click("#go")
    page.wait_for_selector(".card")
    assert page.inner_text("#held-title").lower() == "proportions of tastes"
    assert page.inner_text("#tastes-hint").endswith("and the list is held to these shares.")


def test_cards_show_what_the_catalogue_knows(page):
    def priced(route):
        answer = route.fetch()
        told = answer.json()
        for item in told["slate"]["items"]:
            item["facts"] = {"list_price": 24.5, "publisher": "Kosmos"}
        route.fulfill(response=answer, json=told)

    page.route("**/v1/chat", priced)
    page.fill("#message", "comedies")
    page.press("#message", "Enter")
    page.wait_for_selector(".card")
    assert page.locator(".card .facts").first.inner_text() == "list price: 24.5 · publisher: Kosmos"
    assert serious(page) == []


def test_what_can_be_said_of_lists_goes_by_the_catalogue(page):
    said = page.locator("#quick button").all_inner_texts()
    assert {"older", "newer", "surprise me"} <= set(said)
    assert not {"cheaper", "shorter"} & set(said)
    page.route("**/v1/starters*", lambda route: route.fulfill(json={"items": [], "critiques": ["cheaper", "shorter"]}))
    page.reload()
    page.wait_for_selector("#quick button >> text=cheaper")
    assert page.locator("#quick button", has_text="shorter").count() == 1
    assert page.locator("#quick button", has_text="older").count() == 0


def test_feedback_and_why_from_a_card(page):
    page.fill("#message", "science fiction")
    page.press("#message", "Enter")
    page.wait_for_selector(".card")
    first = page.locator(".card").first
    title = first.locator(".title").inner_text().lstrip("0123456789").strip()
    first.get_by_role("button", name=f"Why? {title}").click()
    page.wait_for_selector(".bubble >> text=is number 1")
    with page.expect_response("**/again"):
        first.get_by_role("button", name=f"Dislike: {title}").click()
    page.wait_for_function(
        "title => ![...document.querySelectorAll('.card .title')].some(n => n.innerText.endsWith(title))", arg=title
    )


def test_cards_and_conversation_speak_of_one_list(page):
    page.fill("#message", "science fiction")
    page.press("#message", "Enter")
    page.wait_for_selector(".card")
    with page.expect_response("**/again") as answered:
        page.locator(".card").first.get_by_role("button", name="Dislike").click()
    first = answered.value.json()["items"][0]["title"]
    page.locator(".card .title", has_text=first).wait_for()
    page.locator(".card").first.get_by_role("button", name="Why?").click()
    page.locator(".bubble", has_text=f"{first} is number 1.").wait_for()
    page.locator("#lam").focus()
    with page.expect_response("**/again") as answered:
        page.keyboard.press("Home")
    third = answered.value.json()["items"][2]["title"]
    page.wait_for_function("title => document.querySelectorAll('.card .title')[2].innerText.endsWith(title)", arg=third)
    # Two clicks at once: the second is about the film, wherever it stands when its turn comes.
    both = "() => { const at = (n) => document.querySelectorAll('.card .acts button')[n]; const [one, two] = [at(1), at(13)]; one.click(); two.click(); }"
    with page.expect_response("**/v1/chat") as answered:
        page.evaluate(both)  # dislike the first, more like the third
    assert answered.value.json()["understood"]["like"] == [third]
    assert answered.value.request.post_data_json["message"].startswith("more like number ")
    page.locator("#understood button", has_text=f"like {third}").wait_for()
    page.fill("#message", "start over")
    page.press("#message", "Enter")
    page.wait_for_selector("#start", state="visible")  # a list that is spoken of no more is not shown
    assert page.locator(".card").count() == 0


def test_who_wants_everything_deleted_is_asked_first(page):
    page.locator("#starters button").nth(1).click()
    page.click("#go")
    page.wait_for_selector(".card")
    page.click("#forget-me")
    assert page.locator("#who").input_value() in page.inner_text("#forget-title")
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.click("#forget-me")
    page.get_by_role("button", name="Keep it").click()
    assert page.locator("#forget-dialog").is_hidden()
    assert page.locator(".card").count() == 10
    page.click("#forget-me")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_selector("#status >> text=Deleted: 3 entries.")
    assert page.locator(".card").count() == 0
    assert page.locator(".bubble").count() == 1
    assert page.locator("#starters button[aria-pressed=true]").count() == 0
    assert page.locator("#start").is_visible()


def test_the_keyboard_alone_is_enough(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.locator("#message").focus()
    page.keyboard.type("westerns")
    page.keyboard.press("Enter")
    page.wait_for_selector(".card")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.id || document.activeElement.getAttribute('aria-label') || ''")
        )
    assert "lam" in reached
    assert any(name.startswith("Like: ") for name in reached)


def test_the_documentation_of_the_api(page, running):
    page.goto(f"{running.url}/docs")
    page.locator("summary", has_text="/v1/recommend").wait_for()
    page.locator("summary", has_text="/v1/recommend").click()
    assert "curl" in page.inner_text("details[open]")
    title, routes = (page.locator(what).bounding_box() for what in ("h1", "#routes"))
    assert abs(title["x"] - routes["x"]) < 1 and routes["width"] > 0.6 * min(960, page.viewport_size["width"])
    assert serious(page) == []
