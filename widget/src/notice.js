// What stands above the log for a while: what the server refuses, a farewell.
// Must not say what concerns one message: that stands below it.

import { withMore } from "./more.js";

/**
 * Say this for 8 s: long enough to read two lines.
 * @param {any} app
 * @param {string} key of its words
 * @param {Record<string, string>} [values]
 */
export function tell(app, key, values) {
  const say = (/** @type {string} */ text) => {
    app.notice = text;
    app.panel.update();
  };
  clearTimeout(app.noticeTimer);
  app.noticeTimer = setTimeout(() => say(""), 8000);
  withMore(app, (more) => say(more.t(key, values)));
}

/**
 * @param {any} app
 * @param {import("./link.js").Frame} frame an error of the server
 */
export function explain(app, { code, message, id, retry_after_s }) {
  app.host.emit("error", { code, message });
  if (code === "bad_token") return;
  if (["too_fast", "busy", "too_large"].includes(code)) tell(app, `e_${code}`);
  else if (!id && code !== "erased") tell(app, "e_other", { message: message || code });
  for (const p of app.link.outbox.values()) if (p.failed) app.store.put(p);
  if (code === "too_fast" || code === "busy") {
    const again = () => app.leads && app.line.name === "open" && app.link.unsent().forEach((/** @type {any} */ f) => app.socket.send(f));
    setTimeout(again, 1000 * (retry_after_s || 2));
  }
}
