"""The report in headless Chromium: sorts, filters, opens, and asks the network for nothing."""

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


def test_every_chart_is_drawn(browser):
    assert len(browser.find_elements("css selector", ".chart svg")) == 7
    errors = [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    assert errors == []


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
