// Builds widget/dist from widget/src; `--check` compares instead of writing and exits 1 on a difference.
// Must be deterministic: same sources and same esbuild, same bytes. Needs `npm ci` in widget/ first.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { build, transform } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const DESK = "../desk/desk.js";
const SETTINGS = "../desk/desk-settings.js";
// Browsers of the last three years: adoptedStyleSheets, color-mix, Web Locks, private methods.
const TARGET = ["chrome111", "firefox113", "safari16.4"];

/** The style modules hold CSS as strings: they are run, and what they export is minified as CSS. */
const css = {
  name: "css",
  setup(b) {
    b.onLoad({ filter: /style\.js$/ }, async ({ path }) => {
      const lines = [];
      for (const [name, text] of Object.entries(await import(pathToFileURL(path).href))) {
        const { code } = await transform(text, { loader: "css", minify: true, target: TARGET, charset: "utf8" });
        lines.push(`export const ${name} = ${JSON.stringify(code.trim())};`);
      }
      return { contents: lines.join("\n"), loader: "js" };
    });
  },
};

/** The chat takes what the loader has as well from the loader's element: the loader names its chat by hash, so they always fit. */
const shared = {
  name: "shared",
  setup(b) {
    b.onLoad({ filter: /src\/shared\.js$/ }, async ({ path }) => ({
      contents: `export const { ${Object.keys(await import(pathToFileURL(path).href)).join(", ")} } = customElements.get("shopbell-chat").shared;`,
      loader: "js",
    }));
  },
};

async function bundle(entry, format, define, plugins) {
  const out = await build({
    entryPoints: [join(here, "src", entry)], bundle: true, minify: true, write: false, format, target: TARGET,
    charset: "utf8", legalComments: "none", define, plugins, absWorkingDir: here,
  });
  return Buffer.from(out.outputFiles[0].contents);
}

const entry = (name, data) => ({
  name,
  integrity: "sha384-" + createHash("sha384").update(data).digest("base64"),
  bytes: data.length,
  gzip_bytes: gzipSync(data, { level: 9 }).length,
});

// 16 hex digits: enough to name a build; what guards it is the integrity.
const hashOf = (data) => createHash("sha256").update(data).digest("hex").slice(0, 16);
const cards = await bundle("cards.js", "esm", {}, [css, shared]);
const cardsEntry = { ...entry(`${hashOf(cards)}.js`, cards), hash: hashOf(cards) };
const chat = await bundle("chat.js", "esm", { __CARDS__: JSON.stringify({ file: cardsEntry.name, integrity: cardsEntry.integrity }) }, [css, shared]);
const hash = hashOf(chat);
const chatEntry = { ...entry(`${hash}.js`, chat), hash };
const loader = await bundle("loader.js", "iife", { __CHAT__: JSON.stringify({ file: chatEntry.name, integrity: chatEntry.integrity }) }, [css]);
const loaderEntry = entry("widget.js", loader);
// The desk's one script is no part of the embed: it has no budget, and its name no hash (it is asked for again each time).
const desk = await bundle("desk/main.js", "esm", {}, []);
// Nor is the settings' one, which has the chat in it for the preview; cards are not among what it shows.
const settings = await bundle("desk-settings.js", "esm", { __CARDS__: "null" }, [css]);
const files = new Map([
  ["widget.js", loader],
  [chatEntry.name, chat],
  [cardsEntry.name, cards],
  [DESK, desk],
  [SETTINGS, settings],
  ["manifest.json", Buffer.from(JSON.stringify({ loader: loaderEntry, chat: chatEntry, cards: cardsEntry }, null, 2) + "\n")],
]);

if (process.argv.includes("--check")) {
  const wrong = [...files].filter(([name, data]) => !existsSync(join(dist, name)) || !readFileSync(join(dist, name)).equals(data));
  for (const [name] of wrong) console.error(`widget/dist/${name} differs from what widget/src builds: run node widget/build.mjs`);
  process.exit(wrong.length ? 1 : 0);
}
mkdirSync(dist, { recursive: true });
// `--keep` leaves older chats: once released they stay, pages in the wild name them.
if (!process.argv.includes("--keep")) for (const name of readdirSync(dist)) if (!files.has(name)) rmSync(join(dist, name));
for (const [name, data] of files) writeFileSync(join(dist, name), data);
console.log(`widget.js ${loaderEntry.gzip_bytes} B gzip, ${chatEntry.name} ${chatEntry.gzip_bytes} B gzip, together ${loaderEntry.gzip_bytes + chatEntry.gzip_bytes}; with a first question ${cardsEntry.name} ${cardsEntry.gzip_bytes} B more`);
