// The page behind a mailed link: changes the link's token for a visitor token and opens the chat with it, or asks how it was.
// Must not leave the token in the address, nor anything in the browser beyond this tab; and rates nothing without a press.

const WORDS = {
  en: {
    open: "Your chat is open.",
    over: "This link does not open the chat any more: links are good for 7 days, and end when somebody signs in or out. Please write to the shop again.",
    failed: "The chat could not be opened just now. Please reload the page in a moment.",
    how: "How was your chat with {shop}?",
    low: "bad",
    high: "very good",
    of: "{n} of 5",
    words: "Would you like to say something about it?",
    send: "Send",
    thanks: "Thank you. {shop} gets what you said.",
    past: "This link is not good any more: such links are good for 7 days.",
    lost: "This could not be sent just now. Please try again in a moment.",
  },
  de: {
    open: "Ihr Chat ist offen.",
    over: "Dieser Link öffnet den Chat nicht mehr: Links gelten 7 Tage und enden mit einer An- oder Abmeldung. Bitte schreiben Sie dem Shop noch einmal.",
    failed: "Der Chat konnte gerade nicht geöffnet werden. Bitte laden Sie die Seite gleich noch einmal.",
    how: "Wie war Ihr Chat mit {shop}?",
    low: "schlecht",
    high: "sehr gut",
    of: "{n} von 5",
    words: "Möchten Sie etwas dazu sagen?",
    send: "Senden",
    thanks: "Vielen Dank. {shop} erhält, was Sie gesagt haben.",
    past: "Dieser Link gilt nicht mehr: Solche Links gelten 7 Tage.",
    lost: "Das konnte gerade nicht gesendet werden. Bitte versuchen Sie es gleich noch einmal.",
  },
};
const words = navigator.language.toLowerCase().startsWith("de") ? WORDS.de : WORDS.en;
document.documentElement.lang = words === WORDS.de ? "de" : "en";

/** @param {keyof WORDS.en} word @param {Record<string, any>} [values] */
function worded(word, values = {}) {
  return words[word].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** @param {keyof WORDS.en} word @param {Record<string, any>} [values] */
function say(word, values) {
  /** @type {HTMLElement} */ (document.getElementById("state")).textContent = worded(word, values);
}

/** @param {string} path @param {string} token @param {object} [body] the answer; null when there was none that says anything */
async function post(path, token, body) {
  try {
    const answer = await fetch(path, { method: "POST", headers: { Authorization: `Bearer ${token}` }, body: body && JSON.stringify(body) });
    return answer.status < 500 ? answer : null;
  } catch {
    return null;
  }
}

/** @param {string} name @param {Record<string, any>} values @param {(Node | string)[]} children */
function made(name, values, ...children) {
  const node = Object.assign(document.createElement(name), values);
  node.append(...children);
  return node;
}

/** Ask how it was. Looking at the page says nothing: programs that open the links of a mail do that, too. @param {string} token */
async function rate(token) {
  const answer = await post("/v1/rating", token);
  if (!answer) {
    history.replaceState(null, "", `${location.pathname}#${RATE}${token}`); // for the reload
    return say("lost");
  }
  if (!answer.ok) return say("past");
  const { shop, rated } = await answer.json();
  if (rated) return say("thanks", { shop });
  say("how", { shop });
  const marks = [1, 2, 3, 4, 5].map((n) => made("label", {}, made("input", { type: "radio", name: "score", value: n, required: true, ariaLabel: worded("of", { n }) }), String(n)));
  const text = made("textarea", { name: "text", rows: 3, maxLength: 4000 });
  const form = /** @type {HTMLFormElement} */ (made("form", {},
    made("fieldset", {}, made("legend", { className: "hidden" }, worded("how", { shop })), made("span", { className: "end" }, worded("low")), ...marks, made("span", { className: "end" }, worded("high"))),
    made("label", { className: "words" }, worded("words"), text), made("button", {}, worded("send"))));
  form.onsubmit = async (event) => {
    event.preventDefault();
    const said = new FormData(form);
    const sent = await post("/v1/rating", token, { score: Number(said.get("score")), text: String(said.get("text")).trim() || undefined });
    if (sent && sent.ok) form.remove();
    say(!sent ? "lost" : sent.ok ? "thanks" : "past", { shop });
  };
  document.querySelector("main")?.append(form);
}

/** @param {string} site */
function show(site) {
  const script = document.createElement("script");
  // Below /c/ the server lets its own page go on with a chat, and only there: the shops' line stays for the shops' pages.
  Object.assign(script.dataset, { site, server: `${location.origin}/c/`, storage: "session", open: "true" });
  script.src = "/widget.js";
  script.async = true;
  document.head.append(script);
  say("open");
}

/** The site that a reload of this tab goes on with. */
const KEPT = "shopbell:link";
/** Before the token of a link that only rates. */
const RATE = "rate=";

async function open() {
  const token = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  if (token.startsWith(RATE)) return rate(token.slice(RATE.length));
  if (!token) {
    const site = sessionStorage.getItem(KEPT);
    return site ? show(site) : say("over");
  }
  const answer = await post("/v1/reopen", token);
  if (!answer) {
    history.replaceState(null, "", `${location.pathname}#${token}`); // for the reload
    return say("failed");
  }
  if (!answer.ok) return say("over");
  const { site, conversation, token: visitor } = await answer.json();
  sessionStorage.setItem(`shopbell:${site}`, JSON.stringify({ token: visitor, conversation, live: true, open: true, visited: true }));
  sessionStorage.removeItem(`shopbell:${site}:log`);
  sessionStorage.setItem(KEPT, site);
  show(site);
}

addEventListener("hashchange", open);
open();
