"""A headless Chromium by the W3C WebDriver protocol: JSON over HTTP, nothing installed for it."""

import base64
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager

import requests

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1100,1400"]


def missing():
    """Why there is no browser here, or nothing."""
    absent = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


def free_port():
    """A port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(condition, seconds=60):
    """The first true value that `condition` gives."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"nothing after {seconds} s"
        time.sleep(0.05)
    return value


def answers(url):
    """Whether a server is there."""
    try:
        return requests.get(url, timeout=5).status_code < 500
    except requests.ConnectionError:
        return False


class Browser:
    """One window."""

    def __init__(self, driver):
        options = {"args": OPTIONS, "binary": shutil.which("chromium")}
        always = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        capabilities = {"capabilities": {"alwaysMatch": always}}
        made = requests.post(f"{driver}/session", json=capabilities, timeout=60).json()["value"]
        self.session = f"{driver}/session/{made['sessionId']}"

    def call(self, path, **body):
        """The value of a WebDriver command."""
        answer = requests.post(f"{self.session}/{path}", json=body, timeout=60).json()["value"]
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer

    def open(self, url):
        """Load a page."""
        self.call("url", url=url)

    def script(self, code, *args):
        """What a function's body returns in the page."""
        return self.call("execute/sync", script=code, args=list(args))

    def type(self, selector, text):
        """Keys, or a file's path, into the element of a CSS selector."""
        found = self.call("element", using="css selector", value=selector)[ELEMENT]
        self.call(f"element/{found}/value", text=text)

    def click(self, selector):
        """A click as a person makes it: refused where another element is in front."""
        found = self.call("element", using="css selector", value=selector)[ELEMENT]
        self.call(f"element/{found}/click")

    def emulate(self, width, scheme):
        """The width in pixels and the colours, light or dark, that a person's device asks for."""

        def devtools(command, **parameters):
            self.call("goog/cdp/execute", cmd=f"Emulation.{command}", params=parameters)

        features = [{"name": "prefers-color-scheme", "value": scheme}]
        devtools("setEmulatedMedia", features=features)
        sides = {"width": width, "height": 900, "deviceScaleFactor": 1}
        devtools("setDeviceMetricsOverride", **sides, mobile=False)

    def complaints(self):
        """Errors on the page's console since the last call."""
        return [entry["message"] for entry in self.call("se/log", type="browser")]

    def screenshot(self, path):
        """The window as PNG."""
        answer = requests.get(f"{self.session}/screenshot", timeout=60).json()["value"]
        path.write_bytes(base64.b64decode(answer))


@contextmanager
def browser():
    """A window of a driver of its own, both closed at the end."""
    port = free_port()
    driver = subprocess.Popen(
        ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/status"))
        window = Browser(f"http://127.0.0.1:{port}")
        try:
            yield window
        finally:
            requests.delete(window.session, timeout=60)
    finally:
        driver.terminate()
        driver.wait()
