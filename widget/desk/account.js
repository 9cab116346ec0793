// A colleague's own page: sends the chosen picture, or takes it away, and shows what the server made of it.

const by = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const file = /** @type {HTMLInputElement} */ (by("file"));
const face = /** @type {HTMLImageElement} */ (by("face"));

/** @param {"POST" | "DELETE"} method @param {Blob} [body] */
async function send(method, body) {
  const error = by("error");
  error.hidden = true;
  by("status").textContent = body ? "Sending…" : "";
  let said = "The server could not be reached. Please try again.";
  try {
    const answer = await fetch("/desk/account/picture", { method, body, headers: { "X-CSRF": document.body.dataset.csrf || "" } });
    const found = await answer.json();
    if (answer.ok) return show(found.picture);
    said = found.error.message;
  } catch { /* said below */ }
  by("status").textContent = "";
  error.textContent = said[0].toUpperCase() + said.slice(1);
  error.hidden = false;
}

/** @param {string | null} path */
function show(path) {
  // The address stays the same with a new picture: what this browser holds of the old one is passed over.
  if (path) face.src = `${path}?${Date.now()}`;
  face.hidden = by("away").hidden = !path;
  by("status").textContent = path ? "Customers see this picture now." : "Customers see your initials now.";
}

file.addEventListener("change", () => {
  if (file.files?.[0]) send("POST", file.files[0]);
  file.value = "";
});
by("away").addEventListener("click", () => send("DELETE"));
