"""Strict checks of a page that must stand alone: balanced HTML, nothing fetched, nothing that runs but what it brought."""
import base64
import hashlib
import html.parser
import pathlib
import re
import shutil
import subprocess

VOID = {"meta", "link", "br", "input", "rect", "path"}


class Strict(html.parser.HTMLParser):
    """Every element closed in order, ids unique, references within the page."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.refs, self.text, self.tags, self.urls, self.policy = [], set(), [], [], [], [], None

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        said = dict(attrs)
        assert not any(name.startswith("on") or name == "style" for name in names), (tag, attrs)
        if "id" in said:
            assert said["id"] not in self.ids, said["id"]
            self.ids.add(said["id"])
        self.refs += [r for name in ("aria-labelledby",) if name in said for r in said[name].split()]
        self.urls += [said[name] for name in ("href", "src", "srcset", "action", "data") if said.get(name)]
        if said.get("http-equiv") == "Content-Security-Policy":
            self.policy = said["content"]
        self.tags.append((tag, said))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in VOID, tag
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open[-4:], self.getpos())
        self.open.pop()

    def handle_data(self, data):
        self.text.append((self.open[-1] if self.open else "", data))


def check(text):
    """Returns the parsed page."""
    page = Strict()
    page.feed(text)
    page.close()
    assert page.open == [] and text.startswith("<!DOCTYPE html>")
    assert set(page.refs) <= page.ids
    for url in page.urls:
        assert url == "data:," or (url.startswith("#") and url[1:] in page.ids), url
    assert page.policy.startswith("default-src 'none'; ")
    for element, directive in (("style", "style-src"), ("script", "script-src")):
        inline = [data for tag, data in page.text if tag == element]
        assert len(inline) == 1
        digest = base64.b64encode(hashlib.sha256(inline[0].encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in page.policy
    assert not re.search(r"url\(|@import|https?://", next(d for t, d in page.text if t == "style"))
    for landmark in ("header", "main", "nav", "footer", "h1"):
        assert sum(tag == landmark for tag, _ in page.tags) == 1, landmark
    return page


def tidy(path):
    """A second reading, where the program is there."""
    if shutil.which("tidy") is None:
        return
    run = subprocess.run(["tidy", "-q", "-e", "--drop-empty-elements", "no", path], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def chromium(home, *args):
    return subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                           f"--user-data-dir={home}/profile", *args], check=True, timeout=60, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, env={"PATH": "/usr/bin:/bin", "HOME": str(home)}).stdout


def run_script(path, home):
    """The page after its script ran: its policy let it. None without Chromium."""
    return chromium(home, "--dump-dom", pathlib.Path(path).as_uri()) if shutil.which("chromium") else None


def shots(path, into, home):
    """Screenshots by Chromium: light, dark, and at the width of a phone. Returns the files; none without Chromium."""
    if shutil.which("chromium") is None:
        return []
    into.mkdir(parents=True, exist_ok=True)
    out = []
    # Chromium's windows are not narrower than 500: the phone is a frame of 375.
    frame = pathlib.Path(home) / "phone.html"
    frame.write_text(f"<body style='margin:0'><iframe src='{pathlib.Path(path).as_uri()}' width=375 height=2600 "
                     "style='border:0'></iframe>")
    for name, size, more in (("light", "1280,1900", []), ("dark", "1280,1900", ["--blink-settings=preferredColorScheme=0"]),
                             ("phone", "500,2600", [])):
        image = into / f"incident-{name}.png"
        image.unlink(missing_ok=True)
        chromium(home, f"--window-size={size}", f"--screenshot={image}", *more,
                 (frame if name == "phone" else pathlib.Path(path)).as_uri())
        assert image.stat().st_size > 10_000, name
        out.append(image)
    return out
