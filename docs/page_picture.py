"""Make docs/page.png from the page itself: `polytaste serve --no-llm` beside it, then python docs/page_picture.py [URL]"""

import shutil
import sys

from playwright.sync_api import sync_playwright

url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
with sync_playwright() as started:
    browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 1360, "height": 900})
    page.goto(url)
    page.wait_for_selector("#starters button")
    with page.expect_response("**/v1/chat"):
        page.fill("#who", "1")
        page.press("#who", "Tab")
    page.fill("#message", "something like Blade Runner but funny")
    page.press("#message", "Enter")
    page.wait_for_selector(".card")
    page.wait_for_load_state("networkidle")
    page.screenshot(path="docs/page.png")
    browser.close()
