"""Forms as a browser without scripts fills them in and sends them. Knows no page."""

from bs4 import BeautifulSoup


class Sheet:
    """A page with its forms; `fields` are those of the form that goes to `action` (the first, or the one that holds `having`)."""

    def __init__(self, http, answer, action, having=None):
        self.http = http
        self.answer = answer
        self.soup = BeautifulSoup(answer.text, "html.parser")
        forms = [
            one
            for one in self.soup.find_all("form", action=action, method="post")
            if having is None or one.find(attrs=having)
        ]
        assert forms, answer.text[:2000]
        self.form = forms[0]
        self.fields = fields_of(self.form)

    def send(self, **changes):
        """Send it, with these fields changed (None leaves one out) or added; the answer, not followed."""
        fields = {name: value for name, value in {**self.fields, **changes}.items() if value is not None}
        return self.http.post(self.form["action"], data=fields)


def fields_of(form):
    """What a browser would send."""
    fields = {}
    for node in form.find_all(["input", "textarea", "select"]):
        name, kind = node.get("name"), node.get("type")
        if not name or (kind in ("checkbox", "radio") and not node.has_attr("checked")):
            continue
        if node.name == "textarea":
            fields[name] = node.text.removeprefix("\n")  # as a parser of HTML does with the first one
        elif node.name == "select":
            chosen = node.find("option", selected=True) or node.find("option")
            fields[name] = chosen.get("value", chosen.text) if chosen else ""
        else:
            fields[name] = node.get("value", "")
    return fields


def message_at(answer, field):
    """The message that stands at a field, found as a screen reader finds it; None without one."""
    soup = BeautifulSoup(answer.text, "html.parser")
    node = soup.find(attrs={"name": field})
    if node is None or node.get("aria-invalid") != "true":
        return None
    [error] = [one for one in node["aria-describedby"].split() if one.endswith("error")]
    return soup.find(id=error).text
