// What a page says to the widget: data-* attributes of the script tag, and the options of boot and update.
// Must not know the chat: both loader and chat read these fields.

/**
 * @typedef {{
 *   site: string, server: string, locale: string, accent: string, position: "left" | "right" | "", open: "" | "true" | "first",
 *   identity: any, scheme: "" | "auto" | "light" | "dark", storage: "local" | "session" | "none", launcher: string, nonce: string
 * }} Config
 */

/** Each option with its default; behind it what else is allowed, where not everything is. */
const OPTIONS = {
  site: [""], server: [""], locale: [""], accent: [""], nonce: [""], launcher: [""],
  position: ["", "left", "right"], open: ["", "true", "first"], scheme: ["", "auto", "light", "dark"], storage: ["local", "session", "none"],
};

/**
 * @param {DOMStringMap | Record<string, any>} given
 * @param {Partial<Config>} base
 * @returns {Config}
 */
export function configOf(given, base) {
  /** @type {any} */
  const config = { identity: given.identity ?? base.identity };
  for (const [name, allowed] of Object.entries(OPTIONS)) {
    const value = String(given[name] ?? /** @type {any} */ (base)[name] ?? allowed[0]);
    config[name] = !allowed[1] || allowed.includes(value) ? value : allowed[0];
  }
  config.server = config.server.replace(/\/?$/, "/");
  return config;
}
