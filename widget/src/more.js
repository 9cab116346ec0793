// What few visits need, fetched once with the first of it: cards, ratings, files, the menu, the people at the desk.
// Must not know what is in it: that is cards.js.

/** @type {{file: string, integrity: string}} put in by build.mjs */
// @ts-ignore
const CARDS = __CARDS__;

/**
 * @param {any} app
 * @param {(more: any) => void} [act] what to do when it is there; when it cannot be fetched that is said, and the next one tries again
 * @returns {Promise<void>}
 */
export function withMore(app, act = () => {}) {
  app.fetching ??= app.host.script(CARDS).then(() => {
    app.more = app.host.constructor.more(app);
    app.notice = "";
    app.panel.update();
  });
  return app.fetching.then(() => act(app.more), () => {
    app.fetching = undefined;
    app.notice = app.host.t("failed");
  });
}
