// The few things about a visitor that the launcher needs on the next page; the first key of store.js.
// Must not throw: blocked storage is no storage.

/**
 * @typedef {{token?: string, conversation?: string, seen?: number, unread?: number, live?: boolean, open?: boolean,
 *   visited?: boolean, accent?: string, icon?: string, who?: string}} Session
 *   `live`: there is something to reconnect for; `accent`, `icon`: the site's, so that the next page paints them at once;
 *   `who`: the customer that what is kept here belongs to
 */

/**
 * @param {"local" | "session" | "none"} kind
 * @returns {Storage | null} null when blocked
 */
export function openStorage(kind) {
  if (kind === "none") return null;
  try {
    // One that is full or takes nothing is store.js's to see.
    return kind === "session" ? sessionStorage : localStorage;
  } catch {
    return null;
  }
}

/**
 * @param {Storage | null} storage
 * @param {string} site
 * @returns {Session}
 */
export function readSession(storage, site) {
  try {
    return JSON.parse(storage?.getItem(`shopbell:${site}`) || "{}") || {};
  } catch {
    return {};
  }
}
