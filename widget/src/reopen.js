// A mailed link: its token is changed for a visitor token, and the chat goes on with that conversation. Part of the cards.
// Must not put the token anywhere: it goes out in one header, and is forgotten.

/**
 * @param {any} app
 * @param {string} link the token that stood behind the `#`
 */
export async function reopen(app, link) {
  const { server, site } = app.host.config;
  const headers = { Authorization: `Bearer ${link}` };
  const answer = await fetch(`${server}v1/reopen`, { method: "POST", headers, credentials: "omit", referrerPolicy: "no-referrer" }).catch(() => null);
  const found = answer?.ok ? await answer.json() : {};
  app.host.link = "";
  if (found.site === site) return app.adopt(found);
  // Without an answer the link is as good as before; else it has run out, or is that of another shop.
  app.link.aside = answer && answer.status < 500 ? "link_over" : "link_failed";
  app.start();
  app.panel.update();
}
