"""The page of a run as a browser shows it: narrow and wide, dark and light.

It needs Selenium, Chromium and its driver: `tox -e browser`, with Debian's packages chromium and
chromium-driver.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from pages import several, single

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

webdriver = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.select import Select  # noqa: E402

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="there is no browser: chromium and chromium-driver have it"
)
NARROW, WIDE = 360, 1280
READABLE = 4.5
"""The contrast that WCAG 2.2 asks of text (level AA)."""

OVERFLOWING = """
const out = [];
for (const element of document.body.querySelectorAll("*")) {
  if (element.closest(".wide") && !element.matches(".wide")) continue;
  const box = element.getBoundingClientRect();
  if (box.width && (box.right > innerWidth + 0.5 || box.left < -0.5)) {
    out.push(element.outerHTML.slice(0, 100));
  }
}
if (document.documentElement.scrollWidth > innerWidth) out.push("the page scrolls sideways");
return out;
"""
UNREADABLE = """
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
function over(color, below) {
  canvas.fillStyle = `rgb(${below.join(" ")})`;
  canvas.fillRect(0, 0, 1, 1);
  canvas.fillStyle = color;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
}
function behind(element) {
  if (!element) return [255, 255, 255];
  return over(getComputedStyle(element).backgroundColor, behind(element.parentElement));
}
function light(color) {
  const [r, g, b] = color.map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
const out = {};
for (const element of document.body.querySelectorAll("*")) {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  if (!own || !element.getClientRects().length) continue;
  const below = behind(element);
  const [a, b] = [light(over(getComputedStyle(element).color, below)), light(below)];
  const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (contrast < arguments[0]) out[`${element.tagName} ${element.className}`] = contrast;
}
return out;
"""
Driver = Any


@pytest.fixture(scope="module")
def browser() -> Iterator[Driver]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.add_argument("--headless=new")
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium has none for root.
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


class Shown:
    """A page in the browser."""

    def __init__(self, browser: Driver, path: Path) -> None:
        self.browser = browser
        self.path = path

    def show(self, content: str, *, width: int = WIDE, dark: bool = False) -> None:
        self.path.write_text(content, encoding="utf-8")
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        for log in ("browser", "performance"):
            self.browser.get_log(log)
        self.browser.get(self.path.as_uri())

    def all(self, selector: str) -> list[Any]:
        return list(self.browser.find_elements(By.CSS_SELECTOR, selector))

    def open_all(self) -> None:
        self.browser.execute_script(
            "for (const details of document.querySelectorAll('details')) details.open = true"
        )

    def probes(self) -> list[str]:
        rows = self.all(".probes tbody")
        return [row.find_element(By.TAG_NAME, "th").text for row in rows if row.is_displayed()]

    def requests(self) -> set[str]:
        """Return what was asked for; what the page's own policy forbids never leaves it."""
        asked: dict[str, str] = {}
        for entry in self.browser.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                asked[event["params"]["requestId"]] = event["params"]["request"]["url"]
            elif event["params"].get("blockedReason") == "csp":
                asked.pop(event["params"]["requestId"], None)
        return {*asked.values()}


@pytest.fixture
def shown(browser: Driver, tmp_path: Path) -> Shown:
    return Shown(browser, tmp_path / "page.html")


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("make", [single, several])
def test_nothing_leaves_the_viewport(shown: Shown, make: Callable[[], str], width: int) -> None:
    shown.show(make(), width=width)
    shown.open_all()
    assert shown.browser.execute_script("return innerWidth") == width
    assert shown.browser.execute_script(OVERFLOWING) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("make", [single, several])
def test_all_text_is_readable(shown: Shown, make: Callable[[], str], dark: bool) -> None:  # noqa: FBT001
    shown.show(make(), dark=dark)
    shown.open_all()
    below = shown.browser.execute_script(
        "return getComputedStyle(document.documentElement).backgroundColor"
    )
    assert below == ("rgb(13, 17, 23)" if dark else "rgb(255, 255, 255)")
    assert shown.browser.execute_script(UNREADABLE, READABLE) == {}


@pytest.mark.parametrize("make", [single, several])
def test_nothing_is_asked_for_and_nothing_complains(shown: Shown, make: Callable[[], str]) -> None:
    shown.show(make())
    shown.open_all()
    assert shown.requests() == {shown.path.as_uri()}
    assert shown.browser.get_log("browser") == []
    assert shown.browser.title != "taken"
    assert shown.all("img") == []


def test_a_script_that_is_not_ours_is_not_run(shown: Shown) -> None:
    script = "<script>document.title = 'taken'</script>"
    shown.show(single().replace("</body>", f"{script}<img src=http://leak.invalid/></body>"))
    assert shown.browser.title != "taken"
    assert not any("leak.invalid" in one for one in shown.requests() if "csp" not in one)
    assert any(
        "Content Security Policy" in one["message"] for one in shown.browser.get_log("browser")
    )


def test_the_filter(shown: Shown) -> None:
    shown.show(single(), width=NARROW)
    every = shown.probes()
    assert len(every) == 6
    (output,) = shown.all("output")
    assert output.text == "6 of 6 probes"
    for box in shown.all("input[name=outcome]"):
        if box.get_attribute("value") not in ("FAIL", "NOT RUN"):
            box.click()
    assert shown.probes() == ["chat.id", "streaming.done"]
    assert output.text == "2 of 6 probes"
    (text,) = shown.all("input[name=text]")
    text.send_keys("CHAT is nowhere")
    assert shown.probes() == []
    text.clear()
    text.send_keys("Says LEAK.invalid")
    assert shown.probes() == ["chat.id"]
    text.clear()
    text.send_keys(" ")
    for box in shown.all("input[name=outcome]"):
        if not box.is_selected():
            box.click()
    assert shown.probes() == every
    (area,) = shown.all("select[name=area]")
    Select(area).select_by_visible_text("models")
    assert shown.probes() == ["models.list"]


def test_details_open(shown: Shown) -> None:
    shown.show(single())
    details = next(one for one in shown.all(".more details") if not one.get_property("open"))
    terms = details.find_elements(By.TAG_NAME, "dt")
    assert not any(term.is_displayed() for term in terms)
    details.find_element(By.TAG_NAME, "summary").click()
    assert all(term.is_displayed() for term in terms)


def test_a_failure_leads_to_its_exchanges(shown: Shown) -> None:
    shown.show(single())
    (frames,) = (
        one for one in shown.all(".exchange") if "data: {199}" in one.get_property("textContent")
    )
    assert not frames.find_element(By.TAG_NAME, "pre").is_displayed()
    link = next(one for one in shown.all("dd a") if one.text == "frames")
    link.click()
    assert shown.browser.current_url.endswith(f"#{frames.get_property('id')}")
    assert frames.find_element(By.TAG_NAME, "pre").is_displayed()


def test_graphs_lead_to_their_probes(shown: Shown) -> None:
    shown.show(several())
    assert len(shown.probes()) == 6  # The graph without a failure is closed.
    next(one for one in shown.all(".matrix a") if one.text == "examples/good.yaml").click()
    assert len(shown.probes()) == 8


def test_without_scripts_all_is_shown_and_there_is_no_filter(shown: Shown) -> None:
    shown.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        shown.show(single())
        assert len(shown.probes()) == 6
        assert not shown.all("form.filter")[0].is_displayed()
    finally:
        shown.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
