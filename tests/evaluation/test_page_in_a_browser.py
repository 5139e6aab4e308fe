"""The report in headless Chromium: sorts, filters, opens, by mouse and by keyboard, for everybody,
and asks the network for nothing.
"""

import json
import shutil

import pytest

from cogtrain.evaluation.report import report

_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1200,1600",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser(make_run, tmp_path_factory):
    pytest.importorskip("selenium", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver are not on the path")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in _FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options, webdriver.ChromeService(driver))
    page = report([make_run(tmp_path_factory.mktemp("page") / "fit-1")]).page
    opened.get(page.as_uri())
    opened.implicitly_wait(20)
    yield opened
    opened.quit()


def column(browser, name):
    """Head of the column called `name`, and what its cells show."""
    heads = browser.find_elements("css selector", "#table-of-stimuli thead th")
    place = [head.text for head in heads].index(name)
    rows = browser.find_elements("css selector", "#table-of-stimuli tbody tr")
    cells = [row.find_elements("css selector", "td")[place].text for row in rows]
    return heads[place], cells


def press(browser, button):
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()


def violations(browser):
    """What axe-core finds, as one line per rule with the first element that breaks it."""
    checker = pytest.importorskip("axe_core_python.selenium", reason="axe-core is not installed")
    browser.set_script_timeout(120)
    found = checker.Axe().run(browser)
    assert len(found["passes"]) > 20  # it has looked
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in found["violations"]]


def type_keys(browser, *keys):
    """Types into whatever has the focus."""
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser).send_keys(*keys).perform()


def reach(browser, element):
    """Goes to `element` by the tabulator alone, from the element before it."""
    from selenium.webdriver.common.keys import Keys

    browser.execute_script(
        "const all = [...document.querySelectorAll('a[href], button, input, select')];"
        "all[all.indexOf(arguments[0]) - 1].focus()",
        element,
    )
    type_keys(browser, Keys.TAB)
    assert browser.switch_to.active_element == element


def test_every_chart_is_drawn(browser):
    assert len(browser.find_elements("css selector", ".chart svg")) == 7
    errors = [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    assert errors == []


def test_every_picture_has_words(browser):
    for figure in browser.find_elements("css selector", "figure"):
        caption = figure.find_element("css selector", "figcaption").text.removesuffix(" PNG")
        chart = figure.find_element("css selector", ".chart")
        assert chart.get_attribute("aria-label") == caption
        assert chart.get_attribute("role") in ("img", "graphics-document")
        marks = chart.find_elements("css selector", "[role=graphics-symbol][aria-label]")
        assert marks, caption  # every mark tells its numbers
    for picture in browser.find_elements("css selector", "img"):
        button = browser.execute_script("return arguments[0].closest('button')", picture)
        named = picture.get_attribute("alt") or (button and button.get_attribute("aria-label"))
        assert "stimulus" in named
    for table in browser.find_elements("css selector", "table[id]"):
        assert table.find_element("css selector", "caption").get_property("textContent")


def test_axe_finds_nothing_on_a_narrow_screen(browser):
    size = browser.get_window_size()
    browser.set_window_size(500, 900)
    assert violations(browser) == []
    browser.set_window_size(size["width"], size["height"])


def test_nothing_is_asked_of_the_network(browser):
    events = [json.loads(line["message"])["message"] for line in browser.get_log("performance")]
    asked = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert asked
    assert {url.partition(":")[0] for url in asked} <= {"file", "blob", "data"}


def test_sorts_by_disagreement(browser):
    head, before = column(browser, "disagreement")
    press(browser, head.find_element("css selector", ".dtcc-button_order"))
    _, shown = column(browser, "disagreement")
    assert shown == sorted(before, key=float)
    assert shown != before


def test_filters_by_truth(browser):
    head, before = column(browser, "truth")
    press(browser, head.find_element("css selector", ".dtcc-button_dropdown"))
    field = browser.find_element("css selector", ".dtcc-dropdown input")
    field.send_keys("yes")
    _, shown = column(browser, "truth")
    assert (len(before), shown) == (7, ["yes"] * 4)
    field.clear()
    field.send_keys(" ")


def test_opens_a_stimulus_with_its_picture(browser):
    press(browser, browser.find_element("css selector", "#table-of-stimuli button.open"))
    (card,) = browser.find_elements("css selector", ".card:popover-open")
    picture = card.find_element("css selector", "img")
    assert int(picture.get_property("naturalWidth")) == 28
    assert "fit-1" in card.text
    assert "people" in card.text
    card.find_element("css selector", "button").click()
    browser.implicitly_wait(0)
    assert browser.find_elements("css selector", ".card:popover-open") == []
    browser.implicitly_wait(20)


def test_works_by_keyboard_alone(browser):
    from selenium.webdriver.common.keys import Keys

    head, before = column(browser, "P, fit-1")
    reach(browser, head.find_element("css selector", ".dtcc-button_order"))
    type_keys(browser, Keys.ENTER)
    head, shown = column(browser, "P, fit-1")
    assert shown == sorted(before, key=float)
    assert head.get_attribute("aria-sort") == "ascending"
    head, before = column(browser, "truth")
    reach(browser, head.find_element("css selector", ".dtcc-button_dropdown"))
    type_keys(browser, Keys.ENTER)
    browser.find_element("css selector", ".dtcc-dropdown input")
    type_keys(browser, "yes")
    _, shown = column(browser, "truth")
    assert (len(before), shown) == (7, ["yes"] * 4)
    type_keys(browser, *[Keys.BACKSPACE] * 3, Keys.ESCAPE)
    assert len(column(browser, "truth")[1]) == 7
    button = browser.find_element("css selector", "#table-of-stimuli button.open")
    reach(browser, button)
    type_keys(browser, Keys.ENTER)
    (card,) = browser.find_elements("css selector", ".card:popover-open")
    assert card.get_attribute("role") == "dialog"
    assert browser.switch_to.active_element == card.find_element("css selector", "button")
    assert violations(browser) == []
    type_keys(browser, Keys.ESCAPE)
    browser.implicitly_wait(0)
    assert browser.find_elements("css selector", ".card:popover-open") == []
    browser.implicitly_wait(20)
    assert browser.switch_to.active_element == button
