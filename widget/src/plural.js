// A translator that knows singular and plural: the chat's; the launcher's words need none.
// Must not hold any words itself: those live in locales/.

/**
 * @param {(key: string, values?: Record<string, string | number>) => string} t
 * @returns {(key: string, values?: Record<string, string | number>) => string} looks for `key_one`, `key_other` … by `values.n` first
 */
export function plural(t) {
  const rules = new Intl.PluralRules(t("lang"));
  return (key, values) => {
    for (const form of typeof values?.n === "number" ? [rules.select(values.n), "other"] : []) {
      const text = t(`${key}_${form}`, values);
      if (!text.startsWith(key + "_")) return text;
    }
    return t(key, values);
  };
}
