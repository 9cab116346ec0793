// What a page says to the widget: data-* attributes of the script tag, and the options of boot and update.
// Must not know the chat: both loader and chat read these fields.

/**
 * @typedef {{
 *   site: string, server: string, locale: string, accent: string, position: "left" | "right" | "", open: "" | "true" | "first",
 *   identity: any, scheme: "" | "auto" | "light" | "dark", storage: "local" | "session" | "none", launcher: string, nonce: string
 * }} Config
 */

/**
 * @param {DOMStringMap | Record<string, any>} given
 * @param {Partial<Config>} base
 * @returns {Config}
 */
export function configOf(given, base) {
  const pick = (/** @type {keyof Config} */ name, /** @type {string} */ fallback) => String(given[name] ?? base[name] ?? fallback);
  const one = (/** @type {keyof Config} */ name, /** @type {string[]} */ allowed) => {
    const value = pick(name, allowed[0]);
    return /** @type {any} */ (allowed.includes(value) ? value : allowed[0]);
  };
  let identity = given.identity ?? base.identity ?? null;
  if (typeof identity === "string" && identity.trim().startsWith("{")) {
    try {
      identity = JSON.parse(identity);
    } catch {
      identity = null;
    }
  }
  return {
    site: pick("site", ""),
    server: pick("server", "").replace(/\/?$/, "/"),
    locale: pick("locale", ""),
    accent: pick("accent", ""),
    position: one("position", ["", "left", "right"]),
    open: one("open", ["", "true", "first"]),
    identity: identity || null,
    scheme: one("scheme", ["", "auto", "light", "dark"]),
    storage: one("storage", ["local", "session", "none"]),
    launcher: one("launcher", ["", "bell", "none"]),
    nonce: pick("nonce", ""),
  };
}
