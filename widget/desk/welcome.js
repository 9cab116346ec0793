// The first admin's link carries its one-time token behind the #, which no server log sees; the form sends it once.

const field = /** @type {HTMLInputElement} */ (document.getElementById("token"));
field.value = location.hash.slice(1) || sessionStorage.getItem("shopbell.invite") || "";
sessionStorage.setItem("shopbell.invite", field.value);
history.replaceState(null, "", location.pathname);
