// The shop's own script: the cart in localStorage, and a filter for the help pages. It must not know the chat.
const KEY = "hobnail:cart";
const euro = (cents) => "€" + (cents / 100).toFixed(2);

/** @returns {{slug: string, size: string, quantity: number}[]} */
function read() {
  try {
    const lines = JSON.parse(localStorage.getItem(KEY) || "[]");
    return Array.isArray(lines) ? lines.filter((l) => l?.slug && l.quantity > 0) : [];
  } catch {
    return [];
  }
}

function write(lines) {
  try {
    localStorage.setItem(KEY, JSON.stringify(lines));
  } catch {
    // Storage is blocked: the cart lives as long as the page.
  }
  count(lines);
}

function count(lines = read()) {
  const n = lines.reduce((sum, l) => sum + l.quantity, 0);
  for (const badge of document.querySelectorAll("[data-cart-count]")) {
    badge.textContent = String(n);
    badge.hidden = !n;
  }
}

function el(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
}

for (const form of document.querySelectorAll("form[data-add]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const size = String(new FormData(form).get("size") || "");
    const lines = read();
    const same = lines.find((l) => l.slug === form.dataset.add && l.size === size);
    if (same) same.quantity += 1;
    else lines.push({ slug: form.dataset.add, size, quantity: 1 });
    write(lines);
    form.querySelector(".said").replaceChildren("It's in. ", el("a", { href: "/cart", textContent: "To the cart" }));
  });
}

function drawCart(root) {
  const lines = read();
  const known = new Map([...document.querySelectorAll("template[data-product]")].map((t) => [t.dataset.product, t]));
  const shown = lines.filter((l) => known.has(l.slug));
  let cents = 0;
  root.querySelector("[data-lines]").replaceChildren(
    ...shown.map((line) => {
      const t = known.get(line.slug);
      const each = Math.round(Number(t.dataset.price) * 100);
      cents += each * line.quantity;
      const name = t.dataset.name + (line.size ? `, size ${line.size}` : "");
      const step = (by, label, sign) => {
        const button = el("button", { type: "button", textContent: sign });
        button.setAttribute("aria-label", `${label}: ${name}`);
        button.addEventListener("click", () => {
          line.quantity += by;
          write(lines.filter((l) => l.quantity > 0));
          drawCart(root);
        });
        return button;
      };
      return el(
        "li", {},
        t.content.cloneNode(true),
        el("a", { href: `/product?item=${line.slug}`, textContent: name }),
        el("span", { className: "qty" }, step(-1, "One less", "−"), el("b", { textContent: String(line.quantity) }), step(1, "One more", "+")),
        el("span", { className: "price", textContent: euro(each * line.quantity) }),
      );
    }),
  );
  root.querySelector("[data-none]").hidden = shown.length > 0;
  root.querySelector("[data-sum]").hidden = shown.length === 0;
  root.querySelector("[data-total]").textContent = euro(cents);
}

const cart = document.querySelector("[data-cart]");
if (cart) drawCart(cart);

const filter = document.querySelector("[data-filter]");
filter?.addEventListener("input", () => {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let any = false;
  for (const section of document.querySelectorAll("[data-topics] section")) {
    let here = false;
    const topic = section.querySelector("h2").textContent.toLowerCase();
    for (const item of section.querySelectorAll("li")) {
      item.hidden = !words.every((w) => item.textContent.toLowerCase().includes(w) || topic.includes(w));
      here ||= !item.hidden;
    }
    section.hidden = !here;
    any ||= here;
  }
  document.querySelector("[data-nothing]").hidden = any;
});

addEventListener("storage", (event) => {
  if (event.key === KEY) {
    count();
    if (cart) drawCart(cart);
  }
});
count();
