// The page behind a mailed link: changes the link's token for a visitor token, and opens the chat with it.
// Must not leave the token in the address, nor anything in the browser beyond this tab.

const WORDS = {
  en: {
    open: "Your chat is open.",
    over: "This link does not open the chat any more: links are good for 7 days, and end when somebody signs in or out. Please write to the shop again.",
    failed: "The chat could not be opened just now. Please reload the page in a moment.",
  },
  de: {
    open: "Ihr Chat ist offen.",
    over: "Dieser Link öffnet den Chat nicht mehr: Links gelten 7 Tage und enden mit einer An- oder Abmeldung. Bitte schreiben Sie dem Shop noch einmal.",
    failed: "Der Chat konnte gerade nicht geöffnet werden. Bitte laden Sie die Seite gleich noch einmal.",
  },
};
const words = navigator.language.toLowerCase().startsWith("de") ? WORDS.de : WORDS.en;
document.documentElement.lang = words === WORDS.de ? "de" : "en";

/** @param {keyof WORDS.en} word */
function say(word) {
  /** @type {HTMLElement} */ (document.getElementById("state")).textContent = words[word];
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

async function open() {
  const token = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  if (!token) {
    const site = sessionStorage.getItem(KEPT);
    return site ? show(site) : say("over");
  }
  let answer;
  try {
    answer = await fetch("/v1/reopen", { method: "POST", headers: { Authorization: `Bearer ${token}` } });
  } catch {
    answer = null;
  }
  if (!answer || answer.status >= 500) {
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
