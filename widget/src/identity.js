// Ids that the widget makes, and the little it reads of a signed identity: whose it is, and whether it has run out.
// Must not trust what it reads: the server decides, this only spares a refusal and clears what another left behind.

/** @returns {string} an id as the contract wants it: 22 characters, 128 bits */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
}

/**
 * An identity as a page hands it over: a JWT, or the object with `hmac`, perhaps as JSON.
 * @param {any} raw
 * @returns {any} null when there is none
 */
export function identityOf(raw) {
  try {
    return (typeof raw === "string" && raw.trim().startsWith("{") ? JSON.parse(raw) : raw) || null;
  } catch {
    return null;
  }
}

/**
 * @param {any} identity
 * @returns {{who: string, ends_ms: number}} empty and 0 for what cannot be read
 */
export function readIdentity(identity) {
  try {
    if (typeof identity !== "string") return { who: String(identity.customer || ""), ends_ms: 1000 * (+identity.at + 3600) };
    const bytes = Uint8Array.from(atob(identity.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    const { sub, exp } = JSON.parse(new TextDecoder().decode(bytes));
    return { who: String(sub || ""), ends_ms: 1000 * exp };
  } catch {
    return { who: "", ends_ms: 0 };
  }
}
