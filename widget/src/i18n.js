// Words and dates in the visitor's language.
// Must not hold any words itself: those live in locales/.

const RTL = /^(ar|ckb|dv|fa|he|iw|ks|ps|sd|ug|ur|yi)\b/i;

/**
 * @param {string | undefined} wanted a BCP 47 tag from the page; empty: the page's, then the browser's
 * @returns {string}
 */
export function pickLocale(wanted) {
  for (const tag of [wanted, document.documentElement.lang, navigator.language]) {
    if (!tag) continue;
    try {
      return Intl.getCanonicalLocales(tag)[0] || "en";
    } catch {
      // Not a language tag: the next one.
    }
  }
  return "en";
}

/**
 * @param {string} locale
 * @returns {"rtl" | "ltr"}
 */
export function direction(locale) {
  return RTL.test(locale) ? "rtl" : "ltr";
}

/**
 * A translator. An unknown language gets English words and its own dates.
 * @param {string} locale
 * @param {Record<string, Record<string, string>>} packs by language
 */
export function translator(locale, packs) {
  const words = packs[locale] || packs[locale.split("-")[0]] || packs.en;
  /**
   * @param {string} key
   * @param {Record<string, string | number>} [values]
   * @returns {string}
   */
  function t(key, values) {
    const text = words[key] ?? packs.en[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (all, field) => /** @type {string} */ (values?.[field] ?? all));
  }
  return t;
}
